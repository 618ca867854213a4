"""A compiled program on the user's own objects: finds their state, runs on it, and leaves it as eager code would."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.compiling.batches import PIXELS
from backhand.compiling.guard import build_of, guard_of
from backhand.compiling.program import build
from backhand.errors import DTypeError, GraphError, ShapeError, TraceError
from backhand.graph import Recording
from backhand.graph.evaluate import fitting
from backhand.graph.replay import check_fits
from backhand.graph.structure import match, unflatten
from backhand.graph.tracing.lift import Place, World, substitute

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
        _check_aliases(recording)
        self.program = build(recording.graph, engine, threads)
        self.checked = 0  # how many runs were compared with the original's
        self.unstable: set[str] = set()  # places that each call fills anew: caches
        self._build: dict[str, Any] | None = None  # how the objects were built; if the first call builds on: after it
        self._guard: Callable[[], bool] = lambda: False
        self.holds = self._guard  # are the objects as they were attached, and replaced arrays nobody else's?
        self._kept: list[tuple[Any, int]] = []
        self.run: Callable[[tuple[Any, ...]], Any] = self._run  # one step; gives what the function would have returned
        self._flat = all(child.kind == "leaf" for child in self.graph.arguments.children)
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
            ShapeError, DTypeError: an array of theirs has another shape or dtype.
        """
        twins = self._bind(self._world(inputs))
        self._guard = guard_of(self._world(inputs), self.recording.program, self.recording.target.paths, self.unstable)
        self._kept = [(twin, 0) for twin in twins]
        del twins
        self._kept = [(twin, sys.getrefcount(twin) - 1) for twin, _ in self._kept]  # 1: the list that is going
        self.holds = self._holds_unshared if self._kept else self._guard

    def _world(self, inputs: tuple[Any, ...]) -> World:
        target = self.recording.target
        return World([*zip(target.names, inputs, strict=True), ("self", target.function)])

    def _bind(self, world: World) -> list[Any]:
        """Bind the program to the state in a world; gives the copies that were put in the place of replaced arrays."""
        program = self.recording.program
        leaves = {path: value for path, value, _ in reversed(world.leaves)}
        places = {path: place for path, _, place in reversed(world.leaves) if place is not None}
        check_fits(program, leaves, world.settings)
        self._check_build(world)
        state = {path: fitting(node, leaves[path]) for path, _, node in self._states}
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
        quick = self.program.quick() if self._flat and self.graph.results.kind == "leaf" else None
        self.run = quick or self._run
        self._state = state
        self._numbers = [
            (path, places[path], name, node, path in program.rebound)
            for path, name, node in self._states
            if not isinstance(state[path], np.ndarray)
        ]
        return list(twins.values())

    def _check_build(self, world: World) -> None:
        build = build_of(world, self.recording.target.paths)
        if self._build is None:
            self._build = build
        for path in build.keys() | self._build.keys():
            if path not in self.unstable and build.get(path) is not self._build.get(path):
                raise TraceError(f"{path} is another kind of thing now: trace it again")

    def fit(self, inputs: tuple[Any, ...]) -> Misfit | None:
        """As ``attach``, and says why it can't be instead of raising."""
        try:
            self.attach(inputs)
        except (TraceError, ShapeError, DTypeError):
            program = self.recording.program
            leaves = {path: value for path, value, _ in reversed(self._world(inputs).leaves)}
            unborn = self.recording.cold and not leaves.keys() >= set(program.paths)
            return Misfit(unborn, {p for p, v in program.numbers.items() if p in leaves and leaves[p] != v})
        return None

    def _holds_unshared(self) -> bool:
        """``holds`` where there are replaced arrays: nobody else may have kept one."""
        for array, count in self._kept:
            if sys.getrefcount(array) > count:
                return False
        return self._guard()

    def state_values(self) -> list[Any]:
        """The state as it is now, in the order of the graph's inputs."""
        now = {name: _get(place, path) for path, place, name, _, _ in self._numbers}
        return [now[name] if name in now else self._state[path] for path, name, _ in self._states]

    # -- running ------------------------------------------------------------------------------------------------

    def leaves(self, inputs: tuple[Any, ...]) -> list[Any]:
        """The arrays and numbers of the arguments, in the order of the graph's inputs."""
        return match(self.graph.arguments, inputs, "arguments")

    def _run(self, inputs: tuple[Any, ...]) -> Any:
        """``run`` in general."""
        leaves = inputs if self._flat else self.leaves(inputs)
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
