"""A program on NumPy alone: the graph's nodes in order, their results in buffers that are used again and again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from backhand.compiling.index import is_view
from backhand.compiling.legal import legal
from backhand.graph import Graph, Node
from backhand.graph.evaluate import draw
from backhand.graph.ops import TABLE, evaluator
from backhand.graph.ops.index import unpack

__all__ = ["NumpyEngine"]

REDUCTIONS = {"sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "prod": np.prod}


class NumpyEngine:
    """Each node as one call of NumPy, written into memory that was allocated before the first step."""

    name = "numpy"
    whole = False

    def __init__(self, graph: Graph) -> None:
        self.graph = legal(graph).graph
        self.text = str(self.graph)
        self.streams: Mapping[str, Any] = {}
        self.values: list[Any] = [None] * len(self.graph.nodes)
        self._roots = _roots(self.graph)
        self._last = _last_uses(self.graph, self._roots)
        self._in_place = self._targets()
        self._calls = self._plan()
        self._commits = [
            (s.input, s.output)
            for s in self.graph.state
            if s.output is not None and self._in_place.get(s.output) != s.input
            and self._roots[s.output] != s.input
        ]  # fmt: skip

    def attach(self, position: int, array: Any) -> None:
        """Say where an input is: a contiguous array."""
        self.values[position] = array.reshape(self.graph.nodes[position].shape)

    def has_memory(self, position: int) -> bool:
        """Is the input an array?"""
        return not self.graph.nodes[position].weak

    def keep(self, position: int, value: Any) -> None:
        """Take in an input that has no memory of ours."""
        self.values[position] = value

    def number(self, position: int) -> Any:
        """The value of a Python number."""
        return self.values[position]

    set_number = keep

    def step(self) -> None:
        """Run once."""
        values = self.values
        for position, call in self._calls:
            values[position] = call()

    def advance(self) -> None:
        """The state whose old value was read until now takes its new one."""
        made = [(old, self.values[new]) for old, new in self._commits]
        for old, value in made:
            if isinstance(self.values[old], np.ndarray):
                self.values[old][...] = value
            else:
                self.values[old] = value

    def reader(self, position: int) -> Callable[[], Any]:
        """What gives a result, as the caller's own."""
        node = self.graph.nodes[position]

        def read() -> Any:
            value = self.values[position]
            if not isinstance(value, np.ndarray):
                return value
            return value.copy() if node.shape else value[()]

        return read

    # -- the plan -----------------------------------------------------------------------------------------------------

    def _targets(self) -> dict[int, int]:
        """The results that may be written into the state whose new value they are: nobody reads the old one later."""
        found: dict[int, int] = {}
        for state in self.graph.state:
            new = state.output
            if new is None or self.graph.nodes[new].weak or self._writer(new) is None:
                continue
            if self._last.get(state.input, -1) <= new and self._steps_with(new, state.input):
                found[new] = state.input
        return found

    def _steps_with(self, writer: int, state: int) -> bool:
        """Does an elementwise writer read the state itself, and no view of it?"""
        node = self.graph.nodes[writer]
        reads = [i for i in node.inputs if self._roots[i] == state]
        return not reads or (_is_map(node) and all(i == state for i in reads))

    def _plan(self) -> list[tuple[int, Callable[[], Any]]]:
        free: dict[tuple[int, str], list[Any]] = {}
        held: dict[int, Any] = {}
        ends = {self._roots[i] for i in self.graph.outputs}
        ends |= {self._roots[s.output] for s in self.graph.state if s.output is not None}
        dying: dict[int, list[int]] = {}
        for root, last in self._last.items():
            if root not in ends:
                dying.setdefault(last, []).append(root)
        calls: list[tuple[int, Callable[[], Any]]] = []
        for position, node in enumerate(self.graph.nodes):
            if node.op == "input":
                continue
            if node.op == "constant":
                self.values[position] = node.param("value").value
                continue
            write = self._writer(position)
            if write is None:
                calls.append((position, self._plain(position, node)))
            elif position in self._in_place:
                calls.append((position, self._into_state(self._in_place[position], write)))
            else:
                key = (math.prod(node.shape), node.dtype.char)
                spare = free.setdefault(key, [])
                flat = spare.pop() if spare else np.empty(key[0], node.dtype)
                held[position] = flat
                calls.append((position, self._into(flat.reshape(node.shape), write)))
            for root in dying.get(position, ()):
                if root in held:
                    flat = held.pop(root)
                    free[flat.size, flat.dtype.char].append(flat)
        return calls

    def _into(self, out: Any, write: Callable[[Any], None]) -> Callable[[], Any]:
        def call() -> Any:
            write(out)
            return out

        return call

    def _into_state(self, state: int, write: Callable[[Any], None]) -> Callable[[], Any]:
        def call() -> Any:
            out = self.values[state]
            write(out)
            return out

        return call

    def _plain(self, position: int, node: Node) -> Callable[[], Any]:
        """A node that needs no memory, or whose size only NumPy knows how to fill."""
        values, inputs = self.values, node.inputs
        if node.op == "random":
            return lambda: draw(node, self.streams)
        if node.op in ("put", "add_at"):
            key, add = node.param("key"), node.op == "add_at"

            def put() -> Any:
                made = values[inputs[0]]
                place = unpack(key, [values[i] for i in inputs[2:]])
                if add:
                    np.add.at(made, place, values[inputs[1]])
                else:
                    made[place] = values[inputs[1]]
                return made

            return put
        function = evaluator(node.op, node.params)
        return lambda: function(*[values[i] for i in inputs])

    def _writer(self, position: int) -> Callable[[Any], None] | None:
        """A function that writes a node's value into given memory; None if NumPy has no such."""
        node = self.graph.nodes[position]
        values, inputs = self.values, node.inputs
        if node.weak or 0 in node.shape or not node.shape or node.dtype.kind not in "fiub":
            return None
        if node.op in ("copy", "astype"):
            return lambda out: np.copyto(out, values[inputs[0]], casting="unsafe")
        if node.op == "full":
            value = node.param("value").value
            return lambda out: out.fill(value)
        if node.op == "put_mask":

            def put_mask(out: Any) -> None:
                if out is not values[inputs[0]]:
                    np.copyto(out, values[inputs[0]])
                np.copyto(out, values[inputs[2]], where=values[inputs[1]], casting="unsafe")

            return put_mask
        if node.op == "matmul":
            return lambda out: np.matmul(values[inputs[0]], values[inputs[1]], out=out)
        if node.op in REDUCTIONS:
            reduce: Any = REDUCTIONS[node.op]
            given = dict(node.params)
            return lambda out: reduce(values[inputs[0]], out=out, **given)
        functions = [f for f in TABLE[node.op].numpy if isinstance(f, np.ufunc)] if node.op in TABLE else []
        if not TABLE[node.op].elementwise or not functions or node.params:
            return None
        ufunc = functions[0]
        if len(inputs) == 1:
            return lambda out: ufunc(values[inputs[0]], out=out)
        return lambda out: ufunc(values[inputs[0]], values[inputs[1]], out=out)


def _is_map(node: Node) -> bool:
    return node.op in ("copy", "astype", "put_mask") or TABLE[node.op].elementwise


def _roots(graph: Graph) -> list[int]:
    """For each node the node whose memory its value may lie in."""
    roots: list[int] = []
    for position, node in enumerate(graph.nodes):
        shares = node.op in ("put", "add_at", "reshape", "scalar", "positive")
        if node.inputs and (shares or is_view(node, graph.nodes[node.inputs[0]])):
            roots.append(roots[node.inputs[0]])
        else:
            roots.append(position)
    return roots


def _last_uses(graph: Graph, roots: list[int]) -> dict[int, int]:
    last: dict[int, int] = {}
    for position, node in enumerate(graph.nodes):
        last[roots[position]] = position
        for i in node.inputs:
            last[roots[i]] = position
    return last
