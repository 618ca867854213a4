"""A graph made ready to run many times: on the user's own arrays, in place, without anything left to decide.

program = build(graph, "native")
program.bind({"params['W1']": W1, "optimizer.iter": 0})     # the user's own arrays; numbers by value
losses = program.epoch([x_train, t_train], order)           # or program.run([x, t]), one step
program.numbers["optimizer.iter"]                           # what the numbers are now
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from backhand.errors import GraphError
from backhand.graph import Graph
from backhand.graph.evaluate import evaluate, fitting, writeable

__all__ = ["Program", "Row", "build"]


class Row(NamedTuple):
    """One line of ``Program.explain()``: a kernel (fused loops), a product, or a call of NumPy.

    ``nodes`` are the graph's nodes that it computes, ``bytes`` what it reads and writes, ``flops`` its arithmetic
    operations, each of one step. ``how`` is how it is done: ``"loop"``, ``"own product"``, ``"BLAS"``, ``"sparse"``,
    ``"NumPy"``; ``where`` the layers and source lines that it came from.
    """

    name: str
    how: str
    nodes: tuple[int, ...]
    bytes: int
    flops: int
    where: str


def build(graph: Graph, engine: str = "native", threads: int | None = None) -> Program:
    """Plan a graph and make it ready to run on the engine ``"native"`` (C) or ``"numpy"``.

    Where C can't be compiled the program runs on NumPy, and ``note`` says why. ``threads`` is how many threads a
    native program may use; None: as many as the process may run on, and as there is work for.

    Raises:
        GraphError: another engine.
    """
    if engine not in ("native", "numpy"):
        raise GraphError(f"there is no engine {engine!r}; there are 'native' and 'numpy'")
    return Program(graph, engine)


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

    def __init__(self, graph: Graph, engine: str) -> None:
        self.graph = graph
        self.engine = engine
        self.note = ""
        self.source = str(graph)
        self.numbers: dict[str, Any] = {}
        self._own = [s for s in graph.state if not s.argument]
        self._arrays: dict[str, Any] = {}
        self._streams: Mapping[str, Any] = {}

    def explain(self) -> list[Row]:
        """What a step consists of, in the order in which it runs."""
        return []

    def bind(self, state: Mapping[str, Any], streams: Mapping[str, Any] | None = None) -> None:
        """Say where the state lives: by its name in ``graph.state`` the array that runs read and write in place.

        Numbers are taken by value: see ``numbers``. An array must not be rebound or resized afterwards without another
        ``bind``; its values may change. ``streams`` are the random generators that the graph draws from, by name;
        NumPy's global one is known.

        Raises:
            GraphError: a name is missing or unknown.
            ShapeError, DTypeError: a value doesn't fit.
        """
        known = {s.name for s in self._own}
        if set(state) != known:
            raise GraphError(f"the program's state is {sorted(known)}, got {sorted(state)}")
        for s in self._own:
            value = fitting(self.graph.nodes[s.input], state[s.name])
            (self._arrays if isinstance(value, np.ndarray) else self.numbers)[s.name] = value
        self._streams = streams or {}

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """One step on the leaves of the arguments, in the order of ``graph.inputs``; gives the outputs.

        Bound arrays, and arguments that the graph writes into, are changed in place; outputs are the caller's own.

        Raises:
            ShapeError, DTypeError: an input is not what the graph was traced for.
            GraphError: another number of inputs, or no state is bound.
        """
        graph = self.graph
        given = len(graph.inputs) - len(self._own)
        if len(inputs) != given:
            raise GraphError(f"the program takes {given} inputs, got {len(inputs)}")
        values = [fitting(graph.nodes[i], v) for i, v in zip(graph.inputs, inputs, strict=False)]
        for s in self._own:
            values.append(self._arrays[s.name] if s.name in self._arrays else self.numbers[s.name])
        made = evaluate(graph, values, streams=dict(self._streams))
        outputs = [np.copy(v)[()] if isinstance(v := writeable(made[i]), np.ndarray) else v for i in graph.outputs]
        new = [(s, made[s.output]) for s in graph.state if s.output is not None]
        new = [(s, np.copy(v) if isinstance(v, np.ndarray) else v) for s, v in new]
        by_input = dict(zip(graph.inputs, inputs, strict=False))
        for s, value in new:
            target = by_input[s.input] if s.argument else self._arrays.get(s.name)
            if target is None:
                self.numbers[s.name] = value
            else:
                target[...] = value
        return outputs

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
        graph = self.graph
        steps = []
        for row in np.asarray(order):
            batch = []
            for i, samples in zip(graph.inputs, data, strict=False):
                node = graph.nodes[i]
                x = np.asarray(samples)[row].reshape(node.shape)
                if x.dtype == np.uint8 != node.dtype:
                    x = x.astype(node.dtype)
                    x /= scale
                batch.append(x)
            steps.append(self.run(batch))
        return [np.array(column) for column in zip(*steps, strict=True)]
