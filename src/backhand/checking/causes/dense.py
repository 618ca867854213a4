"""What a product out = f(x W + b) has to give for any gradient at the place of x W + b: the usual three lines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backhand.checking.causes.evidence import Evidence
from backhand.checking.subject import Array

__all__ = ["delta_of", "dense_candidates"]


def dense_candidates(e: Evidence, delta: Array) -> Iterator[Array]:
    """The gradient by this value if dL/d(x W + b) were ``delta``: x.T @ delta, its sum, delta @ W.T.

    Or by W x + b, with samples as columns: the same transposed.
    """
    if delta.ndim != 2:
        return
    yield from _of_rows(e, delta, e.value, False)
    if e.value.ndim == 2:
        for candidate in _of_rows(e, delta.T, e.value.T, True):
            yield candidate.T if candidate.ndim == 2 else candidate[:, None]


def _of_rows(e: Evidence, delta: Array, value: Array, columns: bool) -> Iterator[Array]:
    if value.size == delta.shape[1] and value.shape[-1:] == delta.shape[1:]:
        yield delta.sum(axis=0).reshape(value.shape) if not columns else delta.sum(axis=0)
    if value.ndim != 2:
        return
    for name, other in e.experiment.values.items():
        if other.ndim != 2 or name == e.of:
            continue
        other = other.T if columns else other
        if name in e.experiment.subject.inputs and other.shape == (len(delta), value.shape[0]):  # by W
            yield other.T @ delta
        if other.shape == (value.shape[1], delta.shape[1]) and len(value) == len(delta):  # by x
            through = delta @ other.T
            yield through
            if value.shape == delta.shape and not columns:
                yield e.dout + through  # a residual


def delta_of(e: Evidence, weight: str) -> Array | None:
    """The right dL/d(x W + b), (N, M): from dW of each sample alone, which is the product of x and it.

    For W x + b, with samples as columns, it is (M, N).
    """
    W = e.experiment.values[weight]
    if e.out.ndim != 2 or W.ndim != 2:
        return None
    jacobian = e.lab.jacobian(weight)
    if jacobian is None or len(e.experiment.outputs) > 1:
        return None
    terms = (jacobian * e.dout.ravel()).reshape(*W.shape, *e.out.shape)
    for name in e.experiment.subject.inputs:
        x = e.experiment.values[name]
        if x.ndim < 2 or name == weight:
            continue
        rows = x.reshape(len(x), -1)
        if rows.shape == (len(e.out), W.shape[0]):
            found = _common_factor(rows, np.moveaxis(terms.sum(axis=3), 2, 0))
        elif x.ndim == 2 and x.T.shape == (e.out.shape[1], W.shape[1]):
            found = _common_factor(x.T, np.moveaxis(terms.sum(axis=2), 2, 0).swapaxes(1, 2))
            found = None if found is None else found.T
        else:
            continue
        if found is not None:
            return found
    return None


def _common_factor(x: Array, alone: Array) -> Array | None:
    """delta, (N, M), where each sample's dW, (N, D, M), is the outer product of its x and delta."""
    delta = np.einsum("nd,ndm->nm", x, alone) / np.sum(x**2, axis=1, keepdims=True)
    size = float(np.abs(alone).max(initial=0))
    fits = np.allclose(x[:, :, None] * delta[:, None, :], alone, rtol=0, atol=1e-6 * size)
    return np.asarray(delta) if fits else None
