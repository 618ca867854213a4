"""Networks in other shapes: (loss, grads) of X and y, forward/backward of a list of layers, back_propagate."""

import numpy as np


class FullyConnectedNet:
    """loss(X, y) gives (loss, grads); without y the scores."""

    def __init__(self, input_dim=7, hidden_dim=5, num_classes=3, weight_scale=0.3, reg=0.1):
        rng = np.random.default_rng(3)
        self.reg = reg
        self.params = {
            "W1": weight_scale * rng.normal(size=(input_dim, hidden_dim)),
            "b1": np.zeros(hidden_dim),
            "W2": weight_scale * rng.normal(size=(hidden_dim, num_classes)),
            "b2": np.zeros(num_classes),
        }

    def loss(self, X, y=None):
        p = self.params
        hidden = np.maximum(0, X @ p["W1"] + p["b1"])
        scores = hidden @ p["W2"] + p["b2"]
        if y is None:
            return scores
        n = len(X)
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        e /= e.sum(axis=1, keepdims=True)
        loss = -np.log(e[np.arange(n), y]).mean() + 0.5 * self.reg * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))
        ds = e
        ds[np.arange(n), y] -= 1
        ds /= n
        dh = ds @ p["W2"].T * (hidden > 0)
        grads = {"W2": hidden.T @ ds + self.reg * p["W2"], "b2": ds.sum(0)}
        grads |= {"W1": X.T @ dh + self.reg * p["W1"], "b1": dh.sum(0)}
        return loss, grads


class LinearLayer:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.3
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T


class TanhLayer:
    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, dout):
        return dout * (1 - self.y**2)


class BadTanhLayer(TanhLayer):
    """A bug: the square is missing."""

    def backward(self, dout):
        return dout * (1 - self.y)


class Sequential:
    def __init__(self, layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, dout):
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        return dout


class MLP(Sequential):
    def __init__(self):
        super().__init__([LinearLayer(6, 5), TanhLayer(), LinearLayer(5, 2)])


class BrokenMLP(Sequential):
    """Its second layer is wrong."""

    def __init__(self):
        super().__init__([LinearLayer(6, 5), BadTanhLayer(), LinearLayer(5, 2)])
