"""Causes where a gradient is a sum over many places: one that overwrites, and a border that is left out or shifted."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np

from backhand.checking.causes.evidence import Evidence, subsets
from backhand.checking.causes.row import Facts, Row

__all__ = ["ROWS"]


def _overwritten(e: Evidence) -> Facts | None:
    if not e.fits or e.factor is not None:
        return None
    if _terms_of_outputs(e):
        return {"line": "", "what": "the last of them overwrites the others"}
    pieces = e.lab.pieces
    if pieces is None:
        return None
    if any(e.explains(candidate) for candidate in pieces.partial_sums(e.of)):
        return {"line": "", "what": "some of them are overwritten or left out"}
    for line, candidate in pieces.without_a_step(e.of):
        if e.explains(candidate):
            return {"line": line, "what": "one of them is overwritten or left out"}
    return None


def _terms_of_outputs(e: Evidence) -> bool:
    """Each wrong entry is one of the terms that it should be the sum of, grouped by some axes of the output."""
    if e.jacobian is None or not e.off.any():
        return False
    terms = e.jacobian * e.dout  # (entries, *out)
    off, hand = e.off.ravel(), e.hand.ravel()
    size = float(np.abs(e.right).max())
    for kept in subsets(e.out.ndim):
        summed = tuple(1 + axis for axis in range(e.out.ndim) if axis not in kept)
        groups = terms.sum(axis=summed).reshape(len(terms), -1)[off]
        several = (np.abs(groups) > 1e-9 * size).sum(axis=1) > 1
        distance = np.min(np.abs(groups - hand[off][:, None]), axis=1)
        zero = np.abs(hand[off]) <= 1e-9 * size
        if kept and several.mean() > 0.5 and not zero.all() and np.all(distance <= 1e-6 * size + 20 * e.bar):
            return True
    return False


def _shifted(e: Evidence) -> tuple[int, int] | None:
    """How far along the last two axes the gradient is the right one, moved."""
    if e.value.ndim != 4 or not np.isfinite(e.right).all():
        return None
    rows, columns = e.value.shape[2:]
    size = float(np.abs(e.right).max())
    for i, j in product(range(-2, 3), range(-2, 3)):
        if (i, j) == (0, 0) or rows - abs(i) < 2 or columns - abs(j) < 2:
            continue
        a = e.hand[:, :, max(i, 0) : rows + min(i, 0), max(j, 0) : columns + min(j, 0)]
        b = e.right[:, :, max(-i, 0) : rows + min(-i, 0), max(-j, 0) : columns + min(-j, 0)]
        if np.abs(b).max() > 1e-3 * size and np.abs(a - b).max() <= 1e-6 * size:
            return i, j
    return None


def _windows_left_out(e: Evidence) -> str | None:
    """The first or last rows or columns of dout (steps, of a sequence), if backward doesn't look at them."""
    if e.dout.ndim not in (3, 4):
        return None
    axes = (1,) if e.dout.ndim == 3 else (2, 3)
    ends: list[tuple[int, slice, str]] = []
    for axis in axes:
        what = "step" if e.dout.ndim == 3 else "row" if axis == 2 else "column"
        ends += [(axis, slice(0, 1), f"first {what}"), (axis, slice(-1, None), f"last {what}")]
    for count in (1, 2):
        for chosen in combinations(ends, count):
            dout = e.dout.copy()
            for axis, place, _ in chosen:
                dout[(slice(None),) * axis + (place,)] = 0
            if e.explains(e.derivative(dout)):
                return " and the ".join(what for *_, what in chosen)
    return None


def _border(e: Evidence) -> Facts | None:
    """Wrong in the outer rows alone, or the right gradient moved by the padding."""
    if not e.fits:
        return None
    left_out = _windows_left_out(e)
    if left_out is not None:
        return {"what": f"wrong at the border: the {left_out} of dout is left out"}
    if e.is_parameter or e.value.ndim < 3:
        return None
    moved = _shifted(e)
    if moved is not None:
        return {"what": f"the right one, {moved[0]} rows and {moved[1]} columns away: padding is cut off wrongly"}
    axes = (1,) if e.value.ndim == 3 else tuple(range(2, e.value.ndim))
    for width in (1, 2, 3):
        inner: list[slice] = [slice(None)] * e.value.ndim
        for axis in axes:
            if not e.off.any(axis=tuple(i for i in range(e.off.ndim) if i != axis)).all():
                inner[axis] = slice(width, e.value.shape[axis] - width)
        interior = e.off[tuple(inner)]
        if interior.size and not interior.any() and interior.size < e.off.size and e.off.any():
            return {"what": f"right inside, and wrong within {width} of the border"}
    return None


ROWS = (
    Row(
        "overwrites-fan-out",
        "{gradient} is a sum of several terms (the value is used more than once), and {what}{at}.",
        "start with zeros and add: dx += ..., np.add.at(dW, ids, dout)",
        "each wrong entry is one of the terms that it should be the sum of",
        """
class Embedding:
    def __init__(self, W):
        self.W = W
    def forward(self, ids):
        self.ids = ids
        return self.W[ids]
    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        self.dW[self.ids] = dout
""",
        "Embedding(W), ids",
        _overwritten,
    ),
    Row(
        "border",
        "{gradient} is {what}.",
        "walk over all windows, and cut the padding off as forward put it on: dx[:, :, p : p + H, p : p + W]",
        "the wrong entries are those of the outer rows and columns; or all are right, but moved",
        """
class Sums:  # each step is the sum of all before it: (N, T, D)
    def forward(self, xs):
        return np.cumsum(xs, axis=1)
    def backward(self, dout):
        dxs = np.zeros_like(dout)
        for t in range(1, dout.shape[1]):
            dxs[:, t] = dout[:, t:].sum(axis=1)
        return dxs
""",
        "Sums(), sequence",
        _border,
    ),
)
