"""Make a thing that was found and something to feed it, by trying: likely guesses first, until one runs.

A guess is tried on the adapters: what counts is that forward and backward run, and that the gradients have the shapes
of what they belong to. From the best guess other configurations are made.
"""

from __future__ import annotations

import contextlib
import copy
import io
import time
from dataclasses import dataclass

import numpy as np

from backhand.checking.adapters.adapt import adapt
from backhand.checking.adapters.guard import call, quiet
from backhand.checking.adapters.plain import PlainSubject
from backhand.checking.discover import Thing
from backhand.checking.example import Example
from backhand.checking.guesses import Guess, constructor, example_of, forwards, guesses
from backhand.checking.load import too_old
from backhand.checking.roles import slots
from backhand.checking.subject import UserCodeError
from backhand.checking.variants import variants
from backhand.errors import CheckError

__all__ = ["Built", "build"]

_SECONDS = 20.0
"""How long guesses are made for one thing."""
_PATIENCE = 300
"""How many more guesses are made when one runs, but with gradients of other shapes than their values."""
_CONFIGURATIONS = 8


@dataclass(frozen=True)
class Built:
    """What came out: examples to check, the main one first, or the reason why there are none; and what it printed."""

    thing: Thing
    examples: tuple[Example, ...] = ()
    problem: str = ""
    printed: str = ""


@dataclass
class _Search:
    """What has been tried so far.

    Attributes:
        thing: what is to be made.
        until: when to give up.
        tried: how many guesses were made; ``since``: the best one's number.
        best: the best guess that runs: its misfits, itself, its example.
        stage: how far the farthest of the others came, a place in ``_STAGES``.
        error: what stopped it there.
        half: its example, if backward was what failed.
    """

    thing: Thing
    until: float
    tried: int = 0
    since: int = 0
    best: tuple[int, Guess, Example] | None = None
    stage: int = -1
    error: UserCodeError | CheckError | None = None
    half: Example | None = None

    def failed(self, error: UserCodeError | CheckError, stage: int = 0, half: Example | None = None) -> None:
        """Remember the farthest failure."""
        if stage > self.stage:
            self.stage, self.error, self.half = stage, error, half

    @property
    def done(self) -> bool:
        """Whether further guesses are no use: all fits, or none did better for a long while, or the time is over."""
        if time.monotonic() > self.until:
            return True
        return self.best is not None and (self.best[0] == 0 or self.tried > self.since + _PATIENCE)

    @property
    def single(self) -> bool:
        """Whether the best is a single sample."""
        return self.best is not None and self.best[1].world.batch is None

    def worse(self, guess: Guess) -> bool:
        """Whether it is of a single sample, though a batch runs: what is wrong only for a batch would be lost."""
        return self.best is not None and self.best[1].world.batch is not None and guess.world.batch is None


_STAGES = ("it can't be made", "forward fails", "backward fails", "its gradients aren't found")


def build(thing: Thing) -> Built:
    """Examples of the thing in several configurations, or what to pass by hand.

    Nothing is raised for what the user's code does: it is the reason in ``problem``.
    """
    search = _Search(thing, time.monotonic() + _SECONDS)
    with quiet():
        for guess in guesses(thing, search.failed):
            if search.done:
                break
            if not search.worse(guess):
                _try(guess, search)
        if search.best is not None and not (search.best[0] and search.best[1].world.batch is None):
            _, guess, example = search.best
            return Built(thing, (example, *_configurations(guess, search)), printed=_printed(example))
    error = search.error.error if isinstance(search.error, UserCodeError) else search.error
    old = too_old(error) if error is not None else None
    if old is not None:
        return Built(thing, problem=f"{old}{_at(search.error)}")
    if search.half is not None:
        return Built(thing, (search.half,))
    return Built(thing, problem=_what_to_pass(search))


def _try(guess: Guess, search: _Search) -> None:
    example = example_of(search.thing, guess)
    search.tried += 1
    try:
        _forward(search.thing, guess, example)
        misfits = _misfits(adapt(example)) + _stray_labels(example)
    except UserCodeError as error:
        backward = error.phase == "backward"
        search.failed(error, 2 if backward else 1, example if backward else None)
    except CheckError as error:
        search.failed(error, 3)
    else:
        if search.best is None or (misfits, guess.world.batch is None) < (search.best[0], search.single):
            search.best, search.since = (misfits, guess, example), search.tried


def _forward(thing: Thing, guess: Guess, example: Example) -> None:
    """Run the forward that the guess is for: most guesses end here, long before all readings are tried."""
    made = example.make()
    function = getattr(made, guess.method) if guess.method else thing.parts[0]
    call("forward", function, *copy.deepcopy(example.inputs))


def _misfits(subject: PlainSubject) -> int:
    """Run both halves once: how many gradients are missing or of another shape, and how many parameters a mere number.

    A bias that isn't an array takes any sum for its gradient: it must not be preferred for that.
    """
    session = subject.start()
    outputs = session.forward()
    if not all(np.isfinite(out).all() for out in outputs):
        raise CheckError("forward gives inf or NaN")
    gradients = session.backward([np.ones_like(out) for out in outputs])
    wanted = subject.gradients.items()
    numbers = sum(subject.values[name].ndim == 0 for name in subject.parameters)
    # Where names leave no doubt, a gradient that isn't there is a mistake, and no reason to guess on.
    missing = 0 if subject.plan.certain else sum(name not in gradients for name, _ in wanted)
    shaped = sum(name in gradients and gradients[name].shape != subject.values[of].shape for name, of in wanted)
    return numbers + missing + shaped


def _stray_labels(example: Example) -> int:
    """How many arrays of labels have another length than any input has samples: fancy indexing takes them silently."""
    arrays = [value for value in example.inputs if isinstance(value, np.ndarray)]
    labels = [value for value in arrays[1:] if value.dtype.kind in "iu" and value.ndim == 1]
    lengths = {size for array in arrays for size in (array.shape[:1] + array.shape[-1:]) if array.dtype.kind == "f"}
    return sum(label.shape[0] not in lengths for label in labels) if lengths else 0


def _configurations(guess: Guess, search: _Search) -> list[Example]:
    """The same thing in other configurations, those that run."""
    found: list[Example] = []
    for other in variants(search.thing, guess):
        if time.monotonic() > search.until or len(found) == _CONFIGURATIONS:
            break
        if other.settings and any(other.settings[0] in done.settings.items() for done in found):
            continue  # stride 2 and padding 1 at once ran, so each alone says no more
        try:
            example = example_of(search.thing, other)
            _misfits(adapt(example))
        except (UserCodeError, CheckError, IndexError):
            continue
        found.append(example)
    return found


def _printed(example: Example) -> str:
    """What the thing prints when it is made and run."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(UserCodeError, CheckError):
        _misfits(adapt(example))
    return printed.getvalue()


def _what_to_pass(search: _Search) -> str:
    """The call to write by hand, and how far the nearest guess came."""
    thing = search.thing
    if thing.kind in ("pair", "both"):
        names = [getattr(part, "__name__", str(part)) for part in thing.parts]
        made = f"({', '.join(names)})" if len(names) > 1 else names[0]
    else:
        arguments = ", ".join(f"{slot.name}=..." for slot in constructor(thing) if slot.required)
        made = f"{thing.name}({arguments})" if thing.kind == "class" else thing.name
    method = forwards(thing)[0]
    wanted = [slot.name for slot in slots(method[1], bound=method[2]) if slot.required]
    error = search.error
    reason = "" if error is None else f"; in the nearest {_STAGES[max(search.stage, 0)]}: {error}{_at(error)}"
    return (
        f"its arguments can't be guessed ({search.tried} tries{reason}). "
        f"Pass them: backhand.check({', '.join([made, *wanted])})"
    )


def _at(error: BaseException | None) -> str:
    source = error.source if isinstance(error, UserCodeError) else None
    return f", line {source.line}: {source.code}" if source is not None else ""
