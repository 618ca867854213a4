"""What is done with each node: how it is computed, and whether its value gets memory of its own or is computed where
it is read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from backhand.compiling.index import is_view
from backhand.compiling.recipe import Recipe, in_c, recipe
from backhand.compiling.select import selection
from backhand.graph import Graph, Node

__all__ = ["Kinds", "classify", "may_fail"]

SCANS = {"cumsum", "cumprod"}
REDUCTIONS = {"sum", "mean", "max", "min", "prod", "any", "all", "argmax", "argmin"}
MOST_READS = 2
"""A cheap value is computed again for as many readers; for more it is stored."""
DEEPEST = 30
"""As many operations are computed in one expression at most."""


@dataclass
class Kinds:
    """For each node of a graph how it is computed.

    ``kind`` is ``"memory"`` (an input or constant), ``"number"`` (a Python number or a constant of one element),
    ``"view"`` (elsewhere in its input's memory), ``"same"`` (a reshape: its input's memory as it is), ``"map"``
    (elementwise), ``"pick"`` (read at computed places), ``"put"`` (written at places), ``"reduce"``, ``"scan"`` (a
    cumulative sum), ``"dot"`` (a product with a vector), ``"product"`` (or a stack of them), or ``"host"`` (a call of
    NumPy).
    ``stored`` tells whether it has memory, ``row_major`` that this must be C-contiguous.
    """

    graph: Graph
    kind: list[str] = field(default_factory=list)
    recipes: dict[int, Recipe] = field(default_factory=dict)
    stored: list[bool] = field(default_factory=list)
    row_major: list[bool] = field(default_factory=list)


def classify(graph: Graph) -> Kinds:
    """Decide for each node of a legal graph how it is computed and whether it is stored."""
    kinds = Kinds(graph)
    for position, node in enumerate(graph.nodes):
        kinds.kind.append(_kind(kinds, position, node))
    _decide_storage(kinds)
    return kinds


def _kind(kinds: Kinds, position: int, node: Node) -> str:
    graph = kinds.graph
    sources = [graph.nodes[i] for i in node.inputs]
    if node.weak:  # it depends on numbers alone, or NumPy finds it from arrays
        late = any(kinds.kind[i] != "number" for i in node.inputs) or node.op == "random"
        return "host" if late else "number"
    if node.op == "constant" and math.prod(node.shape) == 1 and in_c(node.dtype):
        return "number"
    if node.op in ("input", "constant"):
        return "memory"
    if not all(in_c(n.dtype) for n in (node, *sources)):
        return "host"
    if 0 in node.shape or any(0 in s.shape for s in sources):
        return "host"
    if node.op == "reshape" and node.param("order") != "F":
        return "view" if is_view(node, sources[0]) else "same"
    if node.op in ("getitem", "put", "add_at", "take"):
        where = selection(node, sources)
        if where is None:
            return "host"
        return ("view" if is_view(node, sources[0]) else "pick") if node.op in ("getitem", "take") else "put"
    if sources and is_view(node, sources[0]):
        return "view"
    if node.op in REDUCTIONS:
        return _reduction(node)
    if node.op in SCANS:
        return "scan" if node.param("axis") is not None and _is_plain(node) else "host"
    if node.op == "matmul":
        return _matmul(node, sources)
    made = recipe(graph, node)
    if made is None:
        return "host"
    kinds.recipes[position] = made
    return "map"


def _reduction(node: Node) -> str:
    axis = node.param("axis")
    if node.op in ("argmax", "argmin") and isinstance(axis, tuple):
        return "host"
    return "reduce" if _is_plain(node) else "host"


def _is_plain(node: Node) -> bool:
    """Is it added up in the dtype that it has?"""
    wide = node.param("dtype")
    return wide is None or wide == node.dtype


def _matmul(node: Node, sources: list[Node]) -> str:
    a, b = (s.shape for s in sources)
    if node.dtype.char not in "fd":
        return "host"
    if max(len(a), len(b)) > 2:
        lone = any(source.op == "constant" and math.prod(source.shape) == 1 for source in sources)  # not in memory
        return "product" if min(len(a), len(b)) > 1 and not lone else "host"
    if len(a) == 2 and len(b) == 2 and a[0] > 1 and b[1] > 1:
        return "product"
    return "dot"


# -- what is stored ---------------------------------------------------------------------------------------------------


def _decide_storage(kinds: Kinds) -> None:
    """From the last node to the first: all readers of a value are known before it is decided upon."""
    graph = kinds.graph
    count = len(graph.nodes)
    stored = kinds.stored = [False] * count
    kinds.row_major = [False] * count
    reads, depth, repeated = [0] * count, [0] * count, [False] * count
    ends = {*graph.outputs, *(s.output for s in graph.state if s.output is not None)}
    for position in range(count - 1, -1, -1):
        kind = kinds.kind[position]
        if position in ends:
            stored[position] = kinds.row_major[position] = True
        if kind == "number":
            stored[position] = False
            continue
        if kind in ("map", "pick") and not stored[position]:
            made = kinds.recipes.get(position)
            stored[position] = (
                reads[position] > (MOST_READS if made and made.cheap else 1)
                or depth[position] > DEEPEST
                or (repeated[position] and not (made and made.text == "{0}"))
            )
        if kind == "pick" and may_fail(graph, position):
            stored[position] = True  # where it stands in the graph: an error comes before what follows
        elif kind in ("memory", "put", "reduce", "scan", "dot", "product", "host", "same"):
            stored[position] = True
        _tell_sources(kinds, position, reads, depth, repeated)


def may_fail(graph: Graph, position: int) -> bool:
    """Does a node read or write at places that only the values know, which may be out of range?"""
    node = graph.nodes[position]
    if node.op not in ("getitem", "take", "put", "add_at"):
        return False
    indices = node.inputs[1:] if node.op in ("getitem", "take") else node.inputs[2:]
    return any(graph.nodes[i].op != "constant" for i in indices)


def _tell_sources(kinds: Kinds, position: int, reads: list[int], depth: list[int], repeated: list[bool]) -> None:
    graph, stored = kinds.graph, kinds.stored
    node, kind = graph.nodes[position], kinds.kind[position]
    inlined = not stored[position]
    for number, i in enumerate(node.inputs):
        if kind in ("product", "host") or (kind in ("pick", "put") and number == 0) or kind == "same":
            stored[i] = True
        if kind == "same" or (kind == "put" and number == 0 and kinds.row_major[position]):
            kinds.row_major[i] = True
        if kind == "view" and stored[position]:
            stored[i] = True
        reads[i] += reads[position] if inlined else 1
        depth[i] = max(depth[i], depth[position] + 1 if inlined else 1)
        size, own = math.prod(graph.nodes[i].shape), math.prod(node.shape)
        grows = own > size if kind in ("map", "view", "pick") else kind == "dot" and len(node.shape) > 0
        if kind == "dot" and len(graph.nodes[i].shape) == 2:
            grows = False
        repeated[i] = repeated[i] or grows or (inlined and repeated[position])
