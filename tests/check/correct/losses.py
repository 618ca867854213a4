"""Loss layers. Each backward is right."""

import numpy as np


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


class SoftmaxWithLoss:
    """Labels one-hot or integers."""

    def __init__(self):
        self.y = None
        self.t = None

    def forward(self, x, t):
        shifted = x - x.max(axis=1, keepdims=True)
        log_y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.y = np.exp(log_y)
        self.t = t
        if t.ndim == 2:
            return -np.sum(t * log_y) / len(x)
        return -np.sum(log_y[np.arange(len(x)), t]) / len(x)

    def backward(self, dout=1):
        batch_size = len(self.y)
        if self.t.ndim == 2:
            dx = self.y - self.t
        else:
            dx = self.y.copy()
            dx[np.arange(batch_size), self.t] -= 1
        dx = dx * dout / batch_size
        return dx


class CrossEntropySum:
    """Summed over the batch, not averaged; integer labels."""

    def forward(self, x, t):
        shifted = x - x.max(axis=1, keepdims=True)
        log_y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self.y = np.exp(log_y)
        self.t = t
        return -log_y[np.arange(len(t)), t].sum()

    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dx * dout


class CrossEntropyOneHot:
    """One-hot labels, the mean over the batch."""

    def forward(self, x, t):
        self.y = softmax(x)
        self.t = t
        self.batch_size = x.shape[0]
        shifted = x - x.max(axis=1, keepdims=True)
        return -np.sum(t * (shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))) / self.batch_size

    def backward(self, dout=1):
        dx = (self.y - self.t) / self.batch_size
        return dx * dout


class MeanSquaredError:
    def forward(self, y, t):
        self.y = y
        self.t = t
        return 0.5 * np.mean((y - t) ** 2)

    def backward(self, dout=1):
        dx = dout * (self.y - self.t) / self.y.size
        return dx


class SumOfSquares:
    def forward(self, y, t):
        self.diff = y - t
        return 0.5 * np.sum(self.diff**2)

    def backward(self, dout=1):
        dx = dout * self.diff
        return dx


class MeanOverBatch:
    """The squared error summed over the outputs and averaged over the batch."""

    def forward(self, y, t):
        self.y = y
        self.t = t
        return np.sum((y - t) ** 2) / y.shape[0]

    def backward(self, dout=1):
        dx = 2 * dout * (self.y - self.t) / self.y.shape[0]
        return dx


class L1Loss:
    def forward(self, y, t):
        self.y = y
        self.t = t
        return np.mean(np.abs(y - t))

    def backward(self, dout=1):
        dx = dout * np.sign(self.y - self.t) / self.y.size
        return dx


class Huber:
    def __init__(self, delta=1.0):
        self.delta = delta

    def forward(self, y, t):
        self.r = y - t
        small = np.abs(self.r) <= self.delta
        each = np.where(small, 0.5 * self.r**2, self.delta * (np.abs(self.r) - 0.5 * self.delta))
        return each.mean()

    def backward(self, dout=1):
        small = np.abs(self.r) <= self.delta
        slope = np.where(small, self.r, self.delta * np.sign(self.r))
        dx = dout * slope / self.r.size
        return dx


class SigmoidWithLoss:
    """Binary cross entropy of scores; t is 0 or 1."""

    def forward(self, x, t):
        z = np.exp(-np.abs(x))
        self.p = np.where(x >= 0, 1.0, z) / (1.0 + z)
        self.t = t
        return np.mean(np.maximum(x, 0) - x * t + np.log1p(z))

    def backward(self, dout=1):
        dx = dout * (self.p - self.t) / self.t.size
        return dx
