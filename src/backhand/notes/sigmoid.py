"""Sigmoid: a layer in notes 000, 001, 002 and 004, an activation to call in 003."""

from collections.abc import Iterator

import numpy as np

from backhand.nn import Sigmoid
from backhand.notes.row import Row, array_text, formula, garbled, slip


def sigmoid() -> Iterator[Row]:
    """Its derivative needs nothing but its output."""
    x = np.array([-2.0, -0.5, 0.0, 3.0])
    layer = Sigmoid()
    y = layer.forward(x)
    dx = layer.backward(np.ones(4))
    activation = Sigmoid()
    activation(x)
    value = 1 / (1 + np.exp(-x))

    yield formula("000 001 002 004", "y at x = -2, -0.5, 0, 3", "1 / (1 + exp(-x))", y, value)
    yield formula("000 001 002 004", "dx for dout = 1", "y(1 - y)", dx, value * (1 - value))
    yield formula(
        "003", "the same by a call, then grad()", "sigmoid(x)(1-sigmoid(x))", activation.grad(), value * (1 - value)
    )
    yield slip(
        "001",
        "forward, then backward",
        "out = 1 / (1 + np.exp(-x)); return out",
        array_text(dx),
        "Sigmoid.forward forgets self.out = out, so backward computes with None (TypeError)",
    )
    yield slip(
        "000 001 002 003 004",
        "y at x = -1000",
        "1 / (1 + np.exp(-x))",
        array_text(layer.forward(np.array([-1000.0]))),
        "Sigmoid at x = -1000: exp(1000) overflows (a RuntimeWarning; the 0 that comes out is right); "
        "with exp(-|x|) nothing overflows, see Sigmoid of backhand.nn",
    )
    yield garbled(
        "001", "Sigmoid", "forward and backward at the margin, return out outside of them", "indented, in its class"
    )
