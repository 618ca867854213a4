"""Masks read off an activation's result, so that what went into it need not be kept."""

from __future__ import annotations

from backhand.compiling.rewrite.draft import Draft, sweep
from backhand.graph import Graph, Node
from backhand.graph.ops import evaluator

__all__ = ["masks"]

Comparison = tuple[str, int, int]
"""Its op, what is compared, and the number that it is compared with."""
COMPARISONS = ("greater", "greater_equal", "less", "less_equal")
RECTIFIED = {"maximum": ("greater", "less_equal"), "minimum": ("less", "greater_equal")}
"""``x > 0`` can be seen from ``maximum(x, 0)``, ``x >= 0`` can't."""


def masks(graph: Graph) -> Graph:
    """``x <= 0`` as ``y <= 0`` where y is ``where(x <= 0, 0, x)``, ``maximum(x, 0)`` or ``x * (x > 0)``. Exact.

    A backward then needs y alone, which is kept for the next layer's product anyway; x itself is never stored.
    """
    seen: dict[Comparison, int] = {}  # -> y

    def rule(draft: Draft, node: Node) -> int | None:
        shown = _shown_by(draft, node)
        if shown:
            for comparison in shown:
                seen.setdefault(comparison, len(draft.nodes))
            return None
        inputs = tuple(_from_result(draft, node, i, seen) for i in node.inputs)
        return None if inputs == node.inputs else draft.append(node._replace(inputs=inputs))

    return sweep(graph, rule)


def _shown_by(draft: Draft, node: Node) -> list[Comparison]:
    """The comparisons that give the same mask when they are asked of the node's value instead."""
    if node.op == "where" and _shows(draft, node):
        mask = draft.nodes[node.inputs[0]]
        return [(mask.op, mask.inputs[0], mask.inputs[1])]
    if node.op in RECTIFIED:
        pairs = (node.inputs, node.inputs[::-1])
        return [(op, x, k) for x, k in pairs if draft.number(k) is not None for op in RECTIFIED[node.op]]
    if node.op == "multiply":
        for x, k in (node.inputs, node.inputs[::-1]):
            mask = draft.nodes[k]
            if mask.op == "greater" and mask.inputs[0] == x and draft.number(mask.inputs[1]) == 0:
                return [("greater", x, mask.inputs[1])]
    return []


def _shows(draft: Draft, node: Node) -> bool:
    """Is the node ``where(x <= 0, 0, x)``: a choice from whose result the same comparison gives the same mask?"""
    mask = draft.nodes[node.inputs[0]]
    if mask.op not in COMPARISONS or draft.number(mask.inputs[1]) is None:
        return False
    x = mask.inputs[0]
    if x not in node.inputs[1:] or not draft.same(x, node) or draft.nodes[x].op == "constant":
        return False
    for position, expected in zip(node.inputs[1:], (True, False), strict=True):
        if position == x:
            continue
        number = draft.nodes[position]
        if draft.number(position) is None:
            return False
        values = number.params[0][1].value, draft.nodes[mask.inputs[1]].params[0][1].value
        if bool(evaluator(mask.op, ())(node.dtype.type(values[0]), values[1])) != expected:
            return False
    return True


def _from_result(draft: Draft, node: Node, position: int, seen: dict[Comparison, int]) -> int:
    """For a mask that can be seen from a result the comparison of that result, else the node itself."""
    mask = draft.nodes[position]
    if mask.op not in COMPARISONS:
        return position
    result = seen.get((mask.op, mask.inputs[0], mask.inputs[1]))
    if result is None or result == mask.inputs[0]:
        return position
    return draft.add(node, mask.op, result, mask.inputs[1])
