"""Softmax-with-Loss: notes 000 and 001."""

from collections.abc import Iterator

import numpy as np

from backhand.nn import SoftmaxWithLoss
from backhand.notes.row import Row, array_text, formula, garbled, slip


def softmax_with_loss() -> Iterator[Row]:
    """All that calculus comes to y - t."""
    a = np.array([[0.3, 2.9, 4.0]])
    t = np.array([[0, 1, 0]])
    layer = SoftmaxWithLoss()
    loss = layer.forward(a, t)
    y = np.exp(a) / np.sum(np.exp(a))
    yield formula("000", "y for a = [[0.3, 2.9, 4.0]]", "softmax(a)", layer.y, y)
    yield formula("000", "L for t = [[0, 1, 0]]", "cross_entropy(y)", loss, -np.log(y[0, 1]))
    yield formula("000", "dL/da", "y - t", layer.backward(), y - t)

    layer.forward(np.repeat(a, 4, axis=0), np.repeat(t, 4, axis=0))
    dx = layer.backward(dout=1)
    yield formula("000 001", "dx of a batch of 4", "(y - t) / batch_size", dx, np.repeat(y - t, 4, axis=0) / 4)
    yield slip(
        "000 001",
        "dx[0] for dout = 2",
        "def backward(self, dout=1): dx = (self.y - self.t) / batch_size",
        array_text(layer.backward(dout=2)[0]),
        "SoftmaxWithLoss.backward ignores dout: right only while dout is 1; it is dx * dout",
    )

    layer.forward(a[0], t[0])
    yield slip(
        "000 001",
        "dx of one sample, t = [0, 1, 0]",
        "batch_size = self.t.shape[0]",
        array_text(layer.backward()),
        "SoftmaxWithLoss.backward: for one sample, t.shape[0] is the number of classes, so dx is that many "
        "times too small; batch_size is 1",
    )

    layer.forward(np.repeat(a, 3, axis=0), np.array([1, 1, 1]))
    yield slip(
        "000 001",
        "dx[0] for integer labels t = [1, 1, 1]",
        "dx = (self.y - self.t) / batch_size",
        array_text(layer.backward()[0]),
        "SoftmaxWithLoss.backward: with integer labels, y - t subtracts the label from every class "
        "(silently, or a ValueError by shape); "
        "1 is to be taken from the right class alone",
    )
    yield garbled("001", "an attribute of SoftmaxWithLoss", "self.v = None", "self.y = None")
