"""Run a graph on arrays: once, freeing each value after its last use, or keeping every value for a look at it."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.errors import DTypeError, GraphError, OrderError, ShapeError
from backhand.graph.graph import Graph, Node
from backhand.graph.ops import TABLE, Op, evaluator
from backhand.graph.structure import match, unflatten
from backhand.graph.tracing.array import Tracer, apply
from backhand.graph.tracing.tape import Tape, active_tape

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
        rule: the derivative as one would write it, for example ``g * b`` or ``g @ b.T`` (``g`` is the upstream
        gradient,
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
        self._all: list[Any] = []

    @property
    def result(self) -> Any:
        """What the traced function would have returned."""
        return unflatten(self.graph.results, iter([self.values[i] for i in self.graph.outputs]))

    def _repr_html_(self) -> str:
        """How a notebook shows it: a page to step through."""
        from backhand.drawing import notebook_html

        return notebook_html(self)

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
        reverse = self.graph.reverse
        seeds = _seeds(self.graph, dout)
        values: list[Any] = list(self.values) + [None] * (len(reverse.nodes) - len(self.values))
        for position, seed in zip(reverse.seeds, seeds, strict=True):
            values[position] = seed
        for position in range(len(self.values), len(reverse.nodes)):
            node = reverse.nodes[position]
            if node.op == "constant":
                values[position] = node.param("value").value
            elif node.op != "input":
                values[position] = evaluator(node.op, node.params)(*[values[i] for i in node.inputs])
        self._all = values
        self.gradients = tuple(None if i is None else values[i] for i in reverse.gradients)
        return tuple(self.gradients[i] for i in self.graph.inputs)

    def contributions(self, node: int) -> tuple[Contribution, ...]:
        """What backward step ``node`` sent to each of its inputs that has a gradient: the edges of the figure.

        Raises:
            OrderError: ``backward`` has not run yet.
        """
        if self.gradients is None:
            raise OrderError("Run.contributions: call backward before it, so that there are gradients to show")
        made = self.graph.nodes[node]
        row = TABLE.get(made.op)
        found = []
        for number, source in enumerate(made.inputs):
            edge = self.graph.reverse.edges.get((node, number))
            if edge is None or row is None:
                continue
            upstream = self.gradients[node]
            local = _local(row, number, made, self.values[node], [self.values[i] for i in made.inputs])
            found.append(Contribution(node, number, source, upstream, local, self._all[edge], rule_text(row, number)))
        return tuple(found)


def _seeds(graph: Graph, dout: Any) -> list[Any]:
    """The upstream gradient of each real result, of its shape and dtype."""
    results = [graph.nodes[i] for i in graph.real_outputs]
    if not results:
        raise DTypeError("Run.backward: no result of the graph is a floating-point number or array")
    given = [dout] if len(results) == 1 else list(dout) if isinstance(dout, Sequence) else [dout] * len(results)
    if len(given) != len(results):
        raise ShapeError(f"Run.backward: {len(given)} upstream gradients for {len(results)} results")
    seeds = []
    for node, seed in zip(results, given, strict=True):
        if node.weak:
            seeds.append(seed)
            continue
        try:
            whole = np.broadcast_to(np.asarray(seed, dtype=node.dtype), node.shape)
        except ValueError as error:
            raise ShapeError(
                f"Run.backward: dout has shape {np.shape(seed)}; it must broadcast to the result's {node.shape}"
            ) from error
        seeds.append(whole.copy() if node.shape else whole[()])
    return seeds


def _local(row: Op, number: int, node: Node, result: Any, inputs: list[Any]) -> Any:
    """d(node)/d(input) element by element: the rule, asked with an upstream gradient of one."""
    rule = row.rule(number)
    if not row.elementwise or rule is None:
        return None
    one: Any = 1.0 if node.weak else np.ones(node.shape, node.dtype)[()]
    with np.errstate(all="ignore"):
        local = rule(one, result, *inputs, **dict(node.params))
    return np.broadcast_to(local, node.shape) if node.shape else local


def rule_text(row: Op, number: int) -> str:
    """A derivative rule as one would write it: a lambda's body, or the first line of a function's docstring."""
    rule = row.variadic or row.rule(number)
    if rule is None:
        return "0"
    if rule.__doc__:
        return rule.__doc__.strip().splitlines()[0]
    places = [p for p in rule.__code__.co_positions() if None not in p and p[2:] != (0, 0)]
    lines = linecache.getlines(rule.__code__.co_filename)
    first = min((line, column) for line, _, column, _ in places if line and column is not None)
    last = max((line, column) for _, line, _, column in places if line and column is not None)
    if first[0] != last[0]:
        return " ".join(part.strip() for part in lines[first[0] - 1 : last[0]])
    return lines[first[0] - 1][first[1] : last[1]]


# -- running --------------------------------------------------------------------------------------------------------


def run(graph: Graph, inputs: tuple[Any, ...], state: dict[str, Any] | None) -> Run:
    """See :meth:`Graph.run`."""
    return Run(graph, evaluate(graph, bind(graph, inputs, state), keep=True))


def call(graph: Graph, inputs: tuple[Any, ...], state: dict[str, Any] | None) -> Any:
    """See :meth:`Graph.__call__`."""
    tape = active_tape()
    if tape is not None and any(type(v) is Tracer for v in match(graph.arguments, inputs, "arguments")):
        return _inline(graph, bind(graph, inputs, state), tape)
    values = evaluate(graph, bind(graph, inputs, state))
    return unflatten(graph.results, iter([writeable(values[i]) for i in graph.outputs]))


def _inline(graph: Graph, inputs: list[Any], tape: Tape) -> Any:
    """A graph called inside a trace becomes part of it, node by node."""
    values: dict[int, Any] = dict(zip(graph.inputs, inputs, strict=True))
    for position, node in enumerate(graph.nodes):
        if node.op == "constant":
            values[position] = node.param("value").value
        elif node.op != "input":
            values[position] = apply(tape, TABLE[node.op], tuple(values[i] for i in node.inputs), node.params)
    return unflatten(graph.results, iter([values[i] for i in graph.outputs]))


def writeable(value: Any) -> Any:
    """A result that its owner may change: a constant or a broadcast view is copied."""
    return value.copy() if isinstance(value, np.ndarray) and not value.flags.writeable else value


def bind(graph: Graph, inputs: tuple[Any, ...], state: dict[str, Any] | None) -> list[Any]:
    """The value of every input node, in the order of ``graph.inputs``, checked."""
    expected = len(graph.arguments.children)
    if len(inputs) != expected:
        raise GraphError(f"the graph takes {expected} arguments, got {len(inputs)}")
    given = match(graph.arguments, inputs, "arguments")
    own = [s for s in graph.state if not s.argument]
    known = {s.name: s for s in own}
    for name in state or {}:
        if name not in known:
            raise GraphError(f"the graph has no state {name!r}; it has: {', '.join(known) or 'none'}")
    for s in own:
        assert s.value is not None
        given.append(state[s.name] if state and s.name in state else s.value.value)
    return [fitting(graph.nodes[i], value) for i, value in zip(graph.inputs, given, strict=True)]


def fitting(node: Node, value: Any) -> Any:
    """The value of an input node, if it is of its shape and dtype.

    Raises:
        ShapeError, DTypeError: it is not: a graph holds for one signature.
    """
    if type(value) is Tracer:
        fitting(node, value.value)
        return value
    if node.weak:
        right = {"f": (float, int), "i": (int,), "b": (bool,), "c": (complex, float, int)}[node.dtype.kind]
        if type(value) not in right:
            raise DTypeError(
                f"{node.name} was a Python {node.type} when the graph was traced, got {value!r}: trace again"
            )
        return float(value) if node.dtype.kind == "f" else value
    if not isinstance(value, np.ndarray | np.generic):
        value = np.asarray(value)
    if value.shape != node.shape:
        raise ShapeError(f"{node.name} has shape {value.shape}; the graph was traced for {node.shape}: trace it again")
    if value.dtype != node.dtype:
        raise DTypeError(
            f"{node.name} is {value.dtype}; the graph was traced for {node.dtype}: use .astype or trace again"
        )
    order = node.param("order")
    if order is not None and order_of(value) != order:
        raise GraphError(
            f"{node.name} lies in memory in another order than when the graph was traced, and the code writes through "
            f"a reshape, which copies or not by that order: use np.ascontiguousarray on both, or trace again"
        )
    return value


def order_of(value: Any) -> str:
    """How an array lies in memory: "C", "F", "A" for neither; "C" too where it makes no difference."""
    if not isinstance(value, np.ndarray) or value.flags.c_contiguous:
        return "C"
    return "F" if value.flags.f_contiguous else "A"


def evaluate(
    graph: Graph, inputs: Sequence[Any], keep: bool = False, streams: dict[str, Any] | None = None
) -> list[Any]:
    """Compute every node, in order; with ``keep`` every value stays, else each is dropped after its last use.

    ``streams`` says where random draws come from, by name; NumPy's global stream is known by itself.
    """
    values: list[Any] = [None] * len(graph.nodes)
    for position, value in zip(graph.inputs, inputs, strict=True):
        values[position] = value
    for position, function, read, dead in graph.plan:
        if len(read) == 2:
            values[position] = function(values[read[0]], values[read[1]])
        elif len(read) == 1:
            values[position] = function(values[read[0]])
        elif function is draw:
            values[position] = draw(graph.nodes[position], streams or {})
        else:
            values[position] = function(*[values[i] for i in read])
        if dead and not keep:
            for i in dead:
                values[i] = None
    return values


def draw(node: Node, streams: Mapping[str, Any]) -> Any:
    """A random draw from the stream that the node names."""
    stream = node.param("stream")
    source = np.random if stream == "numpy.random" else streams.get(stream)
    if source is None:
        raise GraphError(f"the graph draws random numbers from {stream}, which is not part of it: use Recording.replay")
    args, kwargs = node.param("args").value, node.param("kwargs").value
    return getattr(source, node.param("name"))(*args, **kwargs)


Step = tuple[int, Callable[..., Any], tuple[int, ...], tuple[int, ...]]


def plan(graph: Graph) -> list[Step]:
    """For each computed node: its position, the function that computes it, its inputs, and what is not needed after."""
    needed = bytearray(len(graph.nodes))  # by a later step
    for i in (*graph.inputs, *graph.outputs, *(s.output for s in graph.state if s.output is not None)):
        needed[i] = 1
    functions: dict[Any, Callable[..., Any]] = {}
    steps: list[Step] = []
    for position in range(len(graph.nodes) - 1, -1, -1):
        op, read, params = graph.nodes[position][:3]
        if op == "input":
            continue
        key = (op, params) if params else op
        if key not in functions:
            functions[key] = _function(graph.nodes[position])
        dead: tuple[int, ...] = ()
        for i in read:
            if not needed[i]:
                needed[i] = 1
                dead += (i,)
        steps.append((position, functions[key], read, dead))
    steps.reverse()
    return steps


def _function(node: Node) -> Callable[..., Any]:
    if node.op == "random":
        return draw
    if node.op == "constant":
        value = node.param("value").value
        return lambda: value
    return evaluator(node.op, node.params)
