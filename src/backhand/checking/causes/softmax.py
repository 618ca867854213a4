"""Causes around softmax and labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from backhand.checking.causes.evidence import Evidence, usual_softmax
from backhand.checking.causes.row import UNCLEAR, Facts, Row
from backhand.checking.subject import Array

__all__ = ["ROWS"]


def _probabilities(e: Evidence) -> tuple[Array, bool] | None:
    """The softmax that forward gives, and whether it gives its logarithm."""
    if e.x is None or e.out.ndim < 2 or e.out.shape != e.value.shape:
        return None
    for p, logarithm in ((e.out, False), (np.exp(np.minimum(e.out, 1)), True)):
        if (p > 0).all() and np.allclose(p.sum(axis=-1), 1):
            return p, logarithm
    return None


def _attention(e: Evidence) -> tuple[Array, Array, list[tuple[Array, Array, Array]]] | None:
    """Of out = softmax(q k^T / sqrt(d)) v: the weights, dL/d(weights), and what makes the gradients of q and k."""
    values = e.experiment.values
    inputs = [values[name] for name in e.experiment.subject.inputs]
    weights = [values[name] for name in e.experiment.subject.parameters]
    if len(inputs) == 3 and not weights:
        q, k, v = inputs
    elif len(inputs) == 1 and len(weights) == 3 and all(inputs[0].shape[-1:] == W.shape[:1] for W in weights):
        q, k, v = (inputs[0] @ W for W in weights)
    else:
        return None
    try:
        a = usual_softmax(q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1]))
        if not np.allclose(a @ v, e.out, rtol=1e-8):
            return None
    except ValueError:
        return None
    return a, e.dout @ v.swapaxes(-1, -2), [(q, k, v)]


def _through_attention(e: Evidence, ds: Array, a: Array, qkv: tuple[Array, Array, Array]) -> Iterator[Array]:
    """The gradients by q, k, the weights that make them and x, if dL/d(scores) were ``ds``."""
    q, k, _ = qkv
    ds = ds / np.sqrt(q.shape[-1])
    dq, dk, dv = ds @ k, ds.swapaxes(-1, -2) @ q, a.swapaxes(-1, -2) @ e.dout
    yield from (dq, dk)
    weights = [e.experiment.values[name] for name in e.experiment.subject.parameters]
    if len(weights) == 3 and e.x is not None:
        yield from (e.x.T @ dq, e.x.T @ dk)
        yield dq @ weights[0].T + dk @ weights[1].T + dv @ weights[2].T


def _diagonal(e: Evidence) -> Facts | None:
    if not e.fits:
        return None
    found = _probabilities(e)
    if found is not None and not found[1]:
        p = found[0]
        return {} if e.explains(p * (1 - p) * e.dout) else None
    attention = _attention(e)
    if attention is not None:
        a, da, (qkv,) = attention
        return {} if any(e.explains(g) for g in _through_attention(e, a * (1 - a) * da, a, qkv)) else None
    return None


def _axis(e: Evidence) -> Facts | None:
    if not e.fits:
        return None
    found = _probabilities(e)
    if found is not None:
        p, logarithm = found
        for axis in range(p.ndim - 1):
            if logarithm:
                candidates = [
                    e.dout - p * e.dout.sum(axis=axis, keepdims=True),
                    e.dout - usual_softmax(p, axis) * e.dout.sum(axis=-1, keepdims=True),
                ]
            else:
                candidates = [p * (e.dout - (e.dout * p).sum(axis=axis, keepdims=True))]
            if any(e.explains(candidate) for candidate in candidates):
                return {"axis": str(axis)}
    attention = _attention(e)
    if attention is not None:
        a, da, (qkv,) = attention
        ds = a * (da - (da * a).sum(axis=-2, keepdims=True))
        if any(e.explains(g) for g in _through_attention(e, ds, a, qkv)):
            return {"axis": str(a.ndim - 2)}
    if (
        e.is_loss
        and e.one_hot is not None
        and e.x is not None
        and e.value is e.x
        and e.explains(_fitted(e, usual_softmax(e.x, 0) - e.one_hot))
    ):
        return {"axis": "0"}
    return None


def _fitted(e: Evidence, candidate: Array) -> Array:
    """The candidate times the factor that fits best: dout / N, or whatever the loss takes."""
    known = np.isfinite(e.hand)
    return np.asarray(candidate * (np.sum(candidate[known] * e.hand[known]) / np.sum(candidate[known] ** 2)))


def _labels(e: Evidence) -> Facts | None:
    """Whether the number of the label, not its place, is subtracted: then 0, 1, 2 as a label are equal steps apart."""
    if not e.is_loss or e.missing:
        return None
    for name, given in {**e.experiment.subject.constants, **e.experiment.values}.items():
        forms = _three_labels(e, name, given)
        if not forms:
            continue
        is_value = name in e.experiment.values
        losses: list[Any] = [e.forward({name: f} if is_value else {}, None if is_value else {name: f}) for f in forms]
        answers = [e.backward(None, {name: f}, None) if is_value else e.backward(None, None, {name: f}) for f in forms]
        if any(each is None for each in (*losses, *answers)):
            return UNCLEAR  # two classes, or binary labels
        if np.allclose(np.diff(losses, 2, axis=0), 0, atol=1e-9):
            continue  # the right gradient takes t for a number, too
        a, b, c = (np.asarray(answer) for answer in answers)
        size = float(np.abs(b - a).max(initial=0))
        if size > 1e-9 * float(np.abs(a).max(initial=0)) > 0 and np.abs(a - 2 * b + c).max() <= 1e-9 * size:
            return {"form": "integer" if np.ndim(given) == 1 else "one-hot", "name": name}
    return None


def _three_labels(e: Evidence, name: str, given: object) -> list[Array]:
    """The labels with the first sample's being 0, 1 and 2."""
    if not isinstance(given, np.ndarray) or name in e.experiment.subject.parameters:
        return []
    if given.ndim == 1 and given.dtype.kind in "iu":
        forms = []
        for label in range(3):
            form = given.copy()
            form[0] = label
            forms.append(form)
        return forms
    if given.ndim == 2 and given.shape[1] > 2 and np.isin(given, (0, 1)).all() and (given.sum(axis=1) == 1).all():
        forms = []
        for label in range(3):
            form = given.copy()
            form[0] = np.eye(given.shape[1])[label]
            forms.append(form)
        return forms
    return []


ROWS = (
    Row(
        "softmax-diagonal",
        "{gradient} has the diagonal of the softmax's Jacobian alone: y * (1 - y) leaves the other classes out.",
        "dx = y * (dout - (dout * y).sum(axis=-1, keepdims=True))",
        "backward gives dout * y * (1 - y)",
        """
class Softmax:
    def forward(self, x):
        self.y = softmax(x)
        return self.y
    def backward(self, dout):
        return dout * self.y * (1 - self.y)
""",
        "Softmax(), scores",
        _diagonal,
    ),
    Row(
        "softmax-axis",
        "{gradient} has the sum of the softmax over axis {axis}, the wrong one: forward has it over the classes.",
        "sum over the axis of the classes, with keepdims=True",
        "backward gives the derivative of a softmax with the sum over another axis",
        """
class Softmax:
    def forward(self, x):
        self.y = softmax(x)
        return self.y
    def backward(self, dout):
        return self.y * (dout - (dout * self.y).sum(axis=0))
""",
        "Softmax(), scores",
        _axis,
    ),
    Row(
        "labels-form",
        "{gradient} takes the labels for numbers: with {form} labels, the class's number is taken from each score.",
        "for integer labels: dx = y.copy(); dx[np.arange(N), t] -= 1; y - t is for one-hot labels",
        "with another class as the label of one sample, backward moves in equal steps from class to class",
        """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.p, self.t = softmax(x), t
        return -np.log(self.p[np.arange(len(t)), t]).mean()
    def backward(self, dout=1):
        return dout * (self.p - self.t[:, None]) / len(self.t)
""",
        "SoftmaxWithLoss(), scores, labels",
        _labels,
    ),
)
