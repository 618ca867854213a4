"""From stored samples to what a network takes: batches of real numbers, and one-hot labels."""

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from backhand.errors import DTypeError, LabelError


def scaled(x: NDArray[np.uint8], dtype: DTypeLike) -> NDArray[Any]:
    """Pixels 0..255 as real numbers 0..1: each divided by 255, rounded once, in ``dtype``.

    >>> scaled(np.array([0, 51, 255], dtype=np.uint8), np.float32)
    array([0. , 0.2, 1. ], dtype=float32)
    """
    y = x.astype(dtype)
    y /= 255  # not y *= 1 / 255, which rounds twice and differs in the last bit
    return y


def take(
    x: NDArray[Any], index: NDArray[np.integer[Any]] | slice, dtype: DTypeLike = np.float32, flatten: bool = True
) -> NDArray[Any]:
    """The samples ``x[index]`` as a new array of ``dtype``, shape (B, D), or (B, \\*sample shape) if not ``flatten``.

    ``x`` has shape (N, ...), uint8 pixels or floats, in memory or memory-mapped; only these samples are read.
    Pixels are scaled to 0..1 exactly as ``load_mnist(normalize=True)`` scales them; floats are taken as they are.

    >>> x = np.array([[[0, 255]], [[51, 102]]], dtype=np.uint8)
    >>> take(x, np.array([1, 0]))
    array([[0.2, 0.4],
           [0. , 1. ]], dtype=float32)
    """
    batch = x[index]
    if flatten:
        batch = batch.reshape(len(batch), math.prod(x.shape[1:]))  # not -1, which no empty batch can have
    if batch.dtype == np.uint8:
        return scaled(batch, dtype)
    return batch.astype(dtype, copy=isinstance(index, slice))  # a slice is still a view of x


def one_hot(t: NDArray[np.integer[Any]], classes: int, dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Integer labels (N,) as rows (N, ``classes``) of zeros with a single one.

    Raises ``LabelError`` for a label outside 0..classes-1, ``DTypeError`` if the labels are not integers.

    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    if t.dtype.kind not in "iu":
        raise DTypeError(f"one_hot: t has dtype {t.dtype}; labels are integers: use t.astype(int)")
    if t.size and (t.min() < 0 or t.max() >= classes):
        raise LabelError(f"one_hot: t holds labels {t.min()}..{t.max()}; {classes} classes need 0..{classes - 1}")
    rows = np.zeros((t.size, classes), dtype)
    rows[np.arange(t.size), t] = 1
    return rows
