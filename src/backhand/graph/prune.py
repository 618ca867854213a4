"""Drop the nodes that nothing asks for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from backhand.graph.graph import Node

__all__ = ["prune"]


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
        kept.append(replace(node, inputs=tuple([where[i] for i in node.inputs])) if shifted and node.inputs else node)
    return tuple(kept), where
