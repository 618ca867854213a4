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
from backhand.graph.structure import Structure, flatten
from backhand.graph.tracing.array import Tracer, apply, root_of
from backhand.graph.tracing.lift import World, random_state, same_state, substitute
from backhand.graph.tracing.memory import bounds, overlaps, share
from backhand.graph.tracing.program import Draft, Trace, read_off
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__ = ["Target", "trace_once"]

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
        own = set(target.paths)
        leaves: dict[str, Any] = {}
        for path, value, _ in world.leaves:
            leaves.setdefault(path, value)
        for path in target.paths:
            value = _nudged(leaves[path]) if nudge else leaves[path]
            self.values[path] = value
            self.arguments[path] = self.paths[path] = Tracer(tape, tape.input(value, path), value, False)
        arrays: dict[int, tuple[str, Any]] = {}
        for path, value, _ in world.leaves:
            if isinstance(value, np.ndarray) and value.dtype.kind in "biuf" and path not in own:
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
        self.values[path] = value
        tracer = Tracer(self.tape, self.tape.input(value, path), value, False)
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
        if isinstance(value, np.generic) and value.dtype.kind not in "biuf":
            return value
        if isinstance(value, np.generic) or path in self.changing:
            if path not in self.numbers:
                self.values[path] = value
                self.numbers[path] = Tracer(self.tape, self.tape.input(value, path), value, False)
            self.paths[path] = self.numbers[path]
            return self.numbers[path]
        return value


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

    With ``nudge`` the arguments get slightly other values, which must make no difference to the program.

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
        after: dict[str, Any] = {}
        for path, value, _ in World(target.roots).leaves:
            after.setdefault(path, value)
        _refuse_shared_writes(tape, lift, [*after.items(), *(("", leaf) for leaf in flatten(result, _is_tracer)[1])])
        trace = Trace(tape, world, after, target.paths, lift.paths, initial, lift.values, result)
        return read_off(trace, target.arguments)


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


def _refuse_shared_writes(tape: Tape, lift: _Lift, kept: list[tuple[str, Any]]) -> None:
    """Of two leaves in one memory none may be written, unless the other is a cache that nobody reads any more."""
    read = {i for record in tape.records for i in record[1]} if lift.shared else set()

    def is_used(path: str, leaf: Tracer) -> bool:
        return bool(
            root_of(leaf).version
            or lift.values.get(path) is None  # a view of a larger leaf
            or leaf.node in read
            or any(value is leaf and place != path for place, value in kept)
        )

    for (path, one), (other, two) in lift.shared:
        if (root_of(one).version or root_of(two).version) and is_used(path, one) and is_used(other, two):
            raise TraceError(
                f"{path} and {other} share memory and one of them is written in place: what the other then holds "
                "depends on how they overlap. Pass a copy (x.copy()), or keep only one of them"
            )


def _is_tracer(value: Any) -> bool:
    return type(value) is Tracer
