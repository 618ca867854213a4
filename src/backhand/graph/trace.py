"""Turn plain NumPy code into a graph: run it on tracers, twice, around a real call, and accept only what repeats."""

from __future__ import annotations

import gc
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from backhand.errors import TraceError
from backhand.graph.evaluate import evaluate
from backhand.graph.graph import Graph
from backhand.graph.structure import Structure, flatten, is_number
from backhand.graph.trace_array import Tracer
from backhand.graph.trace_functions import HANDLERS  # noqa: F401  (its handlers, entered by the three modules below)
from backhand.graph import trace_functions_linear, trace_functions_reduce, trace_functions_shape  # noqa: F401
from backhand.graph.trace_lift import World, random_state, set_random_state
from backhand.graph.trace_state import Program, Target, copies, trace_once

__all__ = ["Recording", "record", "trace"]


def trace(function: Callable[..., Any], *inputs: Any) -> Graph:
    """The computation graph of a function of NumPy arrays and numbers, or of code that calls layers' methods.

    The function runs a few times on the example inputs, with nothing in it changed: ``import numpy as np`` stays what it
    is, layers inherit nothing. Afterwards every array, attribute and random stream is what it was.

    Args:
        function: a function, a method of an object, or any callable.
        inputs: example values: arrays, NumPy scalars, Python numbers, and tuples, lists and dicts of them. The graph holds
            for inputs of the same shapes and dtypes. True, False, None and strings are settings: they stay as they are.

    Returns:
        The graph. Arrays that the code reaches without their being arguments (a layer's W, an optimizer's moments) are its
        ``state``. If the first call differs from later ones (``if self.m is None``), it is the graph of the later ones.

    Raises:
        TraceError: the code does something that a graph can't hold; the message has the line and what to write instead.

    >>> import numpy as np, backhand
    >>> print(backhand.trace(lambda x: np.exp(x) + x, 1.0))
    graph(x: float):
        %1 = exp(x)   # float64  <stdin>:1
        %2 = add(%1, x)  # float64  <stdin>:1
        return %2
    """
    return record(function, *inputs).graph


class Recording:
    """A graph together with the objects it was traced from: it can be called like the function, and changes the objects.

    Attributes:
        graph: what was traced.
        cold: the first call differs from all later ones, so the function must be called once for itself before `replay`.

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

    def __init__(self, target: Target, program: Program, cold: bool) -> None:
        self.graph = program.graph
        self.cold = cold
        self._target = target
        self._program = program

    def replay(self, *inputs: Any) -> Any:
        """Run the graph in place of the function, on the objects' state as it is now, and store their new state.

        Only state is stored: what a call writes and never reads again (a layer's cached x, its dW) is not.

        Raises:
            TraceError: the objects are not as they were traced: another number, array shape, or sharing of arrays.
            ShapeError, DTypeError, GraphError: the inputs are not what the graph was traced for.
        """
        from backhand.graph.replay import replay

        return replay(self._target, self._program, inputs)


def record(function: Callable[..., Any], *inputs: Any) -> Recording:
    """As :func:`trace`, and keeps hold of the objects, so that the graph can be run on them: see :class:`Recording`."""
    inputs = tuple(v.value if type(v) is Tracer else v for v in inputs)  # a trace inside a trace
    target = _target(function, inputs)
    first = World(target.roots)
    stream = random_state()
    try:
        with _no_collection():
            eager = _call_on_copies(target, first)
            second = World(target.roots)
            changing = _changing(first, second)
            later = _traced(target, second, changing)
            first.restore()
            set_random_state(stream)
            program = _traced(target, first, changing)
            first.restore()
            set_random_state(stream)
            _refuse_foreign(program, later)
            cold = not program.same(later)
            if cold:
                program, eager = _warm(target, first, changing, program, later)
    finally:
        first.restore()
        set_random_state(stream)
    _check_against(program, eager, stream)
    return Recording(target, program, cold)


def _warm(
    target: Target, first: World, changing: set[str], cold: Program, later: Program
) -> tuple[Program, tuple[Any, ...] | None]:
    """The program of the second call, if the third is the same."""
    _call_on_copies(target, first)
    second = World(target.roots)
    _call_on_copies(target, second)
    third = World(target.roots)
    last = _traced(target, third, changing | _changing(second, third))
    second.restore()
    again = _traced(target, second, changing | _changing(second, third))
    if not again.same(last):
        raise TraceError(_difference(again, last))
    return again, None


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


def _call_on_copies(target: Target, world: World) -> tuple[Any, ...]:
    """Call the function for real, on copies of every array; the objects then hold the state after the call."""
    make = copies(world)
    world.replace(make)
    result = target.call(make)
    return flatten(result, is_number)[1], {path: value for path, value, _ in reversed(World(target.roots).leaves)}


def _changing(before: World, after: World) -> set[str]:
    """The Python numbers that a call changed: they become inputs.

    Raises:
        TraceError: one is a variable of a plain function, not an attribute of an object.
    """
    old = {path: (value, place) for path, value, place in reversed(before.leaves) if type(value) in (int, float)}
    new = {path: value for path, value, _ in reversed(after.leaves)}
    found = set()
    for path, (value, place) in old.items():
        now = new.get(path, value)
        if type(now) in (int, float) and (type(now) is not type(value) or now != value) and value == value:
            if place is not None and place.kind in ("cell", "global"):
                raise TraceError(
                    f"the variable {path} is {value} before a call and {now} after it: a graph of a plain function has no "
                    "place for a number that changes from call to call. Pass it as an argument and return its new value, or "
                    "keep it as an attribute of an object"
                )
            found.add(path)
    return found


def _traced(target: Target, world: World, changing: set[str]) -> Program:
    """Trace once, put everything back, and make sure that no tracer is left anywhere."""
    stream = random_state()
    try:
        program, tape = trace_once(target, world, changing)
    finally:
        world.restore()
        set_random_state(stream)
    if sys.getrefcount(tape) > 2:
        gc.collect()
        if sys.getrefcount(tape) > 2:
            raise TraceError(
                "a traced array was kept somewhere that a trace can't reach and put back (a cache, a generator, a global "
                "registry). Keep arrays in attributes of the traced objects, or return them"
            )
    return program


def _refuse_foreign(one: Program, two: Program) -> None:
    for array in one.foreign:
        if any(array is other for other in two.foreign):
            raise TraceError(
                f"the code uses an array of shape {array.shape} and dtype {array.dtype} that lives where a trace doesn't look: it "
                "would be frozen into the graph. Pass it as an argument, or make it an attribute of a traced object"
            )


def _difference(one: Program, two: Program) -> str:
    for a, b in zip(one.graph.nodes, two.graph.nodes, strict=False):
        if a != b:
            where = f"{a.source}: {a.source.code}\n  " if a.source else ""
            if a.op == b.op == "constant":
                return (
                    f"a constant of the code is {a.param('value')!r} in one call and {b.param('value')!r} in the next: it would be "
                    "frozen into the graph. Pass it as an argument, or keep it as an attribute of the object"
                )
            return f"{where}the code does {a.op} in one call and {b.op} in the next: no single graph holds it"
    return "the code's results or state change their form from call to call: no single graph holds it"


def _check_against(program: Program, eager: tuple[Any, ...] | None, stream: Any) -> None:
    """Run the graph and compare it with the real call: a difference beyond rounding would be a bug of backhand."""
    graph = program.graph
    if eager is None or any(n.op == "random" and n.param("stream") != "numpy.random" for n in graph.nodes):
        return
    after = random_state()
    set_random_state(stream)
    try:
        with np.errstate(all="ignore"):
            made = evaluate(graph, program.values)
    finally:
        set_random_state(after)
    pairs = [(graph.labels[i], made[i], real) for i, real in zip(graph.outputs, eager[0], strict=True)]
    for state, path in zip(graph.state, program.paths, strict=True):
        if state.output is not None and not state.argument:
            pairs.append((state.name, made[state.output], eager[1].get(path)))
    for name, value, real in pairs:
        if not _close(value, real):
            raise TraceError(
                f"the graph's value of {name} is not what the code itself gave: this is a bug of backhand; please report it "
                "with the code"
            )


def _close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    return bool(np.allclose(a, b, rtol=float(np.finfo(a.dtype).eps) * 1000, atol=0, equal_nan=True))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Garbage collection off: a trace makes many small objects and frees few."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()

