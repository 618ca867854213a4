"""Causes where a gradient is a sum over many places: one that overwrites, and a border that is left out or shifted."""

from __future__ import annotations

from itertools import product

import numpy as np

from backhand.checking.causes.evidence import Evidence, subsets
from backhand.checking.causes.row import Facts, Row
from backhand.checking.subject import Array

__all__ = ["ROWS"]


def _overwritten(e: Evidence) -> Facts | None:
    """Each wrong entry is one of the terms that it should be the sum of, grouped by some axes of the output."""
    if not e.fits or e.is_loss or e.factor is not None:
        return None
    if e.jacobian is None:
        return None
    terms = e.jacobian * e.dout  # (entries, *out)
    hand, off = e.hand.ravel(), ~np.isclose(e.hand.ravel(), terms.reshape(len(terms), -1).sum(1), atol=1e-6)
    if not off.any():
        return None
    size = float(np.abs(hand).max())
    for kept in subsets(e.out.ndim):
        summed = tuple(1 + axis for axis in range(e.out.ndim) if axis not in kept)
        groups = terms.sum(axis=summed).reshape(len(terms), -1)[off]
        several = (np.abs(groups) > 1e-9 * size).sum(axis=1) > 1
        distance = np.min(np.abs(groups - hand[off][:, None]), axis=1)
        zero = np.abs(hand[off]) <= 1e-9 * size
        if kept and several.mean() > 0.5 and not zero.all() and np.all(distance <= 1e-6 * size):
            return {"count": str(int(off.sum()))}
    return None


def _shifted(e: Evidence) -> tuple[int, int] | None:
    """How far along the last two axes the gradient is the right one, moved."""
    if e.value.ndim != 4 or e.jacobian is None:
        return None
    right = (e.jacobian * e.dout).reshape(len(e.jacobian), -1).sum(1).reshape(e.value.shape)
    rows, columns = e.value.shape[2:]
    size = float(np.abs(right).max())
    for i, j in product(range(-2, 3), range(-2, 3)):
        if (i, j) == (0, 0) or rows - abs(i) < 2 or columns - abs(j) < 2:
            continue
        a = e.hand[:, :, max(i, 0) : rows + min(i, 0), max(j, 0) : columns + min(j, 0)]
        b = right[:, :, max(-i, 0) : rows + min(-i, 0), max(-j, 0) : columns + min(-j, 0)]
        if np.abs(b).max() > 1e-3 * size and np.abs(a - b).max() <= 1e-6 * size:
            return i, j
    return None


def _border(e: Evidence) -> Facts | None:
    """Wrong in the outer rows alone, or the right gradient moved by the padding."""
    if not e.fits or e.is_parameter or e.value.ndim < 3:
        return None
    moved = _shifted(e)
    if moved is not None:
        return {"what": f"the right one, {moved[0]} rows and {moved[1]} columns away: padding is cut off wrongly"}
    off = _every_wrong_entry(e)
    if off is None or not off.any():
        return None
    axes = (1,) if e.value.ndim == 3 else tuple(range(2, e.value.ndim))
    for width in (1, 2, 3):
        inner: list[slice] = [slice(None)] * e.value.ndim
        for axis in axes:
            if _inside(off, axis):
                inner[axis] = slice(width, e.value.shape[axis] - width)
        interior = off[tuple(inner)]
        if interior.size and not interior.any() and interior.size < off.size:
            return {"what": f"wrong in the outer {width} rows or columns alone, right inside"}
    return None


def _inside(off: Array, axis: int) -> bool:
    """Whether some entries along an axis are right while others are wrong."""
    per_place = off.any(axis=tuple(i for i in range(off.ndim) if i != axis))
    return not per_place.all()


def _every_wrong_entry(e: Evidence) -> Array | None:
    if np.isfinite(e.reference).all():
        return e.off
    if e.jacobian is None:
        return None
    right = (e.jacobian * e.dout).reshape(len(e.jacobian), -1).sum(1).reshape(e.value.shape)
    return np.asarray(np.abs(e.hand - right) > 1e-6 * float(np.abs(right).max()))


ROWS = (
    Row(
        "sum-overwritten",
        "{gradient} is a sum of several terms (the value is used more than once), and the last one "
        "overwrites the others.",
        "start with zeros and add: dx += ..., np.add.at(dW, ids, dout)",
        "each wrong entry is one of the terms that it should be the sum of",
        """
def forward(self, ids):
    self.ids = ids
    return self.W[ids]
def backward(self, dout):
    self.dW = np.zeros_like(self.W)
    self.dW[self.ids] = dout
""",
        _overwritten,
    ),
    Row(
        "border",
        "{gradient} is {what}.",
        "walk over all windows, and cut the padding off as forward put it on: dx[:, :, p : p + H, p : p + W]",
        "the wrong entries are those of the outer rows and columns; or all are right, but moved",
        """
def backward(self, dout):  # forward padded x by p
    dpadded = np.zeros_like(self.padded)
    for i, j in self.windows:
        dpadded[:, :, i:i + k, j:j + k] += dout[:, :, i:i + 1, j:j + 1] * self.W
    return dpadded[:, :, :self.H, :self.W_]
""",
        _border,
    ),
)
