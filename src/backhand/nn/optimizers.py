"""Optimizers, in the book's manner: ``optimizer.update(params, grads)`` changes the arrays of `params` in place.

Both are mappings from a name to an array; a gradient has its parameter's shape. Raises OptionError for a setting out of
range, ShapeError for a gradient that is missing or has another shape, DTypeError for parameters that are not floats;
then no parameter has changed.
"""

from collections.abc import Iterator, Mapping
from math import sqrt

import numpy as np

from backhand.errors import DTypeError, OptionError, ShapeError
from backhand.nn.validate import Array


class Optimizer:
    """What all optimizers share: a learning rate, and the pairs of parameter and gradient."""

    def __init__(self, lr: float) -> None:
        self.lr = _within(self, "lr", lr, 0.0, float("inf"))

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step: each parameter is changed in place."""
        raise NotImplementedError

    def _pairs(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> Iterator[tuple[str, Array, Array]]:
        where = f"{type(self).__name__}.update"
        for name, value in (("params", params), ("grads", grads)):
            if not hasattr(value, "keys"):
                raise DTypeError(f"{where}: {name} is a {type(value).__name__}; it needs a dict of arrays by name")
        for key in params:
            if key not in grads:
                raise ShapeError(f"{where}: grads has no {key!r}; it has {', '.join(map(str, grads)) or 'none'}")
            if np.shape(grads[key]) != np.shape(params[key]):
                raise ShapeError(
                    f"{where}: grads[{key!r}] has shape {np.shape(grads[key])}; "
                    f"it needs {np.shape(params[key])}, the shape of params[{key!r}]"
                )
            dtype = getattr(params[key], "dtype", None)
            if dtype is None or dtype.kind != "f":
                got = f"is a {type(params[key]).__name__}" if dtype is None else f"has dtype {dtype}"
                raise DTypeError(
                    f"{where}: params[{key!r}] {got}; it needs an array of floats, which can take a small step"
                )
        return ((key, params[key], grads[key]) for key in params)


class SGD(Optimizer):
    """w -= lr * dw. Source: Robbins and Monro, 1951; Saitoh 6.1.2.

    >>> import numpy as np
    >>> params = {"w": np.array([1.0])}
    >>> SGD(lr=0.1).update(params, {"w": np.array([2.0])})
    >>> params["w"]
    array([0.8])
    """

    def __init__(self, lr: float = 0.01) -> None:
        super().__init__(lr)

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step."""
        for _, w, dw in self._pairs(params, grads):
            w -= self.lr * dw


class Momentum(Optimizer):
    """v = momentum * v - lr * dw; w += v. Source: Polyak, 1964; Saitoh 6.1.4.

    >>> import numpy as np
    >>> params, optimizer = {"w": np.array([1.0])}, Momentum(lr=0.1)
    >>> for _ in range(2):
    ...     optimizer.update(params, {"w": np.array([1.0])})
    >>> params["w"].round(6)
    array([0.71])
    """

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        super().__init__(lr)
        self.momentum = _within(self, "momentum", momentum, 0.0, 1.0)
        self.v: dict[str, Array] = {}

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step."""
        for key, w, dw in self._pairs(params, grads):
            v = _slot(self.v, key, w)
            v *= self.momentum
            v -= self.lr * dw
            w += v


class Nesterov(Momentum):
    """v = momentum * v - lr * dw; w += momentum * v - lr * dw.

    Source: Nesterov, 1983, in the form of Sutskever et al. 2013 and Bengio et al. 2012, section 3.5.

    >>> import numpy as np
    >>> params = {"w": np.array([1.0])}
    >>> Nesterov(lr=0.1).update(params, {"w": np.array([1.0])})
    >>> params["w"].round(6)
    array([0.81])
    """

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step."""
        for key, w, dw in self._pairs(params, grads):
            v = _slot(self.v, key, w)
            v *= self.momentum
            v -= self.lr * dw
            w += self.momentum * v - self.lr * dw


class AdaGrad(Optimizer):
    """h += dw^2; w -= lr * dw / (sqrt(h) + epsilon).

    Source: Duchi, Hazan and Singer, 2011; Saitoh 6.1.5.

    >>> import numpy as np
    >>> params = {"w": np.array([1.0])}
    >>> AdaGrad(lr=0.1).update(params, {"w": np.array([5.0])})
    >>> params["w"].round(6)
    array([0.9])
    """

    def __init__(self, lr: float = 0.01, epsilon: float = 1e-7) -> None:
        super().__init__(lr)
        self.epsilon = _within(self, "epsilon", epsilon, 0.0, 1.0)
        self.h: dict[str, Array] = {}

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step."""
        for key, w, dw in self._pairs(params, grads):
            h = _slot(self.h, key, w)
            h += dw * dw
            w -= self.lr * dw / (np.sqrt(h) + self.epsilon)


class RMSprop(Optimizer):
    """h = decay_rate * h + (1 - decay_rate) * dw^2; w -= lr * dw / (sqrt(h) + epsilon).

    Source: Tieleman and Hinton, lecture 6.5 of Neural Networks for Machine Learning, 2012.

    >>> import numpy as np
    >>> params = {"w": np.array([1.0])}
    >>> RMSprop(lr=0.1).update(params, {"w": np.array([5.0])})
    >>> params["w"].round(5)
    array([0.])
    """

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99, epsilon: float = 1e-7) -> None:
        super().__init__(lr)
        self.decay_rate = _within(self, "decay_rate", decay_rate, 0.0, 1.0)
        self.epsilon = _within(self, "epsilon", epsilon, 0.0, 1.0)
        self.h: dict[str, Array] = {}

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step."""
        for key, w, dw in self._pairs(params, grads):
            h = _slot(self.h, key, w)
            h *= self.decay_rate
            h += (1 - self.decay_rate) * (dw * dw)
            w -= self.lr * dw / (np.sqrt(h) + self.epsilon)


class Adam(Optimizer):
    """Means of dw and dw^2, both corrected for their start at 0; w -= lr * m / (sqrt(v) + epsilon).

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.

    >>> import numpy as np
    >>> params = {"w": np.array([1.0])}
    >>> Adam(lr=0.1).update(params, {"w": np.array([5.0])})
    >>> params["w"].round(6)
    array([0.9])
    """

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None:
        super().__init__(lr)
        self.beta1 = _within(self, "beta1", beta1, 0.0, 1.0)
        self.beta2 = _within(self, "beta2", beta2, 0.0, 1.0)
        self.epsilon = _within(self, "epsilon", epsilon, 0.0, 1.0)
        self.iter = 0
        self.m: dict[str, Array] = {}
        self.v: dict[str, Array] = {}

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step."""
        pairs = self._pairs(params, grads)
        self.iter += 1
        # Python floats: a NumPy scalar here would widen float32 parameters to float64 on the way.
        rate = self.lr / (1 - self.beta1**self.iter)
        root = sqrt(1 - self.beta2**self.iter)
        for key, w, dw in pairs:
            m, v = _slot(self.m, key, w), _slot(self.v, key, w)
            m += (1 - self.beta1) * (dw - m)
            v += (1 - self.beta2) * (dw * dw - v)
            w -= rate * m / (np.sqrt(v) / root + self.epsilon)


class AdamW(Adam):
    """Adam, after each parameter has shrunk by lr * weight_decay.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.

    >>> import numpy as np
    >>> params = {"w": np.array([1.0])}
    >>> AdamW(lr=0.1, weight_decay=0.5).update(params, {"w": np.array([5.0])})
    >>> params["w"].round(6)
    array([0.85])
    """

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(lr, beta1, beta2, epsilon)
        self.weight_decay = _within(self, "weight_decay", weight_decay, 0.0, float("inf"))

    def update(self, params: Mapping[str, Array], grads: Mapping[str, Array]) -> None:
        """One step."""
        for _, w, _ in self._pairs(params, grads):
            w *= 1 - self.lr * self.weight_decay
        super().update(params, grads)


def _slot(state: dict[str, Array], key: str, w: Array) -> Array:
    """The state kept for the parameter `key`: zeros in its shape and dtype at first."""
    if key not in state:
        state[key] = np.zeros_like(w)
    return state[key]


def _within(optimizer: Optimizer, name: str, value: float, low: float, high: float) -> float:
    try:
        fits = low <= value < high  # False for NaN too
    except TypeError:
        fits = False
    if not fits:
        raise OptionError(
            f"{type(optimizer).__name__}: {name} is {value!r}; it needs a number >= {low:g}"
            + (f" and < {high:g}" if high < float("inf") else "")
        )
    return value
