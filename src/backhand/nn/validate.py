"""The questions that every layer asks of what it is given, and the words in which it refuses.

A tracer (an array without values, see ``backhand.graph``) has a shape and a dtype but no values yet:
questions about values are asked of real arrays only.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from backhand.errors import DTypeError, NotFiniteError, OrderError, ShapeError

Array = NDArray[Any]
T = TypeVar("T")


def has_values(x: object) -> bool:
    """Whether `x` is a real array, whose values can be looked at, and not a tracer."""
    return type(x) is np.ndarray


def as_array(where: str, argument: str, value: object) -> Array:
    """`value` as an array of whatever dtype. Raises ShapeError for nested lists of different lengths."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ShapeError(f"{where}: {argument} is no array ({error}); all its rows need the same length") from error


def real(where: str, argument: str, value: object, *, finite: bool = False) -> Array:
    """`value` as an array of floats: integers become float64, float32 stays float32.

    ``where`` is ``"Layer.method"``. Raises DTypeError for anything but real numbers, NotFiniteError for NaN
    (with ``finite``, for infinity too), ShapeError for nested lists of different lengths.
    """
    x = as_array(where, argument, value)
    if x.dtype.kind not in "fiub":
        got = "is None" if value is None else f"has dtype {x.dtype}"
        raise DTypeError(f"{where}: {argument} {got}; it needs real numbers, as in float64 or float32")
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    if has_values(x):
        bad = ~np.isfinite(x) if finite else np.isnan(x)
        if bad.any():
            index = tuple(int(i) for i in np.argwhere(bad)[0])
            raise NotFiniteError(
                f"{where}: {argument} holds {x[index]} at index {index} ({int(bad.sum())} such of {x.size}); "
                "look at what computed it: a learning rate that is too large, a division by 0, a log of 0"
            )
    return x


def same_shape(where: str, argument: str, got: Any, needed: tuple[int, ...], because: str) -> None:
    """Raises ShapeError unless `got`, an array or a number, has the shape `needed`."""
    if np.shape(got) != needed:
        raise ShapeError(f"{where}: {argument} has shape {np.shape(got)}; it needs {needed}, {because}")


def upstream(where: str, dout: object, shape: tuple[int, ...]) -> Array:
    """`dout` as floats of the layer's output's shape."""
    dout = real(where, "dout", dout)
    same_shape(where, "dout", dout, shape, "the shape of forward's output")
    return dout


def remembered(where: str, value: T | None) -> T:
    """What ``forward`` left for ``backward``; raises OrderError when there is nothing yet."""
    if value is None:
        raise OrderError(f"{where}: there is no forward to go back through; call forward first")
    return value
