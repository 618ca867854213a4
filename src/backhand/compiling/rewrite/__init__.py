"""Graph -> Graph: named, pure passes that leave less to compute. See docs/compile.md."""

from __future__ import annotations

from collections.abc import Callable

from backhand.compiling.rewrite.algebra import algebra, narrow
from backhand.compiling.rewrite.cleanup import common_subexpressions, dead_code, fold_constants
from backhand.compiling.rewrite.masks import masks
from backhand.compiling.rewrite.products import factors, products
from backhand.compiling.rewrite.puts import labels, puts
from backhand.compiling.rewrite.reroll import reroll
from backhand.compiling.rewrite.spelled import side_by_side, spelled_out
from backhand.compiling.rewrite.transposes import transposes
from backhand.compiling.rewrite.views import copies_and_views
from backhand.graph import Graph

__all__ = ["ON_NUMPY", "PASSES", "ROUNDS", "simplify"]

PASSES: tuple[Callable[[Graph], Graph], ...] = (
    dead_code,
    spelled_out,
    fold_constants,
    common_subexpressions,
    algebra,
    narrow,
    copies_and_views,
    puts,
    labels,
    masks,
    reroll,
    transposes,
    products,
    factors,
    side_by_side,
)
"""In the order in which they run. Each is a pure function; each leaves a graph that computes the same."""

ON_NUMPY = tuple(rewrite for rewrite in PASSES if rewrite not in (spelled_out, side_by_side))
"""Those for a program that runs on NumPy, which does in one call what the others write out."""

ROUNDS = 10
"""How often all passes run at most: one pass makes room for another, but never for long."""


def simplify(graph: Graph, passes: tuple[Callable[[Graph], Graph], ...] | None = None) -> Graph:
    """Run the passes (all, if not said), again and again until none finds anything, at most ``ROUNDS`` times.

    The result computes what the graph computes, to rounding: each pass says what it may change.
    """
    for _ in range(ROUNDS):
        before = graph
        for rewrite in PASSES if passes is None else passes:
            graph = rewrite(graph)
        if graph is before:
            break
    return graph
