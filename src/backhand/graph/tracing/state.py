"""One run of the user's code on tracers: lifting its arrays, and reading off what it keeps between calls."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from backhand.errors import TraceError
from backhand.graph.graph import Constant
from backhand.graph.ops import TABLE, signature_of
from backhand.graph.ops.index import Slice, copy_like
from backhand.graph.structure import Structure
from backhand.graph.tracing.array import Tracer, apply, root_of
from backhand.graph.tracing.lift import World, random_state, same_state, substitute
from backhand.graph.tracing.memory import bounds, overlaps, owner, share
from backhand.graph.tracing.program import Draft, Trace, read_off
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__ = ["Target", "trace_once"]

Roots = list[tuple[str, Any]]
NUMBERS = "biufc"  # the kinds of dtype that a graph holds


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


class _Stream:
    """A random generator during a trace: each draw is recorded."""

    def __init__(self, tape: Tape, stream: Any, path: str) -> None:
        self._tape, self._stream, self._path = tape, stream, path

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._stream)

    def __getattr__(self, name: str) -> Any:
        made = getattr(self._stream, name)
        if not callable(made):
            return made
        return lambda *args, **kwargs: self._tape.draws(self._path, made, name, args, kwargs)


class _Lift:
    """Turns leaves into tracers: the same array always into the same tracer."""

    def __init__(self, tape: Tape, target: Target, world: World, changing: Iterable[str], nudge: bool) -> None:
        self.tape = tape
        self.changing = set(changing)
        self.arguments: dict[str, Tracer] = {}
        self.state: dict[int, tuple[str, Tracer]] = {}  # by the id of the original array, which `world` keeps alive
        self.numbers: dict[str, Tracer] = {}
        self.streams: dict[int, Any] = {}
        self.paths: dict[str, Tracer] = {}
        self.values: dict[str, Any] = {}
        self.shared: list[list[tuple[str, Tracer]]] = []
        self.nudge = nudge
        own = set(target.paths)
        leaves = world.by_path
        for path in target.paths:
            value = leaves[path]
            _refuse_odd(path, value)
            value = _nudged(value) if nudge else value
            self.values[path] = value
            self.arguments[path] = self.paths[path] = Tracer(tape, tape.input(value, path), value, False)
        arrays: dict[int, tuple[str, Any]] = {}
        for path, value, _ in world.leaves:
            if isinstance(value, np.ndarray) and value.dtype.kind in NUMBERS and path not in own:
                arrays.setdefault(id(value), (path, value))
        group_of = {id(v): group for group in overlaps([value for _, value in arrays.values()]) for v in group}
        for _, value in arrays.values():  # in the order of the walk, whatever their addresses
            if id(value) not in self.state:
                members = sorted((arrays[id(v)] for v in group_of[id(value)]), key=lambda item: item[0])
                self._lift_group(members)
        self._find_shared(world, own)

    def _lift_group(self, group: list[tuple[str, Any]]) -> None:
        whole = max(group, key=lambda item: bounds(item[1])[1] - bounds(item[1])[0])
        low, high = bounds(whole[1])
        simple = len(group) > 1 and all(
            v.flags.c_contiguous and v.dtype == whole[1].dtype and low <= bounds(v)[0] and bounds(v)[1] <= high
            for _, v in group
        )
        if simple:  # parameters that are parts of one flat vector: trace them as views of it
            base = self._state(whole)
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
            self._state(item)

    def _state(self, item: tuple[str, Any]) -> Tracer:
        path, value = item
        _refuse_odd(path, value)
        self.values[path] = value
        now = _nudged(value) if self.nudge else value
        tracer = Tracer(self.tape, self.tape.input(now, path), now, False)
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
                if root_of(tracer) is not root_of(twin) and share(value, array):
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
        if isinstance(value, np.generic) and value.dtype.kind not in NUMBERS:
            return value
        if isinstance(value, np.generic) or path in self.changing:
            if path not in self.numbers:
                self.values[path] = value
                self.numbers[path] = Tracer(self.tape, self.tape.input(value, path), value, False)
            self.paths[path] = self.numbers[path]
            return self.numbers[path]
        return value


def _refuse_odd(path: str, value: Any) -> None:
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind not in NUMBERS:
        raise TraceError(
            f"{path} has dtype {value.dtype}: a graph holds numbers and booleans. Turn it into numbers first"
        )
    if isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap):
        raise TraceError(
            f"{path} is a {type(value).__name__}, whose operators may mean something else than an array's. Use "
            f"np.asarray({path})"
        )


def _nudged(value: Any) -> Any:
    """Another value of the same signature and layout: a program must not depend on it."""
    if not isinstance(value, np.ndarray | np.generic) or value.dtype.kind != "f":
        return value
    with np.errstate(all="ignore"):
        other = value * value.dtype.type(1 + 2**-9)
    if isinstance(value, np.ndarray):
        twin = copy_like(value)
        twin[...] = other
        twin.flags.writeable = value.flags.writeable
        return twin
    return other


def trace_once(target: Target, world: World, changing: Iterable[str], nudge: bool = False) -> Draft:
    """Run the function on tracers and read the graph off. The caller has numpy patched, and restores ``world``
    afterwards.

    With ``nudge`` the arguments and the state get slightly other values: they must make no difference to the program.

    Raises:
        TraceError: the code does what a graph can't hold. What the code itself raises comes through.
    """
    tape = Tape()
    tape.draws = _recorder(tape)
    lift = _Lift(tape, target, world, changing, nudge)
    world.replace(lift.make)
    initial = {path: tracer.node for path, tracer in lift.paths.items()}
    with tape, np.errstate(all="ignore"):
        tape.stream_state = random_state()
        try:
            result = target.call(lift.make)
        except Exception as error:
            if tape.refusals and error is not tape.refusals[0]:  # what came of a refusal that the code caught
                raise tape.refusals[0] from error
            raise
        if not same_state(random_state(), tape.stream_state):
            raise TraceError(
                "random numbers were drawn where the trace can't see it. Draw them with np.random.… called by that "
                "name inside a layer's method, or draw outside and pass them as an argument"
            )
        if tape.refusals:
            raise tape.refusals[0]
        _refuse_unseen(tape, world)
        after: dict[str, Any] = {}
        end = World(target.roots)
        _refuse_ids(end, [*lift.paths.values()], [value for _, value, _ in world.leaves])
        for path, value, _ in end.leaves:
            after.setdefault(path, value)
        trace = Trace(tape, world, after, target.paths, lift.paths, initial, lift.values, result)
        draft = read_off(trace, target.arguments)
        _refuse_shared_writes(lift, draft.aliases)
        return draft


def _recorder(tape: Tape) -> Callable[..., Any]:
    def draw(stream: str, original: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        frame = tape.user_frame()
        if tape.layer_of(frame) is None:
            raise tape.refuse(
                f"{name} draws random numbers inside a plain function: the graph would give the same ones forever",
                "Draw them outside and pass them as an argument, or draw them in a method of a layer",
            )
        if name in ("seed", "set_state", "shuffle", "bytes"):
            instead = (
                "Use np.random.permutation and an index" if name == "shuffle" else "Do it outside of the traced code"
            )
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
        return value.concrete(
            "says what to draw", "Draw standard numbers and scale them: mean + std * np.random.randn(…)"
        )
    return tuple(_static(v) for v in value) if isinstance(value, tuple | list) else value


def _refuse_unseen(tape: Tape, world: World) -> None:
    """A part of an array of objects, texts or fields, which is no number and so was not lifted, was used as one."""
    odd = {
        id(owner(v)): (path, v)
        for path, v, _ in world.leaves
        if isinstance(v, np.ndarray) and v.dtype.kind not in NUMBERS
    }
    for array in tape.plain_arrays:
        if id(owner(array)) in odd:
            path, value = odd[id(owner(array))]
            raise TraceError(
                f"a part of {path} is used, whose dtype is {value.dtype}. Keep each part in an array of its own"
            )


def _refuse_ids(world: World, tracers: list[Tracer], arrays: list[Any]) -> None:
    """A dict by id(array) is another dict in a trace, where a traced array stands for the array."""
    ids = {id(thing) for thing in (*tracers, *arrays) if isinstance(thing, np.ndarray)}
    for place in world.places:
        keys = place.key if isinstance(place.key, tuple) else (place.key,)
        if any(type(key) is int and key in ids for key in keys):
            raise TraceError(
                f"{place.path} has the id() of an array as its key: a trace puts another object in the array's place. "
                "Use the array's name or number as the key"
            )


def _refuse_shared_writes(lift: _Lift, used: dict[str, str]) -> None:
    for (path, one), (other, two) in lift.shared:
        written = root_of(one).version, root_of(two).version
        if any(written) and all(version or p in used for version, p in zip(written, (path, other), strict=True)):
            raise TraceError(
                f"{path} and {other} share memory and one of them is written in place: what the other then holds "
                "depends on how they overlap. Pass a copy (x.copy()), or keep only one of them"
            )
