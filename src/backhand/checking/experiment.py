"""One configuration, measured: what backward gave, what the derivative of forward is, and how far they are apart.

This is what the contract, the table of causes and the report look at. :meth:`Experiment.again` and
:meth:`Experiment.elsewhere` measure the same thing at other values and other shapes: a cause counts only if it is
confirmed there.

The table of causes is asked through two functions, and no others:

* ``causes.explain(experiment, gradient) -> Cause | None`` for a gradient of ``experiment.wrong`` (a key of
  ``experiment.measurements``); it confirms on ``experiment.confirmations`` by itself;
* ``causes.named(id, **facts) -> Cause`` for what the contract itself has seen and proved: the sentence and remedy of
  the row, filled in with the facts. The contract's ids and their facts stand at the top of
  :mod:`backhand.checking.contract`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backhand.checking.measurement import Estimate, Measurement
from backhand.checking.reference import EVERY_ENTRY, Forward, Method, directions, project, reference, some_entries
from backhand.checking.subject import Array, Subject, UserCodeError, Values

__all__ = ["Estimate", "Experiment", "Measurement", "measure", "random_douts"]

FLOOR = 1e-6  # of the largest entry: float32 casts and rounded constants stay below, every real bug is far above
CLOSE = 1e-3  # below this an epsilon or a small regularisation is the likely reason
PROJECTIONS = 3
GENTLER = 0.25


@dataclass(frozen=True)
class Experiment:
    """One configuration of a subject, measured with random upstream gradients.

    Attributes:
        subject: what was measured.
        seed: of the values and upstream gradients.
        values: the inputs and parameters it was measured at.
        outputs: what forward gave.
        douts: the upstream gradient of each output.
        measurements: by the gradient's name.
    """

    subject: Subject
    seed: int
    values: dict[str, Array]
    outputs: tuple[Array, ...]
    douts: tuple[Array, ...]
    measurements: dict[str, Measurement]

    @property
    def wrong(self) -> tuple[str, ...]:
        """The gradients that are off."""
        return tuple(name for name, measurement in self.measurements.items() if measurement.wrong)

    @property
    def label(self) -> str:
        """Shapes and seed in words."""
        return f"{self.subject.label}, seed {self.seed}"

    def run(
        self, values: Values | None = None, douts: Sequence[Array] | None = None
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Forward and backward on a fresh instance, at these values unless others are given: outputs and gradients."""
        return self.subject.run({**self.values, **(values or {})}, self.douts if douts is None else douts)

    def derivative(self, values: Values | None = None, douts: Sequence[Array] | None = None) -> dict[str, Estimate]:
        """The reference gradients (by the gradient's name) at other values or upstream gradients.

        Of a large block only some entries are known, the others are NaN.
        """
        forward = Forward(self.subject, {**self.values, **(values or {})})
        given = self.douts if douts is None else tuple(douts)
        return {
            gradient: reference(forward, name, given, _entries(forward.values[name], None, self.seed))
            for gradient, name in self.subject.gradients.items()
        }

    def again(self, seed: int) -> Experiment:
        """The same shapes, other values and upstream gradients."""
        return measure(self.subject, seed)

    def elsewhere(self, limit: int = 3) -> Iterator[Experiment]:
        """Other shapes and another seed; those at which the code raises are left out. At most ``limit``."""
        found = 0
        for number, subject in enumerate(self.subject.elsewhere()):
            if found == limit:
                return
            try:
                experiment = measure(subject, self.seed + 1 + number)
            except UserCodeError:
                continue
            found += 1
            yield experiment

    @cached_property
    def gentler(self) -> Experiment:
        """The same with inputs of a quarter the size, where they have both signs.

        What is off because an exp or a log goes to its limits, such as a logarithm with 1e-7 in it at a probability of
        1e-7, is right here; a wrong rule is as wrong as before.
        """
        inputs = {name: self.values[name] for name in self.subject.inputs}
        mixed = {
            name: GENTLER * value for name, value in inputs.items() if value.size and value.min() < 0 < value.max()
        }
        return measure(self.subject, self.seed, quick=True, values={**self.values, **mixed})

    @cached_property
    def confirmations(self) -> tuple[Experiment, ...]:
        """The experiments that a cause is confirmed by: another seed at these shapes, and another shape if there is."""
        return (self.again(self.seed + 1), *self.elsewhere(limit=1))


def random_douts(outputs: Sequence[Array], seed: int) -> tuple[Array, ...]:
    """Random upstream gradients, never ones: against ones softmax and batch normalization have no gradient at all."""
    rng = np.random.default_rng((seed, 23))
    return tuple(np.asarray(rng.choice((-1.0, 1.0), out.shape) * rng.uniform(0.5, 1.5, out.shape)) for out in outputs)


def measure(subject: Subject, seed: int = 0, *, quick: bool = False, values: Values | None = None) -> Experiment:
    """Run forward and backward once at the values of a seed, or at given ones, and compare with the reference.

    With ``quick``, or if forward is expensive, every block is first compared along random directions, and entry by
    entry only if it is off there.

    Raises:
        UserCodeError: the code raised.
    """
    values = {**subject.draw(seed), **(values or {})}
    forward = Forward(subject, values)
    quick = quick or forward.expensive
    session = subject.start()
    outputs = session.forward(values)
    douts = random_douts(outputs, seed)
    hand = session.backward(douts)
    noise = _Noise(subject, values, douts, hand)
    measurements = {
        gradient: _compare(forward, gradient, name, hand.get(gradient), noise, douts, seed, quick)
        for gradient, name in subject.gradients.items()
    }
    return Experiment(subject, seed, values, outputs, douts, measurements)


class _Noise:
    """The rounding error of backward itself: how its gradients move when all it is given moves in the last digits.

    Asked only when a gradient looks off.
    """

    def __init__(
        self, subject: Subject, values: Mapping[str, Array], douts: Sequence[Array], hand: Mapping[str, Array]
    ) -> None:
        self._given = subject, values, douts, hand

    def __getitem__(self, gradient: str) -> float:
        return self._largest.get(gradient, 0.0)

    @cached_property
    def _largest(self) -> dict[str, float]:
        subject, values, douts, hand = self._given
        rng = np.random.default_rng(29)
        try:
            moved = {name: v * (1 + 2.0**-50 * rng.choice((-1.0, 1.0), v.shape)) for name, v in values.items()}
            nearby = subject.run(moved, douts)[1]
        except UserCodeError:
            return {}
        found = {}
        for gradient, given in hand.items():
            other = nearby.get(gradient)
            if other is not None and other.shape == given.shape and given.size:
                with np.errstate(all="ignore"):
                    found[gradient] = float(np.nan_to_num(np.abs(other - given).max()))
        return found


def _entries(value: Array, hand: Array | None, seed: int) -> Array | None:
    return None if value.size <= EVERY_ENTRY else some_entries(value.shape, hand, seed)


def _compare(
    forward: Forward,
    gradient: str,
    name: str,
    hand: Array | None,
    noise: _Noise,
    douts: Sequence[Array],
    seed: int,
    quick: bool,
) -> Measurement:
    value = forward.values[name]
    if hand is None or hand.shape != value.shape:
        estimate = reference(forward, name, douts, _entries(value, None, seed))
        unknown = np.full(value.shape, np.nan)
        if hand is None and bool(np.all(np.abs(estimate.value) <= estimate.bar)):
            return Measurement(gradient, name, hand, estimate, unknown, False, 0.0)  # nothing is missing but a 0
        return Measurement(gradient, name, hand, estimate, unknown, True, float("inf"))
    hand = np.asarray(hand, dtype=np.float64)
    off_by = 0.0  # along random directions
    if quick or value.size > EVERY_ENTRY:
        off_by, closeness = _along_directions(forward, gradient, hand, noise, douts, seed)
        if off_by == 0.0:
            unknown = np.full(value.shape, np.nan)
            method = "differences" if forward.expensive else forward.method(name)
            estimate = Estimate(unknown, unknown, unknown, unknown, method)
            return Measurement(gradient, name, hand, estimate, unknown, False, closeness)
    estimate, error, allowed = _entry_by_entry(forward, gradient, hand, noise, douts, seed)
    scale = _largest(estimate.value)
    if np.isfinite(estimate.value).all():
        off_by = 0.0  # every entry has been looked at
    wrong = off_by > 0 or bool(_off(error, allowed, estimate).any())
    bar = _largest(estimate.bar)
    if wrong:
        size = max(_largest(error) / max(scale, bar, 1e-300), off_by)
    else:  # what can't be told from 0 agrees with it, and no ratio means anything
        size = _largest(error) / scale if scale > 10 * bar else 0.0
    close = wrong and size < CLOSE and _spread(error, hand, off_by)
    return Measurement(gradient, name, hand, estimate, error, wrong, size, close)


def _along_directions(
    forward: Forward, gradient: str, hand: Array, noise: _Noise, douts: Sequence[Array], seed: int
) -> tuple[float, float]:
    """How far it is off along the worst direction, relative, 0 if within the bars; and how far apart it is anyway."""
    worst = closeness = 0.0
    name, few = forward.subject.gradients[gradient], forward.expensive
    size = float(np.linalg.norm(hand))
    methods: tuple[Method, ...] = ("differences", "fine") if few else ("best", "fine")
    for direction in directions(hand.shape, 1 if few else PROJECTIONS, seed):
        mine = float(np.sum(hand * direction))
        relative = float("inf")
        for method in methods:
            found = project(forward, name, direction, douts, method)
            scale = max(size, abs(found.value))
            error = max(abs(mine - found.value) - found.jump / 2, 0.0)
            allowed = found.bar + FLOOR * scale
            if method != "fine" or found.bar <= CLOSE * scale:
                relative = error / scale if scale > 10 * found.bar else 0.0
            if error <= allowed or error <= allowed + 16 * noise[gradient] * np.sqrt(hand.size):
                closeness = max(closeness, relative)
                break
        else:  # NaN, too
            worst = max(worst, relative if np.isfinite(relative) else float("inf"))
    return worst, closeness


def _entry_by_entry(
    forward: Forward, gradient: str, hand: Array, noise: _Noise, douts: Sequence[Array], seed: int
) -> tuple[Estimate, Array, Array]:
    """The reference, the error beyond kinks, and what is allowed of it."""
    name = forward.subject.gradients[gradient]
    estimate = reference(forward, name, douts, _entries(hand, hand, seed))

    def judged(estimate: Estimate) -> tuple[Array, Array]:
        error = hand - np.clip(hand, estimate.low, estimate.high)
        return error, estimate.bar + FLOOR * _largest(estimate.value)

    error, allowed = judged(estimate)
    off = _off(error, allowed, estimate)
    again_by: tuple[Method, ...] = ("fine",) if estimate.method == "differences" else ("differences", "fine")
    if forward.subject.large:
        again_by = ()  # the whole block has been seen to be off along a direction, by both steps
    for method in again_by if off.any() else ():
        # The complex step sees one side of a kink only, and a step may be too long: look again at what is off.
        again = reference(forward, name, douts, np.flatnonzero(off.ravel())[:EVERY_ENTRY], method)
        looked = np.isfinite(again.value) & (again.bar <= np.maximum(estimate.bar, CLOSE * _largest(estimate.value)))
        pairs = [(again.value, estimate.value), (again.bar, estimate.bar), (again.low, estimate.low)]
        value, bar, low, high = (np.where(looked, new, old) for new, old in (*pairs, (again.high, estimate.high)))
        estimate = Estimate(value, bar, low, high, estimate.method)
        error, allowed = judged(estimate)
        off = _off(error, allowed, estimate)
    return estimate, error, allowed + 16 * noise[gradient] if off.any() else allowed


def _off(error: Array, allowed: Array, estimate: Estimate) -> Array:
    """Which entries are off: NaN where a number belongs is; what was not looked at isn't."""
    return np.asarray(np.isfinite(estimate.value) & ~(np.abs(error) <= allowed))


def _spread(error: Array, hand: Array, off_by: float) -> bool:
    """Whether the entries that were looked at have their share of the error: if not, a few others are off by a lot."""
    looked = error[np.isfinite(error)]
    share = float(np.sqrt(np.mean(looked**2)) * np.sqrt(hand.size)) if looked.size else 0.0
    return looked.size == hand.size or share > 0.2 * off_by * float(np.linalg.norm(hand))


def _largest(array: Array) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else 0.0
