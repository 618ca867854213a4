"""One configuration, measured: what backward gave, what the derivative of forward is, and how far they are apart.

This is what the contract, the table of causes and the report look at. :meth:`Experiment.again` and
:meth:`Experiment.elsewhere` measure the same thing at other values and other shapes: a cause counts only if it is
confirmed there.

The table of causes is asked through two functions, and no others:

* ``causes.explain(experiment, gradient) -> Cause | None`` for a gradient of ``experiment.wrong`` (a key of
  ``experiment.measurements``); it confirms on ``experiment.confirmations`` by itself;
* ``causes.named(id, **facts) -> Cause`` for what the contract itself has seen and proved: the sentence and remedy of the
  row, filled in with the facts. The contract's ids and their facts stand at the top of :mod:`backhand.checking.contract`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from backhand.checking.finding import Where
from backhand.checking.subject import Array, Subject, UserCodeError, Values

__all__ = ["Estimate", "Experiment", "Measurement"]


@dataclass(frozen=True)
class Estimate:
    """A reference gradient and how well it is known.

    Attributes:
        value: in the shape of what it is the gradient of; NaN where an entry was not looked at.
        bar: the error bar of each entry: the truth lies within ``value`` +- ``bar``.
        low, high: the one-sided derivatives; they differ at a kink and then any value between them is right.
        method: ``complex step``, ``differences``, ``trace``.
    """

    value: Array
    bar: Array
    low: Array
    high: Array
    method: str

    @property
    def kinks(self) -> Array:
        """Which entries sit on a kink."""
        return self.high - self.low > 2 * self.bar


@dataclass(frozen=True)
class Measurement:
    """One gradient of an experiment.

    Attributes:
        gradient: its name, ``dW``.
        of: the value it belongs to, ``W``.
        hand: what backward gave, in its own shape; None if it gave nothing.
        reference: the derivative of forward.
        error: hand - reference, beyond the one-sided derivatives at a kink; NaN where not looked at, or where the
            shapes don't fit.
        wrong: beyond the error bars, or missing, or of another shape.
        size: the worst error in units of the largest entry of the reference.
        projections: for a large block, the error of ``hand`` along random directions, in units of its error bar.
    """

    gradient: str
    of: str
    hand: Array | None
    reference: Estimate
    error: Array
    wrong: bool
    size: float
    projections: Array | None = None

    @property
    def fits(self) -> bool:
        """Whether backward gave a gradient of the right shape."""
        return self.hand is not None and self.hand.shape == self.reference.value.shape

    @property
    def where(self) -> Where | None:
        """The worst entry, and the map of the error for a small block."""
        if not self.fits or self.hand is None or not np.isfinite(self.error).any():
            return None
        index = np.unravel_index(int(np.nanargmax(np.abs(self.error))), self.error.shape)
        worst = tuple(int(i) for i in index)
        whole = self.error.tolist() if self.error.ndim > 0 and self.error.size <= 1000 else None
        return Where(worst, float(self.hand[index]), float(self.reference.value[index]), whole)


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
        """The reference gradients (by the gradient's name) at other values or upstream gradients."""
        from backhand.checking.reference import reference

        return reference(
            self.subject, {**self.values, **(values or {})}, self.douts if douts is None else tuple(douts), self.seed
        )

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
    def confirmations(self) -> tuple[Experiment, ...]:
        """The experiments that a cause is confirmed by: another seed at these shapes, and another shape if there is."""
        return (self.again(self.seed + 1), *self.elsewhere(limit=1))


def measure(subject: Subject, seed: int = 0) -> Experiment:
    """Run forward and backward once at the values of a seed, and compare with the reference.

    Raises:
        UserCodeError: the code raised.
    """
    from backhand.checking.reference import measure as measured

    return measured(subject, seed)
