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
    if e.x is None or e.x.ndim != 2:
        return None
    W = e.experiment.values[weight]
    inputs = [e.experiment.values[name] for name in e.experiment.subject.inputs]
    for x in inputs:
        if x.ndim != 2 or x.shape != (e.out.shape[0], W.shape[0]) or x is W:
            continue
        rows = []
        for i in range(len(x)):
            alone = np.zeros_like(e.dout)
            alone[i] = e.dout[i]
            gradient = next((g for g, of in e.experiment.subject.gradients.items() if of == weight), None)
            if gradient is None:
                return None
            dW = e.experiment.derivative(None, (alone, *e.experiment.douts[1:]))[gradient].value
            fit = x[i] @ dW / (x[i] @ x[i])
            if not np.allclose(np.outer(x[i], fit), dW, atol=1e-6 * max(1.0, float(np.abs(dW).max(initial=0)))):
                break
            rows.append(fit)
        else:
            return np.array(rows)
    return None
