"""The multiplication and the addition node of the notes, as layers."""

from typing import Any

import numpy as np

from backhand.errors import ShapeError
from backhand.nn.validate import real, remembered, same_shape


class MulLayer:
    """z = x * y, for numbers or arrays; backward swaps the inputs: dx = dout * y, dy = dout * x.

    Shapes: x and y any two that broadcast; each gradient has the shape of its input. Numbers stay numbers.
    Raises ShapeError, DTypeError, NotFiniteError; OrderError from a backward without forward.
    Source: notes 000, 001 and 004; Saitoh, Deep Learning from Scratch, 5.4.1.

    >>> apple, tax = MulLayer(), MulLayer()
    >>> tax.forward(apple.forward(100, 2), 1.1)
    220.00000000000003
    >>> dapple_price, dtax = tax.backward(1)
    >>> apple.backward(dapple_price), dtax
    ((2.2, 110.00000000000001), 200)
    """

    def __init__(self) -> None:
        self.x: Any = None
        self.y: Any = None

    def forward(self, x: Any, y: Any) -> Any:
        """The product; keeps x and y for backward."""
        self.x, self.y = _inputs("MulLayer.forward", x, y)
        return self.x * self.y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """(dx, dy) from the upstream gradient."""
        x, y = remembered("MulLayer.backward", self.x), remembered("MulLayer.backward", self.y)
        dout = _upstream("MulLayer.backward", dout, np.shape(x), np.shape(y))
        return _sum_to(dout * y, np.shape(x)), _sum_to(dout * x, np.shape(y))


class AddLayer:
    """z = x + y, for numbers or arrays; backward passes dout on to both.

    Shapes: x and y any two that broadcast; each gradient has the shape of its input. Numbers stay numbers.
    Raises ShapeError, DTypeError, NotFiniteError; OrderError from a backward without forward.
    Source: notes 000, 001 and 004; Saitoh, Deep Learning from Scratch, 5.4.2.

    >>> layer = AddLayer()
    >>> layer.forward(200, 450)
    650
    >>> layer.backward(1.1)
    (1.1, 1.1)
    """

    def __init__(self) -> None:
        self.shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def forward(self, x: Any, y: Any) -> Any:
        """The sum; of x and y it keeps the shapes alone."""
        x, y = _inputs("AddLayer.forward", x, y)
        self.shapes = np.shape(x), np.shape(y)
        return x + y

    def backward(self, dout: Any) -> tuple[Any, Any]:
        """(dx, dy) from the upstream gradient."""
        x_shape, y_shape = remembered("AddLayer.backward", self.shapes)
        dout = _upstream("AddLayer.backward", dout, x_shape, y_shape)
        return _sum_to(dout * 1, x_shape), _sum_to(dout * 1, y_shape)


def _inputs(where: str, x: Any, y: Any) -> tuple[Any, Any]:
    x, y = _number(where, "x", x), _number(where, "y", y)
    try:
        np.broadcast_shapes(np.shape(x), np.shape(y))
    except ValueError:
        raise ShapeError(
            f"{where}: x has shape {np.shape(x)} and y {np.shape(y)}; they need to broadcast, such as two equal ones"
        ) from None
    return x, y


def _upstream(where: str, dout: Any, x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> Any:
    dout = _number(where, "dout", dout)
    same_shape(where, "dout", dout, np.broadcast_shapes(x_shape, y_shape), "the shape of forward's output")
    return dout


def _number(where: str, argument: str, value: Any) -> Any:
    """`value`, unchanged when it is one number (an int stays an int, as the notes print it), else as an array."""
    array = real(where, argument, value)
    return array if array.ndim else value


def _sum_to(gradient: Any, shape: tuple[int, ...]) -> Any:
    """The gradient of broadcasting: summed over the axes along which an input of this shape was repeated."""
    if np.shape(gradient) == shape:
        return gradient
    added = np.ndim(gradient) - len(shape)
    gradient = np.sum(gradient, axis=tuple(range(added)))
    return np.sum(gradient, axis=tuple(i for i, size in enumerate(shape) if size == 1), keepdims=True)
