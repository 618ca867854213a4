"""Run a graph on arrays: once, freeing each value after its last use, or keeping every value for a look at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.errors import DTypeError, GraphError, OrderError, ShapeError
from backhand.graph.graph import Graph, Node
from backhand.graph.ops import TABLE, Op, evaluator
from backhand.graph.structure import match, unflatten

__all__ = ["Contribution", "Run", "call", "evaluate", "run"]


@dataclass(frozen=True)
class Contribution:
    """One edge of one backward step: what a node sends down to one of its inputs.

    Attributes:
        node, position, input: the node, which of its inputs (0 for the first), and that input's node.
        upstream: dL/d(node), the gradient that arrived.
        local: d(node)/d(input), of the node's shape, if each element of the result depends on one element of the
            input (multiply, exp, maximum …); None otherwise (matmul, sum, indexing), where it would be a
            huge, mostly empty matrix: show ``rule`` instead.
        downstream: what is added to the input's gradient: ``upstream * local`` where there is a ``local``, summed over
            the axes along which the input was broadcast, so that it has the input's shape.
        rule: the derivative as one would write it, for example ``g * b`` or ``g @ b.T`` (``g`` is the upstream gradient,
            ``y`` the result, ``a``, ``b`` or ``x`` the inputs).
    """

    node: int
    position: int
    input: int
    upstream: Any
    local: Any
    downstream: Any
    rule: str


class Run:
    """One run of a graph with every value kept, as on the figures of the notes.

    Attributes:
        graph: what was run.
        values: for every node of the graph its value.
        gradients: after ``backward``, for every node dL/d(node), or None where L doesn't depend on it or the node
            holds no real numbers (labels, masks, indices). Before ``backward`` it is None.

    >>> import backhand
    >>> price = backhand.trace(lambda apple, number, tax: apple * number * tax, 100, 2, 1.1)
    >>> run = price.run(100, 2, 1.1)
    >>> run.result
    220.00000000000003
    >>> run.backward(1)
    (2.2, 110.00000000000001, 200)
    """

    def __init__(self, graph: Graph, values: Sequence[Any]) -> None:
        self.graph = graph
        self.values = tuple(values)
        self.gradients: tuple[Any, ...] | None = None

    @property
    def result(self) -> Any:
        """What the traced function would have returned."""
        return unflatten(self.graph.results, iter([self.values[i] for i in self.graph.outputs]))

    def backward(self, dout: Any = 1) -> tuple[Any, ...]:
        """Carry the upstream gradient ``dout`` back through every node and fill in ``gradients``.

        Args:
            dout: dL/d(result): a number or an array that broadcasts to the result. For a graph with several real
                results a sequence of as many.

        Returns:
            The gradient of every input of the graph, in the order of ``graph.inputs``, None for one without.

        Raises:
            ShapeError: ``dout`` doesn't broadcast to the result.
            DTypeError: no result is a real floating-point number.
        """
        from backhand.graph.differentiate import run_backward

        self.gradients = run_backward(self, dout)
        return tuple(self.gradients[i] for i in self.graph.inputs)

    def contributions(self, node: int) -> tuple[Contribution, ...]:
        """What backward step ``node`` sent to each of its inputs that has a gradient: the edges of the figure.

        Raises:
            OrderError: ``backward`` has not run yet.
        """
        if self.gradients is None:
            raise OrderError("Run.contributions: call backward before it, so that there are gradients to show")
        from backhand.graph.differentiate import contributions

        return contributions(self, node)
