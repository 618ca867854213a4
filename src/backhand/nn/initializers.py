"""Random weights to start from. Each has mean 0 and the shape (inputs, outputs)."""

from operator import index

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from backhand.errors import DTypeError, OptionError, ShapeError
from backhand.nn.validate import Array

# In each: rng is a numpy Generator, or None for NumPy's global state, so that np.random.seed works as in the notes.


def normal(
    shape: tuple[int, int], std: float = 0.01, *, rng: Generator | None = None, dtype: DTypeLike = np.float64
) -> Array:
    """Normal numbers of standard deviation `std`: the notes' start.

    >>> import numpy as np
    >>> normal((784, 50), rng=np.random.default_rng(0)).std().round(3)
    np.float64(0.01)
    """
    shape = _sizes(shape)
    if np.dtype(dtype).kind != "f":
        raise DTypeError(f"initializer: dtype is {np.dtype(dtype)}; weights need floats, float64 or float32")
    if not std >= 0:
        raise OptionError(f"initializer: std is {std}; it needs a number >= 0")
    if rng is not None and not hasattr(rng, "standard_normal"):
        raise OptionError(f"initializer: rng is {rng!r:.40}; it needs a generator, such as np.random.default_rng(0)")
    draw = np.random.standard_normal if rng is None else rng.standard_normal
    return (std * draw(shape)).astype(dtype, copy=False)


def xavier_normal(shape: tuple[int, int], *, rng: Generator | None = None, dtype: DTypeLike = np.float64) -> Array:
    """Standard deviation sqrt(2 / (inputs + outputs)): for Sigmoid and Tanh.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
    equation 12 (Saitoh 6.2.2 uses sqrt(1 / inputs), the same where inputs = outputs).

    >>> import numpy as np
    >>> xavier_normal((300, 100), rng=np.random.default_rng(0)).std().round(3)
    np.float64(0.071)
    """
    return normal(shape, float(np.sqrt(2.0 / sum(_sizes(shape)))), rng=rng, dtype=dtype)


def he_normal(shape: tuple[int, int], *, rng: Generator | None = None, dtype: DTypeLike = np.float64) -> Array:
    """Standard deviation sqrt(2 / inputs): for Relu.

    Source: He et al., "Delving deep into rectifiers", 2015, equation 10; Saitoh 6.2.3.

    >>> import numpy as np
    >>> he_normal((200, 100), rng=np.random.default_rng(0)).std().round(2)
    np.float64(0.1)
    """
    return normal(shape, float(np.sqrt(2.0 / _sizes(shape)[0])), rng=rng, dtype=dtype)


def _sizes(shape: tuple[int, int]) -> tuple[int, int]:
    try:
        inputs, outputs = map(index, shape)
    except (TypeError, ValueError):
        inputs = outputs = 0
    if min(inputs, outputs) < 1:
        raise ShapeError(f"initializer: the shape is {shape!r}; it needs (inputs, outputs), whole numbers, 1 or more")
    return inputs, outputs
