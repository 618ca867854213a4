"""Which nodes of a graph stand together in one box: a call of a layer, or in a long graph several of them.

The boxes form a graph of their own, which must have no cycle: a layer that calls another one in the middle of its
own work (a residual block) would be both before and after it. Such a layer is drawn in as many pieces as needed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from backhand.graph.graph import Graph, Layer

__all__ = ["MOST_PARTS", "Part", "split"]

MOST_PARTS = 120
"""A figure of layers has about as many boxes and round nodes at most; beyond, neighbours share a box."""

_FORWARD = ("forward", "__call__")


@dataclass(frozen=True, slots=True)
class Part:
    """Nodes that are drawn together. ``label`` is None for a node that stands for itself."""

    members: tuple[int, ...]
    label: str | None = None
    detail: str = ""


def split(graph: Graph, most: int | None = MOST_PARTS) -> tuple[Part, ...]:
    """The parts of a graph, in an order in which they can run: every part reads only parts before it.

    Inputs and constants belong to no part. With more than ``most`` parts, neighbours in that order are put
    together; None puts no layers together.
    """
    several = {node.layer.name for node in graph.nodes if node.layer and node.layer.number}
    parts = [_part(graph, members, several) for members in _acyclic(graph, _by_call(graph))]
    return tuple(parts if most is None or len(parts) <= most else _merge(graph, parts, most))


def _drawn(graph: Graph) -> Iterable[int]:
    return (i for i, node in enumerate(graph.nodes) if node.op not in ("input", "constant"))


def _by_call(graph: Graph) -> list[tuple[int, ...]]:
    calls: dict[Layer | int, list[int]] = {}
    for i in _drawn(graph):
        calls.setdefault(graph.nodes[i].layer or i, []).append(i)
    return [tuple(members) for members in calls.values()]


def _acyclic(graph: Graph, groups: list[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Cut the groups that lie on a cycle into runs without a gap, until there is no cycle, and sort them."""
    while True:
        ordered, stuck = _sort(graph, groups)
        if not stuck:
            return ordered
        groups = ordered + [run for members in stuck for run in _runs(graph, members)]


def _runs(graph: Graph, members: tuple[int, ...]) -> list[tuple[int, ...]]:
    runs: list[list[int]] = []
    for i in members:
        gap = range(runs[-1][-1] + 1, i) if runs else ()
        if runs and all(graph.nodes[k].op in ("input", "constant") for k in gap):
            runs[-1].append(i)
        else:
            runs.append([i])
    return [tuple(run) for run in runs]


def _sort(graph: Graph, groups: list[tuple[int, ...]]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    """Groups in an order in which they can run, earliest first node first; and those that wait for each other."""
    home = {i: k for k, members in enumerate(groups) for i in members}
    sources = [
        {home[s] for i in members for s in graph.nodes[i].inputs if s in home and home[s] != k}
        for k, members in enumerate(groups)
    ]
    readers: list[list[int]] = [[] for _ in groups]
    for k, before in enumerate(sources):
        for s in sorted(before):
            readers[s].append(k)
    waiting = [len(before) for before in sources]
    ready = [(members[0], k) for k, members in enumerate(groups) if not waiting[k]]
    heapq.heapify(ready)
    order = []
    while ready:
        _, k = heapq.heappop(ready)
        order.append(k)
        for reader in readers[k]:
            waiting[reader] -= 1
            if not waiting[reader]:
                heapq.heappush(ready, (groups[reader][0], reader))
    stuck = [groups[k] for k in range(len(groups)) if waiting[k]]
    return [groups[k] for k in order], stuck


def _part(graph: Graph, members: tuple[int, ...], several: set[str]) -> Part:
    """A layer's name, and what tells it from the others of its class: ``Affine``, ``[1].backward``."""
    layer = graph.nodes[members[0]].layer
    if layer is None:
        return Part(members)
    number = f"[{layer.number}]" if layer.name in several else ""
    method = "" if layer.method in _FORWARD else f".{layer.method}"
    return Part(members, layer.name, number + method)


def _merge(graph: Graph, parts: list[Part], most: int) -> list[Part]:
    each = -(-len(parts) // most)
    merged = []
    for start in range(0, len(parts), each):
        some = parts[start : start + each]
        members = tuple(sorted(i for part in some for i in part.members))
        names = [part.label + part.detail if part.label else graph.nodes[part.members[0]].symbol for part in some]
        label = f"{names[0]} … {names[-1]}" if len(names) > 1 else names[0]
        merged.append(Part(members, label, "1 node" if len(members) == 1 else f"{len(members)} nodes"))
    return merged
