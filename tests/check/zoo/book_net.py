"""Whole networks with params, loss(x, t) and gradient(x, t), on the layers of a sibling module."""

from collections import OrderedDict

import numpy as np
from book_layers import Affine, Relu, Sigmoid, SoftmaxWithLoss


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        self.params = {}
        self.params["W1"] = weight_init_std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = weight_init_std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)
        self.layers = OrderedDict()
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
        self.layers["Relu1"] = Relu()
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.lastLayer.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.lastLayer.backward(1)
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads = {}
        grads["W1"], grads["b1"] = self.layers["Affine1"].dW, self.layers["Affine1"].db
        grads["W2"], grads["b2"] = self.layers["Affine2"].dW, self.layers["Affine2"].db
        return grads


class MultiLayerNet:
    """Weight decay in the loss; hidden sizes as a list; the activation by its name."""

    def __init__(self, input_size, hidden_size_list, output_size, activation="relu", weight_decay_lambda=0.1):
        self.weight_decay_lambda = weight_decay_lambda
        self.params = {}
        self.depth = len(hidden_size_list) + 1
        sizes = [input_size, *hidden_size_list, output_size]
        self.layers = OrderedDict()
        for i in range(1, self.depth + 1):
            self.params[f"W{i}"] = np.random.randn(sizes[i - 1], sizes[i]) / np.sqrt(sizes[i - 1])
            self.params[f"b{i}"] = np.zeros(sizes[i])
            self.layers[f"Affine{i}"] = Affine(self.params[f"W{i}"], self.params[f"b{i}"])
            if i < self.depth:
                self.layers[f"Activation{i}"] = {"relu": Relu, "sigmoid": Sigmoid}[activation]()
        self.last_layer = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        decay = sum(np.sum(self.params[f"W{i}"] ** 2) for i in range(1, self.depth + 1))
        return self.last_layer.forward(self.predict(x), t) + 0.5 * self.weight_decay_lambda * decay

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last_layer.backward()
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads = {}
        for i in range(1, self.depth + 1):
            affine = self.layers[f"Affine{i}"]
            grads[f"W{i}"] = affine.dW + self.weight_decay_lambda * affine.W
            grads[f"b{i}"] = affine.db
        return grads


class ForgotDecay(MultiLayerNet):
    """The loss has the decay, the gradient hasn't."""

    def gradient(self, x, t):
        grads = super().gradient(x, t)
        for i in range(1, self.depth + 1):
            grads[f"W{i}"] = self.layers[f"Affine{i}"].dW
        return grads
