"""From one run on tracers to a program: its results, and the state that it keeps between calls."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from backhand.errors import TraceError
from backhand.graph.constant import Constant
from backhand.graph.graph import Graph, Node, State
from backhand.graph.prune import prune
from backhand.graph.structure import Structure, flatten, is_number
from backhand.graph.trace_array import Tracer, as_tracer, current
from backhand.graph.trace_lift import Place, World
from backhand.graph.trace_tape import Tape

__all__ = ["Program", "Trace", "read_off"]


@dataclass
class Program:
    """One trace as a graph, and what else must hold for it."""

    graph: Graph
    aliases: dict[str, str] = field(default_factory=dict)  # a path -> the path whose array it shares
    in_place: set[str] = field(default_factory=set)  # the state that is written in place, not rebound
    numbers: dict[str, Any] = field(default_factory=dict)  # Python numbers that were read as they were
    settings: dict[str, Any] = field(default_factory=dict)  # and the bools and strings
    foreign: list[Any] = field(default_factory=list)  # arrays that came from where the walk doesn't go
    paths: list[str] = field(default_factory=list)  # where each entry of graph.state lives
    values: list[Any] = field(default_factory=list)  # the inputs' values for which it was traced

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
    """What a run on tracers left behind, before it is made into a program."""

    tape: Tape
    before: World
    after: dict[str, Any]  # what stands at each path after the call
    arguments: list[str]  # the paths of the arguments' leaves
    paths: dict[str, Tracer]  # what stood at each path during the call
    initial: dict[str, int]  # the node each had before it
    values: dict[str, Any]  # and the value
    result: Any


def read_off(trace: Trace, arguments: Structure) -> Program:
    """Find what the run keeps between calls and make the graph of it.

    Raises:
        TraceError: a result or a state is no array and no number.
    """
    tape, initial = trace.tape, trace.initial
    structure, leaves, _ = flatten(trace.result, lambda v: type(v) is Tracer or is_number(v))
    _check_results(structure)
    outputs = [_node(tape, leaf) for leaf in leaves]
    written, in_place = _written(trace, outputs)
    alive = _alive(tape, [*outputs, *written.values(), *(initial[path] for path in written)])
    own: dict[int, str] = {}
    for path in trace.paths:
        if path not in trace.arguments and alive[initial[path]] and tape.records[initial[path]][0] == "input":
            own.setdefault(initial[path], path)
    inputs = [initial[path] for path in trace.arguments]
    nodes, where = prune(tape.nodes(), [*outputs, *written.values()], [*inputs, *own])
    states = []
    for node, path in own.items():
        name = path.removeprefix("self.")
        output = written.get(path)
        value = Constant(trace.values[path])
        states.append(
            State(
                path if name in trace.arguments else name, where[node], value, None if output is None else where[output]
            )
        )
    nodes = _rename(nodes, {state.input: state.name for state in states})
    changed = [path for path in trace.arguments if path in written]
    states += [State(path, where[initial[path]], None, where[written[path]], True) for path in changed]
    graph = Graph(
        nodes,
        tuple(where[i] for i in (*inputs, *own)),
        tuple(where[i] for i in outputs),
        arguments,
        structure,
        tuple(states),
    )
    first: dict[int, str] = {}
    return Program(
        graph,
        aliases={p: first.setdefault(id(t), p) for p, t in trace.paths.items() if alive[initial[p]]},
        in_place=in_place,
        numbers={p: v for p, v, place in trace.before.leaves if _guarded(v, place) and p not in trace.paths},
        foreign=tape.plain_arrays,
        paths=[*own.values(), *changed],
        values=[trace.values[path] for path in (*trace.arguments, *own.values())],
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
    return type(value) in (int, float) and place is not None and place.kind != "default"


def _rename(nodes: tuple[Node, ...], names: dict[int, str]) -> tuple[Node, ...]:
    return tuple(replace(n, name=names[i]) if i in names else n for i, n in enumerate(nodes))


def _node(tape: Tape, value: Any) -> int:
    return current(value) if type(value) is Tracer else current(as_tracer(tape, value))


def _state_node(tape: Tape, path: str, now: Any) -> int:
    if type(now) is Tracer or is_number(now):
        return _node(tape, now)
    raise TraceError(
        f"{path} holds an array that the code reads, and after the call it holds {type(now).__name__}: such a "
        f"program is "
        "another one at every call. Keep an array of the same shape there"
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
                f"lists and "
                "dicts of them"
            )
