"""Layers of products and sums. Each backward is right."""

import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        out = np.dot(x, self.W) + self.b
        return out

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class AffineOfImages:
    """Flattens what it is given, as the book's later chapters do."""

    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.shape = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return self.x @ self.W + self.b

    def backward(self, dout):
        dx = dout @ self.W.T
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dx.reshape(self.shape)


class Dense:
    """Params and grads in dicts; sizes in the constructor."""

    def __init__(self, n_in, n_out):
        self.params = {"W": np.random.randn(n_in, n_out) * 0.3, "b": np.random.randn(n_out) * 0.1}
        self.grads = {}

    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.params["W"] + self.params["b"]

    def backward(self, grad):
        self.grads["W"] = self.inputs.T @ grad
        self.grads["b"] = np.sum(grad, axis=0)
        return grad @ self.params["W"].T


class DenseSigmoid:
    """An affine map with its activation inside."""

    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        z = np.tanh((x @ self.W + self.b) / 2)
        self.a = 0.5 + 0.5 * z
        return self.a

    def backward(self, dout):
        delta = dout * self.a * (1 - self.a)
        self.dW = self.x.T @ delta
        self.db = delta.sum(axis=0)
        dx = delta @ self.W.T
        return dx


class ReturnsAll:
    """Gives all its gradients back instead of keeping them."""

    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        dx = dout @ self.W.T
        dW = self.x.T @ dout
        db = dout.sum(axis=0)
        return dx, dW, db


class Scale:
    def __init__(self, gamma, beta):
        self.gamma = gamma
        self.beta = beta

    def forward(self, x):
        self.x = x
        return self.gamma * x + self.beta

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.x, axis=0)
        self.dbeta = np.sum(dout, axis=0)
        dx = dout * self.gamma
        return dx


class Bias:
    def __init__(self, b):
        self.b = b
        self.db = None

    def forward(self, x):
        return x + self.b

    def backward(self, dout):
        self.db = dout.sum(axis=0)
        return dout.copy()


class MulLayer:
    def __init__(self):
        self.x = None
        self.y = None

    def forward(self, x, y):
        self.x = x
        self.y = y
        out = x * y
        return out

    def backward(self, dout):
        dx = dout * self.y
        dy = dout * self.x
        return dx, dy


class AddLayer:
    def forward(self, x, y):
        return x + y

    def backward(self, dout):
        dx = dout * 1
        dy = dout * 1
        return dx, dy


class Divide:
    def forward(self, x, y):
        self.x = x
        self.y = y
        return x / y

    def backward(self, dout):
        dx = dout / self.y
        dy = -dout * self.x / self.y**2
        return dx, dy


class Residual:
    """y = x + tanh(x W): x goes two ways, so its gradient is a sum of two."""

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W)
        return x + self.h

    def backward(self, dout):
        dz = dout * (1 - self.h**2)
        self.dW = self.x.T @ dz
        dx = dout.copy()
        dx += dz @ self.W.T
        return dx


class Bilinear:
    """y = (x U) * (x V): two products of the same x."""

    def __init__(self, U, V):
        self.U = U
        self.V = V

    def forward(self, x):
        self.x = x
        self.a = x @ self.U
        self.c = x @ self.V
        return self.a * self.c

    def backward(self, dout):
        da = dout * self.c
        dc = dout * self.a
        self.dU = self.x.T @ da
        self.dV = self.x.T @ dc
        dx = da @ self.U.T
        dx += dc @ self.V.T
        return dx


class Gate:
    """The derivative is taken in place, in a copy."""

    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        self.out = np.tanh(x @ self.W + self.b)
        return self.out

    def backward(self, dout):
        d = dout.copy()
        d *= 1 - self.out**2
        self.dW = self.x.T @ d
        self.db = d.sum(axis=0)
        dx = d @ self.W.T
        return dx
