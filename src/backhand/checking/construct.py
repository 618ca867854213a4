"""Make a thing that was found and something to feed it, by trying: likely guesses first, until one runs.

A guess is checked by the adapters: what counts is that forward and backward run and that the gradients have the shapes of
what they belong to. From the first guess that runs, other configurations are made: other sizes, the other kind of labels,
stride, padding, another activation.
"""

from __future__ import annotations

import copy
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np

from backhand.checking.adapters.adapt import adapt
from backhand.checking.adapters.guard import call, quiet
from backhand.checking.adapters.naming import FORWARD, methods_like
from backhand.checking.adapters.places import leaves
from backhand.checking.discover import Thing
from backhand.checking.example import Example
from backhand.checking.load import too_old
from backhand.checking.making import Maker, objects, setups
from backhand.checking.roles import Slot, slots
from backhand.checking.subject import Subject, UserCodeError
from backhand.checking.worlds import World, candidates, worlds
from backhand.errors import CheckError

__all__ = ["Built", "build"]

_SECONDS = 20.0
"""How long guesses are made for one thing."""
_COMBINATIONS = 48
"""How many combinations of constructor arguments, and of inputs, are tried in one world."""
_CONFIGURATIONS = 8
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
class Built:
    """What came out: examples to check, the main one first, or the reason why there are none; and what it printed."""

    thing: Thing
    examples: tuple[Example, ...] = ()
    problem: str = ""
    printed: str = ""


@dataclass(frozen=True)
class Guess:
    """One guess: the world, and which candidate each slot takes there."""

    world: World
    method: str = ""
    init: tuple[tuple[Slot, Any], ...] = ()
    setup: tuple[str, ...] = ()
    inputs: tuple[tuple[Slot, int], ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()


@dataclass
class _Search:
    """What has been tried so far."""

    until: float
    tried: int = 0
    deepest: int = -1
    error: BaseException | None = None
    half: Example | None = None
    best: tuple[int, Guess, Example] | None = None
    errors: list[str] = field(default_factory=list)

    @property
    def over(self) -> bool:
        return time.monotonic() > self.until

    def failed(self, error: BaseException, depth: int, example: Example | None = None) -> None:
        """Remember how far the farthest try came: 0 made, 1 forward ran, 2 backward ran."""
        if depth > self.deepest:
            self.deepest, self.error, self.half = depth, error, example


def build(thing: Thing) -> Built:
    """Examples of the thing in several configurations, or what to pass by hand.

    Nothing is raised for what the user's code does: it is the reason in ``problem``.
    """
    search = _Search(time.monotonic() + _SECONDS)
    with quiet():
        for guess in _guesses(thing, search):
            rank = _try(thing, guess, search)
            if rank == 0 or search.over:
                break
        if search.best is not None:
            _, guess, example = search.best
            return Built(thing, (example, *_configurations(thing, guess, example, search)))
    cause = search.error.error if isinstance(search.error, UserCodeError) else search.error
    old = too_old(cause) if cause is not None else None
    if old is not None:
        return Built(thing, problem=f"{old}{_at(search.error)}")
    if search.half is not None:
        return Built(thing, (search.half,))
    return Built(thing, problem=_what_to_pass(thing, search))


# -- guesses --------------------------------------------------------------------------------------------------------


def _guesses(thing: Thing, search: _Search) -> Iterator[Guess]:
    for world in _worlds(thing):
        for making in _makings(thing, world, search):
            for method, function, bound in _forwards(thing):
                forward = _wanted_inputs(function, bound, making, thing)
                ranges = [range(len(_values(slot, world, thing))) for slot in forward]
                for picks in _by_likelihood(ranges):
                    yield replace(making, method=method, inputs=tuple(zip(forward, picks, strict=True)))
                    if search.over:
                        return


def _worlds(thing: Thing) -> Iterator[World]:
    everything = [*_init_slots(thing), *(slot for _, f, bound in _forwards(thing) for slot in slots(f, bound=bound))]
    roles = {slot.role for slot in everything}
    hint = " ".join([thing.name, *(slot.name for slot in everything)])
    recurrent = bool(roles & {"w_hidden", "state"}) or any(
        word in thing.name.lower() for word in ("rnn", "lstm", "gru")
    )
    known = list(
        worlds(
            hint,
            recurrent=recurrent,
            heads="heads" in roles,
            classes_are_outputs=bool(roles & {"out_size", "hidden", "hidden_list", "size_list", "weight"}),
        )
    )
    yield from known
    yield from _sizes_inside(thing, known)


def _sizes_inside(thing: Thing, known: Sequence[World]) -> Iterator[World]:
    """Worlds in the sizes of the arrays that the thing already holds: of an object, or of a class with sizes of its own."""
    maker = Maker(thing) if thing.kind in ("class", "object") else None
    try:
        held = [value for _, value in leaves(maker())] if maker is not None else []
    except Exception:  # it can't be made without arguments
        return
    shapes = [value.shape for value in held if isinstance(value, np.ndarray) and value.ndim >= 2]
    seen = set()
    for shape in shapes:
        for size in shape:
            if size not in seen and len(seen) < 4:
                seen.add(size)
                for world in known[:4]:
                    yield replace(world, D=size, C=size, H=size, V=size, classes=shapes[-1][-1], M=shapes[-1][-1])


def _forwards(thing: Thing) -> list[tuple[str, Callable[..., Any], bool]]:
    """The functions that may be forward, with their names and whether their first parameter is ``self``."""
    if thing.kind in ("pair", "both"):
        return [("", thing.parts[0], False)]
    kind = thing.parts[0] if isinstance(thing.parts[0], type) else type(thing.parts[0])
    names = [
        name
        for name in methods_like(kind, FORWARD)
        if name != "__call__" or any("__call__" in vars(b) for b in kind.__mro__)
    ]
    if "loss" in names and hasattr(kind, "gradient"):
        names = ["loss", *(name for name in names if name != "loss")]
    found = []
    for name in names:
        static = inspect.getattr_static(kind, name)
        found.append((name, getattr(kind, name), not isinstance(static, staticmethod | classmethod)))
    return found[:4]


def _init_slots(thing: Thing) -> list[Slot]:
    if thing.kind != "class":
        return []
    init = thing.parts[0].__init__
    return slots(init, constructor=True, bound=True) if inspect.isfunction(init) else []


def _wanted_inputs(function: Callable[..., Any], bound: bool, making: Guess, thing: Thing) -> list[Slot]:
    found = slots(function, bound=bound)
    needed = [slot for slot in found if slot.required or (slot.default is None and slot.role in ("labels", "y"))]
    switch = thing.parts[1].keywords if thing.kind == "pair" and isinstance(thing.parts[1], partial) else {}
    needed = [slot for slot in needed if slot.name not in switch]
    roles = {slot.role for slot in found}
    bias = "recurrent_bias" if roles & {"w_hidden", "state"} else "bias" if roles & {"weight", "w_input"} else "second"
    needed = [replace(slot, role=bias) if slot.role == "bias" else slot for slot in needed]
    losses = any(slot.role in ("prediction",) for slot in needed) or any(
        word in _words(thing) for word in ("loss", "cost", "entropy", "error")
    )
    return [
        replace(slot, role="labels") if slot.role == "y" and losses and len(needed) > 1 else slot for slot in needed
    ]


def _words(thing: Thing) -> str:
    return " ".join([thing.name, *(method for method, _, _ in _forwards(thing)[:1])]).lower()


def _makings(thing: Thing, world: World, search: _Search) -> Iterator[Guess]:
    """Ways to make the thing in a world that don't raise."""
    if thing.kind != "class":
        yield Guess(world)
        return
    init = _init_slots(thing)
    if any(slot.role == "w_hidden" for slot in init):
        init = [replace(slot, role="recurrent_bias") if slot.role == "bias" else slot for slot in init]
    if any(slot.role in ("stride", "pad") for slot in init) or "pool" in thing.name.lower():
        init = [replace(slot, role="kernel") if slot.name in ("size", "n") else slot for slot in init]
    choices = [(slot, _arguments(slot, world, thing)) for slot in init]
    choices = [(slot, values) for slot, values in choices if slot.required or values]
    ways = [(), *setups(thing.parts[0])]
    for picks in _by_likelihood([range(len(values)) for _, values in choices]):
        filled = [(slot, values[pick]) for (slot, values), pick in zip(choices, picks, strict=True)]
        given = tuple((slot, value) for slot, value in filled if value is not _OMIT)
        for setup in ways:
            guess = Guess(world, init=given, setup=setup)
            try:
                maker(thing, guess)()
            except (Exception, SystemExit) as error:
                search.failed(error, -1)
                search.error = search.error or error
                continue
            yield guess


def _arguments(slot: Slot, world: World, thing: Thing) -> list[Any]:
    found = _values(slot, world, thing)
    if slot.required:
        return found
    if slot.role in _SIZES:
        return [*found, _OMIT]
    return [_OMIT, *found] if slot.role in _ARRAYS and slot.default is None else []


def _values(slot: Slot, world: World, thing: Thing) -> list[Any]:
    return candidates(slot, world) or objects(slot, thing)


def _by_likelihood(ranges: Sequence[range]) -> list[tuple[int, ...]]:
    picks = sorted(product(*ranges), key=lambda pick: (sum(pick), pick))
    return picks[:_COMBINATIONS]


# -- trying ---------------------------------------------------------------------------------------------------------


def maker(thing: Thing, guess: Guess) -> Callable[[], Any]:
    """A function that makes the thing, the same every time."""
    return Maker(thing, tuple((slot.name, value) for slot, value in guess.init), guess.setup, guess.world)


def example_of(thing: Thing, guess: Guess) -> Example:
    """The guess as an example."""
    inputs = []
    for slot, pick in guess.inputs:
        value = _values(slot, guess.world, thing)[pick]
        if isinstance(value, dict):
            value = {**value, **{key: new for key, new in guess.settings if key in value}}
        inputs.append(value)
    settings = {slot.role: value for slot, value in guess.init if slot.role in ("stride", "pad", "kernel", "rate")}
    label = ", ".join(f"{name} {value!r}" for name, value in guess.settings)
    return Example(maker(thing, guess), tuple(inputs), label, settings={**settings, **dict(guess.settings)})


def _try(thing: Thing, guess: Guess, search: _Search) -> int | None:
    """How well the guess fits: 0 is all right, None it doesn't run."""
    example = example_of(thing, guess)
    search.tried += 1
    depth = 0
    try:
        _forward(thing, guess, example)
        subject = adapt(example)
        depth = 1
        rank = _misfits(subject)
    except UserCodeError as error:
        # What adapt raises about backward comes after a forward that ran.
        search.failed(error, 1 if error.phase == "backward" else 0, example if error.phase == "backward" else None)
        return None
    except CheckError as error:
        search.failed(error, depth)
        return None
    if search.best is None or rank < search.best[0]:
        search.best = (rank, guess, example)
    return rank


def _forward(thing: Thing, guess: Guess, example: Example) -> None:
    """Run the forward that the guess is for: most guesses end here, long before all readings are tried."""
    made = example.make()
    function = getattr(made, guess.method) if guess.method else thing.parts[0]
    call("forward", function, *copy.deepcopy(example.inputs))


def _misfits(subject: Subject) -> int:
    """Run both halves once: how many gradients are missing or of another shape."""
    session = subject.start()
    outputs = session.forward()
    if not all(np.isfinite(out).all() for out in outputs):
        raise CheckError("forward gives inf or NaN")
    gradients = session.backward([np.ones_like(out) for out in outputs])
    wanted = subject.gradients.items()
    return sum(name not in gradients or gradients[name].shape != subject.values[of].shape for name, of in wanted)


# -- configurations -------------------------------------------------------------------------------------------------


def _configurations(thing: Thing, guess: Guess, main: Example, search: _Search) -> list[Example]:
    """The same thing in other configurations, those that run."""
    found: list[Example] = []
    for other in _variants(thing, guess):
        if search.over or len(found) == _CONFIGURATIONS:
            break
        try:
            example = example_of(thing, other)
            _misfits(adapt(example))
        except (UserCodeError, CheckError, IndexError):
            continue
        found.append(example)
    return found


def _variants(thing: Thing, guess: Guess) -> Iterator[Guess]:
    init = _init_slots(thing)
    keys = {key for slot, _ in guess.inputs for key in slot.keys}
    spatial: list[tuple[str, Any]] = []
    for slot in init:
        default = slot.default if isinstance(slot.default, int) else 0
        if slot.role == "pad":
            spatial.append((slot.name, 0 if default else 1))
        elif slot.role == "stride":
            spatial.append((slot.name, 2 if default != 2 else 1))
    spatial += [(key, {"stride": 2, "pad": 1}[key]) for key in sorted(keys & {"stride", "pad"})]
    for change in spatial:
        yield _with(thing, guess, [change])
    if len(spatial) > 1:
        yield _with(thing, guess, spatial)
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
    known = {slot.name: slot for slot in _init_slots(thing)}
    changed = {name for name, _ in changes}
    kept = tuple((slot, value) for slot, value in guess.init if slot.name not in changed)
    new = tuple((known[name], value) for name, value in changes if name in known)
    return replace(guess, init=(*kept, *new), settings=tuple(changes))


def _in_world(thing: Thing, guess: Guess, world: World) -> Guess:
    """The same picks in another world."""
    init = []
    for slot, value in guess.init:
        here, there = (_arguments(slot, each, thing) for each in (guess.world, world))
        place = next((i for i, each in enumerate(here) if _same(each, value)), None)
        init.append((slot, value if place is None or slot.role == "layers" else there[place]))
    return replace(guess, world=world, init=tuple(init))


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, np.ndarray) or isinstance(second, np.ndarray):
        return np.array_equal(first, second)
    return type(first) is type(second) and (first == second or not isinstance(first, int | float | str | tuple | list))


# -- what to pass ---------------------------------------------------------------------------------------------------


def _what_to_pass(thing: Thing, search: _Search) -> str:
    """The call to write by hand, and how far the nearest guess came."""
    if thing.kind in ("pair", "both"):
        names = [getattr(part, "__name__", str(part)) for part in thing.parts]
        made = f"({', '.join(names)})" if len(names) > 1 else names[0]
    else:
        arguments = ", ".join(f"{slot.name}=..." for slot in _init_slots(thing) if slot.required)
        made = f"{thing.name}({arguments})" if thing.kind == "class" else thing.name
    forwards = _forwards(thing)
    wanted = [slot.name for slot in slots(forwards[0][1], bound=forwards[0][2]) if slot.required] if forwards else []
    stage = ("it can't be made", "forward fails", "backward fails", "its gradients aren't found")[search.deepest + 1]
    error = search.error.error if isinstance(search.error, UserCodeError) else search.error
    reason = f": {type(error).__name__}: {error}" if error is not None and not isinstance(error, CheckError) else ""
    reason = f": {error}" if isinstance(error, CheckError) else reason
    return (
        f"its arguments can't be guessed ({search.tried} tries; in the nearest {stage}{reason}{_at(search.error)}). "
        f"Pass them: backhand.check({', '.join([made, *wanted])})"
    )


def _at(error: BaseException | None) -> str:
    source = error.source if isinstance(error, UserCodeError) else None
    return f", line {source.line}: {source.code}" if source is not None else ""
