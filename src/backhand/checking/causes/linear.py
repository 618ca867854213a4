"""Causes in products and sums: transposed, not summed, summed over the wrong axis, taken of the wrong thing."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from backhand.checking.causes.dense import delta_of
from backhand.checking.causes.evidence import Evidence, subsets
from backhand.checking.causes.row import Facts, Row
from backhand.checking.subject import Array

__all__ = ["ROWS"]


def _missing(e: Evidence) -> Facts | None:
    return {} if e.missing else None


def _transposed(e: Evidence) -> Facts | None:
    if e.missing or not 2 <= e.right.ndim <= 4 or e.hand.ndim != e.right.ndim:
        return None
    for order in list(permutations(range(e.right.ndim)))[1:]:
        if e.explains(e.right.transpose(order)):
            return {"given": str(e.hand.shape), "expected": str(e.right.shape)}
    return None


def _weight_not_transposed(e: Evidence) -> Facts | None:
    if not e.fits or e.is_parameter or e.value.ndim < 2:
        return None
    for name, W in e.experiment.values.items():
        if W.ndim != 2 or W.shape[0] != W.shape[1] or name == e.of:
            continue
        delta = delta_of(e, name)
        if delta is None:
            continue
        # Samples are rows, or columns.
        changes = [delta @ (W - W.T)] if delta.shape[1] == len(W) else []
        changes += [(W - W.T) @ delta] if len(delta) == len(W) else []
        fitting = [change for change in changes if change.size == e.value.size]
        if any(e.explains(e.right + change.reshape(e.value.shape)) for change in fitting):
            return {"W": name}
    return None


def _not_summed(e: Evidence) -> Facts | None:
    if e.missing:
        return None
    if e.hand.size > e.right.size:
        for axes in subsets(e.hand.ndim):
            if axes and np.prod([e.hand.shape[axis] for axis in axes]) > 1:
                summed = e.hand.sum(axis=axes)
                right = e.right.reshape(summed.shape) if summed.size == e.right.size else summed + np.inf
                if np.allclose(
                    summed, right, rtol=1e-6, atol=20 * e.bar + 1e-7 * float(np.abs(e.right).max(initial=0))
                ):
                    return {"given": str(e.hand.shape), "expected": str(e.right.shape)}
        return None
    if e.is_parameter and e.fits and e.by_sample is not None and len(e.by_sample) > 1:
        for which, part in (("first", e.by_sample[0]), ("last", e.by_sample[-1])):
            if e.explains(part):
                return {"given": f"that of the {which} sample", "expected": "the sum over all"}
    return None


def _wrong_axis(e: Evidence) -> Facts | None:
    """A sum of the right terms over other axes; the terms are dout, or the reference by sample."""
    if e.missing or e.factor is not None or np.squeeze(e.value).ndim > 1:
        return None
    for terms in _terms(e):
        over = [axes for axes in subsets(terms.ndim) if _is_sum(e.right, terms, axes)]
        given = [axes for axes in subsets(terms.ndim) if _is_sum(e.hand, terms, axes)]
        if over and given and over[0] != given[0] and len(given[0]) >= 1:
            return {"given": _axes(given[0]), "expected": _axes(over[0])}
    return None


def _terms(e: Evidence) -> Iterator[Array]:
    yield e.dout
    if e.dout.ndim == 4:  # as im2col has it: one row a pixel
        yield e.dout.transpose(0, 2, 3, 1).reshape(-1, e.dout.shape[1])
    if e.by_sample is not None:
        yield e.by_sample
    for value in e.experiment.values.values():
        if value.shape == e.dout.shape:
            yield e.dout * value


def _is_sum(array: Array, terms: Array, axes: tuple[int, ...]) -> bool:
    summed = np.sum(terms, axis=axes) if axes else terms
    return np.squeeze(summed).shape == np.squeeze(array).shape and np.allclose(
        np.squeeze(summed), np.squeeze(array), rtol=1e-6, atol=1e-8 * float(np.abs(array).max(initial=0)) + 1e-300
    )


def _axes(axes: tuple[int, ...]) -> str:
    return "axis " + ", ".join(map(str, axes))


def _another(e: Evidence) -> Facts | None:
    if e.missing:
        return None
    for name, reference in e.others():
        if reference.shape == e.hand.shape and e.explains(reference):
            return {"other": name}
    return None


def _dout_overwritten(e: Evidence) -> Facts | None:
    """The gradient that another upstream gradient has: dout after it was multiplied by something, or dx itself."""
    if not e.fits or e.is_loss:
        return None
    for what, other in _overwritten(e):
        if np.allclose(other, e.dout) or not np.isfinite(other).all():
            continue
        if e.explains(e.derivative(np.ascontiguousarray(other))):
            return {"what": what}
    return None


def _overwritten(e: Evidence) -> Iterator[tuple[str, Array]]:
    for name, measurement in e.experiment.measurements.items():
        if name != e.gradient and measurement.hand is not None and measurement.hand.shape == e.dout.shape:
            yield name, np.asarray(measurement.hand, float)
    for name, value in e.experiment.values.items():
        try:
            product = e.dout * value
            quotient = e.dout / value if np.all(value) else product
        except ValueError:
            continue
        if product.shape == e.dout.shape:
            yield f"dout * {name}", product
            yield f"dout / {name}", quotient


def _residual_overwritten(e: Evidence) -> Facts | None:
    """y = x + f(x W): the upstream gradient of the sum was multiplied by the derivative of f, too."""
    if not e.fits or e.value.shape != e.dout.shape:
        return None
    for name, W in e.experiment.values.items():
        if W.ndim == 2 and W.shape == (e.value.shape[-1],) * 2 and name != e.of:
            delta = delta_of(e, name)
            if delta is not None and e.explains(delta + delta @ W.T):
                return {"what": "dout after the activation's derivative"}
    return None


ROWS = (
    Row(
        "missing-gradient",
        "backward gives no {gradient}.",
        "return dx (one gradient for each input, in their order), and keep or return one for each parameter",
        "backward returns None, or less than it has inputs, or leaves no gradient of a parameter",
        """
class MulLayer:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y
    def backward(self, dout):
        return dout * self.y
""",
        "MulLayer(), x, x2",
        _missing,
    ),
    Row(
        "gradient-of-another",
        "{gradient} is the gradient that belongs to {other}.",
        "return the gradients in the order of forward's arguments, each kept under its own name",
        "backward gives what the right gradient of another input or parameter is",
        """
class MulLayer:
    def forward(self, x, y):
        self.x, self.y = x, y
        return x * y
    def backward(self, dout):
        return dout * self.x, dout * self.y
""",
        "MulLayer(), x, x2",
        _another,
    ),
    Row(
        "transposed",
        "{gradient} is transposed: {given} where {expected} is needed.",
        "exchange the factors: dW = x.T @ dout has the shape of W",
        "backward gives the right gradient with its axes exchanged, at sizes that are all different",
        """
class Product:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW = dout.T @ self.x
        return dout @ self.W.T
""",
        "Product(W), x",
        _transposed,
    ),
    Row(
        "weight-not-transposed",
        "{gradient} is computed with {W} where {W}.T is needed.",
        "dx = dout @ {W}.T",
        "with a square W, backward gives dout @ W; with any other W the product fails",
        """
class Product:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W
""",
        "Product(W), x",
        _weight_not_transposed,
    ),
    Row(
        "bias-not-summed",
        "{gradient} isn't summed over the batch: it is {given}, not {expected}.",
        "sum over every axis along which it was broadcast: db = dout.sum(axis=0)",
        "summed over its extra axes, what backward gives is the right gradient; or it is that of one sample alone",
        """
class Bias:
    def __init__(self, b):
        self.b = b
    def forward(self, x):
        return x + self.b
    def backward(self, dout):
        self.db = dout
        return dout.copy()
""",
        "Bias(b), y",
        _not_summed,
    ),
    Row(
        "bias-wrong-axis",
        "{gradient} is summed over {given}; it has to be {expected}.",
        "sum over the axes along which it was broadcast: for a batch, axis 0",
        "the same terms summed over other axes are the right gradient",
        """
class Bias:
    def __init__(self, b):
        self.b = b
    def forward(self, x):
        return x + self.b
    def backward(self, dout):
        self.db = dout.sum(axis=1)
        return dout.copy()
""",
        "Bias(b), y",
        _wrong_axis,
    ),
    Row(
        "dout-overwritten",
        "{gradient} is computed from {what}, not from dout: dout was replaced before.",
        "give the product a name of its own, and compute every gradient from the dout that came in",
        "backward gives the right gradient of another upstream gradient: dout times a parameter, or dx",
        """
class Scale:
    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta
    def forward(self, x):
        self.x = x
        return self.gamma * x + self.beta
    def backward(self, dout):
        dout = dout * self.gamma
        self.dgamma, self.dbeta = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        return dout
""",
        "Scale(gamma, beta), x",
        lambda e: _dout_overwritten(e) or _residual_overwritten(e),
    ),
)
