"""Products that leave out the zeros of a batch, as C text, put before the dense ones, which stay for dense data."""

from __future__ import annotations

from backhand.compiling.c_loops import Access, Loops
from backhand.compiling.c_products import operand, scales
from backhand.compiling.plan import Plan
from backhand.compiling.sparse import Sparse

__all__ = ["gather_sparse", "write_sparse"]


def gather_sparse(plan: Plan, sparse: Sparse, number: int, loops: Loops, buffers: dict[int, str]) -> None:
    """Let the gathering of the batch begin with the sparse way, as long as every weight is finite."""
    letter = plan.graph.nodes[sparse.input].dtype.char
    for node in sparse.forward:
        W = operand(plan, plan.graph.nodes[node].inputs[1]).owner
        size = sparse.columns * plan.graph.nodes[node].shape[1]
        loops.before.append(f"if (p->sparse && !bh_finite_{letter}({buffers[W]}, {size})) p->sparse = 0;")
        loops.accesses.append(Access(W, None, False))
    call = f"bh_sparse_gather_{letter}(p->sparse, p->feed + {number}, p->order, p->left, lo, hi, task);"
    loops.body = ["if (p->sparse) {", f"    {call}", "    return;", "}", *loops.body]
    loops.by_task = True


def write_sparse(
    plan: Plan, sparse: Sparse, number: int, node: int, loops: Loops, buffers: dict[int, str], slots: dict[int, str]
) -> None:
    """Let a product's C text begin with the sparse way; ``number`` is that of the batch's feed."""
    fold = plan.folds.get(node)
    right = operand(plan, plan.graph.nodes[fold.product if fold else node].inputs[1])
    columns = plan.graph.nodes[node].shape[1]
    letter = plan.graph.nodes[node].dtype.char
    B, C = buffers[right.owner], buffers[plan.owner[node]]
    if node in sparse.forward:
        call = f"bh_sparse_forward_{letter}(p->sparse, lo, hi, {columns}, {B}, {C});"
    else:
        alpha, beta = scales(plan, node, slots)
        sizes = f"{sparse.rows}, lo, hi, {columns}"
        call = f"bh_sparse_backward_{letter}(p->sparse, {sizes}, {alpha}, {B}, {beta}, {C}, task);"
        # 0 * w counts for nothing only while w and d are finite: else the batch is gathered as it is, from now on.
        gather = f"bh_gather(p->feed + {number}, p->order, p->left, 0, {sparse.rows});"
        finite = f"bh_finite_{letter}({B}, {sparse.rows * columns})"
        loops.before.append(f"if (p->sparse && !{finite}) {{ p->sparse = 0; {gather} }}")
    loops.body = ["if (p->sparse) {", f"    {call}", "    return;", "}", *loops.body]
