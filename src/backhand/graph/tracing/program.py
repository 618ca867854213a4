"""From one run on tracers to a program: its results, and the state that it keeps between calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from backhand.errors import TraceError
from backhand.graph.constant import Constant
from backhand.graph.evaluate import order_of
from backhand.graph.graph import Graph, Node, State
from backhand.graph.prune import prune
from backhand.graph.structure import Structure, flatten, is_number
from backhand.graph.tracing.array import Tracer, as_tracer, current
from backhand.graph.tracing.lift import Place, World
from backhand.graph.tracing.masked import Masked
from backhand.graph.tracing.tape import Tape

__all__ = ["Draft", "Program", "Trace", "read_off"]


@dataclass
class Program:
    """One trace as a graph, and what else must hold for it."""

    graph: Graph
    aliases: dict[str, str] = field(default_factory=dict)  # a path -> the path whose array it shares
    in_place: set[str] = field(default_factory=set)  # the state that is written in place, not rebound
    numbers: dict[str, Any] = field(default_factory=dict)  # Python numbers that were read as they were
    settings: dict[str, Any] = field(default_factory=dict)  # and what else decides what the code does
    paths: list[str] = field(default_factory=list)  # where each entry of graph.state lives
    values: list[Any] = field(default_factory=list)  # the inputs' values for which it was traced
    rebound: dict[str, int] = field(default_factory=dict)  # each path that gets a new array or number, and its node
    sharing: list[Any] = field(default_factory=list)  # which arrays share memory without being one

    def same(self, other: Program) -> bool:
        """Is it the same program, whatever the values of its state?"""
        one, two = self.graph, other.graph
        return (
            one.nodes == two.nodes
            and (one.inputs, one.outputs) == (two.inputs, two.outputs)
            and one.results == two.results
            and [(s.name, s.input, s.output) for s in one.state] == [(s.name, s.input, s.output) for s in two.state]
        )


@dataclass
class Trace:
    """What stands in the user's objects after a run on tracers."""

    tape: Tape
    before: World
    after: dict[str, Any]  # what stands at each path after the call
    arguments: list[str]  # the paths of the arguments' leaves
    paths: dict[str, Tracer]  # what stood at each path during the call
    initial: dict[str, int]  # the node each had before it
    values: dict[str, Any]  # and the value
    result: Any


@dataclass
class Draft:
    """A run read off, without a tracer left in it: enough to compare two runs, and to make the program of one."""

    tape: Tape
    arguments: Structure
    results: Structure
    outputs: list[int]
    inputs: dict[str, int]  # the node of each argument's leaf, by its path
    own: dict[str, int]  # of each state's
    written: dict[str, int]  # the node of the new value
    in_place: set[str]
    aliases: dict[str, str]
    numbers: dict[str, Any]
    values: dict[str, Any]

    def same(self, other: Draft) -> bool:
        """Is it the same program, whatever the values of its state?"""
        if self.tape.records == other.tape.records:
            mine = (self.results, self.outputs, self.inputs, self.own, self.written)
            return mine == (other.results, other.outputs, other.inputs, other.own, other.written)
        return self.program().same(other.program())  # what nobody asks for may differ

    def program(self) -> Program:
        """The graph, and what must hold for it."""
        inputs, own, written = self.inputs, self.own, self.written
        roots = [*self.outputs, *written.values()]
        nodes, where = prune(self.tape.nodes(), roots, [*inputs.values(), *own.values()])
        states = []
        for path, node in own.items():
            name = path.removeprefix("self.")
            output = where[written[path]] if path in written else None
            name = path if name in inputs else name
            states.append(State(name, where[node], Constant(self.values[path]), output))
        nodes = _rename(nodes, {state.input: state.name for state in states})
        if self.tape.by_order:
            orders = {where[i]: order_of(self.values[path]) for path, i in inputs.items()}
            orders |= {where[i]: order_of(Constant(self.values[path]).value) for path, i in own.items()}
            mattering = orders if -1 in self.tape.by_order else {where[i] for i in self.tape.by_order}
            nodes = tuple(_with_order(n, orders[i]) if i in mattering else n for i, n in enumerate(nodes))
        changed = [path for path in inputs if path in written]
        states += [State(path, where[inputs[path]], None, where[written[path]], True) for path in changed]
        graph = Graph(
            nodes,
            tuple(where[i] for i in (*inputs.values(), *own.values())),
            tuple(where[i] for i in self.outputs),
            self.arguments,
            self.results,
            tuple(states),
        )
        given = [self.values[path] for path in (*inputs, *own)]
        rebound = {path: where[node] for path, node in written.items() if path not in self.in_place}
        return Program(graph, self.aliases, self.in_place, self.numbers, {}, [*own, *changed], given, rebound)


def read_off(trace: Trace, arguments: Structure) -> Draft:
    """Find what the run keeps between calls.

    Raises:
        TraceError: a result or a state is no array and no number.
    """
    tape, initial = trace.tape, trace.initial
    structure, leaves, _ = flatten(trace.result, lambda v: type(v) in (Tracer, Masked) or is_number(v))
    for leaf in leaves:
        if type(leaf) is Masked:
            raise leaf.returned()
    _check_results(structure)
    outputs = [_node(tape, leaf) for leaf in leaves]
    written, in_place = _written(trace, outputs)
    alive = _alive(tape, [*outputs, *written.values(), *(initial[path] for path in written)])
    own: dict[int, str] = {}
    for path in trace.paths:
        if path not in trace.arguments and alive[initial[path]] and tape.records[initial[path]][0] == "input":
            own.setdefault(initial[path], path)
    first: dict[int, str] = {}
    return Draft(
        tape,
        arguments,
        structure,
        outputs,
        inputs={path: initial[path] for path in trace.arguments},
        own={path: node for node, path in own.items()},
        written=written,
        in_place=in_place,
        aliases={p: first.setdefault(id(t), p) for p, t in trace.paths.items() if alive[initial[p]] or t.seen},
        numbers={p: v for p, v, place in trace.before.leaves if _guarded(v, place) and p not in trace.paths},
        values=trace.values,
    )


def _written(trace: Trace, outputs: list[int]) -> tuple[dict[str, int], set[str]]:
    """The state that the call changes: the node of each path's new value, and which were written in place."""
    written: dict[str, int] = {}
    owners: dict[int, str] = {}
    rebound: dict[str, Any] = {}
    bare = {path for path, _, place in trace.before.leaves if place is None}  # a call can't rebind its caller's names
    for path, tracer in trace.paths.items():
        now = trace.after.get(path)
        if now is not tracer and path not in bare:
            rebound[path] = now
        elif tracer.version and tracer.root is None and owners.setdefault(id(tracer), path) == path:
            written[path] = current(tracer)
    in_place = set(written)
    # What was rebound is state if its old value is read, be it only for its new one; a cache's never is.
    new = [current(value) for value in rebound.values() if type(value) is Tracer]
    alive = _alive(trace.tape, [*outputs, *written.values(), *new])
    for path, value in rebound.items():
        if alive[trace.initial[path]]:
            written[path] = _state_node(trace.tape, path, value)
    return written, in_place


def _guarded(value: Any, place: Place | None) -> bool:
    """Does a graph hold only as long as this number stays what it is?"""
    return type(value) in (int, float, complex) and place is not None and place.kind != "default"


def _rename(nodes: tuple[Node, ...], names: dict[int, str]) -> tuple[Node, ...]:
    return tuple(n._replace(name=names[i]) if i in names else n for i, n in enumerate(nodes))


def _with_order(node: Node, order: str) -> Node:
    return node._replace(params=(("order", order),)) if node.shape else node


def _node(tape: Tape, value: Any) -> int:
    return current(value) if type(value) is Tracer else current(as_tracer(tape, value))


def _state_node(tape: Tape, path: str, now: Any) -> int:
    if type(now) is Tracer or is_number(now):
        return _node(tape, now)
    raise TraceError(
        f"{path} holds an array that the code reads, and after the call it holds {type(now).__name__}: such a program "
        "is another one at every call. Keep an array of the same shape there"
    )


def _alive(tape: Tape, roots: Iterable[int]) -> bytearray:
    records = tape.records
    alive = bytearray(len(records))
    for position in roots:
        alive[position] = 1
    for position in range(len(records) - 1, -1, -1):
        if alive[position]:
            for source in records[position][1]:
                alive[source] = 1
    return alive


def _check_results(structure: Structure) -> None:
    stack = [structure]
    while stack:
        item = stack.pop()
        stack += item.children
        if item.kind == "static" and not isinstance(item.value, str | bool | bytes | type(None)):
            raise TraceError(
                f"the traced function returns a {type(item.value).__name__}; return arrays and numbers, or tuples, "
                "lists and dicts of them"
            )
