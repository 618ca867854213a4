"""f and f_prime, f_derivative, d_f, or f(x, derivative=True)."""

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def sigmoid_prime(x):
    return sigmoid(x) * (1 - sigmoid(x))


def relu(z):
    return np.maximum(0, z)


def relu_derivative(z):
    return (z > 0).astype(float)


def d_tanh(x):
    return 1 - tanh(x) ** 2


def tanh(x):
    return np.tanh(x)


def leaky_relu(x, alpha=0.01):
    return np.where(x > 0, x, alpha * x)


def leaky_relu_grad(x, alpha=0.01):
    return np.where(x > 0, 1.0, alpha)


def swish(x, derivative=False):
    s = 1 / (1 + np.exp(-x))
    if derivative:
        return s + x * s * (1 - s)
    return x * s


def softplus(x, deriv=False):
    return sigmoid(x) if deriv else np.log1p(np.exp(x))


def logistic(x):
    return 1 / (1 + np.exp(-x))


def logistic_derivative(y):
    """To be called with the output of logistic."""
    return y * (1 - y)


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def gelu_backward(x):
    """A bug: the inner derivative is forgotten."""
    t = np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t**2)


def step(x):
    return 1.0 if x > 0 else 0.0


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_prime(z):
    """A bug as a derivative of its own: the diagonal of the Jacobian only."""
    s = softmax(z)
    return s * (1 - s)
