"""Which node of a graph its compiled program gets wrong: the first, found by compiling the graph up to half-way."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from backhand.compiling.bound import Bound
from backhand.compiling.program import build
from backhand.graph import Graph
from backhand.graph.evaluate import evaluate
from backhand.graph.structure import LEAF

__all__ = ["first_wrong_node"]


def first_wrong_node(bound: Bound, inputs: tuple[Any, ...], last: int) -> str:
    """Where the compiled program leaves its graph on the way to node ``last``: the end of a sentence, or empty."""
    graph = bound.graph
    if any(node.op == "random" for node in graph.nodes):
        return ""
    values = [*bound.leaves(inputs), *bound.state_values()]
    with np.errstate(all="ignore"):
        right = evaluate(graph, values, keep=True)
        if not _wrong(bound, last, values, right):
            return ""
        suspects = _computed_before(graph, last)
        low, high = -1, len(suspects) - 1
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if _wrong(bound, suspects[middle], values, right) else (middle, high)
        found = suspects[high]
        while worse := [i for i in graph.nodes[found].inputs if i in suspects and _wrong(bound, i, values, right)]:
            found = worse[0]
    node = graph.nodes[found]
    where = f", {node.source}: {node.source.code}" if node.source else ""
    return f"; the first node that differs is {node.op}{f' of {node.layer}' if node.layer else ''}{where}"


def _computed_before(graph: Graph, last: int) -> list[int]:
    """The computed nodes that ``last`` depends on, and itself."""
    needed = {last}
    for i in range(last, -1, -1):
        if i in needed:
            needed.update(graph.nodes[i].inputs)
    return sorted(i for i in needed if graph.nodes[i].op not in ("input", "constant"))


def _wrong(bound: Bound, end: int, values: list[Any], right: list[Any]) -> bool:
    """Does the program of the graph up to a node give another value for it?"""
    graph = _until(bound.graph, end)
    program = build(graph, bound.program.engine)
    program.bind({s.name: np.copy(v) if isinstance(v, np.ndarray) else v for s, v in _states(graph, values)})
    given = [np.copy(v) if isinstance(v, np.ndarray) else v for v in values[: graph.arguments.leaves]]
    (made,) = program.run(given)
    a, b = np.asarray(made), np.asarray(right[end])
    if a.shape != b.shape or a.dtype != b.dtype:
        return True
    if a.dtype.kind not in "fc":
        return not np.array_equal(a, b)
    bar = 1000 * float(np.finfo(a.dtype).eps)
    return not np.allclose(a, b, rtol=bar, atol=bar * float(np.nanmax(np.abs(b), initial=0.0)), equal_nan=True)


def _until(graph: Graph, end: int) -> Graph:
    state = tuple(dataclasses.replace(s, output=None) for s in graph.state if not s.argument)
    return dataclasses.replace(graph, nodes=graph.nodes[: end + 1], outputs=(end,), results=LEAF, state=state)


def _states(graph: Graph, values: list[Any]) -> list[Any]:
    return list(zip(graph.state, values[graph.arguments.leaves :], strict=True))
