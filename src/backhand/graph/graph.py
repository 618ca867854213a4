"""The computation graph: an immutable, single-assignment, ordered program of NumPy operations.

A node names one operation (a row of the table in :mod:`backhand.graph.ops`), the nodes it reads, by
their position, and what it makes: a shape and a dtype. A node only reads nodes before it, so the tuple
of nodes is the program, in the order in which it was traced and can be run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from backhand.errors import GraphError
from backhand.graph.constant import Constant
from backhand.graph.structure import Structure

if TYPE_CHECKING:
    from backhand.graph.differentiate import Reverse
    from backhand.graph.evaluate import Run, Step

__all__ = ["Constant", "Graph", "Layer", "Node", "Source", "State"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where in the user's code a node was made.

    ``code`` is the text of the line, stripped; ``function`` the name of the function it stands in; ``name`` the
    variable or attribute that the result of the operation was assigned to directly, or None.
    """

    file: str
    line: int
    code: str
    function: str
    name: str | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Layer:
    """The object whose method made a node: nodes with equal ``Layer`` belong to one call of one object's method.

    ``name`` is its class; ``number`` counts the objects of that class from 0 in the order they first appear;
    ``method`` is the method and ``call`` counts, from 0, the calls of that method of that object in this graph.
    """

    name: str
    number: int
    method: str
    call: int

    def __str__(self) -> str:
        return f"{self.name}[{self.number}].{self.method}"


class Node(NamedTuple):
    """One operation of a graph. Where it came from (``layer``, ``source``, ``name``) takes no part in ``==``.

    Attributes:
        op: name of a row of the op table, or ``"input"``, ``"constant"``.
        inputs: positions in ``Graph.nodes`` of what it reads, all before its own.
        params: the static arguments, as sorted ``(name, value)`` pairs of hashable values.
        shape, dtype: of the result. ``weak`` tells that the result is a plain Python number, not an array.
        layer: the layer object's call that made it, if any.
        source: the line of user code that made it, if known.
        name: the name the user gave to the value, if known.
    """

    op: str
    inputs: tuple[int, ...]
    params: tuple[tuple[str, Any], ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    weak: bool = False
    layer: Layer | None = None
    source: Source | None = None
    name: str | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Node) and self[:6] == other[:6]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:6])

    @property
    def symbol(self) -> str:
        """What a drawing writes into the node: ``×`` for multiply, ``exp`` for exp."""
        from backhand.graph.ops import symbol

        return symbol(self.op)

    @property
    def known(self) -> tuple[tuple[int, ...], np.dtype[Any], bool] | Constant:
        """What is known of the value before a run: its signature; of a number or mask in the program, the value."""
        if self.op == "constant" and (self.weak or self.dtype.kind == "b"):
            return self.params[0][1]  # type: ignore[no-any-return]
        return self.shape, self.dtype, self.weak

    def param(self, name: str, default: Any = None) -> Any:
        """The static argument of that name."""
        for key, value in self.params:
            if key == name:
                return value
        return default

    @property
    def type(self) -> str:
        """dtype and shape as one word: ``float64[3, 4]``, ``float`` for a Python number."""
        if self.weak:
            return {"f": "float", "i": "int", "b": "bool", "c": "complex"}[self.dtype.kind]
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]" if self.shape else str(self.dtype)


@dataclass(frozen=True, slots=True)
class State:
    """An array or number that the traced code keeps between calls: a parameter, a moment, a counter.

    ``input`` is the node that stands for its value before the call, ``value`` what that was when it was traced,
    and ``output`` the node with its value after the call: None if the code only reads it. ``name`` says where it
    lives, as the user would write it: ``params['W1']``, ``m['b1']``. ``argument`` is true when it is no state
    but an argument that the code writes into: it has no value of its own.
    """

    name: str
    input: int
    value: Constant | None
    output: int | None
    argument: bool = False


@dataclass(frozen=True)
class Graph:
    """An immutable program of nodes; calling it runs it.

    Attributes:
        nodes: the program, in order.
        inputs: positions of the input nodes: the arguments' arrays and numbers in order, then the state's.
        outputs: positions of the results, in the order of ``results``. One node may appear twice.
        arguments: how the arguments of a call are taken apart into the first inputs.
        results: how ``outputs`` are put together into what a call returns.
        state: what the traced code keeps between calls, if anything.

    A call is a pure function: it changes no object of the user's. State takes the value it had when it was traced,
    or the one given in ``state``.

    >>> import numpy as np, backhand
    >>> graph = backhand.trace(lambda x, y: x * y + x, np.array([1.0, 2.0]), 3.0)
    >>> [node.op for node in graph.nodes]
    ['input', 'input', 'multiply', 'add']
    >>> graph(np.array([10.0, 20.0]), 2.0)
    array([30., 60.])
    """

    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    arguments: Structure
    results: Structure
    state: tuple[State, ...] = ()

    def __call__(self, *inputs: Any, state: dict[str, Any] | None = None) -> Any:
        """The results on other values of the same shapes and dtypes.

        Raises:
            ShapeError, DTypeError: an input is not what the graph was traced for.
            GraphError: another number or structure of arguments, or a state of unknown name.
        """
        from backhand.graph.evaluate import call

        return call(self, inputs, state)

    def run(self, *inputs: Any, state: dict[str, Any] | None = None) -> Run:
        """Run it and keep the value of every node; ``backward`` of what this returns adds every gradient."""
        from backhand.graph.evaluate import run

        return run(self, inputs, state)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """A short, unique name for every node: the user's own where it is known, else ``%`` and the position.

        A user's name that is used again gets the position behind it: ``x``, then ``x_12``.
        """
        used: dict[str, int] = {}
        labels = []
        for position, node in enumerate(self.nodes):
            label = node.name or f"%{position}"
            if label in used:
                label = f"{label}_{position}"
            used[label] = position
            labels.append(label)
        return tuple(labels)

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each node the nodes that read it, in order, a node that reads it twice named twice."""
        readers: list[list[int]] = [[] for _ in self.nodes]
        for position, node in enumerate(self.nodes):
            for source in node.inputs:
                readers[source].append(position)
        return tuple(map(tuple, readers))

    @cached_property
    def real_outputs(self) -> tuple[int, ...]:
        """The results that have a derivative: positions of floating-point nodes, each once."""
        from backhand.graph.differentiate import is_real

        return tuple(dict.fromkeys(i for i in self.outputs if is_real(self.nodes[i])))

    @cached_property
    def reverse(self) -> Reverse:
        """The sweep back from every real result to every real input: what ``Run.backward`` runs."""
        from backhand.graph.differentiate import sweep_back

        return sweep_back(self)

    @cached_property
    def plan(self) -> list[Step]:
        """The steps of a run: see :func:`backhand.graph.evaluate.plan`."""
        from backhand.graph.evaluate import plan

        return plan(self)

    def find(self, name: str | int) -> int:
        """The position of an input by its name (or its number among ``inputs``).

        Raises:
            GraphError: there is none, or more than one.
        """
        if isinstance(name, int):
            if not 0 <= name < len(self.inputs):
                raise GraphError(f"input {name} of a graph with {len(self.inputs)} inputs; count from 0")
            return self.inputs[name]
        found = [position for position in self.inputs if self.nodes[position].name == name]
        if not found:  # W1 for params['W1'] or net.W1
            ends = (f"['{name}']", f".{name}")
            found = [position for position in self.inputs if str(self.nodes[position].name).endswith(ends)]
        if len(found) != 1:
            names = ", ".join(str(self.nodes[position].name) for position in self.inputs)
            raise GraphError(f"{len(found) or 'no'} inputs are called {name!r}; this graph's inputs are: {names}")
        return found[0]

    def verify(self) -> Graph:
        """Check the law of graphs and return the graph itself.

        Every node reads only nodes before it, names a row of the op table, and has the shape and dtype that NumPy
        gives for its inputs' shapes and dtypes; inputs and outputs exist and fit their structures.

        Raises:
            GraphError: saying which node breaks which rule.
        """
        from backhand.graph.verify import verify

        verify(self)
        return self

    def __len__(self) -> int:
        return len(self.nodes)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __str__(self) -> str:
        return "\n".join(_listing(self))

    def __repr__(self) -> str:
        inputs = ", ".join(f"{self.nodes[i].name or '_'}: {self.nodes[i].type}" for i in self.inputs[:6])
        more = ", …" if len(self.inputs) > 6 else ""
        return f"<Graph ({inputs}{more}), {len(self.nodes)} nodes>"

    def _repr_svg_(self) -> str:
        """How a notebook shows it."""
        from backhand.drawing import draw

        return draw(self)


def _listing(graph: Graph) -> Iterator[str]:
    labels = graph.labels
    yield f"graph({', '.join(f'{labels[i]}: {graph.nodes[i].type}' for i in graph.inputs)}):"
    shown: Sequence[tuple[int, Node]] = [p for p in enumerate(graph.nodes) if p[1].op not in ("input", "constant")]
    rows = [(position, node, f"{labels[position]} = {_expression(graph, node)}") for position, node in shown]
    width = min(60, max((len(text) for _, _, text in rows), default=0))
    for _, node, text in rows:
        where = f"  {node.layer}" if node.layer else ""
        where += f"  {node.source.file.rsplit('/', 1)[-1]}:{node.source.line}" if node.source else ""
        yield f"    {text:<{width}}  # {node.type}{where}"
    for state in graph.state:
        if state.output is not None:
            yield f"    {state.name} <- {_operand(graph, state.output)}"
    yield f"    return {', '.join(_operand(graph, i) for i in graph.outputs)}"


def _operand(graph: Graph, position: int) -> str:
    node = graph.nodes[position]
    if node.op == "constant":
        constant = node.param("value")
        value = constant.value
        return repr(constant) if isinstance(value, np.ndarray) else str(value)
    return graph.labels[position]


def _expression(graph: Graph, node: Node) -> str:
    arguments = [_operand(graph, i) for i in node.inputs] + [f"{key}={value}" for key, value in node.params]
    return f"{node.op}({', '.join(arguments)})"
