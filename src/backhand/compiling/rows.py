"""What a program consists of, as rows of a table."""

from __future__ import annotations

import math
from typing import NamedTuple

from backhand.compiling.c_names import where
from backhand.compiling.c_products import flops, is_small
from backhand.compiling.c_source import computed
from backhand.compiling.memory import stage_memory
from backhand.compiling.native_engine import NativeEngine
from backhand.compiling.numpy_engine import NumpyEngine
from backhand.compiling.plan import Stage
from backhand.graph import Graph, Node

__all__ = ["Row", "rows"]

FREE = {"input", "constant", "reshape", "transpose", "getitem", "broadcast_to", "copy", "full"}
"""Ops without arithmetic."""


class Row(NamedTuple):
    """One line of ``Program.explain()``: a kernel (fused loops), a product, or a call of NumPy.

    ``nodes`` are the graph's nodes that it computes, ``bytes`` what it reads and writes, ``flops`` its arithmetic
    operations, each of one step. ``how`` is how it is done: ``"loop"``, ``"own product"``, ``"BLAS"``, ``"sparse"``
    with the share of nonzeros in the last epoch, ``"NumPy"``; ``where`` the layers and source lines that it came from.
    """

    name: str
    how: str
    nodes: tuple[int, ...]
    bytes: int
    flops: int
    where: str


def rows(engine: NativeEngine | NumpyEngine) -> list[Row]:
    """One row for each stage of a native program, or for each node of one on NumPy, in the order in which they run."""
    if isinstance(engine, NumpyEngine):
        graph = engine.graph
        found = []
        for position, node in enumerate(graph.nodes):
            if node.op not in ("input", "constant"):
                size = sum(_bytes(graph.nodes[i]) for i in (*node.inputs, position))
                came = where(graph, [position])
                found.append(
                    Row(graph.labels[position], "NumPy", (position,), size, _flops(graph, position), "; ".join(came))
                )
        return found
    order = [index for group in engine.source.groups for index in group if index >= 0]
    return [_row(engine, index, engine.plan.stages[index]) for index in order]


def _row(engine: NativeEngine, index: int, stage: Stage) -> Row:
    plan, graph = engine.plan, engine.graph
    nodes = computed(plan, stage)
    product = stage.kind == "product"
    operations = flops(plan, stage.nodes[0]) if product else sum(_flops(graph, i) for i in nodes)
    size = sum(_bytes(graph.nodes[owner]) for owner in stage_memory(plan, stage))
    name = engine.source.names.get(index, graph.labels[stage.nodes[-1]])
    return Row(name, _how(engine, index, stage), tuple(nodes), size, operations, "; ".join(where(graph, nodes)))


def _how(engine: NativeEngine, index: int, stage: Stage) -> str:
    if index not in engine.source.names:
        return "NumPy"
    if stage.kind != "product":
        return "copy" if stage.kind == "commit" else "loop"
    sparse = engine.source.sparse
    if sparse is not None and stage.nodes[0] in sparse.forward + sparse.backward and engine.leaves_out_zeros:
        return f"sparse ({engine.density:.0%} nonzero)"
    return "own product" if is_small(engine.plan, stage.nodes[0]) else "BLAS"


def _bytes(node: Node) -> int:
    return 0 if node.weak else math.prod(node.shape) * node.dtype.itemsize


def _flops(graph: Graph, position: int) -> int:
    """Operations on numbers, a function like exp counted as one."""
    node = graph.nodes[position]
    if node.op in FREE or node.weak:
        return 0
    sources = [graph.nodes[i] for i in node.inputs]
    if node.op == "matmul":
        return 2 * math.prod(node.shape) * sources[0].shape[-1]
    return max([math.prod(node.shape), *(math.prod(s.shape) for s in sources)])
