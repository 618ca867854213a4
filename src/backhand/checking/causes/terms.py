"""Causes that leave out a term, or count it twice: normalisation, weight decay, epsilon."""

from __future__ import annotations

import numpy as np

from backhand.checking.causes.evidence import Evidence
from backhand.checking.causes.row import UNCLEAR, Facts, Row
from backhand.checking.subject import Array

__all__ = ["ROWS"]


def _norm_terms(e: Evidence) -> Facts | None:
    """What is missing lies, in each group that is normalised together, along 1 (the mean) or along x (the variance)."""
    if not e.fits or e.is_parameter or e.out.shape != e.value.shape or e.value.ndim < 2 or e.factor is not None:
        return None
    if not np.isfinite(e.right).all():
        return None
    for axis in range(e.value.ndim):
        if e.value.shape[axis] < 3:
            continue
        shift, scale = _is_normalised(e, axis)
        if not shift and not scale:
            continue
        missing = np.moveaxis(e.hand - e.right, axis, -1)
        x = np.moveaxis(e.value, axis, -1)
        along_mean = missing.mean(axis=-1, keepdims=True) * np.ones_like(missing)
        if shift and _same(missing, along_mean, e):
            return {"term": "the term of the mean"}
        centred = x - x.mean(axis=-1, keepdims=True) if shift else x
        slope = np.sum(missing * centred, -1, keepdims=True) / np.sum(centred**2, -1, keepdims=True)
        if scale and _same(missing, slope * centred, e):
            return {"term": "the term of the variance" if shift else "the term of the norm"}
        if shift and scale and _same(missing, slope * centred + along_mean, e):
            return {"term": "the terms of the mean and of the variance"}
    return UNCLEAR if min(e.value.shape) < 3 else None  # of two values, normalised, nothing is left


def _is_normalised(e: Evidence, axis: int) -> tuple[bool, bool]:
    """Whether forward doesn't notice a shift, and a scale, of all values along an axis."""
    rng = np.random.default_rng(3)
    kept = tuple(1 if i == axis else n for i, n in enumerate(e.value.shape))
    shifted = e.forward({e.of: e.value + rng.uniform(1, 2, kept)})
    scaled = e.forward({e.of: e.value * rng.uniform(2, 3, kept)})
    size = float(np.abs(e.out).max())
    shift = shifted is not None and bool(np.abs(shifted - e.out).max() < 1e-9 * size)
    scale = scaled is not None and bool(np.abs(scaled - e.out).max() < 1e-2 * size)
    return shift, scale


def _same(missing: Array, fit: Array, e: Evidence) -> bool:
    return float(np.abs(missing - fit).max()) < 1e-5 * float(np.abs(missing).max()) + 40 * e.bar


def _decay(e: Evidence) -> tuple[float, float] | None:
    """The multiple of W that backward has too much of, and the one that forward's derivative has."""
    if not e.fits or e.value.ndim < 1 or not e.is_loss:
        return None
    known = np.isfinite(e.right)
    over = (e.hand - e.right)[known]
    W = e.value[known]
    if W.size < 3 or not np.any(W):
        return None
    c = float(np.sum(over * W) / np.sum(W * W))
    if not c or not e.explains(e.right + c * e.value):
        return None
    subject = e.experiment.subject
    silent = {
        name: np.zeros_like(value)
        for name, value in e.experiment.values.items()
        if name != e.of and value.ndim and (name in subject.inputs or value.ndim < 2)
    }
    alone = e.derivative(values=silent)
    if alone is None:
        return None
    inside = float(np.sum(alone[known] * W) / np.sum(W * W))
    is_decay = np.allclose(alone[known], inside * W, atol=1e-6 * float(np.abs(W).max()) * max(abs(inside), 1e-3))
    return (c, inside) if is_decay else None


def _decay_missing(e: Evidence) -> Facts | None:
    found = _decay(e)
    if found is None or abs(found[0] + found[1]) > 1e-4 * abs(found[1]):
        return None
    return {"inside": f"{found[1]:.6g}"}


def _decay_doubled(e: Evidence) -> Facts | None:
    found = _decay(e)
    if found is None:
        return None
    c, inside = found
    if abs(inside) < 1e-9:
        return {"inside": "0", "given": f"{c:.6g}", "verdict": "convention"}
    return {"inside": f"{inside:.6g}", "given": f"{inside + c:.6g}"}


def _epsilon(e: Evidence) -> Facts | None:
    """A small error that falls or grows steeply as the input is scaled: what an epsilon beside it does.

    A large one, where the logarithm is of less than the epsilon, all but vanishes for a smaller input; not quite, as
    that of a forgotten clip would.
    """
    if e.missing or e.x is None:
        return None
    if e.batch == 1 and np.isfinite(e.out).all() and not np.isfinite(e.hand).all():
        return {"size": "inf (a variance of 0)", "verdict": "fragile"}
    if not e.fits or not e.measurement.size > 0:
        return None
    saturated = e.measurement.size > 0.03
    if not np.isfinite(e.hand).all() or (e.factor is not None and not saturated):
        return None
    name = e.experiment.subject.inputs[0]
    sizes = []
    for scale in (0.05 if saturated else 0.2, 1.0, 5.0):
        values = {name: e.x * scale}
        right, given = e.derivative(values=values), e.backward(values=values)
        if right is None or given is None or given.shape != right.shape:
            return None
        sizes.append(float(np.nanmax(np.abs(given - right)) / max(float(np.nanmax(np.abs(right))), 1e-300)))
    small, here, large = sizes
    steep = (small > 4 * here and here > 4 * large) or (large > 4 * here and here > 1.2 * small)
    if saturated:
        steep = 1e-12 < small < 1e-4
    return {"size": f"{e.measurement.size:.1g}"} if steep else None


ROWS = (
    Row(
        "norm-terms-missing",
        "{gradient} lacks {term}: every x has a part in that, not only in its own place.",
        "dx = (dxhat - dxhat.mean(axis=0) - xhat * (dxhat * xhat).mean(axis=0)) / std, with dxhat = dout * gamma",
        "forward doesn't notice a shift (a scale) of all x; what is missing is a multiple of 1 (of x) in each group",
        """
class Standardise:
    def forward(self, x):
        self.std = np.sqrt(x.var(axis=0) + 1e-5)
        return (x - x.mean(axis=0)) / self.std
    def backward(self, dout):
        return dout / self.std
""",
        "Standardise(), x",
        _norm_terms,
    ),
    Row(
        "regularisation-missing",
        "{gradient} lacks the weight decay: the loss has a term with the gradient {inside} * {of}.",
        "add the derivative of the penalty: dW += reg * W",
        "what is missing is a multiple of the weights, the one that the loss has when all inputs are 0",
        """
def ridge(W, x, y, reg):
    r = x @ W - y
    loss = 0.5 * np.sum(r**2) + 0.5 * reg * np.sum(W**2)
    dW = x.T @ r
    return loss, dW
""",
        "ridge, W, x, y, 0.1",
        _decay_missing,
    ),
    Row(
        "regularisation-doubled",
        "{gradient} has {given} * {of} of weight decay; the loss has {inside} * {of}.",
        "give both the same factor: 0.5 * reg * sum(W**2) has the gradient reg * W",
        "what is too much is a multiple of the weights, at every shape; with all inputs 0 the loss shows its own",
        """
def ridge(W, x, y, reg):
    r = x @ W - y
    loss = 0.5 * np.sum(r**2) + 0.5 * reg * np.sum(W**2)
    dW = x.T @ r + 2 * reg * W
    return loss, dW
""",
        "ridge, W, x, y, 0.1",
        _decay_doubled,
    ),
    Row(
        "epsilon-forward-only",
        "{gradient} is off by {size} of its size because of an epsilon that stands in forward alone.",
        "keep it in both (std = np.sqrt(var + eps), used by backward, too), or leave it out of both",
        "the error is small, and falls or grows steeply as the input is scaled",
        """
class Standardise:
    def forward(self, x):
        self.xc, self.std = x - x.mean(axis=0), x.std(axis=0)
        return self.xc / np.sqrt(self.std**2 + 1e-3)
    def backward(self, dout):
        xn = self.xc / self.std
        return (dout - dout.mean(axis=0) - xn * (dout * xn).mean(axis=0)) / self.std
""",
        "Standardise(), x",
        _epsilon,
        verdict="convention",
    ),
)
