"""A compiled program on the user's own objects: finds their state, runs on it, and leaves it as eager code would."""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.compiling.batches import PIXELS
from backhand.compiling.call import Calls
from backhand.compiling.guard import Check, all_hold, build_of, checks_of, key_orders
from backhand.compiling.program import build
from backhand.errors import DTypeError, GraphError, ShapeError, TraceError
from backhand.graph import Recording
from backhand.graph.evaluate import fitting, order_of
from backhand.graph.replay import check_fits
from backhand.graph.structure import match, unflatten
from backhand.graph.tracing.lift import Place, World, substitute
from backhand.graph.tracing.memory import share

__all__ = ["Bound"]


@dataclass
class Misfit:
    """Why a program can't be attached: its state isn't made yet, or these numbers have changed, or something else."""

    unborn: bool
    numbers: set[str]


class Bound:
    """A recording, its program, and where the program's state lives.

    ``attach`` finds the state, ``holds()`` says in a microsecond whether all still is where it was, ``run`` and
    ``epoch`` compute. An array that eager code changes in place is the user's own. One that it replaces by a new one
    at each call is a copy made here: it is changed in place as long as nobody else has kept it, and then left to them.
    """

    def __init__(self, recording: Recording, engine: str, threads: int | None) -> None:
        self.recording = recording
        self.graph = recording.graph
        _check_drift(recording)
        _check_aliases(recording)
        self.program = build(recording.graph, engine, threads)
        self.checked = 0  # how many runs were compared with the original's
        self.unstable: set[str] = set()  # places that each call fills anew: caches
        self._remade = {p for p in recording.remade if any(r.startswith(f"{p}[") for r in recording.program.rebound)}
        self._orders: dict[str, list[Any]] = {}  # the keys of dicts
        self._build: dict[str, Any] | None = None  # how the objects were built; if the first call builds on: after it
        self._checks: list[Check] = []
        self._calls: Calls | None = None
        self._kept: list[tuple[Any, int]] = []
        self._flat = all(child.kind == "leaf" for child in self.graph.arguments.children)
        self._given = {s.input for s in self.graph.state if s.argument and s.output is not None}
        self._writes: list[Any] = []  # the state that is written in place,
        self._owners: dict[int, Any] = {}  # and what holds its memory
        self._states = [
            (path, s.name, self.graph.nodes[s.input])
            for s, path in zip(self.graph.state, recording.program.paths, strict=True)
            if not s.argument
        ]
        if not recording.cold:
            self._check_build(self._world(recording.target.inputs))

    # -- where the state is -------------------------------------------------------------------------------------

    def attach(self, inputs: tuple[Any, ...]) -> None:
        """Find the state on the objects as they are now, and bind the program to it.

        Raises:
            TraceError: the objects are not as they were traced.
            ShapeError, DTypeError, GraphError: an array of theirs has another shape, dtype or order in memory.
        """
        world = self._world(inputs)
        if self._remade:
            _part_from_kept(world, self._remade)
            world = self._world(inputs)
        twins = self._bind(world)
        world = self._world(inputs)  # with the twins in it
        self._checks = checks_of(world, self.recording.program, self.recording.target.paths, self.unstable)
        # In what each call replaces it replaces arrays: like these it must be nobody else's.
        twins += [place.value for place in world.places if place.path in self._remade]
        del world  # which holds them
        self._kept = [(twin, 0) for twin in twins]
        del twins
        self._kept = [(twin, sys.getrefcount(twin) - 1) for twin, _ in self._kept]  # 1: the list that is going
        self._calls = None

    def _world(self, inputs: tuple[Any, ...]) -> World:
        target = self.recording.target
        return World([*zip(target.names, inputs, strict=True), ("self", target.function)])

    def _bind(self, world: World) -> list[Any]:
        """Bind the program to the state in a world; gives the copies that were put in the place of replaced arrays."""
        program = self.recording.program
        leaves = world.by_path
        places = {path: place for path, _, place in reversed(world.leaves) if place is not None}
        check_fits(program, leaves, world.settings)
        self._check_build(world)
        state = {path: fitting(node, leaves[path]) for path, _, node in self._states}
        writes = {path: leaves[path] for path in program.in_place - set(self.recording.target.paths) if path in leaves}
        for path, array in writes.items():
            if not array.flags.writeable:
                raise TraceError(f"{path} is read-only now, and the code writes into it")
        twins: dict[int, Any] = {}  # two names for one array stay two names for one array
        for path in program.rebound:
            if isinstance(leaves[path], np.ndarray):
                twin = twins.setdefault(id(leaves[path]), np.array(leaves[path], order="C"))
                _set(places[path], path, twin)
                if path in state:
                    state[path] = twin
        self.streams = {
            p.path: p.value for p in world.places if isinstance(p.value, np.random.Generator | np.random.RandomState)
        }
        self.program.bind({name: state[path] for path, name, _ in self._states}, self.streams)
        self._state = state
        self._writes = list(writes.values())
        self._owners = {id(a): a for x in self._writes for a in (x, x.base) if a is not None}
        self._numbers = [
            (path, places[path], name, node, path in program.rebound)
            for path, name, node in self._states
            if not isinstance(state[path], np.ndarray)
        ]
        return list(twins.values())

    def _check_build(self, world: World) -> None:
        build, orders = build_of(world, self.recording.target.paths), key_orders(world)
        if self._build is None:
            self._build, self._orders = build, orders
        for path in orders.keys() & self._orders.keys():
            now, then = orders[path], self._orders[path]
            if now != then and [key for key in now if key in then] != [key for key in then if key in now]:
                raise TraceError(f"{path} has its keys in another order now: trace it again")
        for path in build.keys() | self._build.keys():
            if path not in self.unstable and build.get(path) is not self._build.get(path):
                raise TraceError(f"{path} is another kind of thing now: trace it again")

    def fit(self, inputs: tuple[Any, ...]) -> Misfit | None:
        """As ``attach``, and says why it can't be instead of raising."""
        try:
            self.attach(inputs)
        except (TraceError, GraphError, ShapeError, DTypeError):
            program = self.recording.program
            leaves = self._world(inputs).by_path
            unborn = self.recording.cold and not leaves.keys() >= set(program.paths)
            return Misfit(unborn, {p for p, v in program.numbers.items() if p in leaves and leaves[p] != v})
        return None

    def holds(self) -> bool:
        """Are the objects as they were attached, and replaced arrays nobody else's?"""
        for array, count in self._kept:
            if sys.getrefcount(array) > count:
                return False
        return all_hold(self._checks) if self._calls is None else self._calls.holds()

    def direct(self) -> Callable[..., Any] | None:
        """``holds`` and ``run`` in one call, without Python in between, where that can be: see ``Calls.run``.

        Made when it is first asked for: who trains by epoch needs neither it nor the library that it is in.
        """
        if self._calls is None:
            flat = self._flat and self.graph.results.kind == "leaf" and not self._kept
            entry = self.program.entry() if flat else None
            self._calls = Calls(self._checks, self.program.engine == "native", entry, self._owners.values())
        return self._calls.run

    def state_values(self) -> list[Any]:
        """The state as it is now, in the order of the graph's inputs."""
        now = {name: _get(place, path) for path, place, name, _, _ in self._numbers}
        return [now[name] if name in now else self._state[path] for path, name, _ in self._states]

    # -- running ------------------------------------------------------------------------------------------------

    def leaves(self, inputs: tuple[Any, ...]) -> list[Any]:
        """The arrays and numbers of the arguments, in the order of the graph's inputs."""
        return match(self.graph.arguments, inputs, "arguments")

    def takes(self, inputs: tuple[Any, ...]) -> bool:
        """Do arguments of the right shapes and dtypes lie in memory as the program needs them?"""
        for i, value in zip(self.graph.inputs, self.leaves(inputs), strict=False):
            if isinstance(value, np.ndarray):
                order = self.graph.nodes[i].param("order")
                if order not in (None, order_of(value)) or (i in self._given and not value.flags.writeable):
                    return False
        return True

    def overlaps(self, leaves: Sequence[Any]) -> bool:
        """Does an argument lie in memory that the step writes? What it reads there would depend on when it reads."""
        arrays = [(i, x) for i, x in zip(self.graph.inputs, leaves, strict=False) if isinstance(x, np.ndarray)]
        inside = [x for _, x in arrays if id(x) in self._owners or id(x.base) in self._owners]
        if any(share(x, array) for x in inside for array in self._writes):
            return True
        return bool(self._given) and any(
            i in self._given and i != j and share(x, y) for i, x in arrays for j, y in arrays
        )

    def run(self, inputs: tuple[Any, ...]) -> Any:
        """One step; gives what the function would have returned.

        Raises:
            GraphError, ShapeError, DTypeError: before anything has run: the inputs are not for this program.
        """
        leaves = inputs if self._flat else self.leaves(inputs)
        if self.overlaps(leaves) or (self._given and not self.takes(inputs)):
            raise GraphError("an argument lies in memory that the step writes, or can't be written")
        self._take_numbers()
        outputs = self.program.run(leaves)
        self._put_numbers()
        return self._result(outputs)

    def epoch(self, data: Sequence[Any], order: Any, single: bool = False) -> Any:
        """As many steps as ``order`` has rows; the result has an entry for each step (the entry of a single one).

        Raises:
            GraphError: the step takes or returns something else than arrays and numbers.
        """
        if not self._flat:
            raise GraphError("epoch: the step's arguments are nested; it needs arrays, one for each data array")
        self._take_numbers()
        try:
            outputs = self.program.epoch(data, order, PIXELS)
        finally:  # after an error or Ctrl-C: as many steps as are done
            self._put_numbers()
        return self._result([v[0] for v in outputs] if single else outputs)

    def _result(self, outputs: list[Any]) -> Any:
        results = self.graph.results
        return outputs[0] if results.kind == "leaf" else unflatten(results, iter(outputs))

    def _take_numbers(self) -> None:
        numbers = self.program.numbers
        for path, place, name, node, _ in self._numbers:
            value = _get(place, path)
            if value is not numbers[name]:
                numbers[name] = fitting(node, value)

    def _put_numbers(self) -> None:
        numbers = self.program.numbers
        for path, place, name, _, changes in self._numbers:
            if changes:
                _set(place, path, numbers[name])


def _part_from_kept(world: World, remade: set[str]) -> None:
    """Where each call makes a new list or dict of arrays, whoever kept the old one keeps what is in it."""
    for place in world.places:
        if place.path in remade and isinstance(place.value, list | dict):
            place.set(copy.copy(place.value))


def _check_drift(recording: Recording) -> None:
    if recording.drift:
        raise TraceError(
            f"{recording.drift}, and so on from call to call: a compiled step keeps arrays and numbers only. Keep a "
            "history outside (append what the step returns), and count in a number that is an attribute"
        )


def _check_aliases(recording: Recording) -> None:
    program = recording.program
    for path, node in program.rebound.items():
        first = program.aliases.get(path, path)
        if first not in program.paths or program.rebound.get(first) != node:
            raise TraceError(
                f"{path} gets a new array at each call and shares its old one with {first}: change arrays in place "
                "(W -= ...), or let only one name hold them"
            )


def _get(place: Place, path: str) -> Any:
    """What stands at a path now: in the place itself, or in the tuple in it."""
    value = place.get()
    if place.path == path:
        return value
    found: dict[str, Any] = {}
    substitute(place.path, value, lambda p, v: found.setdefault(p, v))
    return found[path]


def _set(place: Place, path: str, new: Any) -> None:
    if place.path == path:
        place.set(new)
    else:
        place.set(substitute(place.path, place.get(), lambda p, v: new if p == path else v))
