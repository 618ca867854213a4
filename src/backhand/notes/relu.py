"""Relu: notes 000, 001, 002 and 004."""

from collections.abc import Iterator

import numpy as np

from backhand.nn import Relu
from backhand.notes.row import Row, array_text, formula, garbled, slip


def relu() -> Iterator[Row]:
    """Forward keeps what is above 0, backward lets the gradient through there."""
    x = np.array([[1.0, -0.5], [-2.0, 3.0]])
    layer = Relu()
    y = layer.forward(x)
    yield formula("000", "mask of [[1.0, -0.5], [-2.0, 3.0]]", "[[False True] [True False]]", layer.mask, x <= 0)
    yield formula("000 001", "y", "x (x > 0), 0 (x <= 0)", y, [[1, 0], [0, 3]])
    yield slip(
        "000",
        "y",
        "out[self.mask == 0] = 0",
        array_text(y),
        "Relu keeps the wrong half, [[0, -0.5], [-2, 0]]: mask == 0 is where x > 0; it is out[self.mask] = 0",
    )

    dout = np.array([[5.0, 6.0], [7.0, 8.0]])
    dx = layer.backward(dout)
    yield formula("000 001 002 004", "dx for dout = [[5, 6], [7, 8]]", "dout (x > 0), 0 (x <= 0)", dx, [[5, 0], [0, 8]])
    yield slip(
        "000 001 002 004",
        "dout after backward",
        "dout[self.mask] = 0",
        array_text(dout),
        "Relu.backward writes into the caller's dout, so whoever else uses that array gets zeros; copy it first",
    )

    layer.forward(np.array([[1.0, -0.5], [-2.0, -0.3]]))
    says = "[[False  True]\n [ True  True]]"
    yield formula("002", "mask of [[1.0, -0.5], [-2.0, -0.3]]", says, layer.mask, [[False, True], [True, True]])
    yield garbled("001", "Relu.forward", "return out indented further than the line before", "in line with it")
