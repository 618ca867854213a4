"""A reference gradient, and how far a hand-written one is from it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backhand.checking.finding import Where
from backhand.checking.subject import Array

__all__ = ["Estimate", "Measurement"]


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
        return np.asarray(self.high - self.low > 2 * self.bar)


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
        size: the worst error in units of the largest entry of the reference; infinite if it is missing or doesn't fit.
        close: it is off by so little (less than a thousandth) that an epsilon, a rounded constant or a small
            regularisation is the likely reason: no bug by itself. Then ``wrong`` is true as well.
    """

    gradient: str
    of: str
    hand: Array | None
    reference: Estimate
    error: Array
    wrong: bool
    size: float
    close: bool = False

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
