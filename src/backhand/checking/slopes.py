"""The derivative of a black box along one line, with an error bar: the complex step, and extrapolated differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from backhand.checking.subject import Array

__all__ = ["EPSILON", "Slope", "complex_step", "differences"]

Line = Callable[[complex], Array]
"""The outputs, flat, at a step along the line."""

RATIO = 4.0  # each step is a quarter of the one before
LEVELS = 9
STEP = 2.0**-5  # of the size of what is moved
TINY = 2.0**-200  # the complex step: its square is lost beside any number
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Slope:
    """d(outputs)/d(step) at 0.

    Attributes:
        value: one for each output.
        bar: how far each may be off.
        jump: the right minus the left one-sided derivative: 0 but at a kink.
    """

    value: Array
    bar: Array
    jump: Array


def complex_step(line: Line) -> Slope:
    """Im f(ih) / h: exact to rounding where f is made of analytic operations on whatever dtype it is given.

    Whether that is so must be verified with :func:`differences`. Source: Squire and Trapp, SIAM Review 40 (1998).
    """
    moved = line(complex(0.0, TINY))
    value = np.imag(moved) / TINY
    return Slope(value, np.abs(value) * 64 * EPSILON, np.zeros_like(value))


def differences(line: Line, here: Array, goal: float = 1e-9, rounding: float = EPSILON) -> Slope:
    """Central differences at shrinking steps, extrapolated to 0; stops when the error bar is ``goal`` of the largest.

    ``here`` are the outputs at step 0, ``rounding`` is how finely outputs are rounded. The bar is the distance of the
    best extrapolation to its neighbours (it grows, too, where a kink lies inside of the steps), and at least what
    rounding of the outputs makes of it.
    Source: Ridders, Advances in Engineering Software 4 (1982).
    """
    best, bar = np.zeros_like(here), np.full_like(here, np.inf)
    jump, jump_bar = np.zeros_like(here), np.full_like(here, np.inf)
    largest = np.abs(here)
    before: list[Array] = []
    bend_before: Array | None = None
    h = STEP
    for _ in range(LEVELS):
        above, below = line(h), line(-h)
        row = [(above - below) / (2 * h)]
        largest = np.maximum(largest, np.maximum(np.abs(above), np.abs(below)))
        noise = 8 * rounding * largest / h
        for order, coarser in enumerate(before):
            factor = RATIO ** (2 * (order + 1))
            row.append(row[-1] + (row[-1] - coarser) / (factor - 1))
            error = np.maximum(np.abs(row[-1] - row[-2]), np.abs(row[-1] - coarser)) + noise
            better = error < bar
            best, bar = np.where(better, row[-1], best), np.where(better, error, bar)
        bend = ((above - here) - (here - below)) / h  # h f'' where f is smooth, the jump of f' at a kink
        if bend_before is not None:
            limit = (RATIO * bend - bend_before) / (RATIO - 1)
            error = np.abs(limit - bend) * 0.5 + 2 * noise
            better = error < jump_bar
            jump, jump_bar = np.where(better, limit, jump), np.where(better, error, jump_bar)
        before, bend_before = row, bend
        h /= RATIO
        enough = np.maximum(goal * np.abs(best).max(initial=0), RATIO * noise)  # no better at the next step
        if len(before) > 2 and np.all(bar <= enough):
            break
    jump = np.where(np.abs(jump) > 4 * jump_bar, jump, 0.0)
    return Slope(best, bar, jump)
