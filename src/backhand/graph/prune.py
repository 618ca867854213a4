"""Care for long graphs: drop the nodes that nothing asks for; make a million of them without the collector's help."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from backhand.graph.graph import Node

__all__ = ["no_collection", "prune"]


def prune(nodes: Sequence[Node], roots: Iterable[int], inputs: Iterable[int]) -> tuple[tuple[Node, ...], list[int]]:
    """The nodes that ``roots`` need, with the inputs and every random draw, in order; and each one's new position.

    A draw stays even if unused: it moves the random stream on for those after it. A dropped node's position is -1.
    """
    alive = bytearray(len(nodes))
    for position in (*roots, *inputs):
        alive[position] = 1
    for position in range(len(nodes) - 1, -1, -1):
        node = nodes[position]
        if alive[position] or node.op == "random":
            alive[position] = 1
            for source in node.inputs:
                alive[source] = 1
    where = [-1] * len(nodes)
    kept: list[Node] = []
    shifted = False
    for position, node in enumerate(nodes):
        if not alive[position]:
            shifted = True
            continue
        where[position] = len(kept)
        if shifted and node.inputs:
            node = Node(node[0], tuple([where[i] for i in node[1]]), *node[2:])
        kept.append(node)
    return tuple(kept), where


@contextmanager
def no_collection() -> Iterator[None]:
    """Garbage collection off: a graph is many small objects, none of them garbage, all visited again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()
