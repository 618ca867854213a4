"""Where the values between a step's stages lie: one block, in which a place is used again after its last use."""

from __future__ import annotations

import math

import numpy as np

from backhand.compiling.c_source import in_memory
from backhand.compiling.plan import Plan, Stage, operands
from backhand.graph import Node

__all__ = ["layout", "lifetimes"]

ALIGNMENT = 64


def stage_memory(plan: Plan, stage: Stage) -> set[int]:
    """The owners of all memory that a stage reads or writes."""
    nodes: list[int] = []
    for nest in stage.nests:
        nodes += [nest.node, *(read.source if hasattr(read, "source") else read.node for read in nest.reads)]
    if stage.kind in ("product", "host"):
        nodes += [stage.nodes[0], *operands(plan, stage.nodes[0])]
    elif stage.kind == "commit":
        nodes += stage.nodes
    return {plan.owner[v] for v in map(plan.version, nodes) if v in plan.owner and v not in plan.local}


def lifetimes(plan: Plan, groups: list[list[int]]) -> dict[int, tuple[int, int]]:
    """For each owner of memory between stages: the first and the last group of stages that uses it.

    The stages of a group may run at the same time. Results live to the end.
    """
    spans: dict[int, tuple[int, int]] = {}
    for index, group in enumerate(groups):
        for number in group:
            for owner in stage_memory(plan, plan.stages[number]) if number >= 0 else ():
                spans[owner] = (spans.get(owner, (index, index))[0], index)
    for position in plan.graph.outputs:
        owner = plan.owner.get(plan.version(position), -1)
        if owner in spans:
            spans[owner] = (spans[owner][0], len(groups))
    kinds = plan.kinds.kind
    return {
        owner: span for owner, span in spans.items() if kinds[owner] != "memory" and in_memory(plan.graph.nodes[owner])
    }


def layout(plan: Plan, groups: list[list[int]]) -> tuple[dict[int, int], int]:
    """For each such owner its place in the block, in bytes, and the size of the block.

    The largest come first, each at the lowest place that is free in its lifetime.
    """
    spans = lifetimes(plan, groups)
    sizes = {owner: _size(plan.graph.nodes[owner]) for owner in spans}
    places: dict[int, int] = {}
    taken = np.empty((0, 4), np.int64)  # begin, end, first and last group, by their begin
    for owner in sorted(spans, key=lambda owner: (-sizes[owner], owner)):
        first, last = spans[owner]
        begins, ends = taken[(taken[:, 2] <= last) & (first <= taken[:, 3]), :2].T
        free = np.maximum.accumulate(np.append(0, ends))  # from where on, below each begin and behind the last
        fits = np.append(begins - free[:-1] >= sizes[owner], True)
        place = places[owner] = int(free[np.argmax(fits)])
        row = (place, place + sizes[owner], first, last)
        taken = np.insert(taken, np.searchsorted(taken[:, 0], place), row, axis=0)
    return places, int(taken[:, 1].max(initial=0))


def _size(node: Node) -> int:
    return -(-math.prod(node.shape) * node.dtype.itemsize // ALIGNMENT) * ALIGNMENT
