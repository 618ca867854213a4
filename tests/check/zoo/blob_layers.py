"""Layers without arguments on blobs and dicts; the input passed again; tuples of gradients."""

import numpy as np


class InnerProductDict:
    """A dict goes in, a dict comes out."""

    def forward(self, inputs):
        x, w, b = inputs["x"], inputs["w"], inputs["b"]
        return {"out": x @ w + b}

    def backward(self, inputs, grads):
        g = grads["out"]
        return {"x": g @ inputs["w"].T, "w": inputs["x"].T @ g, "b": g.sum(axis=0)}


class MulGate:
    def forward(self, W, X):
        return np.dot(X, W)

    def backward(self, W, X, dZ):
        dW = np.dot(np.transpose(X), dZ)
        dX = np.dot(dZ, np.transpose(W))
        return dW, dX


class BiasGate:
    def forward(self, X, b):
        return X + b

    def backward(self, X, b, dZ):
        dX = dZ * np.ones_like(X)
        db = np.dot(np.ones((1, dZ.shape[0]), dtype=np.float64), dZ)
        return db, dX


class TanhGate:
    def forward(self, X):
        return np.tanh(X)

    def backward(self, X, top_diff):
        output = self.forward(X)
        return (1.0 - np.square(output)) * top_diff


class FullyConnected:
    """Parameters as {'val', 'grad'}; the input is given to backward again."""

    def __init__(self, in_dim, out_dim):
        self.W = {"val": np.random.normal(0, 0.3, (in_dim, out_dim)), "grad": 0}
        self.b = {"val": np.random.normal(0, 0.3, out_dim), "grad": 0}

    def forward(self, X):
        self.cache = X
        return X @ self.W["val"] + self.b["val"]

    def backward(self, dout):
        X = self.cache
        self.W["grad"] = X.T @ dout
        self.b["grad"] = np.sum(dout, axis=0)
        return dout @ self.W["val"].T


class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)


class Linear:
    """`<param>.grad`, accumulated until zero_grad."""

    def __init__(self, in_features, out_features):
        self.weight = Parameter(np.random.uniform(-1, 1, (out_features, in_features)))
        self.bias = Parameter(np.random.uniform(-1, 1, (out_features,)))

    def forward(self, x):
        self.x = x
        return x @ self.weight.data.T + self.bias.data

    def backward(self, grad):
        self.weight.grad += grad.T @ self.x
        self.bias.grad += grad.sum(axis=0)
        return grad @ self.weight.data

    def zero_grad(self):
        self.weight.grad[...] = 0
        self.bias.grad[...] = 0


class OnceOnly:
    """The cache is cleared: a second backward raises."""

    def __init__(self, weights, bias):
        self.weights = weights
        self.bias = bias
        self._cache = []

    def forward(self, x):
        self._cache.append(x)
        return x.dot(self.weights) + self.bias

    def backward(self, dy):
        x = self._cache.pop()
        self.weights_gradient = x.T.dot(dy)
        self.bias_gradient = dy.sum(axis=0)
        return dy.dot(self.weights.T)


class Splitter:
    """One input, two outputs."""

    def forward(self, x):
        half = x.shape[1] // 2
        return x[:, :half] * 2.0, x[:, half:] * 3.0

    def backward(self, d_left, d_right):
        return np.concatenate([2.0 * d_left, 3.0 * d_right], axis=1)


class Concat:
    """A list of inputs."""

    def forward(self, xs):
        self.widths = [x.shape[1] for x in xs]
        return np.concatenate(xs, axis=1)

    def backward(self, dout):
        return np.split(dout, np.cumsum(self.widths)[:-1], axis=1)


class LeakyTotal:
    """A bug: dW of every backward is added to the ones before, and nothing ever clears it."""

    def __init__(self, W):
        self.W = W
        self.dW = np.zeros_like(W)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW += self.x.T @ dout
        return dout @ self.W.T
