"""How far apart two right programs may be: measured, by making rounding errors on purpose.

Two programs that add in another order differ by rounding errors, and what becomes of those depends on the graph: a sum
that cancels enlarges them, an optimizer that divides by their size makes them a full step. So the graph runs with one
rounding error made at random in every element of every value: what that does to a number is the scale of its error bar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backhand.graph import Graph

__all__ = ["moved_by_rounding"]

RUNS = 3


def moved_by_rounding(graph: Graph, values: Sequence[Any], ends: Sequence[int]) -> list[Any]:
    """For each node of ``ends`` how far single rounding errors everywhere before it move each of its elements.

    ``values`` are those of every node of a run (``evaluate`` with ``keep``); the numbers drawn in it are used again.
    """
    rng = np.random.default_rng(0)
    moved = [np.zeros(graph.nodes[end].shape) for end in ends]
    with np.errstate(all="ignore"):
        for _ in range(RUNS):
            noisy = _noisy(graph, values, rng)
            for number, end in enumerate(ends):
                difference = np.abs(np.asarray(noisy[end], float) - np.asarray(values[end], float))
                moved[number] = np.fmax(moved[number], difference)
    return moved


def _noisy(graph: Graph, values: Sequence[Any], rng: np.random.Generator) -> list[Any]:
    made = list(values)  # of inputs, and of what was drawn
    for position, function, read, _ in graph.plan:
        node = graph.nodes[position]
        if node.op in ("random", "constant"):
            continue
        made[position] = function(*[made[i] for i in read])
        if node.dtype.kind == "f" and not node.weak:
            signs = rng.integers(0, 2, node.shape) * 2.0 - 1.0
            made[position] = (made[position] * (1 + signs * np.finfo(node.dtype).eps)).astype(node.dtype)
    return made
