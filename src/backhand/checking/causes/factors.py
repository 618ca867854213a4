"""Causes that leave a multiple of the right gradient: the batch size, a constant, the sign; and `dout` ignored."""

from __future__ import annotations

from typing import Any

import numpy as np

from backhand.checking.causes.evidence import Evidence
from backhand.checking.causes.row import Facts, Row

__all__ = ["ROWS"]


def near(a: float, b: float) -> bool:
    """Equal up to what a fitted factor is off by."""
    return abs(a - b) <= 1e-3 * max(abs(a), abs(b))


def number(value: float) -> str:
    """A factor for a sentence."""
    return f"{value:.3g}"


def averaged_axes(e: Evidence) -> tuple[int, ...]:
    """The axes of x that the loss is a mean over: along which the same data twice leave the loss as it is."""
    if e.x is None:
        return ()
    return tuple(axis for axis in range(e.x.ndim) if _loss_of_twice(e, axis) == "mean")


def summed_axes(e: Evidence) -> tuple[int, ...]:
    """The axes of x that the loss is a sum over."""
    if e.x is None:
        return ()
    return tuple(axis for axis in range(e.x.ndim) if _loss_of_twice(e, axis) == "sum")


def _loss_of_twice(e: Evidence, axis: int) -> str:
    assert e.x is not None
    if not e.is_loss or e.x.shape[axis] < 2:
        return ""

    def twice(value: Any, parameter: bool) -> Any:
        if parameter or not isinstance(value, np.ndarray) or value.ndim <= axis:
            return value
        along = value.shape[axis] == e.x.shape[axis] if e.x is not None else False
        return np.concatenate([value, value], axis=axis) if along else value

    subject = e.experiment.subject
    values = {k: twice(v, k in subject.parameters) for k, v in e.experiment.values.items()}
    constants = {k: twice(v, False) for k, v in subject.constants.items()}
    loss = e.forward(values, constants)
    if loss is None or loss.size != 1 or float(np.max(np.abs(e.out))) == 0:
        return ""
    ratio = float(loss.ravel()[0] / e.out.ravel()[0])
    return "mean" if near(ratio, 1) else "sum" if near(ratio, 2) else ""


def _sizes(e: Evidence) -> tuple[int, int, int]:
    """The batch size, the other sizes of x together, and all of x."""
    size = e.x.size if e.x is not None else e.batch
    return e.batch, size // max(e.batch, 1), size


def _not_divided(e: Evidence) -> Facts | None:
    c = e.factor
    if c is None or not e.is_loss or 0 not in averaged_axes(e):
        return None
    assert e.x is not None
    n, _, _ = _sizes(e)
    whole = int(np.prod([e.x.shape[axis] for axis in averaged_axes(e)]))
    for divisor in {n, whole}:
        if divisor > 1 and near(c, divisor):
            return {"n": str(divisor)}
    return None


def _divided_twice(e: Evidence) -> Facts | None:
    c = e.factor
    if c is None or not e.is_loss or 0 not in averaged_axes(e):
        return None
    assert e.x is not None
    n, _, _ = _sizes(e)
    whole = int(np.prod([e.x.shape[axis] for axis in averaged_axes(e)]))
    for divisor in {n, whole}:
        if divisor > 1 and near(c, 1 / divisor):
            return {"n": str(divisor)}
    return None


def _divided_by_batch(e: Evidence) -> Facts | None:
    """A parameter's gradient divided by N and dx not, or a loss that gives one number a sample."""
    c, n = e.factor, e.batch
    if c is None or n < 2 or not near(c, 1 / n) or e.is_loss:
        return None
    if e.value is not e.x:
        first = [m for m in e.experiment.measurements.values() if e.experiment.values[m.of] is e.x]
        if not first or first[0].wrong:
            return None
        return {"n": str(n), "what": f"{e.gradient} is divided by the batch size and the gradient of the input is not"}
    if e.out.shape == (n,):
        return {"n": str(n), "what": f"forward gives one loss a sample, and {e.gradient} is that of their mean"}
    return None


def _sum_against_mean(e: Evidence) -> Facts | None:
    c = e.factor
    if c is None or e.x is None:
        return None
    n, rest, whole = _sizes(e)
    sizes = {"the batch size": n, "the number of values a sample": rest, "the number of values": whole}
    for name, size in sizes.items():
        if size < 2:
            continue
        if near(c, size):
            return {"n": str(size), "what": name, "how": "large"}
        if near(c, 1 / size) and (e.is_loss or not e.is_parameter):
            return {"n": str(size), "what": name, "how": "small"}
    return None


def _sign(e: Evidence) -> Facts | None:
    return {} if e.factor is not None and near(e.factor, -1) else None


def _constant(e: Evidence) -> Facts | None:
    return None if e.factor is None else {"factor": number(e.factor)}


def _dout_ignored(e: Evidence) -> Facts | None:
    if not e.fits or not e.experiment.subject.takes_dout:
        return None
    other = e.backward(2 * e.dout + 1)
    if other is None or not np.allclose(other, e.hand, rtol=1e-12, atol=0) or not np.any(e.hand):
        return None
    one = e.derivative(np.ones_like(e.dout))
    if one is None:
        return None
    near_enough = 1e-4 * np.abs(one).max(initial=0)  # an epsilon in forward's logarithm may come on top
    if not e.explains(one) and not np.abs(e.hand - one).max(initial=0) <= near_enough:
        return {"when": "the same whatever dout is, and not even right where dout is 1"}
    if e.is_loss:
        return {"verdict": "convention", "when": "right as the last layer of a network, where dout is 1"}
    return {"when": "right only while dout is 1"}


ROWS = (
    Row(
        "dout-ignored",
        "{gradient} doesn't depend on the upstream gradient dout: it is {when}.",
        "multiply by dout: dx = dout * (...)",
        "backward is given another dout and returns the same; with dout = 1 it would be right",
        """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.p, self.t = softmax(x), t
        return -np.sum(t * np.log(self.p)) / len(t)
    def backward(self, dout=1):
        return (self.p - self.t) / len(self.t)
""",
        "SoftmaxWithLoss(), scores, one_hot",
        _dout_ignored,
    ),
    Row(
        "batch-size-not-divided",
        "{gradient} is {n} times too large: forward takes the mean over {n} values, backward doesn't divide by {n}.",
        "divide by what forward divides by: dx = dout * (y - t) / n",
        "the ratio to the right gradient is the number of values that the loss is a mean over, at every batch size; "
        "the loss of the same data twice is the same",
        """
class MeanSquaredError:
    def forward(self, y, t):
        self.y, self.t = y, t
        return 0.5 * np.mean((y - t) ** 2)
    def backward(self, dout=1):
        return dout * (self.y - self.t)
""",
        "MeanSquaredError(), y, t",
        _not_divided,
        varies=("n",),
    ),
    Row(
        "batch-size-divided-twice",
        "{gradient} is {n} times too small: it is divided by {n} once more than forward divides.",
        "divide by the batch size once, in the loss layer",
        "the ratio to the right gradient is 1/N at every batch size, and the loss is a mean over the batch",
        """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.p, self.t = softmax(x), t
        return -np.sum(t * np.log(self.p)) / len(t)
    def backward(self, dout=1):
        dx = (self.p - self.t) / len(self.t)
        return dout * dx / len(self.t)
""",
        "SoftmaxWithLoss(), scores, one_hot",
        _divided_twice,
        varies=("n",),
    ),
    Row(
        "divided-by-batch",
        "{what}: it is right only inside of a network that counts on it (a factor of 1/{n}).",
        "divide once, in the loss layer, and nowhere else",
        "the ratio to the right gradient is 1/N at every batch size, for a parameter while dx is right, or for a loss "
        "that isn't averaged by forward",
        """
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout / len(dout), dout.mean(axis=0)
        return dout @ self.W.T
""",
        "Affine(W, b), x",
        _divided_by_batch,
        varies=("n",),
        verdict="convention",
    ),
    Row(
        "sum-against-mean",
        "{gradient} is {n} ({what}) times too {how}: forward and backward disagree on a sum and a mean.",
        "sum in both, or take the mean over the same values in both",
        "the ratio to the right gradient is a size of the input, or 1 over it, at every shape",
        """
class SumOfSquares:
    def forward(self, y, t):
        self.diff = y - t
        return 0.5 * np.sum(self.diff**2)
    def backward(self, dout=1):
        return dout * self.diff / len(self.diff)
""",
        "SumOfSquares(), y, t",
        _sum_against_mean,
        same=("what", "how"),
        varies=("n",),
    ),
    Row(
        "sign",
        "{gradient} has the wrong sign.",
        "turn the difference around (y - t, not t - y), or put the minus of the derivative",
        "backward gives -1 times the right gradient, at every shape",
        """
class SumOfSquares:
    def forward(self, y, t):
        self.y, self.t = y, t
        return 0.5 * np.sum((y - t) ** 2)
    def backward(self, dout=1):
        return dout * (self.t - self.y)
""",
        "SumOfSquares(), y, t",
        _sign,
    ),
    Row(
        "constant-factor",
        "{gradient} is {factor} times the right gradient, at every shape.",
        "put in the factor that forward's derivative has (the 2 of x**2, the 1/2 of a half, a scale)",
        "the ratio to the right gradient is the same number at every shape and seed",
        """
class Square:
    def forward(self, x):
        self.x = x
        return x**2
    def backward(self, dout):
        return dout * self.x
""",
        "Square(), x",
        _constant,
        same=("factor",),
    ),
)
