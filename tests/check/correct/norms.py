"""Normalisation and dropout. Each backward is right."""

import numpy as np


class BatchNorm:
    """The book's, training only."""

    def __init__(self, gamma, beta):
        self.gamma = gamma
        self.beta = beta
        self.dgamma = None
        self.dbeta = None

    def forward(self, x):
        mu = x.mean(axis=0)
        self.xc = x - mu
        var = np.mean(self.xc**2, axis=0)
        self.std = np.sqrt(var + 1e-5)
        self.xn = self.xc / self.std
        self.batch_size = x.shape[0]
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        dmu = np.sum(dxc, axis=0)
        dx = dxc - dmu / self.batch_size
        return dx


class BatchNormInOneLine:
    def __init__(self, gamma, beta):
        self.gamma = gamma
        self.beta = beta

    def forward(self, x):
        self.var = x.var(axis=0)
        self.inv = 1.0 / np.sqrt(self.var + 1e-5)
        self.xhat = (x - x.mean(axis=0)) * self.inv
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.xhat, axis=0)
        self.dbeta = np.sum(dout, axis=0)
        dxhat = dout * self.gamma
        dx = dxhat - dxhat.mean(axis=0) - self.xhat * np.mean(dxhat * self.xhat, axis=0)
        dx = dx * self.inv
        return dx


class LayerNorm:
    def __init__(self, gamma, beta):
        self.gamma = gamma
        self.beta = beta

    def forward(self, x):
        self.inv = 1.0 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        self.xhat = (x - x.mean(axis=-1, keepdims=True)) * self.inv
        return self.gamma * self.xhat + self.beta

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.xhat, axis=0)
        self.dbeta = np.sum(dout, axis=0)
        dxhat = dout * self.gamma
        dx = dxhat - dxhat.mean(axis=-1, keepdims=True)
        dx -= self.xhat * np.mean(dxhat * self.xhat, axis=-1, keepdims=True)
        dx = dx * self.inv
        return dx


class RMSNorm:
    def __init__(self, gamma):
        self.gamma = gamma

    def forward(self, x):
        self.x = x
        self.inv = 1.0 / np.sqrt(np.mean(x**2, axis=-1, keepdims=True) + 1e-6)
        return self.gamma * x * self.inv

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.x * self.inv, axis=0)
        d = dout * self.gamma
        dx = d * self.inv
        dx -= self.x * self.inv**3 * np.mean(d * self.x, axis=-1, keepdims=True)
        return dx


class Standardise:
    """Batch normalisation without parameters."""

    def forward(self, x):
        self.inv = 1.0 / np.sqrt(x.var(axis=0) + 1e-5)
        self.xhat = (x - x.mean(axis=0)) * self.inv
        return self.xhat

    def backward(self, dout):
        dx = dout - dout.mean(axis=0)
        dx = dx - self.xhat * np.mean(dout * self.xhat, axis=0)
        return dx * self.inv


class Center:
    """Takes the mean of the batch away."""

    def forward(self, x):
        return x - x.mean(axis=0)

    def backward(self, dout):
        dx = dout - dout.mean(axis=0)
        return dx


class Normalise:
    """Each row to length 1."""

    def forward(self, x):
        self.norm = np.sqrt(np.sum(x**2, axis=1, keepdims=True) + 1e-4)
        self.y = x / self.norm
        return self.y

    def backward(self, dout):
        dx = dout - self.y * np.sum(dout * self.y, axis=1, keepdims=True)
        dx = dx / self.norm
        return dx


class Dropout:
    """The book's: what is left isn't scaled."""

    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mask = np.random.rand(*x.shape) > self.dropout_ratio
            return x * self.mask
        self.mask = np.full(x.shape, 1.0 - self.dropout_ratio)
        return x * self.mask

    def backward(self, dout):
        dx = dout * self.mask
        return dx


class InvertedDropout:
    def __init__(self, p=0.4):
        self.p = p
        self.mask = None

    def forward(self, x):
        self.mask = (np.random.rand(*x.shape) >= self.p) / (1 - self.p)
        return x * self.mask

    def backward(self, dout):
        dx = dout * self.mask
        return dx


class SeededDropout:
    """Has its own generator."""

    def __init__(self, p=0.3, seed=1):
        self.p = p
        self.rng = np.random.default_rng(seed)
        self.keep = None

    def forward(self, x):
        self.keep = self.rng.random(x.shape) >= self.p
        return np.where(self.keep, x, 0.0) / (1 - self.p)

    def backward(self, dout):
        dx = np.where(self.keep, dout, 0.0) / (1 - self.p)
        return dx


class FeatureDropout:
    """One mask for the whole batch, as some write it."""

    def __init__(self, p=0.5):
        self.p = p

    def forward(self, x):
        self.mask = np.random.binomial(1, 1 - self.p, size=x.shape[1:]) / (1 - self.p)
        return x * self.mask

    def backward(self, dout):
        dx = dout * self.mask
        return dx


class GaussianDropout:
    """Multiplied by noise around 1."""

    def __init__(self, sigma=0.5):
        self.sigma = sigma

    def forward(self, x):
        self.noise = 1.0 + self.sigma * np.random.randn(*x.shape)
        return x * self.noise

    def backward(self, dout):
        dx = dout * self.noise
        return dx


class DropConnect:
    """A mask on the weights."""

    def __init__(self, W, p=0.5):
        self.W = W
        self.p = p

    def forward(self, x):
        self.x = x
        self.mask = np.random.rand(*self.W.shape) > self.p
        return x @ (self.W * self.mask)

    def backward(self, dout):
        self.dW = (self.x.T @ dout) * self.mask
        dx = dout @ (self.W * self.mask).T
        return dx
