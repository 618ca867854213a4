"""Layers over time, (N, T, D), and of integer ids. Each backward is right."""

import numpy as np


def sigmoid(x):
    z = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, z) / (1.0 + z)


class Embedding:
    def __init__(self, W):
        self.W = W
        self.dW = None
        self.ids = None

    def forward(self, ids):
        self.ids = ids
        return self.W[ids]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        np.add.at(self.dW, self.ids, dout)


class EmbeddingInALoop:
    def __init__(self, W):
        self.W = W

    def forward(self, ids):
        self.ids = ids
        return self.W[ids]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        for i, word in enumerate(self.ids.ravel()):
            self.dW[word] += dout.reshape(-1, self.W.shape[1])[i]


class RNN:
    """h_t = tanh(x_t Wx + h_{t-1} Wh + b), from h = 0."""

    def __init__(self, Wx, Wh, b):
        self.Wx = Wx
        self.Wh = Wh
        self.b = b

    def forward(self, xs):
        N, T, D = xs.shape
        self.xs = xs
        self.hs = np.zeros((N, T + 1, self.Wh.shape[0]))
        for t in range(T):
            self.hs[:, t + 1] = np.tanh(xs[:, t] @ self.Wx + self.hs[:, t] @ self.Wh + self.b)
        return self.hs[:, 1:].copy()

    def backward(self, dhs):
        self.dWx, self.dWh, self.db = np.zeros_like(self.Wx), np.zeros_like(self.Wh), np.zeros_like(self.b)
        dxs = np.zeros(self.xs.shape)
        dh = np.zeros(self.hs[:, 0].shape)
        for t in reversed(range(self.xs.shape[1])):
            dz = (dhs[:, t] + dh) * (1 - self.hs[:, t + 1] ** 2)
            self.dWx += self.xs[:, t].T @ dz
            self.dWh += self.hs[:, t].T @ dz
            self.db += dz.sum(axis=0)
            dxs[:, t] = dz @ self.Wx.T
            dh = dz @ self.Wh.T
        return dxs


class RNNCell:
    """One step: two inputs, one output."""

    def __init__(self, Wx, Wh, b):
        self.Wx = Wx
        self.Wh = Wh
        self.b = b

    def forward(self, x, h_prev):
        self.x = x
        self.h_prev = h_prev
        self.h = np.tanh(x @ self.Wx + h_prev @ self.Wh + self.b)
        return self.h

    def backward(self, dh):
        dz = dh * (1 - self.h**2)
        self.dWx = self.x.T @ dz
        self.dWh = self.h_prev.T @ dz
        self.db = dz.sum(axis=0)
        dx = dz @ self.Wx.T
        dh_prev = dz @ self.Wh.T
        return dx, dh_prev


class GRUCell:
    def __init__(self, Wz, Uz, Wr, Ur, Wh, Uh):
        self.Wz, self.Uz = Wz, Uz
        self.Wr, self.Ur = Wr, Ur
        self.Wh, self.Uh = Wh, Uh

    def forward(self, x, h):
        self.x, self.h = x, h
        self.z = sigmoid(x @ self.Wz + h @ self.Uz)
        self.r = sigmoid(x @ self.Wr + h @ self.Ur)
        self.n = np.tanh(x @ self.Wh + (self.r * h) @ self.Uh)
        return (1 - self.z) * h + self.z * self.n

    def backward(self, dout):
        dn = dout * self.z * (1 - self.n**2)
        dz = dout * (self.n - self.h) * self.z * (1 - self.z)
        drh = dn @ self.Uh.T
        dr = drh * self.h * self.r * (1 - self.r)
        self.dWz, self.dUz = self.x.T @ dz, self.h.T @ dz
        self.dWr, self.dUr = self.x.T @ dr, self.h.T @ dr
        self.dWh, self.dUh = self.x.T @ dn, (self.r * self.h).T @ dn
        dx = dz @ self.Wz.T + dr @ self.Wr.T + dn @ self.Wh.T
        dh = dout * (1 - self.z)
        dh += drh * self.r
        dh += dz @ self.Uz.T
        dh += dr @ self.Ur.T
        return dx, dh


class Attention:
    """Each query takes a weighted mean of the values."""

    def forward(self, q, k, v):
        self.q, self.k, self.v = q, k, v
        scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        self.a = e / e.sum(axis=-1, keepdims=True)
        return self.a @ v

    def backward(self, dout):
        dv = self.a.swapaxes(-1, -2) @ dout
        da = dout @ self.v.swapaxes(-1, -2)
        ds = self.a * (da - np.sum(da * self.a, axis=-1, keepdims=True))
        ds = ds / np.sqrt(self.q.shape[-1])
        dq = ds @ self.k
        dk = ds.swapaxes(-1, -2) @ self.q
        return dq, dk, dv


class SelfAttention:
    """Query, key and value of one x, (T, D)."""

    def __init__(self, Wq, Wk, Wv):
        self.Wq, self.Wk, self.Wv = Wq, Wk, Wv

    def forward(self, x):
        self.x = x
        self.q, self.k, self.v = x @ self.Wq, x @ self.Wk, x @ self.Wv
        s = self.q @ self.k.T / np.sqrt(self.q.shape[1])
        e = np.exp(s - s.max(axis=1, keepdims=True))
        self.a = e / e.sum(axis=1, keepdims=True)
        return self.a @ self.v

    def backward(self, dout):
        dv = self.a.T @ dout
        da = dout @ self.v.T
        ds = self.a * (da - (da * self.a).sum(axis=1, keepdims=True)) / np.sqrt(self.q.shape[1])
        dq, dk = ds @ self.k, ds.T @ self.q
        self.dWq = self.x.T @ dq
        self.dWk = self.x.T @ dk
        self.dWv = self.x.T @ dv
        dx = dq @ self.Wq.T
        dx += dk @ self.Wk.T
        dx += dv @ self.Wv.T
        return dx


class CumulativeSum:
    """Each step is the sum of all before it, (N, T, D)."""

    def forward(self, xs):
        return np.cumsum(xs, axis=1)

    def backward(self, dout):
        dx = np.zeros_like(dout)
        running = np.zeros_like(dout[:, 0])
        for t in reversed(range(dout.shape[1])):
            running = running + dout[:, t]
            dx[:, t] = running
        return dx
