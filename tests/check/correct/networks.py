"""Small networks with `loss(x, t)` and `gradient(x, t)`, and losses with weight decay. Each gradient is right."""

import numpy as np


def cross_entropy(scores, t):
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_y = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -log_y[np.arange(len(t)), t].mean(), np.exp(log_y)


class TwoLayerNet:
    """Tanh between two products, softmax, weight decay of both weights."""

    def __init__(self, D=7, H=5, C=3, reg=0.1):
        rng = np.random.default_rng(0)
        self.reg = reg
        self.params = {
            "W1": rng.normal(size=(D, H)) * 0.4,
            "b1": rng.normal(size=H) * 0.1,
            "W2": rng.normal(size=(H, C)) * 0.4,
            "b2": rng.normal(size=C) * 0.1,
        }

    def loss(self, x, t):
        p = self.params
        self.h = np.tanh(x @ p["W1"] + p["b1"])
        data, self.y = cross_entropy(self.h @ p["W2"] + p["b2"], t)
        decay = 0.5 * self.reg * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))
        return data + decay

    def gradient(self, x, t):
        p, grads = self.params, {}
        self.loss(x, t)
        dy = self.y.copy()
        dy[np.arange(len(t)), t] -= 1
        dy /= len(t)
        grads["W2"] = self.h.T @ dy
        grads["W2"] += self.reg * p["W2"]
        grads["b2"] = dy.sum(axis=0)
        dh = dy @ p["W2"].T
        dz = dh * (1 - self.h**2)
        grads["W1"] = x.T @ dz
        grads["W1"] += self.reg * p["W1"]
        grads["b1"] = dz.sum(axis=0)
        return grads


class LogisticRegression:
    def __init__(self, D=5, lam=0.3):
        rng = np.random.default_rng(1)
        self.lam = lam
        self.params = {"W": rng.normal(size=D), "b": np.array(0.2)}

    def loss(self, x, t):
        z = x @ self.params["W"] + self.params["b"]
        fit = np.mean(np.logaddexp(0, z) - t * z)
        return fit + 0.5 * self.lam * np.sum(self.params["W"] ** 2)

    def gradient(self, x, t):
        z = x @ self.params["W"] + self.params["b"]
        p = 0.5 + 0.5 * np.tanh(z / 2)
        d = (p - t) / len(t)
        dW = x.T @ d
        dW = dW + self.lam * self.params["W"]
        return {"W": dW, "b": np.sum(d)}


class Ridge:
    """Linear regression with weight decay."""

    def __init__(self, D=5, M=3, lam=0.2):
        rng = np.random.default_rng(2)
        self.lam = lam
        self.params = {"W": rng.normal(size=(D, M)), "b": rng.normal(size=M)}

    def loss(self, x, t):
        r = x @ self.params["W"] + self.params["b"] - t
        return 0.5 * np.sum(r**2) / len(x) + 0.5 * self.lam * np.sum(self.params["W"] ** 2)

    def gradient(self, x, t):
        r = x @ self.params["W"] + self.params["b"] - t
        grads = {}
        grads["W"] = x.T @ r / len(x)
        grads["W"] += self.lam * self.params["W"]
        grads["b"] = r.sum(axis=0) / len(x)
        return grads


def ridge_loss(W, X, y, reg):
    """The loss and its gradient in one function."""
    r = X @ W - y
    loss = np.sum(r**2) / len(y) + reg * np.sum(W**2)
    dW = 2 * X.T @ r / len(y)
    dW += 2 * reg * W
    return loss, dW


def softmax_loss_with_decay(W, X, y, reg):
    loss, p = cross_entropy(X @ W, y)
    loss += reg * np.sum(W * W)
    p[np.arange(len(y)), y] -= 1
    dW = X.T @ p / len(y)
    dW += 2 * reg * W
    return loss, dW


class DecayedLoss:
    """A loss layer with its own weights: a last affine map, squares, weight decay."""

    def __init__(self, W, lam=0.25):
        self.W = W
        self.lam = lam

    def forward(self, x, t):
        self.x = x
        self.r = x @ self.W - t
        return 0.5 * np.sum(self.r**2) / len(x) + 0.5 * self.lam * np.sum(self.W**2)

    def backward(self, dout=1):
        d = dout * self.r / len(self.x)
        self.dW = self.x.T @ d
        self.dW = self.dW + dout * self.lam * self.W
        dx = d @ self.W.T
        return dx


class SelfUpdating:
    """Gets the learning rate with the upstream gradient and updates its own parameters."""

    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout, lr):
        dx = dout @ self.W.T
        dW = self.x.T @ dout
        db = dout.sum(axis=0)
        self.W -= lr * dW
        self.b -= lr * db
        return dx


class SelfUpdatingTanh:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        self.h = np.tanh(x @ self.W + self.b)
        return self.h

    def backward(self, dout, lr=0.1):
        delta = dout * (1 - self.h**2)
        dx = delta @ self.W.T
        self.W = self.W - lr * self.x.T @ delta
        self.b = self.b - lr * delta.sum(axis=0)
        return dx


class SelfUpdatingScale:
    def __init__(self, gamma, beta):
        self.gamma = gamma
        self.beta = beta

    def forward(self, x):
        self.x = x
        return x * self.gamma + self.beta

    def backward(self, dout, learning_rate):
        dx = dout * self.gamma
        dgamma = np.sum(dout * self.x, axis=0)
        dbeta = np.sum(dout, axis=0)
        self.gamma -= learning_rate * dgamma
        self.beta -= learning_rate * dbeta
        return dx


class SelfUpdatingEmbedding:
    def __init__(self, W):
        self.W = W

    def forward(self, ids):
        self.ids = ids
        return self.W[ids]

    def backward(self, dout, lr):
        dW = np.zeros_like(self.W)
        np.add.at(dW, self.ids, dout)
        self.W -= lr * dW
