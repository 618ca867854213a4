"""Turn plain NumPy code into a graph: run it on tracers, twice, around a real call, and accept only what repeats."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.errors import TraceError
from backhand.graph.evaluate import evaluate
from backhand.graph.graph import Graph
from backhand.graph.prune import no_collection
from backhand.graph.structure import Structure, flatten, is_number
from backhand.graph.tracing import (  # each enters what it handles  # noqa: F401
    functions_linear,
    functions_move,
    functions_reduce,
    functions_shape,
    operators,
)
from backhand.graph.tracing.array import Tracer
from backhand.graph.tracing.lift import World, random_state, set_random_state
from backhand.graph.tracing.memory import copies, owner, sharing
from backhand.graph.tracing.patch import patched
from backhand.graph.tracing.program import Draft, Program
from backhand.graph.tracing.state import Target, trace_once
from backhand.graph.tracing.tape import active_tape

__all__ = ["Real", "Recording", "call_on_copies", "record", "trace"]
SCALARS = (int, float, complex)


def trace(function: Callable[..., Any], *inputs: Any) -> Graph:
    """The computation graph of a function of NumPy arrays and numbers, or of code that calls layers' methods.

    The function runs a few times on the example inputs, with nothing in it changed: ``import numpy as np`` stays
    what it is, layers inherit nothing. Afterwards every array, attribute and random stream is what it was.

    Args:
        function: a function, a method of an object, or any callable.
        inputs: example values: arrays, NumPy scalars, Python numbers, and tuples, lists and dicts of them. The graph
        holds
            for inputs of the same shapes and dtypes. True, False, None and strings are settings: they stay as they are.

    Returns:
        The graph. Arrays that the code reaches without their being arguments (a layer's W, an optimizer's moments)
        are its ``state``. If the first call differs from later ones (``if self.m is None``), it is the graph of the
        later ones.

    Raises:
        TraceError: the code does something that a graph can't hold; the message has the line and what to write instead.

    >>> import numpy as np, backhand
    >>> backhand.trace(lambda x: np.exp(x) + x, 1.0)
    <Graph (x: float), 3 nodes>
    """
    return record(function, *inputs).graph


class Recording:
    """A graph together with the objects it was traced from: called like the function, it changes the objects.

    Attributes:
        graph: what was traced.
        cold: the first call differs from all later ones, so the function must be called once for itself before
        `replay`.
        drift: what every call changes and no replay does, in words: a list that grows, a text. Empty if nothing.
        remade: the paths of lists, dicts and tuples of which each call makes a new one.
        target, program: the function with its example inputs; the graph with what else must hold for it.

    >>> import numpy as np, backhand
    >>> from backhand.graph import record
    >>> W = np.ones(2)
    >>> def step(g):
    ...     W[...] -= 0.5 * g
    >>> recording = record(step, np.ones(2))
    >>> recording.replay(np.ones(2))
    >>> W
    array([0.5, 0.5])
    """

    def __init__(self, target: Target, program: Program, cold: bool, drift: str, remade: set[str]) -> None:
        self.graph = program.graph
        self.cold = cold
        self.drift = drift
        self.remade = remade
        self.target = target
        self.program = program

    def replay(self, *inputs: Any) -> Any:
        """Run the graph in place of the function, on the objects' state as it is now, and store their new state.

        Only state is stored: what a call writes and never reads again (a layer's cached x, its dW) is not.

        Raises:
            TraceError: the objects are not as they were traced: another number, array shape, or sharing of arrays.
            ShapeError, DTypeError, GraphError: the inputs are not what the graph was traced for.
        """
        from backhand.graph.replay import replay

        return replay(self.target, self.program, inputs)


@no_collection()
def record(function: Callable[..., Any], *inputs: Any, lifted: Iterable[str] = ()) -> Recording:
    """As :func:`trace`, and keeps hold of the objects, so that the graph can be run on them: see :class:`Recording`.

    ``lifted`` are paths of Python numbers that become inputs although no call changes them: a learning rate on a
    schedule of its owner's.
    """
    inputs = tuple(v.value if type(v) is Tracer else v for v in inputs)  # a trace inside a trace
    target = _target(function, inputs)
    first = World(target.roots)
    outer = active_tape()
    if outer is not None and any(type(value) is Tracer for _, value, _ in first.leaves):
        raise outer.refuse(
            "a trace inside of a trace reaches an array of the outer one that is no argument",
            "Pass it: write grad(lambda y, x: y * x)(2.0, x), not grad(lambda y: y * x)(2.0)",
        )
    first.check_generators()
    stream = random_state()
    try:
        with np.errstate(), patched():
            real = call_on_copies(target, first)
            first.check_generators()
            second = World(target.roots)
            changing = _changing(first, second) | set(lifted)
            later = _traced(target, second, changing, nudge=True)
            first.restore()
            set_random_state(stream)
            draft = _traced(target, first, changing)
            _refuse_foreign(draft, later)
            cold, drift = not draft.same(later), ""
            if not cold and _unsettled(first, second):
                changed, drift = _second_call(target, first)
                cold = not changed <= changing
            if cold:
                draft, real, drift = _warm(target, first, changing)
            program = draft.program()
    finally:
        first.restore()
        set_random_state(stream)
    _keep_guards(program, first, second)
    _check_against(program, real)
    return Recording(target, program, cold, drift, _remade(first, second))


def _warm(target: Target, first: World, changing: set[str]) -> tuple[Draft, Real, str]:
    """The program of the second call, if the third is the same; and what the second call still changed: see _drift."""
    call_on_copies(target, first)
    second = World(target.roots)
    real = call_on_copies(target, second)
    third = World(target.roots)
    changing = changing | _changing(second, third)
    last = _traced(target, third, changing, nudge=True)
    second.restore()
    set_random_state(real.stream)
    again = _traced(target, second, changing)
    if not again.same(last):
        raise TraceError(_difference(again.program(), last.program()))
    return again, real, _drift(second, third)


def _second_call(target: Target, first: World) -> tuple[set[str], str]:
    """The numbers that the second call changes, and what else: see _drift."""
    stream = random_state()
    try:
        call_on_copies(target, first)
        second = World(target.roots)
        call_on_copies(target, second)
        third = World(target.roots)
        return _changing(second, third), _drift(second, third)
    finally:
        first.restore()
        set_random_state(stream)


def _unsettled(before: World, after: World) -> bool:
    """Did a call make a number or change a setting, so that only the next call shows whether that goes on?"""
    known = before.by_path
    return (
        any(type(value) in SCALARS and path not in known for path, value, _ in after.leaves)
        or any(isinstance(after.settings[p], str | bool) for p in after.settings.keys() - before.settings.keys())
        or bool(_drift(before, after))
    )


def _drift(before: World, after: World) -> str:
    """What a call changed that is neither an array nor a number, said in words; empty if there is nothing."""
    sizes = {path: size for path, _, size in after.holders}
    for path, _, size in before.holders:
        if sizes.get(path, size) != size and not path.endswith(".__dict__"):  # attributes are looked at one by one
            return f"{path} holds {size} things before a call and {sizes[path]} after it"
    for path, value in before.settings.items():
        if path in after.settings and after.settings[path] != value:
            return f"{path} is {value!r} before a call and {after.settings[path]!r} after it"
    return ""


def _remade(before: World, after: World) -> set[str]:
    now = {place.path: place.value for place in after.places}
    return {
        place.path
        for place in before.places
        if isinstance(place.value, list | dict | tuple) and now.get(place.path, place.value) is not place.value
    }


def _keep_guards(program: Program, first: World, second: World) -> None:
    """What a replay must find again: all that the program was made for and that a call doesn't change itself."""
    before, after = first.by_path, second.by_path
    program.settings = {p: v for p, v in first.settings.items() if p in second.settings and second.settings[p] == v}
    program.numbers = {p: v for p, v in program.numbers.items() if type(after.get(p, v)) is type(v)}
    program.sharing = sharing({path: before[path] for path in program.aliases if path in before})


def _target(function: Callable[..., Any], inputs: tuple[Any, ...]) -> Target:
    names: list[str] = []
    try:
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names.append(parameter.name)
    except (TypeError, ValueError):  # a builtin
        names = []
    names = (names + [f"x{n}" for n in range(len(names), len(inputs))])[: len(inputs)]
    parts, paths = [], []
    for name, value in zip(names, inputs, strict=True):
        structure, _, found = flatten(value, is_number, name)
        parts.append(structure)
        paths += found
    return Target(function, inputs, names, Structure("tuple", tuple(parts), tuple), paths)


@dataclass
class Real:
    """What the code itself did, on copies: its results, what then stood at each path, and the random stream before."""

    results: list[Any]
    after: dict[str, Any]
    stream: Any


def call_on_copies(target: Target, world: World) -> Real:
    """Call the function for real, on copies of every array; the objects then hold the state after the call."""
    stream = random_state()
    make = copies(world)
    world.replace(make)
    results = flatten(target.call(make), is_number)[1]
    after = {path: value for path, value, _ in reversed(World(target.roots).leaves)}
    after |= {path: make(path, value) for path, value, place in world.leaves if place is None}
    return Real(results, after, stream)


def _changing(before: World, after: World) -> set[str]:
    """The Python numbers that a call changed: they become inputs.

    Raises:
        TraceError: one is a variable of a plain function, not an attribute of an object.
    """
    old = {path: (value, place) for path, value, place in reversed(before.leaves) if type(value) in SCALARS}
    new = {path: value for path, value, _ in reversed(after.leaves)}
    found = set()
    for path, (value, place) in old.items():
        now = new.get(path, value)
        if type(now) in SCALARS and (type(now) is not type(value) or now != value) and value == value:
            if place is not None and place.kind in ("cell", "global"):
                raise TraceError(
                    f"the variable {path} is {value} before a call and {now} after it: a graph of a plain function "
                    "has no place for a number that changes from call to call. Pass it as an argument and return its "
                    "new value, or keep it as an attribute of an object"
                )
            found.add(path)
    return found


def _traced(target: Target, world: World, changing: set[str], nudge: bool = False) -> Draft:
    """Trace once, put everything back, and make sure that no tracer is left anywhere."""
    stream = random_state()
    try:
        draft = trace_once(target, world, changing, nudge)
    finally:
        world.restore()
        set_random_state(stream)
    if sys.getrefcount(draft.tape) > 2:  # each tracer holds its tape; the draft's own and this call's are two
        gc.collect()
        if sys.getrefcount(draft.tape) > 2:
            raise TraceError(
                "a traced array was kept somewhere that a trace can't reach and put back (a cache, a generator, a "
                "global registry). Keep arrays in attributes of the traced objects, or return them"
            )
    return draft


def _refuse_foreign(one: Draft, two: Draft) -> None:
    others = {id(owner(array)) for array in two.tape.plain_arrays}  # both tapes keep theirs alive
    for array in one.tape.plain_arrays:
        if id(owner(array)) in others:
            raise TraceError(
                f"the code uses an array of shape {array.shape} and dtype {array.dtype} that lives where a trace "
                "doesn't look: it would be frozen into the graph. Pass it as an argument, or make it an attribute of "
                "a traced object"
            )


def _difference(one: Program, two: Program) -> str:
    for at, (a, b) in enumerate(zip(one.graph.nodes, two.graph.nodes, strict=False)):
        if a != b:
            user = next((n for n in one.graph.nodes if n.source and (n is a or at in n.inputs)), a)
            where = f"{user.source}: {user.source.code}\n  " if user.source else ""
            if a.op == b.op == "constant":
                return (
                    f"{where}a constant of the code is {a.param('value')!r} in one call and {b.param('value')!r} in "
                    "the next: it would be frozen into the graph. Pass it as an argument, or keep it as an attribute "
                    "of the object"
                )
            return f"{where}the code does {a.op} in one call and {b.op} in the next: no single graph holds it"
    return "the code's results or state change their form from call to call: no single graph holds it"


def _check_against(program: Program, real: Real) -> None:
    """Run the graph and compare it with the real call: a difference beyond rounding would be a bug of backhand."""
    graph = program.graph
    if any(n.op == "random" and n.param("stream") != "numpy.random" for n in graph.nodes):
        return  # the stream was an object's own, and a copy of it has moved on
    after = random_state()
    set_random_state(real.stream)
    try:
        with np.errstate(all="ignore"):
            made = evaluate(graph, program.values)
    finally:
        set_random_state(after)
    pairs = [(f"result {n}", made[i], v) for n, (i, v) in enumerate(zip(graph.outputs, real.results, strict=True))]
    for state, path in zip(graph.state, program.paths, strict=True):
        if state.output is not None:
            pairs.append((state.name, made[state.output], real.after.get(path)))
    for name, value, expected in pairs:
        if not _close(value, expected):
            raise TraceError(
                f"the graph's value of {name} is not what the code itself gave. Either the code sees that an array is "
                "traced (type(x) is np.ndarray, where isinstance is right) or changes one where a trace can't see it; "
                "or this is a bug of backhand: please report it with the code"
            )


def _close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    return bool(np.allclose(a, b, rtol=float(np.finfo(a.dtype).eps) * 1000, atol=0, equal_nan=True))
