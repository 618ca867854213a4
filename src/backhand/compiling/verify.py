"""Original and compiled side by side: the same batch, on copies, and every number that comes out compared.

Two right programs round differently, so they don't agree to the last bit; :mod:`backhand.compiling.rounding` measures
how far apart they may be.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.compiling.blame import first_wrong_node
from backhand.compiling.bound import Bound
from backhand.compiling.guard import unstable
from backhand.compiling.rounding import moved_by_rounding
from backhand.graph import Graph
from backhand.graph.evaluate import evaluate
from backhand.graph.structure import flatten, is_number
from backhand.graph.trace import Real, call_on_copies
from backhand.graph.tracing.lift import World, random_state, same_state, set_random_state
from backhand.graph.tracing.state import Target

__all__ = ["Verdict", "side_by_side"]

ROUNDINGS = 64
"""How many rounding errors apart two right programs may be."""


@dataclass
class Verdict:
    """The compiled result; or, in ``difference``, what is not as the original has it: then all is as it was before."""

    result: Any
    difference: str = ""


def side_by_side(bound: Bound, inputs: tuple[Any, ...], run: Callable[[], Any]) -> Verdict:
    """Run the original on copies, then ``run`` the compiled program on the objects themselves, and compare.

    Whatever the original raises comes through, with the objects as they were.
    """
    target = dataclasses.replace(bound.recording.target, inputs=inputs)
    before, saved = random_state(), _Saved(bound, target)
    world = World(target.roots)
    try:
        real = call_on_copies(target, world)
        bound.unstable |= unstable(world, World(target.roots))
    finally:
        world.restore()
    stream = random_state()
    set_random_state(before)
    try:
        result = run()
        compiled = _numbers(bound, target, result)
        difference = "" if same_state(random_state(), stream) else "other random numbers were drawn"
    except Exception as error:
        saved.restore()
        set_random_state(before)
        return Verdict(None, f"the compiled step raised {type(error).__name__}: {error}")
    original = _original(bound, real)
    eps = _eps(bound.graph)
    name = _unequal(compiled, original, {key: ROUNDINGS * eps * _size(value) for key, value in original.items()})
    if name or difference:
        now = _Saved(bound, target)
        saved.restore()
        set_random_state(before)
        if name:
            name = _unequal(compiled, original, _error_bars(bound, target, original, eps))
            saved.restore()
            set_random_state(before)
        if name:
            where = first_wrong_node(bound, target.inputs, _nodes(bound)[name])
            difference = f"{name} is {_shown(compiled[name])}, the original's is {_shown(original[name])}{where}"
        if not difference:
            now.restore()
            set_random_state(stream)
    return Verdict(result, difference)


class _Saved:
    """Copies of every array, number and generator that a run may change, to put back."""

    def __init__(self, bound: Bound, target: Target) -> None:
        self.bound = bound
        world = World(target.roots)
        paths = {*bound.recording.program.paths, *bound.recording.program.rebound}
        self.leaves = [
            (value, copy.deepcopy(value), path, place) for path, value, place in world.leaves if path in paths
        ]
        streams = [p.value for p in world.places if isinstance(p.value, np.random.Generator)]
        legacy = [p.value for p in world.places if isinstance(p.value, np.random.RandomState)]
        self.streams = [(s.bit_generator, s.bit_generator.state) for s in streams]
        self.legacy = [(s, s.get_state()) for s in legacy]

    def restore(self) -> None:
        for value, kept, path, place in self.leaves:
            if isinstance(value, np.ndarray):
                value[...] = kept
            elif place is not None and place.path == path:
                place.set(kept)
        for generator, state in self.streams:
            generator.state = state
        for stream, old in self.legacy:
            stream.set_state(old)


def _numbers(bound: Bound, target: Target, result: Any) -> dict[str, Any]:
    """Everything that came out, by name: the results, and each state that changes."""
    leaves = {path: value for path, value, _ in reversed(World(target.roots).leaves)}
    found = {_result_name(n): value for n, value in enumerate(flatten(result, is_number)[1])}
    return found | {path: np.copy(leaves[path]) for path in _changed(bound)}


def _original(bound: Bound, real: Real) -> dict[str, Any]:
    found = {_result_name(n): value for n, value in enumerate(real.results)}
    return found | {path: real.after[path] for path in _changed(bound)}


def _result_name(number: int) -> str:
    return "the result" if number == 0 else f"result {number}"


def _changed(bound: Bound) -> dict[str, int]:
    """Each state that changes, and the node of its new value."""
    states = zip(bound.graph.state, bound.recording.program.paths, strict=True)
    return {path: state.output for state, path in states if state.output is not None}


def _nodes(bound: Bound) -> dict[str, int]:
    """The node of each number that comes out."""
    return {_result_name(n): node for n, node in enumerate(bound.graph.outputs)} | _changed(bound)


def _error_bars(bound: Bound, target: Target, original: dict[str, Any], eps: float) -> dict[str, Any]:
    """Of each number how far it may be off."""
    leaves = [np.copy(v) if isinstance(v, np.ndarray) else v for v in bound.leaves(target.inputs)]
    with np.errstate(all="ignore"):
        values = evaluate(bound.graph, [*leaves, *bound.state_values()], keep=True, streams=bound.streams)
    nodes = _nodes(bound)
    bars = {}
    for key, move in zip(nodes, moved_by_rounding(bound.graph, values, list(nodes.values())), strict=True):
        finite = move[np.isfinite(move)]
        usual = finite.mean() if finite.size else 0.0
        bars[key] = ROUNDINGS * (eps * _size(original[key]) + np.fmax(move, usual))
    return bars


def _unequal(compiled: dict[str, Any], original: dict[str, Any], bars: dict[str, Any]) -> str:
    """The first number that is further off than its bar allows; empty if there is none."""
    for key, value in original.items():
        a, b = np.asarray(compiled.get(key)), np.asarray(value)
        if a.shape != b.shape or a.dtype != b.dtype:
            return key
        with np.errstate(all="ignore"):
            if a.dtype.kind == "c":
                close = np.abs(a - b) <= bars[key]
            else:
                close = np.abs(a.astype(float) - b.astype(float)) <= bars[key]
            if not (close | (a == b) | ((a != a) & (b != b))).all():
                return key
    return ""


def _eps(graph: Graph) -> float:
    """One rounding error, of the coarsest dtype that the graph computes in."""
    return max((float(np.finfo(n.dtype).eps) for n in graph.nodes if n.dtype.kind in "fc"), default=0.0)


def _size(value: Any) -> float:
    finite = np.abs(np.asarray(value))[np.isfinite(value)] if np.asarray(value).dtype.kind in "fc" else np.zeros(0)
    return float(finite.max()) if finite.size else 0.0


def _shown(value: Any) -> str:
    array = np.asarray(value)
    if array.size == 1:
        return f"{array.item()!r}"
    return f"{array.dtype}{list(array.shape)} ({', '.join(f'{v:.9g}' for v in array.ravel()[:3])}, …)"
