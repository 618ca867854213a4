"""What a product out = f(x W + b) has to give for any gradient at the place of x W + b: the usual three lines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backhand.checking.causes.evidence import Evidence
from backhand.checking.subject import Array

__all__ = ["delta_of", "dense_candidates"]


def dense_candidates(e: Evidence, delta: Array) -> Iterator[Array]:
    """The gradient by this value if dL/d(x W + b) were ``delta``: x.T @ delta, its sum, delta @ W.T."""
    values, inputs = e.experiment.values, e.experiment.subject.inputs
    if delta.ndim != 2:
        return
    if e.value.ndim == 1 and e.value.shape == delta.shape[1:]:
        yield delta.sum(axis=0)
    if e.value.ndim != 2:
        return
    for name, other in values.items():
        if other.ndim != 2 or name == e.of:
            continue
        if name in inputs and other.shape == (len(delta), e.value.shape[0]):  # by W
            yield other.T @ delta
        if other.shape == (e.value.shape[1], delta.shape[1]) and len(e.value) == len(delta):  # by x
            through = delta @ other.T
            yield through
            if e.value.shape == delta.shape:
                yield e.dout + through  # a residual


def delta_of(e: Evidence, weight: str) -> Array | None:
    """The right dL/d(x W + b), (N, M): from dW of each sample alone, which is the product of x and it."""
    W = e.experiment.values[weight]
    for name in e.experiment.subject.inputs:
        x = e.experiment.values[name]
        if x.ndim < 2 or name == weight or e.out.ndim != 2 or x.shape[0] != len(e.out) or x[0].size != len(W):
            continue
        x = x.reshape(len(x), -1)
        alone = e.by_sample_of(weight)
        if alone is None:
            return None
        delta = np.einsum("nd,ndm->nm", x, alone) / np.sum(x**2, axis=1, keepdims=True)
        size = float(np.abs(alone).max(initial=0))
        if np.allclose(x[:, :, None] * delta[:, None, :], alone, rtol=0, atol=1e-6 * size):
            return np.asarray(delta)
    return None
