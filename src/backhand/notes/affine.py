"""Affine for one sample and for a batch, with its bias summed over the batch: notes 000 and 001."""

from collections.abc import Iterator

import numpy as np

from backhand.nn import Affine
from backhand.notes.row import Row, formula, garbled, printed, slip


def affine() -> Iterator[Row]:
    """The bias is added to every sample, so its gradient is the sum over the samples."""
    yield from _one_sample()
    yield from _batch()
    yield slip(
        "001",
        "forward",
        "out = np.dot(x, self.W) + b",
        "np.dot(x, self.W) + self.b",
        "Affine.forward adds b, not self.b: a NameError, or silently another b where a global has that name",
    )
    yield slip("001", "backward", "slef.x.T", "self.x.T", "Affine.backward misspells self: a NameError")
    yield slip(
        "001", "__init__", "self.x = None; self.x = None", "self.x = None", "Affine sets self.x twice (harmless)"
    )
    yield garbled("001", "the W of Affine", r"def __init__(self, \( \Psi \);", "def __init__(self, W, b):")


def _one_sample() -> Iterator[Row]:
    rng = np.random.default_rng(0)
    X = rng.random(2)
    W = rng.random((2, 3))
    B = rng.random(3)
    layer = Affine(W, B)
    Y = layer.forward(X)
    yield printed("000", "X.shape", "(2,)", X.shape)
    yield printed("000", "W.shape", "(2, 3)", W.shape)
    yield printed("000", "B.shape", "(3,)", B.shape)
    yield printed("000", "Y.shape", "(3,)", Y.shape)
    yield slip(
        "000",
        "Y",
        "L = WX + B",
        "np.dot(X, W) + B",
        "the formula of Affine is Y = XW + B, as its code and its shapes (2,) and (2, 3) have it; L is the loss",
    )

    dY = np.array([1.0, 2.0, 3.0])
    dX = layer.backward(dY)
    yield formula("000", "dL/dX, shape (1,2) = (1,3) * (3,2)", "dL/dY . W^T", [dX], dY.reshape(1, 3) @ W.T)
    dW = np.asarray(layer.dW)
    yield formula("000", "dL/dW, shape (2,3) = (2,1) * (1,3)", "X^T . dL/dY", dW, X.reshape(2, 1) @ dY.reshape(1, 3))
    yield slip(
        "000",
        "dW.shape of one sample",
        "(2,) 는 (1, 2) 의 의미",
        str(dW.shape),
        "(2,) is not (1, 2): X.T of shape (2,) is X itself, so Affine.backward fails on the note's own X (ValueError)",
    )


def _batch() -> Iterator[Row]:
    X_dot_W = np.array([[0, 0, 0], [10, 10, 10]])
    B = np.array([1, 2, 3])
    layer = Affine(np.eye(3), B)  # W is the identity, so that X is the note's X_dot_W
    Y = layer.forward(X_dot_W)
    yield formula("000", "X_dot_W", "array([[ 0,  0,  0],\n       [10, 10, 10]])", layer.x, X_dot_W)
    yield formula("000", "X_dot_W + B", "array([[ 1,  2,  3],\n       [11, 12, 13]])", Y, X_dot_W + B)

    dY = np.array([[1, 2, 3], [4, 5, 6]])
    dX = layer.backward(dY)
    yield formula("000", "dY", "array([[1, 2, 3],\n       [4, 5, 6]])", dX, dY)
    yield formula("000", "dB", "array([5, 7, 9])", layer.db, [5, 7, 9])
