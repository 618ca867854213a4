"""Guesses at how a thing is made and what its forward gets: worlds, constructor arguments, inputs, likeliest first."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from math import prod
from typing import Any

import numpy as np

from backhand.checking.adapters.naming import FORWARD, methods_like
from backhand.checking.adapters.places import leaves
from backhand.checking.discover import Thing, has_own, loss_with_gradients
from backhand.checking.example import Example
from backhand.checking.making import Maker, objects, setups, written_calls
from backhand.checking.roles import Slot, slots
from backhand.checking.subject import UserCodeError
from backhand.checking.worlds import World, candidates, worlds

__all__ = ["Guess", "arguments", "constructor", "example_of", "forwards", "guesses", "values"]

_COMBINATIONS = 48
"""How many combinations of constructor arguments, and of inputs, are tried in one world."""
_SIZES = frozenset(
    [
        "in_size",
        "out_size",
        "hidden",
        "hidden_list",
        "size_list",
        "vocab",
        "in_shape",
        "out_shape",
        "heads",
        "time",
        "batch",
    ]
)
_ARRAYS = frozenset(["weight", "bias", "gamma", "beta", "w_input", "w_hidden"])
_OMIT: Any = object()


@dataclass(frozen=True)
class Guess:
    """One guess.

    Attributes:
        world: the sizes and the layout.
        method: the name of forward; empty for a function.
        init: the constructor's arguments.
        setup: the methods that are called before forward.
        inputs: of each of forward's arguments, which of its candidates in this world.
        settings: what makes it a configuration of its own: ``(("stride", 2),)``.
    """

    world: World
    method: str = ""
    init: tuple[tuple[Slot, Any], ...] = ()
    setup: tuple[str, ...] = ()
    inputs: tuple[tuple[Slot, int], ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()


def guesses(thing: Thing, failed: Callable[[UserCodeError], None]) -> Iterator[Guess]:
    """All guesses, likeliest first. What can't be made is told to ``failed``."""
    known = _worlds(thing)
    for world in known:
        for making in _makings(thing, world, failed):
            yield from _fed(thing, making)
    for init in _ready_made(thing):
        for world in [*_sizes_inside(thing, init, known), *(known if init else ())]:
            yield from _fed(thing, Guess(world, init=init))


def _fed(thing: Thing, making: Guess) -> Iterator[Guess]:
    """A guess with all that its forwards may be given."""
    for method, function, bound in forwards(thing):
        inputs = _wanted_inputs(function, bound, thing)
        for picks in _by_likelihood([range(len(values(slot, making.world, thing))) for slot in inputs]):
            yield replace(making, method=method, inputs=tuple(zip(inputs, picks, strict=True)))


def _worlds(thing: Thing) -> list[World]:
    everything = [*constructor(thing), *(slot for _, f, bound in forwards(thing) for slot in slots(f, bound=bound))]
    roles = {slot.role for slot in everything}
    hint = " ".join([thing.name, *(slot.name for slot in everything)])
    named = any(word in thing.name.lower() for word in ("rnn", "lstm", "gru"))
    outputs = bool(roles & {"out_size", "hidden", "hidden_list", "size_list", "weight"})
    recurrent = named or bool(roles & {"w_hidden", "state"})
    found = list(worlds(hint, recurrent=recurrent, heads="heads" in roles, classes_are_outputs=outputs))
    for slot in everything:  # input_dim=(1, 28, 28): a network that only fits images of this size
        size = slot.default
        if slot.role in ("in_size", "in_shape") and isinstance(size, tuple | list) and len(size) == 3:
            found += [replace(found[0], layout="nchw", C=size[0], high=size[1], wide=size[2])]
            found += [replace(found[0], layout="nhwc", C=size[2], high=size[0], wide=size[1])]
    return found


def _ready_made(thing: Thing) -> list[tuple[tuple[Slot, Any], ...]]:
    """Constructor arguments that need no guess: none, and those of calls that stand in the file."""
    if thing.kind not in ("class", "object"):
        return []
    return [(), *(written_calls(thing.parts[0]) if thing.kind == "class" else [])]


def _sizes_inside(thing: Thing, init: tuple[tuple[Slot, Any], ...], known: Sequence[World]) -> Iterator[World]:
    """Worlds in the sizes of the arrays that the thing holds when it is made so: its sizes are its own."""
    try:
        held = [value for _, value in leaves(_maker(thing, Guess(known[0], init=init))())]
    except UserCodeError:
        return
    arrays = [value.shape for value in held if isinstance(value, np.ndarray) and value.ndim >= 1]
    shapes = [shape for shape in arrays if len(shape) >= 2] or [shape for shape in arrays if shape[0] > 1]
    sizes = dict.fromkeys(size for shape in shapes for size in shape)
    for size in list(sizes)[:4]:
        for world in known[:8]:
            yield replace(world, D=size, C=size, H=size, V=size, classes=shapes[-1][-1], M=shapes[-1][-1])


def forwards(thing: Thing) -> list[tuple[str, Callable[..., Any], bool]]:
    """The functions that may be forward, with their names and whether their first parameter is ``self``."""
    if thing.kind in ("pair", "both"):
        return [("", thing.parts[0], False)]
    kind = thing.parts[0] if isinstance(thing.parts[0], type) else type(thing.parts[0])
    names = [name for name in methods_like(kind, FORWARD) if has_own(kind, name)]
    if "loss" in names and hasattr(kind, "gradient"):
        names = ["loss", *(name for name in names if name != "loss")]
    if alone := loss_with_gradients(kind):
        names = [alone]
    found = []
    for name in names:
        static = inspect.getattr_static(kind, name)
        found.append((name, getattr(kind, name), not isinstance(static, staticmethod | classmethod)))
    return found[:4]


def constructor(thing: Thing) -> list[Slot]:
    """The parameters of a class's constructor."""
    if thing.kind != "class":
        return []
    init = thing.parts[0].__init__
    return slots(init, constructor=True, bound=True) if inspect.isfunction(init) else []


def _wanted_inputs(function: Callable[..., Any], bound: bool, thing: Thing) -> list[Slot]:
    found = slots(function, bound=bound)
    needed = [slot for slot in found if slot.required or (slot.default is None and slot.role in ("labels", "y"))]
    after = found[len(needed) :]
    if after and _decays(after[0], thing) and needed == found[: len(needed)]:  # loss(X, y=None, reg=0.0)
        needed.append(after[0])
    switch = thing.parts[1].keywords if thing.kind == "pair" and isinstance(thing.parts[1], partial) else {}
    needed = [slot for slot in needed if slot.name not in switch]
    if needed and needed[0].role == "state":  # h is what goes in, where nothing goes in beside it
        needed[0] = replace(needed[0], role="first_state")
    roles = {slot.role for slot in needed}
    bias = "recurrent_bias" if roles & {"w_hidden", "state"} else "bias" if roles & {"weight", "w_input"} else "second"
    needed = [replace(slot, role=bias) if slot.role == "bias" else slot for slot in needed]
    told = any(word in _words(thing) for word in ("loss", "cost", "entropy", "error"))
    losses = told or any(slot.role == "prediction" for slot in needed)
    return [
        replace(slot, role="labels") if slot.role == "y" and losses and len(needed) > 1 else slot for slot in needed
    ]


def _words(thing: Thing) -> str:
    return " ".join([thing.name, *(method for method, _, _ in forwards(thing)[:1])]).lower()


def _makings(thing: Thing, world: World, failed: Callable[[UserCodeError], None]) -> Iterator[Guess]:
    """Ways to make the thing in a world that don't raise."""
    if thing.kind != "class":
        yield Guess(world)
        return
    init = constructor(thing)
    if any(slot.role == "w_hidden" for slot in init):
        init = [replace(slot, role="recurrent_bias") if slot.role == "bias" else slot for slot in init]
    if any(slot.role in ("stride", "pad") for slot in init) or "pool" in thing.name.lower():
        init = [replace(slot, role="kernel") if slot.name in ("size", "n") else slot for slot in init]
    choices = [(slot, arguments(slot, world, thing)) for slot in init]
    choices = [(slot, values) for slot, values in choices if slot.required or values]
    ways = [(), *setups(thing.parts[0])]
    for picks in _by_likelihood([range(len(values)) for _, values in choices]):
        filled = [(slot, values[pick]) for (slot, values), pick in zip(choices, picks, strict=True)]
        given = tuple((slot, value) for slot, value in filled if value is not _OMIT)
        for setup in ways:
            guess = Guess(world, init=given, setup=setup)
            try:
                _maker(thing, guess)()
            except UserCodeError as error:
                failed(error)
            else:
                yield guess


def arguments(slot: Slot, world: World, thing: Thing) -> list[Any]:
    """What a constructor's parameter may be given; none if its default is best left alone."""
    found = values(slot, world, thing)
    if slot.required:
        return found
    if _decays(slot, thing):
        return [*found, _OMIT]
    if slot.role in ("in_size", "in_shape") and isinstance(slot.default, tuple) and _loss_alone(thing):
        return [world.x[1:], _OMIT]  # input_dim=(3, 32, 32): smaller ones first
    if slot.role in _SIZES:
        return [*found, _OMIT] if not isinstance(slot.default, tuple | list) else [_OMIT, *found]
    return [_OMIT, *found] if slot.role in _ARRAYS and slot.default is None else []


def _decays(slot: Slot, thing: Thing) -> bool:
    """Whether it is the weight decay of such a network: reg=0 would hide that the gradient forgets it."""
    return slot.role == "reg" and _loss_alone(thing)


def _loss_alone(thing: Thing) -> bool:
    """Whether it is a network without a backward, whose loss gives the gradients."""
    return thing.kind == "class" and bool(loss_with_gradients(thing.parts[0]))


def values(slot: Slot, world: World, thing: Thing) -> list[Any]:
    """What a slot may be given: arrays, numbers, or objects of the user's own."""
    return candidates(slot, world) or objects(slot, thing)


def _by_likelihood(ranges: Sequence[range]) -> list[tuple[int, ...]]:
    """Picks of one candidate each, by how far down their lists they are."""
    width = max(map(len, ranges), default=0)
    while prod(min(len(each), width) for each in ranges) > 4096:
        width -= 1
    picks = sorted(product(*(each[:width] for each in ranges)), key=lambda pick: (sum(pick), pick))
    return picks[:_COMBINATIONS]


def _maker(thing: Thing, guess: Guess) -> Callable[[], Any]:
    """A function that makes the thing, the same every time."""
    return Maker(thing, tuple((slot.name, value) for slot, value in guess.init), guess.setup, guess.world)


def example_of(thing: Thing, guess: Guess) -> Example:
    """The guess as an example."""
    inputs = []
    for slot, pick in guess.inputs:
        value = values(slot, guess.world, thing)[pick]
        if isinstance(value, dict):
            value = {**value, **{key: new for key, new in guess.settings if key in value}}
        inputs.append(value)
    settings = {slot.role: value for slot, value in guess.init if slot.role in ("stride", "pad", "kernel", "rate")}
    label = ", ".join(f"{name} {value!r}" for name, value in guess.settings)
    settings |= dict(guess.settings)
    return Example(_maker(thing, guess), tuple(inputs), label, batch=guess.world.batch, settings=settings)
