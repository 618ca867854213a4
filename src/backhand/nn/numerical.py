"""The notes' numerical gradient: slow, and right without knowing any derivative."""

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.errors import DTypeError, OptionError
from backhand.nn.validate import Array, real, same_shape


def numerical_gradient(f: Callable[[Array], Any], x: Array, h: float = 1e-4) -> Array:
    """The gradient of f at x by central differences: (f(x + h) - f(x - h)) / 2h, one entry after the other.

    x (any shape, float64 for useful accuracy) is changed in place while f is called, since the notes' f looks at x and
    not at its argument, and is put back afterwards, whatever f raises. The error is about h^2 f'''/6 + 1e-16 |f| / h.
    Raises DTypeError when x is not an array of floats (an integer array could not hold x + h), OptionError when it is
    read-only or h is no step; ShapeError, DTypeError or NotFiniteError when f gives anything but one number.
    Source: Saitoh 4.4.

    >>> import numpy as np
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        got = f"dtype {x.dtype}" if isinstance(x, np.ndarray) else f"type {type(x).__name__}"
        raise DTypeError(f"numerical_gradient: x has {got}; it needs an array of floats: np.array(x, dtype=float)")
    if not x.flags.writeable:
        raise OptionError("numerical_gradient: x is read-only, and is changed while f is called; pass x.copy()")
    if not 0 < h < np.inf:
        raise OptionError(f"numerical_gradient: h is {h}; it needs a small number > 0, such as 1e-4")
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        value = x[index]
        try:
            x[index] = value + h
            above = _one_number(f(x))
            x[index] = value - h
            below = _one_number(f(x))
        finally:
            x[index] = value
        grad[index] = (above - below) / (2 * h)
    return grad


def _one_number(value: Any) -> Array:
    number = real("numerical_gradient", "f(x)", value)
    same_shape("numerical_gradient", "f(x)", number, (), "one number, such as a loss")
    return number
