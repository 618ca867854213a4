"""The right gradient taken apart: forward's traced graph, and sweeps back over it in which one step is done wrongly.

If the hand-written gradient is what such a sweep gives, the mistake is found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from backhand.checking.experiment import Experiment
from backhand.checking.subject import Array
from backhand.errors import BackhandError
from backhand.graph import Graph, trace
from backhand.graph.graph import Node
from backhand.graph.ops import TABLE

__all__ = ["Pieces"]

_NODES = 500
_STEPS = 100  # different steps that are altered, at most
_TERMS = 9
_MASKS = ("maximum", "minimum", "where", "put_mask", "clip")

Edge = tuple[int, int]
"""A step of the sweep: from a node to its input of that number."""


class Pieces:
    """A graph run on the values of an experiment."""

    def __init__(self, graph: Graph, values: list[Any], targets: Mapping[str, int], douts: dict[int, Array]) -> None:
        self.graph = graph
        self.values = values
        self.targets = targets
        self.douts = douts

    @staticmethod
    def of(experiment: Experiment) -> Pieces | None:
        """Trace forward; None where it can't be traced, or the graph isn't what forward gave."""
        if sum(value.size for value in experiment.values.values()) > 100_000:
            return None
        tracing = experiment.subject.tracing(experiment.values)
        if tracing is None:
            return None
        function, arguments, names = tracing
        try:
            graph = trace(function, *arguments)
            if len(graph.nodes) > _NODES:
                return None
            values = list(graph.run(*arguments).values)
            held = {graph.nodes[i].name for i in graph.inputs}
            targets = {name: graph.find(spelled) for name, spelled in names.items() if spelled in held}
        except (BackhandError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError):
            return None
        outputs = graph.outputs[: len(experiment.outputs)]
        douts: dict[int, Array] = {}
        for position, out, dout in zip(outputs, experiment.outputs, experiment.douts, strict=False):
            if np.shape(values[position]) != out.shape or not np.allclose(values[position], out):
                return None
            douts[position] = douts.get(position, 0) + dout
        return Pieces(graph, values, targets, douts)

    def sweep(self, changed: Callable[[int, int, Array, Array], Array | None]) -> dict[int, list[Array]]:
        """The terms of each node's gradient. ``changed`` is asked for each step: what it sends; None to send nothing.

        It gets the node, the number of its input, the upstream gradient and what is right to send.
        """
        terms: dict[int, list[Array]] = defaultdict(list)
        for position, dout in self.douts.items():
            terms[position].append(dout)
        for position in range(len(self.graph.nodes) - 1, -1, -1):
            if position not in terms:
                continue
            node = self.graph.nodes[position]
            upstream = np.asarray(sum(terms[position]))
            for number, source in enumerate(node.inputs):
                right = self._send(position, node, number, source, upstream)
                sent = None if right is None else changed(position, number, upstream, right)
                if sent is not None:
                    terms[source].append(sent)
        return terms

    def _send(self, position: int, node: Node, number: int, source: int, upstream: Array) -> Array | None:
        value = self.values[source]
        if node.op in ("input", "constant") or np.asarray(value).dtype.kind != "f":
            return None
        rule = TABLE[node.op].rule(number)
        if rule is None:
            return None
        read = [self.values[i] for i in node.inputs]
        return _unbroadcast(rule(upstream, self.values[position], *read, **dict(node.params)), np.shape(value))

    # -- sweeps that are wrong ---------------------------------------------------------------------------------------

    def partial_sums(self, name: str) -> Iterator[Array]:
        """The gradient by a value that is used several times, with some of its terms left out."""
        if name not in self.targets:
            return
        terms = self.sweep(_right)[self.targets[name]]
        if not 2 <= len(terms) <= _TERMS:
            yield from terms if len(terms) > 1 else ()
            return
        for count in range(1, len(terms)):
            for chosen in combinations(terms, count):
                yield np.asarray(sum(chosen))

    def without_a_step(self, name: str) -> Iterator[tuple[str, Array]]:
        """The gradient by a value with one term of a sum left out, wherever it is: the line it belongs to."""
        for line, edges in self._steps(lambda _, source: len(self.graph.consumers[source]) > 1):

            def changed(p: int, n: int, _: Array, right: Array, edges: set[Edge] = edges) -> Array | None:
                return None if (p, n) in edges else right

            yield from self._altered(name, line, changed)

    def without_a_derivative(self, name: str) -> Iterator[tuple[str, Array]]:
        """The gradient by a value with one function taken for the identity in backward: its line."""
        for line, edges in self._steps(lambda node, _: TABLE[node.op].elementwise and len(node.inputs) == 1):

            def changed(p: int, n: int, upstream: Array, right: Array, edges: set[Edge] = edges) -> Array:
                return upstream if (p, n) in edges and upstream.shape == right.shape else right

            yield from self._altered(name, line, changed)

    def without_a_mask(self, name: str) -> Iterator[Array]:
        """The gradient by a value with one maximum, minimum or ``where`` taken for the identity in backward."""
        for line, edges in self._steps(lambda node, _: node.op in _MASKS):

            def changed(p: int, n: int, upstream: Array, right: Array, edges: set[Edge] = edges) -> Array:
                return upstream if (p, n) in edges and upstream.shape == right.shape else right

            yield from (candidate for _, candidate in self._altered(name, line, changed))

    def with_a_mask_inverted(self, name: str) -> Iterator[Array]:
        """The same with one of them sending what it has to stop, and stopping what it has to send."""
        for line, edges in self._steps(lambda node, _: node.op in _MASKS):

            def changed(p: int, n: int, upstream: Array, right: Array, edges: set[Edge] = edges) -> Array:
                return upstream - right if (p, n) in edges and upstream.shape == right.shape else right

            yield from (candidate for _, candidate in self._altered(name, line, changed))

    def _altered(self, name: str, line: str, changed: Callable[..., Array | None]) -> Iterator[tuple[str, Array]]:
        if name in self.targets:
            terms = self.sweep(changed).get(self.targets[name])
            if terms:
                yield line, np.asarray(sum(terms))

    def _steps(self, wanted: Callable[[Node, int], bool]) -> Iterator[tuple[str, set[Edge]]]:
        """Groups of steps that are one in the code: the same op of the same line."""
        groups: dict[tuple[str, str, int], set[Edge]] = defaultdict(set)
        for position, node in enumerate(self.graph.nodes):
            if node.op in ("input", "constant"):
                continue
            for number, source in enumerate(node.inputs):
                if np.asarray(self.values[source]).dtype.kind == "f" and wanted(node, source):
                    groups[str(node.source), node.op, number].add((position, number))
        for (line, _, _), edges in list(groups.items())[:_STEPS]:
            yield line, edges


def _right(_: int, __: int, ___: Array, right: Array) -> Array:
    return right


def _unbroadcast(made: Any, shape: tuple[int, ...]) -> Array:
    """Summed over the axes along which an input of that shape was broadcast."""
    gradient: Array = np.asarray(made, float)
    if gradient.shape == shape:
        return gradient
    lead = gradient.ndim - len(shape)
    if lead < 0:
        return np.array(np.broadcast_to(gradient, shape))
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and gradient.shape[lead + i] != 1)
    summed = gradient.sum(axis=axes) if axes else gradient
    fitting = summed.reshape(shape) if summed.size == np.prod(shape) else summed
    return np.array(np.broadcast_to(fitting, shape))
