"""The Neuron of note 003: an Affine and its activation in one object."""

from typing import Any

import numpy as np

from backhand.errors import OptionError
from backhand.nn.affine import Affine
from backhand.nn.validate import Array, upstream


class Neuron(Affine):
    """y = a(x W + b), where ``a = a_obj()`` is any activation with a call and ``grad()``.

    Shapes: W (D, M), b (M,); x (D,) or (N, D); y (M,) or (N, M).
    ``grad``, ``grad_W`` and ``grad_b`` are the notes' own, for one sample; ``backward`` does all three, batches too.
    Raises what Affine raises, and OptionError for an activation object in place of its class. Source: note 003.

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
        if not isinstance(a_obj, type) and hasattr(a_obj, "grad"):
            raise OptionError(
                f"Neuron: a_obj is a {type(a_obj).__name__} object; pass the class, {type(a_obj).__name__}"
            )
        self.a = a_obj()
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
        grad: Array = self.W * self.a.grad()
        return grad

    def grad_W(self, dh: Array) -> Array:
        """dL/dW (D, M) of one sample from dL/dy (M,)."""
        return np.outer(self.x, dh * self.a.grad())  # type: ignore[arg-type]

    def grad_b(self, dh: Array) -> Array:
        """dL/db (M,) of one sample from dL/dy (M,)."""
        grad: Array = dh * self.a.grad()
        return grad
