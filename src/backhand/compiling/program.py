"""A graph made ready to run many times: on the user's own arrays, in place, without anything left to decide.

program = build(graph, "native")
program.bind({"params['W1']": W1, "optimizer.iter": 0})     # the user's own arrays; numbers by value
losses = program.epoch([x_train, t_train], order)           # or program.run([x, t]), one step
program.numbers["optimizer.iter"]                           # what the numbers are now
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backhand.compiling.call import Entry
from backhand.compiling.epoch import run_epoch
from backhand.compiling.native import NativeError
from backhand.compiling.native_engine import NativeEngine
from backhand.compiling.numpy_engine import NumpyEngine
from backhand.compiling.plan import plan
from backhand.compiling.recipe import in_c
from backhand.compiling.rewrite import ON_NUMPY, simplify
from backhand.compiling.rows import Row, rows
from backhand.errors import GraphError
from backhand.graph import Graph, Node
from backhand.graph.evaluate import fitting

__all__ = ["Program", "Row", "build"]

Engine = NativeEngine | NumpyEngine


def build(graph: Graph, engine: str = "native", threads: int | None = None) -> Program:
    """Simplify and plan a graph and make it ready to run on the engine ``"native"`` (C) or ``"numpy"``.

    Where C can't be compiled the program runs on NumPy, and ``note`` says why. ``threads`` is how many threads a
    native program may use; None: as many as the process may run on, and as there is work for.

    Raises:
        GraphError: another engine.
    """
    if engine not in ("native", "numpy"):
        raise GraphError(f"there is no engine {engine!r}; there are 'native' and 'numpy'")
    note = _unknown_to_c(graph) if engine == "native" else ""
    if engine == "native" and not note:
        simple = simplify(graph)
        try:
            return Program(simple, NativeEngine(plan(simple), threads))
        except NativeError as error:
            note = f"{error}: the step runs on NumPy instead"
    simple = simplify(graph, ON_NUMPY)
    return Program(simple, NumpyEngine(simple), note)


def _unknown_to_c(graph: Graph) -> str:
    """Why C can't hold the graph's new state, if it can't."""
    for s in graph.state:
        if s.output is not None and not in_c(graph.nodes[s.output].dtype):
            return f"{s.name} is {graph.nodes[s.output].dtype}, which C doesn't know: the step runs on NumPy instead"
    return ""


class Program:
    """A graph that is ready to run.

    Attributes:
        graph: what it computes.
        engine: ``"native"`` or ``"numpy"``: what it really runs on.
        note: one line that says why it is not the engine that was asked for; empty if it is.
        source: the program as text: C for ``"native"``, a listing for ``"numpy"``.
        numbers: the Python numbers and NumPy scalars among the state, by name, as they are after the last run.

    It may be used from one thread at a time.
    """

    def __init__(self, graph: Graph, engine: Engine, note: str = "") -> None:
        self.graph = graph
        self.engine = engine.name
        self.note = note
        self.source = engine.text
        self.numbers: dict[str, Any] = {}
        self.inner = engine.graph
        self._engine = engine
        self._bound = False
        own = [s for s in self.inner.state if not s.argument]
        given = len(self.inner.inputs) - len(own)
        written = {s.input for s in self.inner.state if s.argument and s.output is not None}
        self._own = {s.name: s for s in own}
        self._feeds = [_feed(engine, i, i in written) for i in self.inner.inputs[:given]]
        self._written = [number for number, i in enumerate(self.inner.inputs[:given]) if i in written]
        self.arguments = [self.inner.nodes[i] for i in self.inner.inputs[:given]]
        self.readers = [engine.reader(i) for i in self.inner.outputs]
        self._own_memory: dict[int, Any] = {}
        self._staged: list[tuple[Any, Any]] = []  # state that C can't work in as it lies: the user's array, and ours
        self._counters: list[tuple[str, Callable[[Any], None], Callable[[], Any]]] = []

    def explain(self) -> list[Row]:
        """What a step consists of, in the order in which it runs."""
        return rows(self._engine)

    def bind(self, state: Mapping[str, Any], streams: Mapping[str, Any] | None = None) -> None:
        """Say where the state lives: by its name in ``graph.state`` the array that runs read and write in place.

        Numbers are taken by value: see ``numbers``. An array must not be rebound or resized afterwards without another
        ``bind``; its values may change. ``streams`` are the random generators that the graph draws from, by name;
        NumPy's global one is known.

        Raises:
            GraphError: a name is missing or unknown.
            ShapeError, DTypeError: a value doesn't fit.
        """
        if set(state) != set(self._own):
            raise GraphError(f"the program's state is {sorted(self._own)}, got {sorted(state)}")
        engine = self._engine
        self._staged, self._counters, self.numbers = [], [], {}
        for name, s in self._own.items():
            node = self.inner.nodes[s.input]
            value = fitting(node, state[name])
            if isinstance(value, np.ndarray):
                array = value
                if not _workable(value, s.output is not None):
                    array = np.empty(value.shape, value.dtype)
                    self._staged.append((value, array))
                engine.attach(s.input, array.reshape(-1))
            else:
                self.numbers[name] = value
                feed, read = _feed(engine, s.input, True), engine.reader(s.input)
                self._counters.append((name, feed, read))
        engine.streams = streams or {}
        self._bound = True

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """One step on the leaves of the arguments, in the order of ``graph.inputs``; gives the outputs.

        Bound arrays, and arguments that the graph writes into, are changed in place; outputs are the caller's own.

        Raises:
            ShapeError, DTypeError: an input is not what the graph was traced for.
            GraphError: another number of inputs, or no state is bound.
        """
        if len(inputs) != len(self._feeds):
            raise GraphError(f"the program takes {len(self._feeds)} inputs, got {len(inputs)}")
        self.enter()
        for feed, value in zip(self._feeds, inputs, strict=True):
            feed(value)
        self._engine.step()
        outputs = [read() for read in self.readers]
        self._engine.advance()
        self.leave()
        for number in self._written:
            node = self.inner.inputs[number]
            inputs[number][...] = self._engine.reader(node)()
        return outputs

    def entry(self) -> Entry | None:
        """How a call gets into the bound program and out without Python in between; None if it needs Python.

        It holds until the next ``bind``. Larger arguments are worked on where they lie, which takes a look at them.
        """
        engine, places = self._engine, self.inner.inputs[: len(self.arguments)]
        if self._counters or self._staged or self._written or len(self.readers) != 1:
            return None
        if not isinstance(engine, NativeEngine) or any(
            _size(node) > COPIED or node.param("order") for node in self.arguments
        ):
            return None
        return engine.entry(places, self.inner.outputs[0])

    def staging(self, number: int) -> Any:
        """Memory of our own for an argument, flat, attached: an epoch gathers into it."""
        node, i = self.arguments[number], self.inner.inputs[number]
        if number not in self._own_memory:
            self._own_memory[number] = np.empty(int(np.prod(node.shape, dtype=np.int64)), node.dtype)
        self._engine.attach(i, self._own_memory[number])
        return self._own_memory[number]

    def enter(self) -> None:
        """Take the state in: numbers by value, and arrays that can't be worked in where they lie."""
        if not self._bound and self._own:
            raise GraphError("the program's state is not bound; call bind before it runs")
        for name, feed, _ in self._counters:
            feed(self.numbers[name])
        for array, staged in self._staged:
            staged[...] = array

    def leave(self) -> None:
        """Give the state back."""
        for name, _, read in self._counters:
            self.numbers[name] = read()
        for array, staged in self._staged:
            if array.flags.writeable:
                array[...] = staged

    def epoch(self, data: Sequence[Any], order: Any, scale: float | None = None) -> list[Any]:
        """As many steps as ``order`` has rows, without coming back to Python between them.

        Args:
            data: for each argument an array of samples; a step's input is its rows ``order[step]``, in the shape of
                the input (samples may be images for an input of flat rows).
            order: integers, (steps, batch), or (steps,) where each step takes one sample without a batch axis.
            scale: where a data array is uint8 and the input is not, pixels are divided by it in the input's dtype.

        Returns:
            For each output, which must be one number, an array (steps,) of its values.

        Raises:
            GraphError: an output is no number, or the graph writes into its arguments.
            ShapeError, DTypeError: the samples or the order don't fit.
            IndexError: ``order`` has a place that the data hasn't.
        """
        if self._written:
            raise GraphError("the code writes into its arguments: an epoch has nowhere to put that; call step by step")
        return run_epoch(self, self._engine, data, order, scale)


COPIED = 2**14
"""Bytes: a smaller input is copied, which is cheaper than asking NumPy for its address."""


def _size(node: Node) -> int:
    """In bytes."""
    return int(np.prod(node.shape, dtype=np.int64)) * node.dtype.itemsize


def _workable(array: Any, written: bool) -> bool:
    flags = array.flags
    return flags.c_contiguous and flags.aligned and (flags.writeable or not written) and array.dtype.isnative


def _feed(engine: Engine, position: int, copied: bool) -> Callable[[Any], None]:
    """What takes in the value of an input, checked."""
    node = engine.graph.nodes[position]
    if node.weak:
        return lambda value: engine.set_number(position, fitting(node, value))
    if not engine.has_memory(position):
        return lambda value: engine.keep(position, fitting(node, value))
    size = int(np.prod(node.shape, dtype=np.int64))
    own = np.empty(size, node.dtype)
    shaped = own.reshape(node.shape)
    shape, dtype, ordered = node.shape, node.dtype, node.param("order") is not None
    engine.attach(position, own)

    def copy(value: Any) -> None:
        if ordered or type(value) is not np.ndarray or value.dtype is not dtype or value.shape != shape:
            value = fitting(node, value)
        shaped[...] = value

    if copied or own.nbytes <= COPIED:
        return copy
    last: list[Any] = [None]

    def point(value: Any) -> None:
        if ordered or type(value) is not np.ndarray or value.dtype != dtype or value.shape != shape:
            value = fitting(node, value)
        if value is last[0]:
            return
        if _workable(value, False):
            last[0] = value
            engine.attach(position, value.reshape(-1))
        else:
            last[0] = None
            shaped[...] = value
            engine.attach(position, own)

    return point
