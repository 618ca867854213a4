"""The Neuron of note 003: an Affine and its activation in one object."""

from typing import Any

import numpy as np

from backhand.errors import OptionError, ShapeError
from backhand.nn.affine import Affine
from backhand.nn.validate import Array, real, remembered, same_shape, upstream


class Neuron(Affine):
    """y = a(x W + b), where ``a = a_obj()`` is any activation with a call and ``grad()``.

    Shapes: W (D, M), b (M,); x (D,) or (N, D); y (M,) or (N, M).
    ``grad``, ``grad_W`` and ``grad_b`` are the notes' own, for one sample; ``backward`` does all three, batches too.
    Raises what Affine raises, and OptionError for an `a_obj` that makes no activation. Source: note 003.

    >>> import numpy as np
    >>> from backhand import Sigmoid
    >>> neuron = Neuron(np.zeros((3, 2)), np.zeros(2), Sigmoid)
    >>> neuron(np.array([1.0, 2.0, 3.0]))
    array([0.5, 0.5])
    >>> neuron.grad_W(np.array([1.0, 4.0]))
    array([[0.25, 1.  ],
           [0.5 , 2.  ],
           [0.75, 3.  ]])
    """

    def __init__(self, W: Array, b: Array, a_obj: Any) -> None:
        super().__init__(W, b)
        self.a = _activation(a_obj)
        self.dh: Array | None = None

    def forward(self, x: Array) -> Array:
        """a(x W + b)."""
        out: Array = self.a(super().forward(x))
        return out

    def __call__(self, x: Array) -> Array:
        """The same as forward."""
        return self.forward(x)

    def backward(self, dout: Array) -> Array:
        """Dx from the upstream gradient; leaves ``dW`` and ``db``."""
        grad = self.a.grad()
        return super().backward(upstream("Neuron.backward", dout, np.shape(grad)) * grad)

    def grad(self) -> Array:
        """dy/dx of one sample, (D, M): ``grad() @ dout`` is dx."""
        grad: Array = self.W * self._activation_grad("Neuron.grad")
        return grad

    def grad_W(self, dh: Array) -> Array:
        """dL/dW (D, M) of one sample from dL/dy (M,)."""
        grad = self._activation_grad("Neuron.grad_W")
        return np.outer(remembered("Neuron.grad_W", self.x), _of_shape("Neuron.grad_W", dh, grad) * grad)

    def grad_b(self, dh: Array) -> Array:
        """dL/db (M,) of one sample from dL/dy (M,)."""
        grad = self._activation_grad("Neuron.grad_b")
        return _of_shape("Neuron.grad_b", dh, grad) * grad

    def _activation_grad(self, where: str) -> Array:
        """The activation's local derivative (M,) at the one sample that it was called with."""
        x = remembered(where, self.x)
        if x.ndim != 1:
            raise ShapeError(f"{where}: x had shape {x.shape}; this is for one sample: backward takes a batch")
        grad: Array = self.a.grad()
        return grad


def _activation(a_obj: Any) -> Any:
    """A new activation. Raises OptionError for what makes none."""
    if hasattr(a_obj, "grad") and not isinstance(a_obj, type):
        raise OptionError(f"Neuron: a_obj is a {type(a_obj).__name__} object; pass the class, {type(a_obj).__name__}")
    try:
        a = a_obj()
    except TypeError as error:
        raise OptionError(f"Neuron: a_obj is {a_obj!r:.60}; it needs a class such as Sigmoid ({error})") from error
    if not callable(a) or not callable(getattr(a, "grad", None)):
        raise OptionError(f"Neuron: a_obj makes {a!r:.60}; an activation has a call and grad(), as Sigmoid has")
    return a


def _of_shape(where: str, dh: Array, grad: Array) -> Array:
    dh = real(where, "dh", dh)
    same_shape(where, "dh", dh, np.shape(grad), "the shape of the neuron's output")
    return dh
