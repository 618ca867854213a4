"""Matrix products as C text: small ones in the program itself, large ones by the BLAS that NumPy brings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from backhand.compiling.c_loops import Access, Loops
from backhand.compiling.c_names import c_type, literal
from backhand.compiling.expression import located
from backhand.compiling.plan import Plan

__all__ = ["Operand", "blas_fits", "flops", "is_small", "operand", "scales", "sizes", "write_product"]

SMALL = 2**17
"""Products of fewer multiplications are done in the program: calling BLAS and its packing would cost more."""
WIDE = 256
"""A product with more columns than rows, and as many as this, is shared out by columns: each task packs its own."""
SMALL_PACK = 2**15
"""Bytes of the right operand that are packed on the stack at most."""


class Operand(NamedTuple):
    """A matrix in memory: the node whose memory it is, where it begins and its two strides, in elements."""

    owner: int
    offset: int
    strides: tuple[int, ...]


def operand(plan: Plan, position: int) -> Operand:
    """Where the value of a stored node or a view of one lies."""
    stored, place = located(plan.kinds, plan.strides, position)
    return Operand(plan.owner[plan.version(stored)], place[0], place[1:])


def sizes(plan: Plan, node: int) -> tuple[int, int, int]:
    """Rows, columns and inner length of a product."""
    fold = plan.folds.get(node)
    a, b = (plan.graph.nodes[i].shape for i in plan.graph.nodes[fold.product if fold else node].inputs)
    return a[0], b[1], a[1]


def is_small(plan: Plan, node: int) -> bool:
    """Is it done in the program itself?"""
    m, n, k = sizes(plan, node)
    itemsize = plan.graph.nodes[node].dtype.itemsize
    return m * n * k <= SMALL and k * (n + 16) * itemsize <= SMALL_PACK


def blas_fits(plan: Plan, node: int) -> bool:
    """Can BLAS read both operands where they lie: has each a unit stride?"""
    fold = plan.folds.get(node)
    for i in plan.graph.nodes[fold.product if fold else node].inputs:
        shape, strides = plan.graph.nodes[i].shape, operand(plan, i).strides
        if _layout(shape, strides) is None:
            return False
    return True


def _layout(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[bool, int] | None:
    """Transposed or not, and the leading dimension."""
    (m, n), (s0, s1) = shape, strides
    if (s1 == 1 or n == 1) and s0 >= n:
        return False, s0
    if (s0 == 1 or m == 1) and s1 >= m:
        return True, s1
    return None


def write_product(
    plan: Plan, node: int, buffers: dict[int, str], slots: dict[int, str], by_rows: bool = False
) -> Loops:
    """The C text of a product; rows ``lo`` to ``hi`` of the result, or columns where better and not ``by_rows``."""
    graph = plan.graph
    fold = plan.folds.get(node)
    a, b = graph.nodes[fold.product if fold else node].inputs
    m, n, k = sizes(plan, node)
    dtype = graph.nodes[node].dtype
    letter, real = dtype.char, c_type(dtype)
    alpha, beta = scales(plan, node, slots)
    left, right = operand(plan, a), operand(plan, b)
    C = buffers[plan.owner[node]]
    A = _at(buffers[left.owner], left.offset)
    B = _at(buffers[right.owner], right.offset)
    by_columns = not is_small(plan, node) and n > m and n >= WIDE and not by_rows
    loops = Loops(extent=n if by_columns else m, apart=by_columns, work=m * n * k / 8)
    loops.accesses = [
        Access(
            left.owner,
            left.strides[0]
            if left.offset >= 0 and left.offset + left.strides[1] * (k - 1) < left.strides[0] and not by_columns
            else None,
            False,
        ),
        Access(right.owner, None, False),
        Access(plan.owner[node], None if by_columns else n, True),
    ]
    if fold:
        loops.accesses.append(Access(plan.owner[fold.base], None if by_columns else n, False))
    if fold and plan.owner[node] != plan.owner[fold.base]:
        loops.before.append(f"memcpy({C}, {buffers[plan.owner[fold.base]]}, {m * n} * sizeof({real}));")
    if is_small(plan, node):
        name, text = _small(letter, real, n, k, left.strides, right.strides)
        loops.helpers[name] = text
        loops.body = [f"{name}(lo, hi, {alpha}, {A}, {B}, {beta}, {C});"]
        return loops
    first, second = _layout((m, k), left.strides), _layout((k, n), right.strides)
    assert first is not None
    assert second is not None
    if by_columns:
        rows, columns, B, C = str(m), "hi - lo", f"{B} + lo * {second[1] if second[0] else 1}", f"{C} + lo"
    else:
        rows, columns, A, C = "hi - lo", str(n), f"{A} + lo * {1 if first[0] else first[1]}", f"{C} + lo * {n}"
    loops.body = [
        f"p->gemm_{letter}(101, {112 if first[0] else 111}, {112 if second[0] else 111}, {rows}, {columns}, {k}, "
        f"{alpha}, {A}, {first[1]}, {B}, {second[1]}, {beta}, {C}, {n});"
    ]
    return loops


def _small(letter: str, real: str, n: int, k: int, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[str, str]:
    """The function for all small products of one shape: compiling its registers' worth of loops takes a while."""
    (a0, a1), (b0, b1) = left, right
    name = f"product_{letter}_{n}_{k}_{a0}_{a1}_{b0}_{b1}".replace("-", "m")
    sizes = f"int64_t lo, int64_t hi, {real} alpha, const {real} *a, const {real} *b, {real} beta, {real} *c"
    lines = [
        "BH_CONTRACT",
        f"static void {name}({sizes}) {{",
        f"    {real} pack[{k} * ({n} + BH_LANES_{letter})];",
        f"    bh_product_{letter}(lo, hi, {n}, {k}, alpha, a, {a0}, {a1}, b, {b0}, {b1}, beta, c, {n}, pack);",
        "}",
        "BH_PLAIN",
        "",
    ]
    return name, "\n".join(lines)


def _at(buffer: str, offset: int) -> str:
    return f"{buffer} + {offset}" if offset else buffer


def scales(plan: Plan, node: int, slots: dict[int, str]) -> tuple[str, str]:
    """alpha and beta of C = alpha A B + beta C."""
    fold, dtype = plan.folds.get(node), plan.graph.nodes[node].dtype
    if fold is None:
        return literal(1, dtype), literal(0, dtype)
    return _scale(plan, fold.alpha, slots, dtype), _scale(plan, fold.beta, slots, dtype)


def _scale(plan: Plan, scale: tuple[int, tuple[int, ...]], slots: dict[int, str], dtype: np.dtype[np.generic]) -> str:
    sign, numbers = scale
    terms = []
    for position in numbers:
        node = plan.graph.nodes[position]
        if node.op == "constant":
            terms.append(literal(node.param("value").value, dtype))
        else:
            terms.append(f"({c_type(dtype)})p->{slots[position]}")
    text = " * ".join(terms) or literal(1, dtype)
    return f"-({text})" if sign < 0 else text


def flops(plan: Plan, node: int) -> int:
    """Multiplications and additions."""
    return 2 * math.prod(sizes(plan, node))
