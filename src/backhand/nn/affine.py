"""The Affine layer: the matrix product of the notes."""

import numpy as np

from backhand.errors import DTypeError, ShapeError
from backhand.nn.validate import Array, real, remembered, same_shape, upstream


class Affine:
    """y = x W + b for one sample, a batch, or a batch of images.

    Shapes: W (D, M), b (M,). x (D,) gives y (M,); x (N, D) gives y (N, M); x (N, ...) with D values a sample, such as
    images (N, 1, 28, 28), is flattened to (N, D). dx has x's shape, ``dW`` W's and ``db`` b's: the bias was added to
    each sample of the batch, so its gradient is summed over the batch.
    Raises ShapeError, DTypeError, NotFiniteError; OrderError from a backward without forward.
    Source: notes 000 and 001; Saitoh 5.6.

    >>> import numpy as np
    >>> layer = Affine(np.ones((3, 2)), np.array([1.0, 2.0]))
    >>> layer.forward(np.array([[0.0, 0.0, 0.0], [10.0, 10.0, 10.0]]))
    array([[ 1.,  2.],
           [31., 32.]])
    >>> layer.backward(np.array([[1.0, 2.0], [4.0, 5.0]]))
    array([[3., 3., 3.],
           [9., 9., 9.]])
    >>> layer.db
    array([5., 7.])
    """

    def __init__(self, W: Array, b: Array) -> None:
        where = type(self).__name__
        # The caller's own arrays, not copies: `params["W1"] -= lr * dW` in the notes' manner must reach the layer.
        self.W = real(where, "W", W)
        self.b = real(where, "b", b)
        self._check_parameters(where)
        self.x: Array | None = None
        self.x_shape: tuple[int, ...] | None = None
        self.dW: Array | None = None
        self.db: Array | None = None

    def forward(self, x: Array) -> Array:
        """X W + b; keeps x, flattened to one row a sample."""
        where = f"{type(self).__name__}.forward"
        self._check_parameters(where)  # they may have been rebound
        x = real(where, "x", x)
        width = int(np.prod(x.shape[1:])) if x.ndim > 1 else x.size
        if x.ndim == 0 or width != self.W.shape[0]:
            D = self.W.shape[0]
            raise ShapeError(
                f"{where}: x has shape {x.shape}, which is {width} values a sample; it needs ({D},) for one sample "
                f"or (N, {D}) for a batch, because W has shape {self.W.shape}"
            )
        self.x_shape = x.shape
        self.x = x.reshape(x.shape[0], width) if x.ndim > 1 else x
        out: Array = np.dot(self.x, self.W) + self.b
        return out

    def backward(self, dout: Array) -> Array:
        """Dx from the upstream gradient, in x's shape; leaves ``dW`` and ``db``."""
        where = f"{type(self).__name__}.backward"
        x, x_shape = remembered(where, self.x), remembered(where, self.x_shape)
        dout = upstream(where, dout, (*x.shape[:-1], self.W.shape[1]))
        if x.ndim == 1:
            self.dW = np.outer(x, dout)
            self.db = dout.copy()
        else:
            self.dW = np.dot(x.T, dout)
            self.db = np.sum(dout, axis=0)
        dx: Array = np.dot(dout, self.W.T)
        return dx.reshape(x_shape)

    def _check_parameters(self, where: str) -> None:
        for name, value in (("W", self.W), ("b", self.b)):
            if not hasattr(value, "dtype"):
                raise DTypeError(f"{where}: {name} is {value!r:.40}; it needs an array of numbers")
        if self.W.ndim != 2:
            raise ShapeError(f"{where}: W has shape {self.W.shape}; it needs (inputs, outputs)")
        same_shape(where, "b", self.b, self.W.shape[1:], f"one for each output, because W has shape {self.W.shape}")
