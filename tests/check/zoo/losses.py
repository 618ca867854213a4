"""Loss classes: forward(p, y) then backward(), or gradient(p, y), in both orders of the arguments."""

import numpy as np


class MSELoss:
    def forward(self, pred, target):
        self.diff = pred - target
        return np.mean(self.diff**2)

    def backward(self):
        return 2 * self.diff / self.diff.size


class MSELossScaledTwice:
    """A bug: the loss is the mean over all entries, the gradient divides by the batch alone."""

    def forward(self, pred, target):
        self.diff = pred - target
        return np.mean(self.diff**2)

    def backward(self):
        return 2 * self.diff / len(self.diff)


class BCELoss:
    def __call__(self, y_hat, y):
        self.y_hat, self.y = y_hat, y
        return -np.mean(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))

    def backward(self):
        return (self.y_hat - self.y) / (self.y_hat * (1 - self.y_hat)) / self.y.size


class CrossEntropyLoss:
    """Integer labels, logits."""

    def forward(self, logits, labels):
        z = logits - logits.max(axis=1, keepdims=True)
        self.log_p = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        self.labels = labels
        return -self.log_p[np.arange(len(labels)), labels].mean()

    def backward(self):
        grad = np.exp(self.log_p)
        grad[np.arange(len(self.labels)), self.labels] -= 1
        return grad / len(self.labels)


class SoftmaxCrossEntropyOneHot:
    def forward(self, logits, y_onehot):
        e = np.exp(logits - logits.max(1, keepdims=True))
        self.p = e / e.sum(1, keepdims=True)
        self.y = y_onehot
        return -np.sum(y_onehot * np.log(self.p + 1e-12)) / len(logits)

    def backward(self, dout=1.0):
        return dout * (self.p - self.y) / len(self.y)


class MeanAbsoluteError:
    def loss(self, y_true, y_pred):
        return np.abs(y_true - y_pred).mean()

    def gradient(self, y_true, y_pred):
        return np.sign(y_pred - y_true) / y_true.size


class LogCosh:
    @staticmethod
    def forward(y_pred, y_true):
        return np.log(np.cosh(y_pred - y_true)).sum()

    @staticmethod
    def gradient(y_pred, y_true):
        return np.tanh(y_pred - y_true)


class HingeWrongSign:
    """A bug: the sign."""

    def loss(self, y_pred, y_true):
        return np.maximum(0, 1 - y_true * y_pred).mean()

    def gradient(self, y_pred, y_true):
        return np.where(y_true * y_pred < 1, y_true, 0) / y_pred.size


class SoftmaxWithLossNoBatch:
    """A bug: the loss is the mean over the batch, the gradient the sum."""

    def forward(self, x, t):
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = e / np.sum(e, axis=1, keepdims=True)
        self.t = t
        return -np.sum(t * np.log(self.y + 1e-7)) / x.shape[0]

    def backward(self, dout=1):
        return self.y - self.t
