"""The chain rule: a graph of a function becomes a graph of its gradient, by one sweep from the results back.

A rule of the op table is traced once for each signature it is met with; each node then gets a copy of what was traced.
Sums over broadcast axes and casts back to an input's dtype happen here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from backhand.errors import DTypeError, GraphError, ShapeError
from backhand.graph.graph import Constant, Graph, Layer, Node
from backhand.graph.ops import TABLE, Signature, example, infer
from backhand.graph.prune import no_collection, prune
from backhand.graph.structure import LEAF, Structure, unflatten
from backhand.graph.tracing.array import Tracer, apply, as_tracer, current
from backhand.graph.tracing.functions import axis_of
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__ = ["Reverse", "differentiate", "grad"]

Guard = tuple[int, bool] | None
"""The condition of a ``where`` (a node) and which branch: all of a gradient that is zero elsewhere came through it."""


def is_real(node: Node) -> bool:
    """Can a derivative be taken by this node? Floating-point arrays and Python numbers, not integer arrays or masks."""
    return node.dtype.kind == "f" or (node.weak and node.dtype.kind == "i")


def differentiate(
    graph: Graph, wrt: str | int | Sequence[str | int] | None = None, outputs: int | Sequence[int] | None = None
) -> Graph:
    """The graph of the gradient, by reverse mode.

    Args:
        graph: of a function. Its derivative is a graph like any other: differentiate it again for the second order.
        wrt: by which inputs: a name (``"x"``, ``"params['W1']"``), a number among ``graph.inputs``, or several; by
        default
            all that hold real numbers.
        outputs: of which results, as numbers among ``graph.outputs``; by default all that are real.

    Returns:
        A graph with the same arguments. It returns the gradient by ``wrt``, or a tuple of them if ``wrt`` is not a
        single one, each of its input's shape and dtype. A result that is not a single number needs an upstream
        gradient: for each such result the graph takes one more argument, ``dout``, of the result's shape.

    Raises:
        DTypeError: an input or result is made of integers, booleans or complex numbers.
        GraphError: there is no such input or result.

    >>> import numpy as np, backhand
    >>> square = backhand.trace(lambda x: np.sum(x**2), np.array([1.0, 2.0]))
    >>> backhand.differentiate(square)(np.array([1.0, 2.0]))
    (array([2., 4.]),)
    """
    with no_collection():
        return _differentiate(graph, wrt, outputs)


def _differentiate(
    graph: Graph, wrt: str | int | Sequence[str | int] | None, outputs: int | Sequence[int] | None
) -> Graph:
    single = isinstance(wrt, str | int)
    names = [wrt] if isinstance(wrt, str | int) else wrt
    if names is None:
        inputs = [i for i in graph.inputs if is_real(graph.nodes[i])]
    else:
        inputs = [graph.find(name) for name in names]
    for position in inputs:
        _check_real(graph, position, "derivative by")
    results = _results(graph, outputs)
    reverse = Reverse(graph, inputs)
    douts = []
    for number, position in enumerate(results):
        node = graph.nodes[position]
        if node.shape:
            name = "dout" if len(results) == 1 else f"dout{number}"
            seed = reverse.append(Node("input", (), (), node.shape, node.dtype, node.weak, name=name))
            douts.append(seed)
        else:
            one = Constant(1.0 if node.weak else node.dtype.type(1))
            seed = reverse.append(Node("constant", (), (("value", one),), (), node.dtype, node.weak))
        reverse.seed(position, seed)
    reverse.sweep()
    gradients = [reverse.gradient_or_zero(position) for position in inputs]
    for position, gradient in zip(inputs, gradients, strict=True):
        reverse.name(gradient, graph.nodes[position].name)
    own = [s for s in graph.state if not s.argument]
    first = len(graph.inputs) - len(own)
    all_inputs = (*graph.inputs[:first], *douts, *graph.inputs[first:])
    nodes, where = prune(reverse.nodes, gradients, all_inputs)
    arguments = Structure("tuple", (*graph.arguments.children, *(LEAF for _ in douts)), tuple)
    made = LEAF if single else Structure("tuple", tuple(LEAF for _ in gradients), tuple)
    return Graph(
        nodes,
        tuple(where[i] for i in all_inputs),
        tuple(where[i] for i in gradients),
        arguments,
        made,
        tuple(replace(s, input=where[s.input], output=None) for s in own),
    )


def grad(function: Callable[..., Any]) -> Callable[..., Any]:
    """The gradient of a function of one number, by its first argument: traced anew for each call's arguments.

    >>> import backhand
    >>> backhand.grad(lambda x: x**3)(2.0)
    12.0
    """

    def gradient(*inputs: Any) -> Any:
        from backhand.graph.trace import trace

        graph = trace(function, *inputs)
        if len(graph.outputs) != 1 or graph.nodes[graph.outputs[0]].shape:
            raise ShapeError("grad: the function must return a single number; use differentiate for anything else")
        first = graph.arguments.children[0]
        return unflatten(first, iter(differentiate(graph, wrt=list(range(first.leaves)))(*inputs)))

    gradient.__name__ = f"grad_{getattr(function, '__name__', 'function')}"
    return gradient


def _check_real(graph: Graph, position: int, what: str) -> None:
    node = graph.nodes[position]
    if not is_real(node):
        raise DTypeError(
            f"differentiate: the {what} {graph.labels[position]}, which is {node.type}, does not exist; only "
            "floating-point numbers have one: pass it as float"
        )


def _results(graph: Graph, outputs: int | Sequence[int] | None) -> list[int]:
    if outputs is None:
        found = [i for i in graph.outputs if is_real(graph.nodes[i])]
        if not found:
            raise DTypeError("differentiate: no result of the graph is a floating-point number or array")
        return found
    numbers = [outputs] if isinstance(outputs, int) else list(outputs)
    if any(not 0 <= n < len(graph.outputs) for n in numbers):
        raise GraphError(f"differentiate: outputs={outputs!r}; the graph has {len(graph.outputs)}, counted from 0")
    found = [graph.outputs[n] for n in numbers]
    for position in found:
        _check_real(graph, position, "derivative of")
    return found


def sweep_back(graph: Graph) -> Reverse:
    """The sweep from all real results of a graph to all its real inputs, seeded with input nodes: ``Reverse.seeds``."""
    reverse = Reverse(graph, [i for i in graph.inputs if is_real(graph.nodes[i])])
    for position in graph.real_outputs:
        node = graph.nodes[position]
        seed = reverse.append(Node("input", (), (), node.shape, node.dtype, node.weak, name="dout"))
        reverse.seeds.append(seed)
        reverse.seed(position, seed)
    reverse.sweep()
    return reverse


class Reverse:
    """One sweep from the results back: the forward nodes, and behind them the nodes of the gradients.

    ``gradients[i]`` is the node of dL/d(node i), or None; ``edges[i, k]`` the node of what node i sends to its input k.
    """

    def __init__(self, graph: Graph, wrt: Sequence[int]) -> None:
        self.graph = graph
        self.nodes: list[Node] = list(graph.nodes)
        self.gradients: list[int | None] = [None] * len(graph.nodes)
        self.edges: dict[tuple[int, int], int] = {}
        self.seeds: list[int] = []
        self._guards: list[Guard] = [None] * len(graph.nodes)
        self._constants: dict[Any, int] = {}
        self._layers: dict[Layer | None, Layer | None] = {None: None}
        self._active = bytearray(len(graph.nodes))
        self._numbers: dict[Any, int] = {}
        self._known = [self._number(node) for node in graph.nodes]
        self._templates: dict[Any, Any] = {}
        active = self._active
        for position in wrt:
            active[position] = 1
        for position, node in enumerate(graph.nodes):
            for i in node.inputs:
                if active[i]:
                    active[position] = is_real(node)
                    break

    def append(self, node: Node) -> int:
        """Add a node and return its position."""
        self.nodes.append(node)
        self._known.append(self._number(node))
        return len(self.nodes) - 1

    def seed(self, position: int, gradient: int) -> None:
        """Say what dL/d(node) is for a result; several add up."""
        self._add(position, gradient, None)

    def sweep(self) -> None:
        """Visit every node from the last to the first and send its gradient to its inputs."""
        active, gradients = self._active, self.gradients
        for position in range(len(self.graph.nodes) - 1, -1, -1):
            gradient = gradients[position]
            if gradient is None or not active[position]:
                continue
            for number, source in enumerate(self.graph.nodes[position].inputs):
                if active[source]:
                    self._send(position, number, source, gradient)

    def gradient_or_zero(self, position: int) -> int:
        """The node of dL/d(node): zeros if L doesn't depend on it."""
        found = self.gradients[position]
        if found is not None:
            return found
        node = self.graph.nodes[position]
        if node.weak:
            return self.append(Node("constant", (), (("value", Constant(0.0)),), (), np.dtype(float), True))
        params = (("dtype", node.dtype), ("order", "C"), ("shape", node.shape), ("value", Constant(0)))
        return self.append(Node("full", (), params, node.shape, node.dtype))

    def name(self, gradient: int, name: str | None) -> None:
        """Call the gradient of ``params['W1']`` dW1."""
        node = self.nodes[gradient]
        if name and node.name is None and node.op not in ("constant", "input") and gradient >= len(self.graph.nodes):
            plain = name.rstrip("]'\"").rpartition("'")[2].rpartition('"')[2].rpartition(".")[2]
            self.nodes[gradient] = node._replace(name=f"d{plain}")

    def _send(self, position: int, number: int, source: int, gradient: int) -> None:
        nodes, known = self.nodes, self._known
        node = nodes[position]
        read = [gradient, position, *node.inputs]
        guard, branch = self._guards[position], None
        if guard is not None:
            row = TABLE[node.op]
            if not row.elementwise:
                guard = None
            elif row.partial:
                branch = guard[1]
                read.append(guard[0])
        key = (node.op, number, node.params, branch, *[known[i] for i in read])
        template = self._templates.get(key, _UNSEEN)
        if template is _UNSEEN:
            template = self._templates[key] = self._template(node, number, branch, read)
        if template is None:
            return
        records, result = template
        layer, place = node.layer, node.source
        if layer is not None:
            layer = self._backward_layer(layer)
        for op, inputs, params, shape, dtype, weak, signature in records:
            if op == "constant" and params in self._constants:
                read.append(self._constants[params])
                continue
            read.append(len(nodes))
            nodes.append(Node(op, tuple([read[i] for i in inputs]), params, shape, dtype, weak, layer, place))
            known.append(signature)
            if op == "constant":
                self._constants[params] = read[-1]
        sent = read[result]
        self.edges[position, number] = sent
        if guard is not None or node.op in ("where", "put_mask"):
            if nodes[source].shape != nodes[gradient].shape:
                guard = None
            elif node.op == "where":
                guard = (node.inputs[0], number == 1)
            elif node.op == "put_mask":
                guard = (node.inputs[1], number == 2)
        self._add(source, sent, guard)

    def _template(self, node: Node, number: int, branch: bool | None, read: list[int]) -> Any:
        made = _template(node.op, number, node.params, tuple([self.nodes[i].known for i in read]), branch)
        if made is None:
            return None
        return tuple([(*record, self._number(Node(record[0], (), *record[2:]))) for record in made[0]]), made[1]

    def _number(self, node: Node) -> int:
        """A small number for what is known of a node's value: equal for equal signatures."""
        return self._numbers.setdefault(node.known, len(self._numbers))

    def _add(self, position: int, gradient: int, guard: Guard) -> None:
        before = self.gradients[position]
        if before is None:
            self.gradients[position] = gradient
            self._guards[position] = guard
            return
        node = self.graph.nodes[position]
        if self._known[before] == self._known[gradient]:
            dtype, weak = self.nodes[before].dtype, self.nodes[before].weak
        else:
            _, dtype, weak = infer("add", (), (self.nodes[before].known, self.nodes[gradient].known))
        layer = self._backward_layer(node.layer)
        self.gradients[position] = self.append(
            Node("add", (before, gradient), (), node.shape, dtype, weak, layer, node.source)
        )
        if self._guards[position] != guard:
            self._guards[position] = None

    def _backward_layer(self, layer: Layer | None) -> Layer | None:
        if layer is not None and layer not in self._layers:
            self._layers[layer] = replace(layer, method="backward")
        return self._layers[layer]


Template = tuple[tuple[tuple[Any, ...], ...], int]
_UNSEEN = object()


@lru_cache(maxsize=4096)
def _template(
    op: str,
    number: int,
    params: tuple[tuple[str, Any], ...],
    known: tuple[Signature | Constant, ...],
    branch: bool | None,
) -> Template | None:
    """What a rule does, traced on example values: records that read g, y, the inputs (and a condition) by position.

    None if the derivative is zero. With ``branch`` the last entry of ``known`` is a condition: the gradient is set
    to zero where it doesn't choose this branch, so that an inf or NaN of the unused branch can't come through.
    """
    rule = TABLE[op].rule(number)
    if rule is None:
        return None
    tape = Tape(locate=False)
    with tape, np.errstate(all="ignore"):
        tracers = []
        for item in known:
            value = item.value if isinstance(item, Constant) else example(item)
            tracers.append(Tracer(tape, tape.input(value, ""), value, isinstance(item, Constant)))
        given = tracers if branch is None else tracers[:-1]
        made = as_tracer(tape, rule(*given, **dict(params)))
        if branch is not None:
            made = np.where(tracers[-1], made, 0) if branch else np.where(tracers[-1], 0, made)
        target = known[2 + number]
        assert not isinstance(target, Constant)
        shape, dtype, weak = target
        made = _unbroadcast(made, shape)
        if not weak and made.value.dtype != dtype if isinstance(made.value, np.ndarray | np.generic) else not weak:
            made = apply(tape, TABLE["astype"], (made,), (("dtype", dtype),))
        result = current(made)
    return _needed(tape.records, len(known), result)


def _unbroadcast(gradient: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which an input of that shape was broadcast."""
    have = np.shape(gradient.value)
    if have == shape:
        return gradient
    lead = len(have) - len(shape)
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, have[lead:], strict=True)):
        return np.broadcast_to(gradient, shape)  # a rule may leave out axes along which the gradient is the same
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1 and have[lead + i] != 1)
    summed = np.sum(gradient, axis=axis_of(axes, len(have))) if axes else gradient
    return summed if np.shape(summed.value) == shape else np.reshape(summed, shape)


def _needed(records: list[tuple[Any, ...]], inputs: int, result: int) -> Template:
    """The records that the result needs, without place and layer, renumbered."""
    alive = bytearray(len(records))
    alive[result] = 1
    for position in range(len(records) - 1, -1, -1):
        if alive[position]:
            for source in records[position][1]:
                alive[source] = 1
    where = list(range(inputs)) + [-1] * (len(records) - inputs)
    kept: list[tuple[Any, ...]] = []
    for position in range(inputs, len(records)):
        if alive[position]:
            op, read, params, shape, dtype, weak = records[position][:6]
            where[position] = inputs + len(kept)
            kept.append((op, tuple(where[i] for i in read), params, shape, dtype, weak))
    return tuple(kept), where[result]
