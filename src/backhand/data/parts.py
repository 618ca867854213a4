"""The four arrays of a dataset, the checks that every source goes through, and the split for want of a test part."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backhand.errors import DataError

MAX_CLASSES = 1 << 16
"""More classes than this are taken for a mistake: labels that are no labels."""

_TEST_EVERY = 7  # as many train samples for a test sample as MNIST has: six


class Parts(NamedTuple):
    """Samples x (N, ...) and integer labels t (N,), for training and for testing."""

    x_train: NDArray[Any]
    t_train: NDArray[Any]
    x_test: NDArray[Any]
    t_test: NDArray[Any]


def checked(source: str, parts: Parts) -> Parts:
    """The parts, if they make a dataset; labels of shape (N, 1), as Keras has them, become (N,).

    ``DataError`` if lengths, sample shapes or dtypes don't fit together, or labels are no integers from 0 up. That no
    float is NaN or infinite is for the readers to check (``require_finite``): a mapped file isn't read twice.
    """
    x_train, t_train, x_test, t_test = parts
    t_train, t_test = (t[:, 0] if t.ndim == 2 and t.shape[1] == 1 else t for t in (t_train, t_test))
    for part, x, t in (("train", x_train, t_train), ("test", x_test, t_test)):
        _check_samples(f"{source}: x_{part}", x)
        _check_labels(f"{source}: t_{part}", t)
        if len(x) != len(t):
            raise DataError(f"{source}: x_{part} has {len(x)} samples and t_{part} {len(t)} labels; make them as many")
    if x_train.shape[1:] != x_test.shape[1:] or x_train.dtype != x_test.dtype:
        raise DataError(
            f"{source}: samples of x_train are {x_train.shape[1:]} of {x_train.dtype}, those of x_test "
            f"{x_test.shape[1:]} of {x_test.dtype}; make them alike"
        )
    return Parts(x_train, t_train, x_test, t_test)


def _check_samples(name: str, x: NDArray[Any]) -> None:
    if x.ndim < 2 or x.size == 0:
        raise DataError(f"{name} has shape {x.shape}; it needs (N, D) or (N, channels, height, width), none of them 0")
    if x.dtype not in (np.uint8, np.float16, np.float32, np.float64):
        raise DataError(f"{name} has dtype {x.dtype}; save pixels 0..255 as uint8, anything else as float32")


def _check_labels(name: str, t: NDArray[Any]) -> None:
    if t.ndim != 1:  # first, because one-hot labels are often floats
        raise DataError(f"{name} has shape {t.shape}; labels are (N,): if they are one-hot, save t.argmax(axis=1)")
    if t.dtype.kind not in "iu":
        raise DataError(f"{name} has dtype {t.dtype}; labels are integers 0..C-1: save t.astype(int)")
    if t.size and (t.min() < 0 or t.max() >= MAX_CLASSES):
        raise DataError(f"{name} holds labels {t.min()}..{t.max()}; number the classes 0..C-1, C at most {MAX_CLASSES}")


def require_finite(name: str, shape: tuple[int, ...], chunks: Iterable[NDArray[Any]]) -> None:
    """``DataError`` if any value is NaN or infinite; ``chunks`` are the values of a C-ordered array of ``shape``."""
    before = 0
    for chunk in chunks:
        finite = np.isfinite(chunk)
        if not finite.all():
            first = int(np.argmin(finite))
            place = [int(i) for i in np.unravel_index(before + first, shape)]
            raise DataError(f"{name}{place} is {chunk.flat[first]}; remove that sample or fill in a number")
        before += chunk.size


def split_by_class(source: str, x: NDArray[Any], t: NDArray[np.int64]) -> Parts:
    """Of each class, in the order of the file, every seventh sample is for testing, the others for training.

    Always the same split, in the proportion of MNIST (6:1), and with every class in both parts that has 7 samples,
    whether the samples are sorted by class, mixed, or take turns.

    >>> parts = split_by_class("x.csv", np.arange(16.0).reshape(-1, 1), np.arange(16) % 2)
    >>> parts.x_test.ravel(), parts.t_test
    (array([12., 13.]), array([0, 1]))
    """
    by_class = np.argsort(t, kind="stable")
    counts = np.bincount(t)
    first_of_class = np.cumsum(counts) - counts
    rank = np.empty(len(t), np.int64)
    rank[by_class] = np.arange(len(t)) - first_of_class[t[by_class]]
    test = rank % _TEST_EVERY == _TEST_EVERY - 1
    if not test.any():
        raise DataError(
            f"{source}: has {len(t)} samples, and no class has {_TEST_EVERY}: every seventh of a class is "
            "for testing; add samples, or save train and test parts as .npz"
        )
    return Parts(x[~test], t[~test], x[test], t[test])
