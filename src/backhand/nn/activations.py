"""Activation functions. One object serves as a layer (``forward``, ``backward``) and as a Neuron's
activation (a call, then ``grad()``), as the notes use them in 000 and in 003.
"""

from typing import Any

import numpy as np

from backhand.nn.validate import Array, real, remembered, upstream


class Activation:
    """What all activations share: y = f(x) entry by entry, so that backward is dout times f'(x).

    Shapes: x any shape; y, ``grad()`` and dx have x's shape. Dtypes: float32 stays float32, integers become float64.
    Raises DTypeError, NotFiniteError (NaN in x or dout), ShapeError (dout), OrderError (backward or grad first).
    """

    def forward(self, x: Array) -> Array:
        """f(x); keeps what backward needs."""
        raise NotImplementedError

    def grad(self) -> Array:
        """The local derivative f'(x) at the last x."""
        raise NotImplementedError

    def __call__(self, x: Array) -> Array:
        """The same as forward."""
        return self.forward(x)

    def backward(self, dout: Array) -> Array:
        """Dx from the upstream gradient: dout * f'(x). Writes into nothing it is given."""
        grad = self.grad()
        return upstream(f"{type(self).__name__}.backward", dout, np.shape(grad)) * grad

    def _real(self, x: Array) -> Array:
        return real(f"{type(self).__name__}.forward", "x", x)

    def _remembered(self, value: Array | None) -> Array:
        return remembered(type(self).__name__, value)


class Relu(Activation):
    """y = x where x > 0, else 0. The gradient passes where x > 0.

    Source: notes 000, 001, 002 and 004, which write into ``dout`` (this one doesn't); Saitoh 5.5.1.

    >>> import numpy as np
    >>> layer = Relu()
    >>> layer.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    array([[1., 0.],
           [0., 3.]])
    >>> layer.backward(np.ones((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """

    def __init__(self) -> None:
        self.mask: Array | None = None
        self.dtype: np.dtype[Any] | None = None

    def forward(self, x: Array) -> Array:
        """max(x, 0); keeps ``mask``, True where x <= 0."""
        x = self._real(x)
        self.mask, self.dtype = x <= 0, x.dtype
        out = x.copy()
        out[self.mask] = 0
        return out

    def grad(self) -> Array:
        """1.0 where x > 0, else 0.0 (0.0 at x = 0, as in the notes)."""
        return np.where(self._remembered(self.mask), 0.0, 1.0).astype(self.dtype)

    def backward(self, dout: Array) -> Array:
        """A copy of dout, 0 where x was <= 0 (so even an infinite dout is stopped there)."""
        mask = self._remembered(self.mask)
        dx = upstream("Relu.backward", dout, mask.shape).copy()
        dx[mask] = 0
        return dx


class LeakyRelu(Activation):
    """y = x where x > 0, else alpha * x.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013.

    >>> import numpy as np
    >>> LeakyRelu(0.1).forward(np.array([-2.0, 3.0]))
    array([-0.2,  3. ])
    """

    def __init__(self, alpha: float = 0.01) -> None:
        self.alpha = alpha
        self.x: Array | None = None

    def forward(self, x: Array) -> Array:
        """X, or alpha * x where x <= 0; keeps x."""
        self.x = self._real(x)
        return np.where(self.x > 0, self.x, self.alpha * self.x)

    def grad(self) -> Array:
        """1 where x > 0, else alpha."""
        x = self._remembered(self.x)
        return np.where(x > 0, 1.0, self.alpha).astype(x.dtype)


class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)), for every float x without overflow; y' = y (1 - y).

    Source: notes 000, 001, 002, 003 and 004; Saitoh 5.5.2.

    >>> import numpy as np
    >>> layer = Sigmoid()
    >>> layer(np.array([-1e4, 0.0, 1e4]))
    array([0. , 0.5, 1. ])
    >>> layer.grad()
    array([0.  , 0.25, 0.  ])
    """

    def __init__(self) -> None:
        self.out: Array | None = None

    def forward(self, x: Array) -> Array:
        """The sigmoid; keeps ``out``."""
        self.out = sigmoid(self._real(x))
        return self.out

    def grad(self) -> Array:
        """Out * (1 - out)."""
        out = self._remembered(self.out)
        return out * (1.0 - out)


class Tanh(Activation):
    """y = tanh(x); y' = 1 - y^2.

    >>> import numpy as np
    >>> layer = Tanh()
    >>> layer(np.array([0.0])), layer.grad()
    (array([0.]), array([1.]))
    """

    def __init__(self) -> None:
        self.out: Array | None = None

    def forward(self, x: Array) -> Array:
        """The hyperbolic tangent; keeps ``out``."""
        self.out = np.tanh(self._real(x))
        return self.out

    def grad(self) -> Array:
        """1 - out^2."""
        out = self._remembered(self.out)
        return 1.0 - out**2


class Softplus(Activation):
    """y = log(1 + exp(x)), for every float x without overflow; y' = sigmoid(x).

    Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.

    >>> import numpy as np
    >>> Softplus()(np.array([-1e4, 0.0, 1e4])).round(4)
    array([0.000e+00, 6.931e-01, 1.000e+04])
    """

    def __init__(self) -> None:
        self.x: Array | None = None

    def forward(self, x: Array) -> Array:
        """The softplus; keeps x."""
        self.x = self._real(x)
        return np.maximum(self.x, 0.0) + np.log1p(np.exp(-np.abs(self.x)))

    def grad(self) -> Array:
        """The sigmoid of x."""
        return sigmoid(self._remembered(self.x))


class Identity(Activation):
    """y = x, for an output layer without activation; y' = 1.

    >>> import numpy as np
    >>> Identity()(np.array([-1.0, 2.0]))
    array([-1.,  2.])
    """

    def __init__(self) -> None:
        self.out: Array | None = None

    def forward(self, x: Array) -> Array:
        """A copy of x, so that nobody's later write reaches another's array."""
        self.out = self._real(x).copy()
        return self.out

    def grad(self) -> Array:
        """Ones."""
        return np.ones_like(self._remembered(self.out))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) with exp of negative numbers only, which can't overflow."""
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, z) / (1.0 + z)
