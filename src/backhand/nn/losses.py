"""Losses: softmax with cross entropy, and the mean squared error."""

import numpy as np

from backhand.errors import DTypeError, LabelError, RangeError, ShapeError
from backhand.nn.validate import Array, as_array, has_values, real, remembered, same_shape


def softmax(x: Array) -> Array:
    """exp(x) / sum(exp(x)) over the last axis, for every float x without overflow.

    Shapes: x (C,) or (N, C), or with more axes in front; y has x's shape.
    Raises DTypeError, NotFiniteError (NaN or infinity).
    Source: Saitoh 3.5.2.

    >>> import numpy as np
    >>> softmax(np.array([0.3, 2.9, 4.0])).round(8)
    array([0.01821127, 0.24519181, 0.73659691])
    """
    return np.exp(_log_softmax("softmax", x))


def cross_entropy_error(y: Array, t: Array) -> Array:
    """The mean over the batch of -log(y of the right class); a y of 0 counts as the smallest normal float.

    Shapes: y (C,) or (N, C), probabilities; t one-hot (or a distribution) in y's shape, or integer labels () or (N,).
    Raises ShapeError, DTypeError, LabelError, RangeError (y is no probability), NotFiniteError.
    Source: Saitoh 4.2.2, which adds 1e-7 to y instead.

    >>> import numpy as np
    >>> float(cross_entropy_error(np.array([0.1, 0.05, 0.6, 0.25]), np.array([0, 0, 1, 0])).round(6))
    0.510826
    """
    where = "cross_entropy_error"
    y = real(where, "y", y)
    if has_values(y) and y.size and (y.min() < 0 or y.max() > 1 + 1e-3):
        raise RangeError(
            f"{where}: y lies between {y.min():.6g} and {y.max():.6g}; it needs probabilities, 0 to 1: "
            "pass softmax(scores), or use SoftmaxWithLoss, which takes the scores themselves"
        )
    return _mean_of_right(where, "y", np.log(np.maximum(y, np.finfo(y.dtype).tiny)), t)


class SoftmaxWithLoss:
    """The last layer of a classifier: loss = mean over the batch of -log(softmax(x) of the right class).

    Shapes: x (N, C) or (C,), the scores; t one-hot (or a distribution) in x's shape, or integer labels (N,) or ();
    the loss is one number; dx has x's shape: dout * (y - t) / N. ``y`` is softmax(x).
    The logarithm is taken of the softmax as a whole, so it is never log(0), and dx is exactly its derivative.
    Raises ShapeError, DTypeError, LabelError, NotFiniteError; OrderError from a backward without forward.
    Source: notes 000 and 001, which ignore ``dout``; Saitoh 5.6.3 and appendix A.

    >>> import numpy as np
    >>> layer = SoftmaxWithLoss()
    >>> float(layer.forward(np.array([[0.0, 0.0], [1e4, 0.0]]), np.array([0, 0])).round(6))
    0.346574
    >>> layer.backward()
    array([[-0.25,  0.25],
           [ 0.  ,  0.  ]])
    """

    def __init__(self) -> None:
        self.loss: Array | None = None
        self.y: Array | None = None
        self.t: Array | None = None

    def forward(self, x: Array, t: Array) -> Array:
        """The loss; keeps ``y`` and ``t``."""
        where = "SoftmaxWithLoss.forward"
        log_y = _log_softmax(where, x)
        self.loss = _mean_of_right(where, "x", log_y, t)
        self.y, self.t = np.exp(log_y), np.asarray(t)
        return self.loss

    def backward(self, dout: Array | float = 1) -> Array:
        """Dx from the upstream gradient of the one number that forward gives."""
        where = "SoftmaxWithLoss.backward"
        y, t = remembered(where, self.y), remembered(where, self.t)
        dout = real(where, "dout", dout)
        same_shape(where, "dout", dout, (), "because the loss is one number")
        if t.shape == y.shape:
            dx = y - t
        else:
            dx = y.copy()
            dx[(np.arange(len(y)), t) if y.ndim == 2 else t] -= 1
        batch_size = y.shape[0] if y.ndim == 2 else 1
        return (dx * dout / batch_size).astype(y.dtype)


class MeanSquaredError:
    """loss = 1/2 mean((y - t)^2), the mean over every entry; the last layer of a regression.

    One object serves as a layer (``forward(y, t)``, ``backward(dout)``) and, as in note 003, as a loss to call, then
    ``grad()``.
    Shapes: y any, t the same; the loss is one number; dx has y's shape: dout * (y - t) / n, where n is y's number of
    entries (003 loses this 1/n).
    Raises ShapeError, DTypeError, NotFiniteError; OrderError from a backward without forward.

    >>> import numpy as np
    >>> loss = MeanSquaredError()
    >>> float(loss(np.array([1.0, 2.0]), np.array([0.0, 0.0])))
    1.25
    >>> loss.grad()
    array([0.5, 1. ])
    """

    def __init__(self) -> None:
        self.loss: Array | None = None
        self.y: Array | None = None
        self.t: Array | None = None

    def forward(self, y: Array, t: Array) -> Array:
        """The loss; keeps ``y`` and ``t``."""
        where = "MeanSquaredError.forward"
        self.y, self.t = real(where, "y", y), real(where, "t", t)
        same_shape(where, "t", self.t, self.y.shape, "the shape of y")
        if self.y.size == 0:
            raise ShapeError(f"{where}: y has shape {self.y.shape}; it needs one entry at least to take a mean")
        self.loss = 0.5 * np.mean(np.square(self.y - self.t))
        return self.loss

    def grad(self) -> Array:
        """The local derivative (y - t) / n, in y's shape."""
        y, t = remembered("MeanSquaredError", self.y), remembered("MeanSquaredError", self.t)
        return (y - t) / y.size

    def __call__(self, y: Array, t: Array) -> Array:
        """The same as forward."""
        return self.forward(y, t)

    def backward(self, dout: Array | float = 1) -> Array:
        """Dx from the upstream gradient of the one number that forward gives."""
        dout = real("MeanSquaredError.backward", "dout", dout)
        same_shape("MeanSquaredError.backward", "dout", dout, (), "because the loss is one number")
        grad = self.grad()
        return (dout * grad).astype(grad.dtype)


def _log_softmax(where: str, x: Array) -> Array:
    x = real(where, "x", x, finite=True)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ShapeError(f"{where}: x has shape {x.shape}; it needs one score at least, (C,) or (N, C)")
    x = x - np.max(x, axis=-1, keepdims=True)
    log_y: Array = x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))
    return log_y


def _mean_of_right(where: str, scores: str, log_y: Array, t: Array) -> Array:
    """The mean over the batch of -log(y of the right class), for one-hot and for integer labels."""
    t = as_array(where, "t", t)
    if log_y.ndim not in (1, 2) or log_y.shape[0] == 0:
        raise ShapeError(f"{where}: {scores} has shape {log_y.shape}; it needs (C,) for one sample or (N, C)")
    batch_size = log_y.shape[0] if log_y.ndim == 2 else 1
    if t.shape == log_y.shape:
        _check_one_hot(where, t)
        right = t * log_y
    elif t.shape == log_y.shape[:-1]:
        _check_labels(where, t, log_y.shape[-1])
        right = log_y[np.arange(batch_size), t] if log_y.ndim == 2 else log_y[t]
    else:
        raise ShapeError(
            f"{where}: t has shape {t.shape}; for {scores} of shape {log_y.shape} it needs {log_y.shape} (one-hot) "
            f"or {log_y.shape[:-1]} (integer labels)"
        )
    loss: Array = -np.sum(right) / batch_size
    return loss


def _check_one_hot(where: str, t: Array) -> None:
    if t.dtype.kind not in "fiub":
        raise DTypeError(f"{where}: t has dtype {t.dtype}; it needs one-hot numbers or integer labels")
    if not has_values(t):
        return
    sums = np.atleast_1d(t.sum(axis=-1, dtype=np.float64))
    ones = np.abs(sums - 1) < 1e-5  # False for NaN too
    if not ones.all():
        row = int(np.argmin(ones))
        raise LabelError(
            f"{where}: row {row} of t sums to {sums[row]:g}; one-hot labels (or a distribution) sum to 1; "
            "integer labels have one axis less than the scores"
        )
    if t.min() < 0:
        row = int(np.argmax(np.atleast_2d(t).min(axis=-1) < 0))
        raise LabelError(f"{where}: row {row} of t holds {t.min():g}; one-hot labels (or a distribution) are 0 to 1")


def _check_labels(where: str, t: Array, classes: int) -> None:
    if t.dtype.kind not in "iu":
        raise DTypeError(f"{where}: t has dtype {t.dtype}; labels of shape {t.shape} need integers: t.astype(int)")
    if has_values(t) and t.size and (t.min() < 0 or t.max() >= classes):
        index = int(np.argmax(((t < 0) | (t >= classes)).ravel()))
        raise LabelError(
            f"{where}: t holds the label {t.ravel()[index]} at index {index}; with {classes} scores a sample, "
            f"labels are 0 to {classes - 1}"
        )
