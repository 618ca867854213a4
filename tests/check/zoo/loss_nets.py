"""Networks whose one method gives the loss and the gradients of all parameters; their defaults are for real images."""

import numpy as np


class TwoLayerNet:
    """Affine, ReLU, affine, softmax; without labels ``loss`` gives the scores."""

    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
        self.reg = reg
        self.params = {
            "W1": weight_scale * np.random.randn(input_dim, hidden_dim),
            "b1": np.zeros(hidden_dim),
            "W2": weight_scale * np.random.randn(hidden_dim, num_classes),
            "b2": np.zeros(num_classes),
        }

    def loss(self, X, y=None):
        W1, b1, W2, b2 = (self.params[name] for name in ("W1", "b1", "W2", "b2"))
        rows = X.reshape(X.shape[0], -1)
        hidden = np.maximum(rows.dot(W1) + b1, 0)
        scores = hidden.dot(W2) + b2
        if y is None:
            return scores
        probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        mine = np.arange(len(rows)), y
        loss = -np.log(probabilities[mine]).mean() + 0.5 * self.reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        dscores = probabilities
        dscores[mine] -= 1
        dscores /= len(rows)
        dhidden = dscores.dot(W2.T)
        dhidden[hidden <= 0] = 0
        grads = {
            "W1": rows.T.dot(dhidden) + self.reg * W1,
            "b1": dhidden.sum(axis=0),
            "W2": hidden.T.dot(dscores) + self.reg * W2,
            "b2": dscores.sum(axis=0),
        }
        return loss, grads


class TwoLayerNetHalfDecay:
    """A bug: W2's weight decay is in the loss and not in the gradient."""

    def __init__(self, input_size=784, hidden_size=50, output_size=10, std=1e-2, reg=0.0):
        self.reg = reg
        self.params = {}
        self.params["W1"] = std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)

    def predict(self, X):
        return self.loss(X).argmax(axis=1)

    def loss(self, X, y=None):
        p = self.params
        hidden = np.tanh(X @ p["W1"] + p["b1"])
        scores = hidden @ p["W2"] + p["b2"]
        if y is None:
            return scores
        N = X.shape[0]
        shifted = scores - scores.max(axis=1, keepdims=True)
        log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        loss = -log_probabilities[np.arange(N), y].sum() / N
        loss += 0.5 * self.reg * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))
        dscores = np.exp(log_probabilities)
        dscores[np.arange(N), y] -= 1
        dscores /= N
        dhidden = dscores @ p["W2"].T * (1 - hidden**2)
        grads = {"W2": hidden.T @ dscores, "b2": dscores.sum(axis=0)}
        grads["W1"] = X.T @ dhidden + self.reg * p["W1"]
        grads["b1"] = dhidden.sum(axis=0)
        return loss, grads
