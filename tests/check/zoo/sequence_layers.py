"""Recurrent and attention layers as classes with parallel lists of params and grads."""

import numpy as np


class RNN:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.cache = None

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        h_next = np.tanh(np.dot(h_prev, Wh) + np.dot(x, Wx) + b)
        self.cache = (x, h_prev, h_next)
        return h_next

    def backward(self, dh_next):
        Wx, Wh, b = self.params
        x, h_prev, h_next = self.cache
        dt = dh_next * (1 - h_next**2)
        self.grads[0][...] = np.dot(x.T, dt)
        self.grads[1][...] = np.dot(h_prev.T, dt)
        self.grads[2][...] = np.sum(dt, axis=0)
        return np.dot(dt, Wx.T), np.dot(dt, Wh.T)


class TimeRNN:
    """All steps of a sequence; the state is thrown away unless asked for."""

    def __init__(self, Wx, Wh, b, stateful=False):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.layers = None
        self.h, self.dh = None, None
        self.stateful = stateful

    def forward(self, xs):
        Wx, Wh, b = self.params
        N, T, D = xs.shape
        H = Wx.shape[1]
        self.layers = []
        hs = np.empty((N, T, H))
        if not self.stateful or self.h is None:
            self.h = np.zeros((N, H))
        for t in range(T):
            layer = RNN(*self.params)
            self.h = layer.forward(xs[:, t, :], self.h)
            hs[:, t, :] = self.h
            self.layers.append(layer)
        return hs

    def backward(self, dhs):
        N, T, H = dhs.shape
        D = self.params[0].shape[0]
        dxs = np.empty((N, T, D))
        dh = 0
        total = [0, 0, 0]
        for t in reversed(range(T)):
            layer = self.layers[t]
            dx, dh = layer.backward(dhs[:, t, :] + dh)
            dxs[:, t, :] = dx
            for k, grad in enumerate(layer.grads):
                total[k] = total[k] + grad
        for k, grad in enumerate(total):
            self.grads[k][...] = grad
        self.dh = dh
        return dxs


class TimeRNNForgetful(TimeRNN):
    """A bug: the gradient that comes from the next step is not passed on."""

    def backward(self, dhs):
        N, T, H = dhs.shape
        dxs = np.empty((N, T, self.params[0].shape[0]))
        total = [0, 0, 0]
        for t in reversed(range(T)):
            dxs[:, t, :], self.dh = self.layers[t].backward(dhs[:, t, :])
            for k, grad in enumerate(self.layers[t].grads):
                total[k] = total[k] + grad
        for k, grad in enumerate(total):
            self.grads[k][...] = grad
        return dxs


class Embedding:
    def __init__(self, W):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.idx = None

    def forward(self, idx):
        self.idx = idx
        return self.params[0][idx]

    def backward(self, dout):
        (dW,) = self.grads
        dW[...] = 0
        np.add.at(dW, self.idx, dout)


class Attention:
    """Scaled dot products of queries, keys and values (N, T, D)."""

    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        self.scale = 1 / np.sqrt(q.shape[-1])
        scores = q @ k.transpose(0, 2, 1) * self.scale
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.a = e / e.sum(axis=-1, keepdims=True)
        return self.a @ v

    def backward(self, dout):
        dv = self.a.transpose(0, 2, 1) @ dout
        da = dout @ self.v.transpose(0, 2, 1)
        ds = self.a * (da - (da * self.a).sum(axis=-1, keepdims=True)) * self.scale
        return ds @ self.k, ds.transpose(0, 2, 1) @ self.q, dv


class LayerNorm:
    def __init__(self, normalized_shape, eps=1e-5):
        self.eps = eps
        self.gamma = np.ones(normalized_shape)
        self.beta = np.zeros(normalized_shape)
        self.grad_gamma = None
        self.grad_beta = None

    def forward(self, x):
        mean = x.mean(axis=-1, keepdims=True)
        self.std = np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + self.eps)
        self.norm = (x - mean) / self.std
        return self.gamma * self.norm + self.beta

    def backward(self, grad_output):
        axes = tuple(range(grad_output.ndim - 1))
        self.grad_gamma = (grad_output * self.norm).sum(axis=axes)
        self.grad_beta = grad_output.sum(axis=axes)
        g = grad_output * self.gamma
        return (g - g.mean(-1, keepdims=True) - self.norm * (g * self.norm).mean(-1, keepdims=True)) / self.std


class LSTMCell:
    """Two outputs, two inputs beside x."""

    def __init__(self, input_size, hidden_size):
        rng = np.random.default_rng(0)
        self.W = rng.normal(0, 0.3, (input_size + hidden_size, 4 * hidden_size))
        self.b = np.zeros(4 * hidden_size)
        self.hidden_size = hidden_size

    def forward(self, x, h, c):
        self.z = np.concatenate([x, h], axis=1)
        self.c = c
        i, f, g, o = np.split(self.z @ self.W + self.b, 4, axis=1)
        self.i, self.f, self.o = (1 / (1 + np.exp(-part)) for part in (i, f, o))
        self.g = np.tanh(g)
        self.c_next = self.f * c + self.i * self.g
        return self.o * np.tanh(self.c_next), self.c_next

    def backward(self, dh_next, dc_next):
        t = np.tanh(self.c_next)
        dc = dc_next + dh_next * self.o * (1 - t * t)
        gates = [
            dc * self.g * self.i * (1 - self.i),
            dc * self.c * self.f * (1 - self.f),
            dc * self.i * (1 - self.g**2),
            dh_next * t * self.o * (1 - self.o),
        ]
        da = np.concatenate(gates, axis=1)
        self.dW = self.z.T @ da
        self.db = da.sum(axis=0)
        dz = da @ self.W.T
        n = dz.shape[1] - self.hidden_size
        return dz[:, :n], dz[:, n:], dc * self.f
