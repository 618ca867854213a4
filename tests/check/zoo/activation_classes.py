"""Classes with a local derivative and no dout."""

import numpy as np


class Sigmoid:
    def activation(self, z):
        return 1 / (1 + np.exp(-z))

    def derivative(self, z):
        s = self.activation(z)
        return s * (1 - s)


class Tanh:
    @staticmethod
    def activation(z):
        return np.tanh(z)

    @staticmethod
    def derivative(z):
        return 1 - np.tanh(z) ** 2


class LeakyReLU:
    def __init__(self, slope=0.1):
        self.slope = slope

    def activate(self, x):
        return np.where(x > 0, x, x * self.slope)

    def prime(self, x):
        return np.where(x > 0, 1, self.slope)


class Softsign:
    def __call__(self, x):
        return x / (1 + np.abs(x))

    def derivative(self, x):
        return 1 / (1 + np.abs(x)) ** 2


class QuadraticCost:
    @staticmethod
    def fn(a, y):
        return 0.5 * np.sum((a - y) ** 2)

    @staticmethod
    def delta(a, y):
        return a - y


class ReluOfWrongSign:
    """A bug: the comparison is the wrong way round."""

    def activation(self, z):
        return np.maximum(z, 0)

    def derivative(self, z):
        return np.where(z > 0, 0.0, 1.0)
