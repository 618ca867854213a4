"""Constructors that don't make weights: build(input_shape), init_params(), or the first forward does."""

import numpy as np


class Dense:
    def __init__(self, units, activation="relu"):
        self.units = units
        self.activation = activation
        self.built = False

    def build(self, input_shape):
        self.w = np.random.normal(0, 0.5, (input_shape[-1], self.units))
        self.b = np.zeros(self.units)
        self.built = True

    def forward(self, x):
        self.x = x
        self.z = x @ self.w + self.b
        if self.activation == "relu":
            return np.maximum(self.z, 0)
        if self.activation == "sigmoid":
            return 1 / (1 + np.exp(-self.z))
        return self.z

    def backward(self, grad):
        if self.activation == "relu":
            grad = grad * (self.z > 0)
        elif self.activation == "sigmoid":
            s = 1 / (1 + np.exp(-self.z))
            grad = grad * s * (1 - s)
        self.dw = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.w.T


class LazyLinear:
    """The weights are made at the first forward."""

    def __init__(self, out_features: int, bias: bool = True):
        self.out_features = out_features
        self.use_bias = bias
        self.weight = None

    def __call__(self, x):
        return self.forward(x)

    def forward(self, x):
        if self.weight is None:
            self.weight = np.random.randn(x.shape[1], self.out_features) * 0.1
            self.bias = np.zeros(self.out_features)
        self.saved = x
        out = x @ self.weight
        return out + self.bias if self.use_bias else out

    def backward(self, grad_out):
        self.grad_weight = self.saved.T @ grad_out
        self.grad_bias = grad_out.sum(0)
        return grad_out @ self.weight.T


class PReLU:
    def __init__(self, num_parameters):
        self.num_parameters = num_parameters
        self.parameters = {}
        self.gradients = {}

    def init_params(self):
        self.parameters["a"] = np.full(self.num_parameters, 0.25)

    def forward(self, x):
        self.x = x
        return np.where(x > 0, x, self.parameters["a"] * x)

    def backward(self, dout):
        self.gradients["a"] = (dout * np.minimum(self.x, 0)).sum(axis=0)
        return dout * np.where(self.x > 0, 1, self.parameters["a"])


class Scale:
    """setup(shape) as others call it; a name-mangled parameter and its gradient."""

    def __init__(self):
        self.__gain = None
        self.__gain_grad = None

    def initialize(self, shape):
        self.__gain = np.linspace(0.5, 1.5, shape[-1])

    def forward(self, x):
        self.__x = x
        return x * self.__gain

    def backward(self, dout):
        self.__gain_grad = np.sum(dout * self.__x, axis=0)
        return dout * self.__gain


class BatchNorm1d:
    """A bug: the terms through the mean and the variance are missing."""

    def __init__(self, dim, eps=1e-5):
        self.gamma = np.ones(dim)
        self.beta = np.zeros(dim)
        self.eps = eps
        self.training = True
        self.running_mean = np.zeros(dim)
        self.running_var = np.ones(dim)

    def forward(self, x):
        if self.training:
            mean, var = x.mean(0), x.var(0)
            self.running_mean = 0.9 * self.running_mean + 0.1 * mean
            self.running_var = 0.9 * self.running_var + 0.1 * var
        else:
            mean, var = self.running_mean, self.running_var
        self.std = np.sqrt(var + self.eps)
        self.x_hat = (x - mean) / self.std
        return self.gamma * self.x_hat + self.beta

    def backward(self, dout):
        self.d_gamma = (dout * self.x_hat).sum(0)
        self.d_beta = dout.sum(0)
        return dout * self.gamma / self.std
