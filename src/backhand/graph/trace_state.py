"""One run of the user's code on tracers: lifting its arrays, and reading off what it keeps between calls."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from backhand.errors import TraceError
from backhand.graph.graph import Constant, Graph, Node, State
from backhand.graph.ops import TABLE, signature_of
from backhand.graph.ops_index import Slice, copy_like
from backhand.graph.prune import prune
from backhand.graph.structure import Structure, flatten, is_number
from backhand.graph.trace_array import Tracer, apply, as_tracer, current, root_of
from backhand.graph.trace_lift import Place, World, substitute, random_state, same_state
from backhand.graph.trace_patch import patched
from backhand.graph.trace_tape import Tape

__all__ = ["Program", "Target", "copies", "trace_once"]

Roots = list[tuple[str, Any]]


@dataclass
class Target:
    """What is traced: a function, its example arguments, and how the arguments are taken apart."""

    function: Callable[..., Any]
    inputs: tuple[Any, ...]
    names: list[str]
    arguments: Structure
    paths: list[str]

    @property
    def roots(self) -> Roots:
        """Where a walk starts."""
        return [*zip(self.names, self.inputs, strict=True), ("self", self.function)]

    def call(self, make: Callable[[str, Any], Any]) -> Any:
        """Call it with every leaf of the arguments replaced; containers have been filled already."""
        return self.function(*(substitute(n, v, make) for n, v in zip(self.names, self.inputs, strict=True)))


@dataclass
class Program:
    """One trace as a graph, and what else must hold for it."""

    graph: Graph
    aliases: dict[str, str] = field(default_factory=dict)  # a path -> the path whose array it shares
    in_place: set[str] = field(default_factory=set)  # the state that is written in place, not rebound
    numbers: dict[str, Any] = field(default_factory=dict)  # Python numbers that were read as they were
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


def copies(world: World) -> Callable[[str, Any], Any]:
    """A function that copies each array once, with its memory layout, so that views of one memory stay views of it."""
    arrays = {id(v): v for _, v, _ in world.leaves if isinstance(v, np.ndarray)}
    made: dict[int, Any] = {}
    for group in overlaps(list(arrays.values())):
        if len(group) == 1:
            made[id(group[0])] = _lock(copy_like(group[0]), group[0])
            continue
        low = min(bounds(a)[0] for a in group)
        memory = bytearray(max(bounds(a)[1] for a in group) - low)
        for a in group:
            offset = a.__array_interface__["data"][0] - low
            twin: Any = np.ndarray(a.shape, a.dtype, memory, offset, a.strides)
            twin[...] = a
            made[id(a)] = twin
    streams: dict[int, Any] = {}

    def make(path: str, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return made.get(id(value), value)
        if isinstance(value, np.random.Generator | np.random.RandomState):
            return streams.setdefault(id(value), copy.deepcopy(value))
        return value

    return make


def _lock(twin: Any, a: Any) -> Any:
    if not a.flags.writeable:
        twin.flags.writeable = False
    return twin


def bounds(a: Any) -> tuple[int, int]:
    """The first byte of an array's memory and the one after its last."""
    low: int = a.__array_interface__["data"][0]
    if a.size == 0:
        return low, low
    steps = [(n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)]
    return low + sum(s for s in steps if s < 0), low + sum(s for s in steps if s > 0) + a.itemsize


def overlaps(arrays: list[Any]) -> list[list[Any]]:
    """The arrays in groups whose memory may overlap, by their byte bounds."""
    groups: list[list[Any]] = []
    end = -1
    for a in sorted(arrays, key=bounds):
        low, high = bounds(a)
        if groups and low < end:
            groups[-1].append(a)
        else:
            groups.append([a])
        end = max(end, high)
    return groups


class _Stream:
    """A random generator during a trace: each draw is recorded."""

    def __init__(self, tape: Tape, stream: Any, path: str) -> None:
        self._tape, self._stream, self._path = tape, stream, path

    @property
    def __class__(self) -> Any:
        return type(self._stream)

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._stream, name)
        if not callable(made):
            return made
        return lambda *args, **kwargs: self._tape.draws(self._path, made, name, args, kwargs)


class _Lift:
    """Turns leaves into tracers: the same array always into the same tracer."""

    def __init__(self, tape: Tape, target: Target, world: World, changing: Iterable[str]) -> None:
        self.tape = tape
        self.changing = set(changing)
        self.arguments: dict[str, Tracer] = {}
        self.state: dict[int, tuple[str, Tracer]] = {}  # by the id of the original array, which `world` keeps alive
        self.numbers: dict[str, Tracer] = {}
        self.streams: dict[int, Any] = {}
        self.paths: dict[str, Tracer] = {}
        self.values: dict[str, Any] = {}
        self.shared: list[list[tuple[str, Tracer]]] = []
        own = set(target.paths)
        copied = copies(world)
        leaves: dict[str, Any] = {}
        for path, value, _ in world.leaves:
            leaves.setdefault(path, value)
        for path in target.paths:
            value = leaves[path]
            value = copied(path, value)
            self.values[path] = value
            self.arguments[path] = self.paths[path] = Tracer(tape, tape.input(value, path), value, False)
        arrays: dict[int, tuple[str, Any]] = {}
        for path, value, _ in world.leaves:
            if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and path not in own:
                arrays.setdefault(id(value), (path, value))
        group_of = {id(v): group for group in overlaps([value for _, value in arrays.values()]) for v in group}
        for path, value in arrays.values():  # in the order of the walk, whatever their addresses
            if id(value) not in self.state:
                members = sorted((arrays[id(v)] for v in group_of[id(value)]), key=lambda item: item[0])
                self._lift_group(members, copied)
        self._find_shared(world, own)

    def _lift_group(self, group: list[tuple[str, Any]], copied: Callable[[str, Any], Any]) -> None:
        whole = max(group, key=lambda item: bounds(item[1])[1] - bounds(item[1])[0])
        low, high = bounds(whole[1])
        simple = len(group) > 1 and all(
            v.flags.c_contiguous and v.dtype == whole[1].dtype and low <= bounds(v)[0] and bounds(v)[1] <= high
            for _, v in group
        )
        if simple:  # parameters that are parts of one flat vector: trace them as views of it
            base = self._state(whole, copied)
            flat = apply(self.tape, TABLE["reshape"], (base,), (("shape", (whole[1].size,)),))
            for path, value in group:
                if value is not whole[1]:
                    start = (bounds(value)[0] - low) // value.itemsize
                    key = (Slice(start, start + value.size, None),)
                    part = apply(self.tape, TABLE["getitem"], (flat,), (("key", key),))
                    view = apply(self.tape, TABLE["reshape"], (part,), (("shape", value.shape),))
                    self.state[id(value)] = (path, view)
            return
        for item in group:
            self._state(item, copied)

    def _state(self, item: tuple[str, Any], copied: Callable[[str, Any], Any]) -> Tracer:
        path, value = item
        twin = self.values[path] = copied(path, value)
        tracer = Tracer(self.tape, self.tape.input(twin, path), twin, False)
        self.state[id(value)] = (path, tracer)
        return tracer

    def _find_shared(self, world: World, own: set[str]) -> None:
        """Leaves that share memory without being one tracer: fine, unless one of them is written."""
        entries: list[tuple[str, Any, Tracer]] = []
        for path, value, _ in world.leaves:
            if not isinstance(value, np.ndarray):
                continue
            if path in own:
                entries.append((path, value, self.arguments[path]))
            elif id(value) in self.state and self.state[id(value)][0] == path:
                entries.append((path, value, self.state[id(value)][1]))
        entries.sort(key=lambda entry: bounds(entry[1]))
        for number, (path, value, tracer) in enumerate(entries):
            for other, array, twin in entries[number + 1 :]:
                if bounds(array)[0] >= bounds(value)[1]:
                    break
                if root_of(tracer) is not root_of(twin) and _share(value, array):
                    self.shared.append([(path, tracer), (other, twin)])

    def make(self, path: str, value: Any) -> Any:
        """What stands in the place of a leaf during the trace."""
        if path in self.arguments:
            return self.arguments[path]
        if isinstance(value, np.ndarray):
            if id(value) not in self.state:
                return value
            self.paths[path] = self.state[id(value)][1]
            return self.state[id(value)][1]
        if isinstance(value, np.random.Generator | np.random.RandomState):
            if id(value) not in self.streams:
                self.streams[id(value)] = _Stream(self.tape, copy.deepcopy(value), path)
            return self.streams[id(value)]
        if isinstance(value, np.generic) and value.dtype.kind not in "biuf":
            return value
        if isinstance(value, np.generic) or path in self.changing:
            if path not in self.numbers:
                self.values[path] = value
                self.numbers[path] = Tracer(self.tape, self.tape.input(value, path), value, False)
            self.paths[path] = self.numbers[path]
            return self.numbers[path]
        return value


def _share(a: Any, b: Any) -> bool:
    try:
        return bool(np.shares_memory(a, b, max_work=100_000))
    except np.exceptions.TooHardError:
        return True


def trace_once(target: Target, world: World, changing: Iterable[str]) -> tuple[Program, Tape]:
    """Run the function on tracers and read the graph off. The caller restores ``world`` afterwards.

    Raises:
        TraceError: the code does what a graph can't hold. What the code itself raises comes through.
    """
    tape = Tape()
    tape.draws = _recorder(tape)
    with patched():
        lift = _Lift(tape, target, world, changing)
        world.replace(lift.make)
        initial = {path: tracer.node for path, tracer in lift.paths.items()}
        with tape, np.errstate(all="ignore"):
            tape.stream_state = random_state()
            result = target.call(lift.make)
            if not same_state(random_state(), tape.stream_state):
                raise TraceError(
                    "random numbers were drawn where the trace can't see it. Draw them with np.random.… called by that name "
                    "inside a layer's method, or draw outside and pass them as an argument"
                )
            if tape.refusals:
                raise tape.refusals[0]
            after: dict[str, Any] = {}
            for path, value, _ in World(target.roots).leaves:
                after.setdefault(path, value)
            _refuse_shared_writes(tape, lift)
            return _read_off(target, tape, lift, initial, after, result, world), tape


def _recorder(tape: Tape) -> Callable[..., Any]:
    def draw(stream: str, original: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        frame = tape.user_frame()
        if tape.layer_of(frame) is None:
            raise tape.refuse(
                f"{name} draws random numbers inside a plain function: the graph would give the same ones forever",
                "Draw them outside and pass them as an argument, or draw them in a method of a layer",
            )
        if name in ("seed", "set_state", "shuffle", "bytes"):
            instead = "Use np.random.permutation and an index" if name == "shuffle" else "Do it outside of the traced code"
            raise tape.refuse(f"np.random.{name} can't be traced", instead)
        given = tuple(_static(a) for a in args), {k: _static(v) for k, v in kwargs.items()}
        made = original(*given[0], **given[1])
        tape.stream_state = random_state()
        shape, dtype, weak = signature_of(made)
        params = (
            ("args", Constant(given[0])), ("dtype", dtype), ("kwargs", Constant(given[1])), ("name", name),
            ("shape", shape), ("stream", stream), ("weak", weak),
        )  # fmt: skip
        return Tracer(tape, tape.record("random", (), params, made), made, False)

    return draw


def _static(value: Any) -> Any:
    if type(value) is Tracer:
        return value.concrete("says what to draw", "Draw standard numbers and scale them: mean + std * np.random.randn(…)")
    return tuple(_static(v) for v in value) if isinstance(value, tuple | list) else value


def _refuse_shared_writes(tape: Tape, lift: _Lift) -> None:
    for (path, one), (other, two) in lift.shared:
        if root_of(one).version or root_of(two).version:
            raise TraceError(
                f"{path} and {other} share memory and one of them is written in place: what the other then holds depends on "
                "how they overlap. Pass a copy (x.copy()), or keep only one of them"
            )


def _read_off(
    target: Target,
    tape: Tape,
    lift: _Lift,
    initial: dict[str, int],
    after: dict[str, Any],
    result: Any,
    world: World,
) -> Program:
    structure, leaves, _ = flatten(result, lambda v: type(v) is Tracer or is_number(v))
    _check_results(structure)
    outputs = [_node(tape, leaf) for leaf in leaves]
    arguments = [initial[path] for path in target.paths]
    written: dict[str, int] = {}
    in_place: set[str] = set()
    first_path: dict[int, str] = {}
    for path, tracer in lift.paths.items():
        owner = root_of(tracer)
        if owner.version and owner is tracer and id(tracer) not in first_path:
            first_path[id(tracer)] = path
            written[path] = current(tracer)
            in_place.add(path)
    # What was rebound is state if its old value is read, be it only for its new one; a cache's never is.
    fixed = {path for path, _, place in world.leaves if place is None}  # bare arguments: a call can't rebind them
    rebound = {
        path: after.get(path)
        for path, tracer in lift.paths.items()
        if after.get(path) is not tracer and path not in written and path not in fixed
    }
    new = [current(value) for value in rebound.values() if type(value) is Tracer]
    alive = _alive(tape, [*outputs, *written.values(), *new])
    for path, value in rebound.items():
        tracer = lift.paths[path]
        if alive[initial[path]] and first_path.get(id(tracer), path) == path:
            written[path] = _state_node(tape, path, value)
    alive = _alive(tape, [*outputs, *written.values()])
    for path in written:
        alive[initial[path]] = 1
    own: dict[int, str] = {}
    for path in lift.paths:
        if path not in lift.arguments and alive[initial[path]] and tape.records[initial[path]][0] == "input":
            own.setdefault(initial[path], path)
    nodes, where = prune(tape.nodes(), [*outputs, *written.values()], [*arguments, *own])
    names = set(target.paths)
    states: list[State] = []
    for node, path in own.items():
        shown = path.removeprefix("self.")
        shown = path if shown in names else shown
        output = written.get(path)
        start = Constant(_start(world, path))
        states.append(State(shown, where[node], start, None if output is None else where[output]))
    nodes = _rename(nodes, {s.input: s.name for s in states})
    for path in target.paths:
        if path in written:
            states.append(State(path, where[initial[path]], None, where[written[path]], True))
    graph = Graph(
        nodes,
        tuple(where[i] for i in (*arguments, *own)),
        tuple(where[i] for i in outputs),
        target.arguments,
        structure,
        tuple(states),
    )
    aliases: dict[str, str] = {}
    firsts: dict[int, str] = {}
    for path, tracer in lift.paths.items():
        if alive[initial[path]]:
            aliases[path] = firsts.setdefault(id(tracer), path)
    numbers = {p: v for p, v, place in world.leaves if _guarded(v, place) and p not in lift.paths}
    living = [*own.values(), *(path for path in target.paths if path in written)]
    values = [lift.values[path] for path in (*target.paths, *own.values())]
    return Program(graph, aliases, in_place, numbers, tape.plain_arrays, living, values)


def _guarded(value: Any, place: Place | None) -> bool:
    """Does a graph hold only as long as this number stays what it is?"""
    return type(value) in (int, float) and place is not None and place.kind != "default"


def _start(world: World, path: str) -> Any:
    return next(value for found, value, _ in world.leaves if found == path)


def _rename(nodes: tuple[Node, ...], names: dict[int, str]) -> tuple[Node, ...]:
    return tuple(replace(n, name=names[i]) if i in names else n for i, n in enumerate(nodes))


def _node(tape: Tape, value: Any) -> int:
    return current(value) if type(value) is Tracer else current(as_tracer(tape, value))


def _state_node(tape: Tape, path: str, now: Any) -> int:
    if type(now) is Tracer or is_number(now):
        return _node(tape, now)
    raise TraceError(
        f"{path} holds an array that the code reads, and after the call it holds {type(now).__name__}: such a program is "
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
                f"the traced function returns a {type(item.value).__name__}; return arrays and numbers, or tuples, lists and "
                "dicts of them"
            )
