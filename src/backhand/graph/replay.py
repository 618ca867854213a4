"""Run a traced graph on the objects it was traced from: read their state, compute, store their new state."""

from __future__ import annotations

from typing import Any

import numpy as np

from backhand.errors import TraceError
from backhand.graph.evaluate import evaluate, fitting, writeable
from backhand.graph.structure import match, unflatten
from backhand.graph.tracing.lift import World, substitute
from backhand.graph.tracing.memory import sharing
from backhand.graph.tracing.program import Program
from backhand.graph.tracing.state import Target

__all__ = ["check_fits", "replay"]


def replay(target: Target, program: Program, inputs: tuple[Any, ...]) -> Any:
    """See :meth:`backhand.graph.trace.Recording.replay`."""
    graph = program.graph
    given = match(graph.arguments, inputs, "arguments")
    world = World([*zip(target.names, inputs, strict=True), ("self", target.function)])
    leaves = world.by_path
    check_fits(program, leaves, world.settings)
    own = [(s, path) for s, path in zip(graph.state, program.paths, strict=True) if not s.argument]
    values = given + [leaves[path] for _, path in own]
    values = [fitting(graph.nodes[i], value) for i, value in zip(graph.inputs, values, strict=True)]
    streams = {
        p.path: p.value for p in world.places if isinstance(p.value, np.random.Generator | np.random.RandomState)
    }
    made = evaluate(graph, values, streams=streams)
    results = [writeable(made[i]) for i in graph.outputs]
    made_new: dict[int, Any] = {}  # two names for one array stay two names for one array
    rebound = {path: made_new.setdefault(i, writeable(made[i])) for path, i in program.rebound.items()}
    for state, path in zip(graph.state, program.paths, strict=True):
        if state.output is not None and path in program.in_place:
            leaves[path][...] = made[state.output]
    if rebound:
        for place in world.places:
            value = substitute(place.path, place.value, lambda path, old: rebound.get(path, old))
            if value is not place.value:
                place.set(value)
    return unflatten(graph.results, iter(results))


def check_fits(program: Program, leaves: dict[str, Any], settings: dict[str, Any]) -> None:
    """Raise TraceError unless the objects, whose leaves and settings these are, are as they were traced."""
    for path in program.paths:
        if path not in leaves:
            raise TraceError(f"{path} is not there yet: call the function once for itself, so that it makes its state")
    for path, value in program.numbers.items():
        now = leaves.get(path, value)
        if type(now) is not type(value) or (now != value and value == value):
            raise TraceError(f"{path} was {value} when the graph was traced and is {now} now: trace it again")
    for path, value in program.settings.items():
        now = leaves[path] if path in leaves else settings.get(path, value)
        if path in leaves or now != value:
            raise TraceError(f"{path} was {value!r} when the graph was traced and is {now!r} now: trace it again")
    firsts: dict[int, str] = {}
    for path, first in program.aliases.items():
        if isinstance(leaves.get(path), np.ndarray):
            now = firsts.setdefault(id(leaves[path]), path)
            if now != first:
                raise TraceError(
                    f"{path} shared its array with {first} when the graph was traced, and shares it with {now} now: "
                    "call the function once for itself, or trace it again"
                )
    if sharing({path: leaves[path] for path in program.aliases if path in leaves}) != program.sharing:
        raise TraceError("other arrays share memory now than when the graph was traced: trace it again")
