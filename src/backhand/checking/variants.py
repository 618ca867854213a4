"""Other configurations of a guess that runs, since the friendliest one hides a quarter of the bugs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backhand.checking.discover import Thing
from backhand.checking.guesses import Guess, arguments, constructor
from backhand.checking.making import objects
from backhand.checking.worlds import World

__all__ = ["variants"]


def variants(thing: Thing, guess: Guess) -> Iterator[Guess]:
    """Stride, padding, the other kind of labels, other sizes, other activations, another axis; they may not run."""
    init = constructor(thing)
    keys = {key for slot, _ in guess.inputs for key in slot.keys}
    spatial: list[tuple[str, Any]] = []
    for slot in init:
        default = slot.default if isinstance(slot.default, int) else 0
        if slot.role == "pad":
            spatial.append((slot.name, 0 if default else 1))
        elif slot.role == "stride":
            spatial.append((slot.name, 2 if default != 2 else 1))
    spatial += [(key, {"stride": 2, "pad": 1}[key]) for key in sorted(keys & {"stride", "pad"})]
    if len(spatial) > 1:
        yield _with(thing, guess, spatial)
    for change in spatial:
        yield _with(thing, guess, [change])
    for number, (slot, pick) in enumerate(guess.inputs):
        if slot.role in ("labels", "y"):
            yield from (_with_input(guess, number, other) for other in (0, 1) if other != pick)
        elif slot.role == "activation":
            yield from (
                _with_input(guess, number, other) for other in range(len(objects(slot, thing))) if other != pick
            )
    yield _in_world(thing, guess, guess.world.other())
    for slot in init:
        if slot.role == "activation":
            for value in objects(slot, thing):
                if value != slot.default:
                    yield _with(thing, guess, [(slot.name, value)])
        elif slot.role == "axis" and not slot.required:
            yield _with(thing, guess, [(slot.name, (1,) if slot.name.endswith("es") else 1)])


def _with_input(guess: Guess, number: int, pick: int) -> Guess:
    """The guess with another candidate for one input."""
    return replace(guess, inputs=(*guess.inputs[:number], (guess.inputs[number][0], pick), *guess.inputs[number + 1 :]))


def _with(thing: Thing, guess: Guess, changes: Sequence[tuple[str, Any]]) -> Guess:
    """The guess with other settings, of the constructor or under the keys of a dict."""
    known = {slot.name: slot for slot in constructor(thing)}
    changed = {name for name, _ in changes}
    kept = tuple((slot, value) for slot, value in guess.init if slot.name not in changed)
    new = tuple((known[name], value) for name, value in changes if name in known)
    return replace(guess, init=(*kept, *new), settings=tuple(changes))


def _in_world(thing: Thing, guess: Guess, world: World) -> Guess:
    """The same picks in another world."""
    init = []
    for slot, value in guess.init:
        here, there = (arguments(slot, each, thing) for each in (guess.world, world))
        place = next((i for i, each in enumerate(here) if _same(each, value)), None)
        init.append((slot, value if place is None or slot.role == "layers" else there[place]))
    return replace(guess, world=world, init=tuple(init))


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return np.array_equal(first, second)
    return type(first) is type(second) and (first == second or not isinstance(first, int | float | str | tuple | list))
