"""A graph being rewritten: one sweep in order, in which a rule says of each node what stands for it from now on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from backhand.graph import Constant, Graph, Node
from backhand.graph.ops import TABLE, infer, signature_of
from backhand.graph.ops.index import unpack
from backhand.graph.prune import prune

__all__ = ["Draft", "Params", "Rule", "Signature", "owners", "roots", "sweep"]

Params = tuple[tuple[str, Any], ...]
Signature = tuple[tuple[int, ...], "np.dtype[Any]", bool]


class Draft:
    """The new program as far as it is written.

    Attributes:
        nodes: its nodes; a rule reads them by position.
        readers: for each of them how many readers the old nodes have that it stands for.
        old: the position in the old graph of the node that is being rewritten.
        taken: the nodes whose memory is a result's.
    """

    def __init__(self) -> None:
        self.old = 0
        self.nodes: list[Node] = []
        self.taken: set[int] = set()
        self.readers: list[int] = []
        self._constants: dict[Constant, int] = {}

    def append(self, node: Node, readers: int = 0) -> int:
        """Write a node down and return its position."""
        self.nodes.append(node)
        self.readers.append(readers)
        return len(self.nodes) - 1

    def add(self, like: Node, op: str, *inputs: int, **params: Any) -> int:
        """A new node at the place in the user's code of the node ``like``; NumPy's rules give its shape and dtype."""
        given = tuple(sorted(params.items()))
        shape, dtype, weak = signature(op, given, [self.nodes[i] for i in inputs])
        return self.append(Node(op, inputs, given, shape, dtype, weak, like.layer, like.source))

    def constant(self, value: Any) -> int:
        """The node of a constant; equal ones share one."""
        constant = Constant(value)
        if constant not in self._constants:
            shape, dtype, weak = signature_of(constant.value)
            node = Node("constant", (), (("value", constant),), shape, dtype, weak)
            self._constants[constant] = self.append(node)
        return self._constants[constant]

    def rename(self, position: int, name: str | None) -> None:
        """Give a value that has no name yet the one that the user gave to the same value."""
        node = self.nodes[position]
        if name and not node.name and node.op != "constant":
            self.nodes[position] = node._replace(name=name)

    def number(self, position: int) -> Any:
        """The value of a node that is one real number known before any run; None if it isn't."""
        node = self.nodes[position]
        if node.op == "constant" and not node.shape and node.dtype.kind in "fiub":
            value = node.params[0][1].value
            return value.item() if isinstance(value, np.ndarray | np.generic) else value
        return None

    def same(self, position: int, node: Node) -> bool:
        """Has the node at ``position`` the shape and dtype of ``node``?"""
        return self.nodes[position][3:6] == node[3:6]

    def cast(self, position: int, node: Node) -> int | None:
        """The value at ``position`` in the dtype of ``node``, None where its shape is another."""
        have = self.nodes[position]
        if self.same(position, node):
            return position
        if have.shape != node.shape or have.weak or node.weak:
            return None
        return self.add(node, "astype", position, dtype=node.dtype)


Rule = Callable[[Draft, Node], "int | None"]
"""``(draft, node)`` -> the position in the draft of what stands for the node; None: the node stays as it is.

The node already reads positions of the draft. What a rule proposes is taken only if it has the node's shape and dtype.
"""


def sweep(graph: Graph, rule: Rule) -> Graph:
    """Apply a rule to each node once, in order, and drop what nobody needs then.

    A result that owned its memory still does: where the rule would make it the same array as an argument, a state or
    another result, it becomes a copy.
    """
    draft = Draft()
    where: list[int] = []
    owning = owners(graph)
    readers = graph.consumers
    for position, node in enumerate(graph.nodes):
        op, inputs, params, shape, dtype, weak, layer, source, name = node
        if inputs:
            node = Node(op, tuple([where[i] for i in inputs]), params, shape, dtype, weak, layer, source, name)
        count = len(readers[position]) + owning[position]
        start, draft.old = len(draft.nodes), position
        found = None if op in ("input", "random") else rule(draft, node)
        if found is None or not draft.same(found, node):
            found = draft.append(node)
        elif owning[position] and shape and not _may_own(draft, node, found, start):
            found = draft.append(node) if op == "copy" else draft.add(node, "copy", found)
        if owning[position]:
            draft.taken.add(_base(draft, found))
        draft.rename(found, name)
        draft.readers[found] += count
        where.append(found)
    return finish(graph, draft.nodes, where)


def finish(graph: Graph, nodes: list[Node], where: list[int]) -> Graph:
    """The graph of new nodes, in which ``where[i]`` stands for the old node ``i``; what nobody needs is dropped."""
    kept, moved = prune(nodes, [where[i] for i in roots(graph)], [where[i] for i in graph.inputs])
    if kept == graph.nodes and all(a.name == b.name for a, b in zip(kept, graph.nodes, strict=True)):
        return graph
    now = [moved[i] for i in where]
    state = tuple(
        replace(s, input=now[s.input], output=None if s.output is None else now[s.output]) for s in graph.state
    )
    return replace(
        graph,
        nodes=kept,
        inputs=tuple(now[i] for i in graph.inputs),
        outputs=tuple(now[i] for i in graph.outputs),
        state=state,
    )


def roots(graph: Graph) -> list[int]:
    """What a run is for: the results, and the state's new values."""
    return [*graph.outputs, *(s.output for s in graph.state if s.output is not None)]


def owners(graph: Graph) -> list[int]:
    """For each node whether its memory may be seen from outside after a run: it is a root, or a root is its view."""
    owning = [0] * len(graph.nodes)
    for position in roots(graph):
        owning[position] = 1
    for position in range(len(graph.nodes) - 1, -1, -1):
        node = graph.nodes[position]
        if owning[position] and node.op in TABLE and TABLE[node.op].view:
            owning[node.inputs[0]] = 1
    return owning


def _may_own(draft: Draft, node: Node, found: int, start: int) -> bool:
    """May what is to stand for a node be handed out: is it nobody else's memory, or was the node its view before?"""
    base = _base(draft, found)
    if base >= start or draft.nodes[base].op == "constant":  # a constant is copied when it is handed out
        return True
    if draft.nodes[base].op != "input" and base not in draft.taken:
        return True
    return node.op in TABLE and TABLE[node.op].view and base == _base(draft, node.inputs[0])


def _base(draft: Draft, position: int) -> int:
    """The node whose memory a view is of."""
    while (row := TABLE.get(draft.nodes[position].op)) is not None and row.view:
        position = draft.nodes[position].inputs[0]
    return position


def signature(op: str, params: Params, inputs: list[Node]) -> Signature:
    """Shape, dtype and weakness of an op's result: from NumPy, but without computing on arrays of full size."""
    given = dict(params)
    if op in ("full", "astype"):
        return given.get("shape", inputs[0].shape if inputs else ()), np.dtype(given["dtype"]), False
    if op in _SHAPES and not any(node.weak for node in inputs):
        return _SHAPES[op](given, inputs), np.result_type(*(n.dtype for n in inputs[: 1 + (op == "matmul")])), False
    if TABLE[op].elementwise:
        shape = np.broadcast_shapes(*(node.shape for node in inputs))
        return shape, *infer(op, params, tuple(_small(node) for node in inputs))[1:]
    return infer(op, params, tuple(node.known for node in inputs))


def _small(node: Node) -> Signature | Constant:
    """What is known of a node, with every axis of length one: enough to ask NumPy for the dtype of what comes of it."""
    known = node.known
    return known if isinstance(known, Constant) else ((1,) * len(node.shape), node.dtype, node.weak)


def _read_shape(given: dict[str, Any], inputs: list[Node]) -> tuple[int, ...]:
    arrays = [np.zeros(node.shape, node.dtype) for node in inputs[1:]]
    shape: tuple[int, ...] = np.broadcast_to(np.empty(()), inputs[0].shape)[unpack(given["key"], arrays)].shape
    return shape


_SHAPES: dict[str, Callable[[dict[str, Any], list[Node]], tuple[int, ...]]] = {
    "reshape": lambda given, inputs: given["shape"],
    "broadcast_to": lambda given, inputs: given["shape"],
    "transpose": lambda given, inputs: tuple(inputs[0].shape[axis] for axis in given["axes"]),
    "copy": lambda given, inputs: inputs[0].shape,
    "put": lambda given, inputs: inputs[0].shape,
    "put_mask": lambda given, inputs: inputs[0].shape,
    "getitem": _read_shape,
    "matmul": lambda given, inputs: _product_shape(inputs[0].shape, inputs[1].shape),
}


def _product_shape(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if len(a) == 1 or len(b) == 1:
        return a[:-1] + (b[:-2] + b[-1:] if len(b) > 1 else ())
    return (*np.broadcast_shapes(a[:-2], b[:-2]), a[-2], b[-1])
