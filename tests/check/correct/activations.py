"""Activation layers in the notes' manner. Each backward is right: what `check` must never call wrong."""

import numpy as np


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class ReluOfMaximum:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, dout):
        dx = dout * (self.x > 0)
        return dx


class LeakyRelu:
    def __init__(self, alpha=0.1):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.alpha * x)

    def backward(self, dout):
        slope = np.where(self.x > 0, 1.0, self.alpha)
        dx = dout * slope
        return dx


class Relu6:
    def forward(self, x):
        self.x = x
        return np.minimum(np.maximum(x, 0), 6)

    def backward(self, dout):
        mask = (self.x > 0) & (self.x < 6)
        return dout * mask


class HardTanh:
    def forward(self, x):
        self.inside = (x > -1) & (x < 1)
        return np.clip(x, -1, 1)

    def backward(self, dout):
        dx = dout * self.inside
        return dx


class Elu:
    def __init__(self, alpha=1.5):
        self.alpha = alpha

    def forward(self, x):
        self.x = x
        self.out = np.where(x > 0, x, self.alpha * (np.exp(np.minimum(x, 0)) - 1))
        return self.out

    def backward(self, dout):
        slope = np.where(self.x > 0, 1.0, self.out + self.alpha)
        dx = dout * slope
        return dx


class Sigmoid:
    def __init__(self):
        self.out = None

    def forward(self, x):
        z = np.exp(-np.abs(x))
        self.out = np.where(x >= 0, 1.0, z) / (1.0 + z)
        return self.out

    def backward(self, dout):
        dx = dout * self.out * (1.0 - self.out)
        return dx


class Tanh:
    def forward(self, x):
        self.x = x
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        dx = dout * (1.0 - self.out**2)
        return dx


class Softplus:
    def forward(self, x):
        self.x = x
        return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))

    def backward(self, dout):
        z = np.exp(-np.abs(self.x))
        slope = np.where(self.x >= 0, 1.0, z) / (1.0 + z)
        dx = dout * slope
        return dx


class Swish:
    def forward(self, x):
        self.x = x
        z = np.exp(-np.abs(x))
        self.s = np.where(x >= 0, 1.0, z) / (1.0 + z)
        return x * self.s

    def backward(self, dout):
        slope = self.s + self.x * self.s * (1.0 - self.s)
        dx = dout * slope
        return dx


class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.out = e / e.sum(axis=-1, keepdims=True)
        return self.out

    def backward(self, dout):
        weighted = dout * self.out
        dx = weighted - self.out * weighted.sum(axis=-1, keepdims=True)
        return dx


class SoftmaxOneByOne:
    """With the Jacobian of each sample, as many write it."""

    def forward(self, x):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = e / np.sum(e, axis=1, keepdims=True)
        return self.y

    def backward(self, dout):
        dx = np.empty_like(dout)
        for i, y in enumerate(self.y):
            jacobian = np.diag(y) - np.outer(y, y)
            dx[i] = jacobian @ dout[i]
        return dx


class LogSoftmax:
    def forward(self, x):
        shifted = x - x.max(axis=1, keepdims=True)
        out = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.p = np.exp(out)
        return out

    def backward(self, dout):
        dx = dout - self.p * dout.sum(axis=1, keepdims=True)
        return dx


class Square:
    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, dout):
        dx = 2 * self.x * dout
        return dx
