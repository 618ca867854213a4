"""Batches out of whole data sets, in plain NumPy: what ``epoch`` does inside of a compiled program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backhand.errors import DTypeError, ShapeError

__all__ = ["PIXELS", "batch", "batches"]

PIXELS = 255
"""Samples of uint8 for an argument of floats are divided by this, as ``load_mnist(normalize=True)`` does it."""


def batches(order: Any, data: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> Any:
    """The order as (steps, batch), or (steps,) where a step takes one sample without a batch axis.

    Raises:
        ShapeError: the data or the order don't fit the step's arguments.
        DTypeError: the order holds something else than integers.
    """
    order = np.asarray(order)
    if order.dtype.kind not in "iu":
        raise DTypeError(
            f"epoch: the order has dtype {order.dtype}; it needs integers, the places of samples in the data"
        )
    if len(data) != len(shapes):
        raise ShapeError(f"epoch: {len(data)} data arrays for a step of {len(shapes)} arguments; then comes the order")
    size = _batch_size(data, shapes)
    if size is None:
        if order.ndim != 1:
            raise ShapeError(f"epoch: the order has shape {order.shape}; the step takes one sample: it needs (steps,)")
        return order
    if order.ndim == 1:
        order = order[: len(order) // size * size].reshape(-1, size)
    if order.ndim != 2 or order.shape[1] != size:
        raise ShapeError(f"epoch: the order has shape {order.shape}; it needs (steps, {size}), the step's batch size")
    return order


def _batch_size(data: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> int | None:
    """The step's batch size, or None if it takes a sample without a batch axis."""
    sizes: set[int | None] = set()
    for number, (samples, shape) in enumerate(zip(data, shapes, strict=True)):
        sample = np.shape(samples)[1:]
        if math.prod(sample) == math.prod(shape):
            sizes.add(None)
        elif shape and math.prod(sample) == math.prod(shape[1:]):
            sizes.add(shape[0])
        else:
            raise ShapeError(
                f"epoch: data {number} has samples of shape {sample}; the step takes batches of shape {shape}"
            )
    if len(sizes) != 1:
        if len(sizes) == 2 and None in sizes and 1 in sizes:  # a batch of one sample is a sample
            return 1
        raise ShapeError(f"epoch: the data give batches of different sizes for the step's arguments {list(shapes)}")
    return sizes.pop()


def batch(samples: Any, index: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """One step's argument: the samples of that index, in the shape and dtype of the argument.

    Raises:
        DTypeError: the samples are of another dtype.
    """
    x = np.asarray(samples[index]).reshape(shape)
    if x.dtype == dtype:
        return np.array(x) if np.may_share_memory(x, samples) else x
    if x.dtype != np.uint8 or dtype.kind != "f":
        raise DTypeError(f"epoch: the data are {x.dtype}; the step was compiled for {dtype} (or pixels of uint8)")
    x = x.astype(dtype)
    x /= PIXELS
    return x
