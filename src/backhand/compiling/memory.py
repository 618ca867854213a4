"""Where the values between a step's stages lie: one block, in which a place is used again after its last use."""

from __future__ import annotations

import math

from backhand.compiling.c_source import in_memory
from backhand.compiling.plan import Plan, Stage, operands

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
    places: dict[int, int] = {}
    taken: list[tuple[int, int, tuple[int, int]]] = []  # begin, end, lifetime

    def size(owner: int) -> int:
        node = plan.graph.nodes[owner]
        return -(-math.prod(node.shape) * node.dtype.itemsize // ALIGNMENT) * ALIGNMENT

    for owner in sorted(spans, key=lambda owner: (-size(owner), owner)):
        first, last = spans[owner]
        place = 0
        for begin, end, (other_first, other_last) in sorted(taken):
            if other_first <= last and first <= other_last and begin < place + size(owner) and place < end:
                place = end
        places[owner] = place
        taken.append((place, place + size(owner), spans[owner]))
    return places, max((end for _, end, _ in taken), default=0)
