"""Arrays made in float32 inside of layers, whatever comes in; a parameter under two names."""

import numpy as np


class StepRNN:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(each) for each in self.params]

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        self.x, self.h_prev = x, h_prev
        self.h = np.tanh(x @ Wx + h_prev @ Wh + b)
        return self.h

    def backward(self, dh):
        Wx, Wh, b = self.params
        dt = dh * (1 - self.h**2)
        for grad, value in zip(self.grads, (self.x.T @ dt, self.h_prev.T @ dt, dt.sum(axis=0)), strict=True):
            grad[...] = value
        return dt @ Wx.T, dt @ Wh.T


class SequenceRNN:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(each) for each in self.params]

    def forward(self, xs):
        N, T, _ = xs.shape
        H = self.params[0].shape[1]
        hs = np.empty((N, T, H), dtype="f")
        h = np.zeros((N, H), dtype="f")
        self.layers = []
        for t in range(T):
            layer = StepRNN(*self.params)
            h = layer.forward(xs[:, t], h)
            hs[:, t] = h
            self.layers.append(layer)
        return hs

    def backward(self, dhs):
        N, T, _ = dhs.shape
        dxs = np.empty((N, T, self.params[0].shape[0]), dtype="f")
        dh = 0
        total = [0, 0, 0]
        for t in reversed(range(T)):
            dx, dh = self.layers[t].backward(dhs[:, t] + dh)
            dxs[:, t] = dx
            for i, grad in enumerate(self.layers[t].grads):
                total[i] = total[i] + grad
        for i, grad in enumerate(total):
            self.grads[i][...] = grad
        return dxs


class SequenceEmbedding:
    def __init__(self, W):
        self.params = [W]
        self.grads = [np.zeros_like(W)]
        self.W = W

    def forward(self, xs):
        N, T = xs.shape
        out = np.empty((N, T, self.W.shape[1]), dtype="f")
        for t in range(T):
            out[:, t] = self.W[xs[:, t]]
        self.xs = xs
        return out

    def backward(self, dout):
        dW = np.zeros_like(self.W)
        np.add.at(dW, self.xs, dout)
        self.grads[0][...] = dW


class CastRelu:
    def forward(self, x):
        self.x = x.astype(np.float32)
        return np.maximum(self.x, 0)

    def backward(self, dout):
        return (dout * (self.x > 0)).astype(np.float32)


class CastSigmoid:
    """Rounded inside, and the result is float64 again."""

    def forward(self, x):
        self.y = (1 / (1 + np.exp(-x))).astype(np.float32)
        return self.y.astype(np.float64)

    def backward(self, dout):
        return dout * self.y * (1 - self.y)
