"""The derivative of forward, without looking into it: entry by entry, or along random directions for large blocks.

The complex step is used where it is valid, which is verified along a random direction against extrapolated differences;
else the differences themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np

from backhand.checking.measurement import Estimate
from backhand.checking.slopes import EPSILON, Slope, complex_step, differences
from backhand.checking.subject import LARGE, Array, Session, Subject, UserCodeError

__all__ = ["EVERY_ENTRY", "Forward", "Projection", "directions", "project", "reference", "some_entries", "typical_size"]

EVERY_ENTRY = 128  # a block of more entries is measured along random directions
SLOW = 2e-3  # seconds for a forward: then the fewest calls that decide are made
FINER = 2.0**-12
Method = Literal["best", "differences", "fine"]
SAMPLED = 24  # entries of a large block that are looked at, to tell where it is off


class Forward:
    """Forward at some values, as a function of one of them; flat outputs, of one dtype.

    One instance serves for all calls if forward gives the same on it again as on a fresh one, else each call has one.
    """

    def __init__(self, subject: Subject, values: Mapping[str, Array]) -> None:
        self.subject = subject
        self.values = dict(values)
        self._session: Session | None = None
        self._complex: dict[str, bool] = {}
        fresh = self({})
        session = subject.start()
        session.forward(self.values)
        self._session = session
        if not np.array_equal(self({}), fresh, equal_nan=True):
            self._session = None
        self.here = fresh
        self.expensive = subject.large or self._is_slow()
        self.sizes = {name: typical_size(array) for name, array in self.values.items()}
        self.rounding = self._rounding()

    def _is_slow(self) -> bool:
        """Whether each of a few calls takes long: one may just have had to wait."""
        for _ in range(5):
            start = perf_counter()
            self({})
            if perf_counter() - start < SLOW:
                return False
        return True

    def __call__(self, changed: Mapping[str, Array]) -> Array:
        """The outputs with some values changed.

        Raises:
            UserCodeError: the code raised.
        """
        session = self._session or self.subject.start()
        outputs = session.forward({**self.values, **changed})
        return np.concatenate([np.ravel(out) for out in outputs])

    def _rounding(self) -> float:
        """How finely outputs are rounded, in units of the largest: float32 inside of forward shows here alone."""
        names = [name for name in self.values if self.values[name].size]
        found = self._rounding_along(names)
        if found is None:  # one of them can't be moved: t, which has to stay a distribution
            found = max(self._rounding_along([name]) or EPSILON for name in names)
        return found

    def _rounding_along(self, names: Sequence[str]) -> float | None:
        """On a line of steps too small for a bend, all that is left after three differences is rounding.

        The line begins beside the values, where there may be a kink. None if forward raises on it.
        """
        random = np.random.default_rng(8)
        ways = {name: self.sizes[name] * random.uniform(-1.0, 1.0, self.values[name].shape) for name in names}
        steps = (np.pi + np.arange(7)) * 2.0**-22
        try:
            line = np.array([self({n: self.values[n] + step * way for n, way in ways.items()}).real for step in steps])
        except UserCodeError:
            return None
        largest = float(np.abs(line).max(initial=0.0))
        rough = float(np.abs(np.diff(line.astype(np.float64), 3, axis=0)).max(initial=0.0))
        return max(EPSILON, rough / (4 * largest)) if 0 < largest < np.inf else EPSILON

    def along(self, name: str, direction: Array, method: Method = "best") -> Slope:
        """The slope as one value moves along a direction, whose largest entry is 1.

        ``differences`` are taken even where the complex step is valid; ``fine`` are those with a much smaller step, for
        a forward that changes on a smaller scale than its inputs' own.
        """
        if method == "best" and self.is_analytic(name):
            return self._complex_along(name, direction)
        return self._real_along(name, direction, self.sizes[name] * (FINER if method == "fine" else 1.0))

    def _real_along(self, name: str, direction: Array, size: float) -> Slope:
        value = self.values[name]

        def line(step: complex) -> Array:
            return np.asarray(self({name: value + (step * size) * direction}).real, dtype=np.float64)

        here = np.asarray(self.here, dtype=np.float64)
        slope = differences(line, here, rounding=self.rounding)
        lost = 2.0**-44 * float(np.abs(value).max(initial=0)) / size  # digits of value + step that rounding takes away
        return Slope(slope.value / size, (slope.bar + lost * np.abs(slope.value)) / size, slope.jump / size)

    def _complex_along(self, name: str, direction: Array) -> Slope:
        slope = complex_step(lambda step: self({name: self.values[name] + step * direction}))
        # What lies below the rounding of the output itself (the slope of a saturated tanh) no formula has to get right.
        resolution = 2.0**-48 * np.abs(np.asarray(self.here, dtype=np.float64)) / self.sizes[name]
        return Slope(slope.value, slope.bar + resolution, slope.jump)

    def is_analytic(self, name: str) -> bool:
        """Whether the complex step is valid for a value: it runs, and agrees with differences along one direction."""
        if name in self.subject.refuses_complex:
            return False
        if name not in self._complex:
            direction = np.random.default_rng(5).uniform(0.5, 1.0, self.values[name].shape)
            direction *= np.random.default_rng(6).choice((-1.0, 1.0), self.values[name].shape)
            try:
                imaginary = self._complex_along(name, direction)
            except (UserCodeError, ValueError, TypeError):
                self.subject.refuses_complex.add(name)
                return False
            self._complex[name] = any(
                _agree(imaginary, self.along(name, direction, method)) for method in ("differences", "fine")
            )
        return self._complex[name]

    def method(self, name: str) -> str:
        """The name of the method that ``along`` uses."""
        return "complex step" if self.is_analytic(name) else "differences"


def _agree(imaginary: Slope, real: Slope) -> bool:
    off = np.abs(imaginary.value - real.value)
    smooth = not np.any(real.jump)  # at a kink the complex step sees one side only
    return smooth and bool(np.all(off <= 4 * real.bar + 1e-7 * np.abs(real.value)))


def typical_size(array: Array) -> float:
    """What a value is moved in units of, for differences: how far its entries are apart along one of its axes."""
    sizes = [np.std(array, axis=axis, dtype=np.float64) for axis in range(array.ndim) if array.shape[axis] > 1]
    sizes = [np.median(size[size > 0]) for size in map(np.atleast_1d, sizes) if np.any(size > 0)]
    whole = float(np.sqrt(np.mean(np.square(array, dtype=np.float64)))) if array.size else 1.0
    size = min([float(each) for each in sizes] + [whole])
    return size if np.isfinite(size) and size > 0 else 1.0


def reference(
    forward: Forward, name: str, douts: Sequence[Array], entries: Array | None = None, method: Method = "best"
) -> Estimate:
    """The gradient of sum(dout * output) by a value, entry by entry.

    ``entries`` (flat indices) are those to look at, all by default; the others are NaN.
    """
    value = forward.values[name]
    dout = np.concatenate([np.ravel(d) for d in douts]).astype(np.float64)
    flat = np.full((3, value.size), np.nan)
    for index in range(value.size) if entries is None else entries:
        direction = np.zeros(value.size)
        direction[index] = 1.0
        slope = forward.along(name, direction.reshape(value.shape), method)
        flat[:, index] = _contract(slope, dout)
    found, bar, jump = flat.reshape(3, *value.shape)
    used = forward.method(name) if method == "best" else "differences"
    return Estimate(found, bar, found - jump / 2, found + jump / 2, used)


def _contract(slope: Slope, dout: Array) -> tuple[float, float, float]:
    value = float(dout @ slope.value)
    weight = np.abs(dout)
    bar = float(weight @ slope.bar) + 64 * 2.0**-52 * float(weight @ np.abs(slope.value))
    return value, bar, float(weight @ np.abs(slope.jump))


@dataclass(frozen=True)
class Projection:
    """The gradient of a block along one direction: reference, error bar, and the width of kinks."""

    value: float
    bar: float
    jump: float


def directions(shape: tuple[int, ...], count: int, seed: int) -> Iterator[Array]:
    """Random directions of +-1."""
    rng = np.random.default_rng((seed, 17))
    for _ in range(count):
        yield rng.integers(0, 2, shape, dtype=np.int8) * 2.0 - 1.0


def project(
    forward: Forward, name: str, direction: Array, douts: Sequence[Array], method: Method = "best"
) -> Projection:
    """The gradient of a block along a direction."""
    dout = np.concatenate([np.ravel(d) for d in douts]).astype(np.float64)
    return Projection(*_contract(forward.along(name, direction, method), dout))


def some_entries(shape: tuple[int, ...], hand: Array | None, seed: int) -> Array:
    """Entries of a large block to look at one by one: corners, the largest, random ones; only a few of a huge one."""
    size = int(np.prod(shape))
    rng = np.random.default_rng((seed, 19))
    largest = [int(np.argmax(np.abs(hand)))] if hand is not None and hand.shape == shape else []
    if size > LARGE:
        return np.unique([*largest, *rng.integers(0, size, SAMPLED // 4)])
    corners = [
        np.ravel_multi_index(tuple((n - 1) * (bits >> axis & 1) for axis, n in enumerate(shape)), shape)
        for bits in range(2 ** min(len(shape), 3))
    ]
    return np.unique([*corners, *largest, *rng.integers(0, size, SAMPLED)])
