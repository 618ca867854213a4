"""Graph -> Graph: the last pass before the plan writes out what NumPy does by itself, so that each node is one job.

Products get operands of their own dtype, views that can't be addressed become copies, and what a step hands out or
stores gets a node of its own.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any, NamedTuple

from backhand.compiling.index import is_view
from backhand.graph import Graph, Node, State
from backhand.graph.ops import TABLE

__all__ = ["Legal", "legal"]


class Legal(NamedTuple):
    """A graph in the form that the plan takes, and for each of its writes in place the node that it was."""

    graph: Graph
    origin: dict[int, int]


def legal(graph: Graph, copied: Set[int] = frozenset()) -> Legal:
    """The same program, in the form that the plan takes; the writes ``copied`` get a copy to write into."""
    draft = _Draft(graph, copied)
    needed = _needed(graph)
    for position, node in enumerate(graph.nodes):
        if needed[position]:
            draft.add(position, node)
    owners: set[int] = set()
    states = []
    for state in graph.state:
        output = None if state.output is None else draft.where[state.output]
        if output is not None and (draft.borrowed(output) or output in owners):
            output = draft.copy(output)
        if output is not None:
            owners.add(output)
        states.append(State(state.name, draft.where[state.input], state.value, output, state.argument))
    outputs = []
    for position in graph.outputs:
        output = draft.where[position]
        outputs.append(draft.copy(output) if draft.borrowed(output) else output)
    inputs = tuple(draft.where[i] for i in graph.inputs)
    made = Graph(tuple(draft.nodes), inputs, tuple(outputs), graph.arguments, graph.results, tuple(states))
    return Legal(made, draft.origin)


def _needed(graph: Graph) -> bytearray:
    needed = bytearray(len(graph.nodes))
    for position in (*graph.inputs, *graph.outputs, *(s.output for s in graph.state if s.output is not None)):
        needed[position] = 1
    for position in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[position]
        if needed[position] or node.op == "random":  # a draw moves the stream on, whoever asks for it
            needed[position] = 1
            for source in node.inputs:
                needed[source] = 1
    return needed


def _chains(graph: Graph) -> dict[int, set[int]]:
    """For each state that is written in place: the writes from its old value to its new one."""
    chains: dict[int, set[int]] = {}
    for state in graph.state:
        position, chain = state.output, set()
        while position is not None and graph.nodes[position].op in ("put", "add_at"):
            chain.add(position)
            position = graph.nodes[position].inputs[0]
        if position == state.input:
            chains[state.input] = chain
    return chains


def _last_readers(graph: Graph) -> list[int]:
    """For each node the last that reads it or a view of it."""
    last = [-1] * len(graph.nodes)
    for position in range(len(graph.nodes) - 1, -1, -1):
        for number, i in enumerate(graph.nodes[position].inputs):
            seen = position
            if number == 0 and TABLE[graph.nodes[position].op].view:
                seen = max(seen, last[position])
            last[i] = max(last[i], seen)
    return last


class _Draft:
    """The new graph while it is written."""

    def __init__(self, graph: Graph, copied: Set[int]) -> None:
        self.graph = graph
        self.copied = copied
        self.origin: dict[int, int] = {}
        self.ends = {*graph.outputs, *(s.output for s in graph.state if s.output is not None)}
        self.chains = _chains(graph)
        self.last = _last_readers(graph)
        self.nodes: list[Node] = []
        self.where: dict[int, int] = {}

    def append(self, node: Node) -> int:
        self.nodes.append(node)
        return len(self.nodes) - 1

    def add(self, position: int, node: Node) -> None:
        node = node._replace(inputs=tuple(self.where[i] for i in node.inputs))
        if node.op in ("matmul", "dot"):
            node = self._product(node)
        elif node.op == "reshape" and not is_view(node, self.nodes[node.inputs[0]]):
            source = node.inputs[0]
            if self.borrowed(source) and self.nodes[source].op not in ("input", "constant", "reshape"):
                node = node._replace(inputs=(self.copy(source),))
        elif node.op in ("put", "add_at"):
            source = self.graph.nodes[position].inputs[0]
            if position in self.copied or not self._may_overwrite(source, position):
                node = node._replace(inputs=(self.copy(node.inputs[0]), *node.inputs[1:]))
        self.where[position] = self.append(node)
        if node.op in ("put", "add_at"):
            self.origin[self.where[position]] = position

    def _may_overwrite(self, source: int, writer: int) -> bool:
        """Is the writer the last one who needs the source's old value, and is the memory the program's own?"""
        if self.last[source] > writer or source in self.ends:
            return False
        if self.graph.nodes[source].op == "input":
            return writer in self.chains.get(source, ())
        return not self.borrowed(self.where[source])

    def _product(self, node: Node) -> Node:
        a, b = (self.nodes[i] for i in node.inputs)
        if node.op == "dot" and 0 in (len(a.shape), len(b.shape)):
            return node._replace(op="multiply")
        if node.op == "dot" and max(len(a.shape), len(b.shape)) <= 2:
            node = node._replace(op="matmul")
        return node._replace(inputs=tuple(self._cast(i, node.dtype) for i in node.inputs))

    def _cast(self, position: int, dtype: Any) -> int:
        node = self.nodes[position]
        if node.dtype == dtype:
            return position
        params = (("dtype", dtype),)
        return self.append(Node("astype", (position,), params, node.shape, dtype, False, node.layer, node.source))

    def copy(self, position: int) -> int:
        """A node of the same value that nobody else has."""
        node = self.nodes[position]
        if node.weak:
            return position
        params = (("order", "C"),)
        made = Node("copy", (position,), params, node.shape, node.dtype, False, node.layer, node.source, node.name)
        return self.append(made)

    def borrowed(self, position: int) -> bool:
        """Is its memory that of an input, a constant or another node?"""
        node = self.nodes[position]
        if node.op in ("input", "constant", "reshape"):
            return True
        return bool(node.inputs) and is_view(node, self.nodes[node.inputs[0]])
