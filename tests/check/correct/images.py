"""Layers of images, (N, C, H, W). Each backward is right."""

import numpy as np


def im2col(x, kh, kw, stride, pad):
    N, C, H, W = x.shape
    oh = (H + 2 * pad - kh) // stride + 1
    ow = (W + 2 * pad - kw) // stride + 1
    img = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    col = np.zeros((N, C, kh, kw, oh, ow))
    for i in range(kh):
        for j in range(kw):
            col[:, :, i, j] = img[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * oh * ow, -1)


def col2im(col, shape, kh, kw, stride, pad):
    N, C, H, W = shape
    oh = (H + 2 * pad - kh) // stride + 1
    ow = (W + 2 * pad - kw) // stride + 1
    col = col.reshape(N, oh, ow, C, kh, kw).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    for i in range(kh):
        for j in range(kw):
            img[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] += col[:, :, i, j]
    return img[:, :, pad : H + pad, pad : W + pad]


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad

    def forward(self, x):
        FN, C, FH, FW = self.W.shape
        N, C, H, W = x.shape
        oh = 1 + (H + 2 * self.pad - FH) // self.stride
        ow = 1 + (W + 2 * self.pad - FW) // self.stride
        self.shape = x.shape
        self.col = im2col(x, FH, FW, self.stride, self.pad)
        self.col_W = self.W.reshape(FN, -1).T
        out = self.col @ self.col_W + self.b
        return out.reshape(N, oh, ow, FN).transpose(0, 3, 1, 2)

    def backward(self, dout):
        FN, C, FH, FW = self.W.shape
        d = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = d.sum(axis=0)
        self.dW = (self.col.T @ d).T.reshape(FN, C, FH, FW)
        dcol = d @ self.col_W.T
        dx = col2im(dcol, self.shape, FH, FW, self.stride, self.pad)
        return dx


class NaiveConvolution:
    """With loops, and padding."""

    def __init__(self, W, b, stride=1, pad=1):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad

    def forward(self, x):
        N, C, H, W = x.shape
        F, _, HH, WW = self.W.shape
        s, p = self.stride, self.pad
        oh, ow = 1 + (H + 2 * p - HH) // s, 1 + (W + 2 * p - WW) // s
        self.x = x
        self.padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        out = np.zeros((N, F, oh, ow))
        for i in range(oh):
            for j in range(ow):
                window = self.padded[:, :, i * s : i * s + HH, j * s : j * s + WW]
                out[:, :, i, j] = np.tensordot(window, self.W, axes=([1, 2, 3], [1, 2, 3])) + self.b
        return out

    def backward(self, dout):
        N, C, H, W = self.x.shape
        F, _, HH, WW = self.W.shape
        s, p = self.stride, self.pad
        dpadded = np.zeros(self.padded.shape)
        self.dW = np.zeros_like(self.W)
        self.db = dout.sum(axis=(0, 2, 3))
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                window = self.padded[:, :, i * s : i * s + HH, j * s : j * s + WW]
                d = dout[:, :, i, j]
                self.dW += np.tensordot(d, window, axes=([0], [0]))
                dpadded[:, :, i * s : i * s + HH, j * s : j * s + WW] += np.tensordot(d, self.W, axes=([1], [0]))
        dx = dpadded[:, :, p : p + H, p : p + W]
        return dx


class MaxPool:
    def __init__(self, size=2, stride=2):
        self.size = size
        self.stride = stride

    def forward(self, x):
        N, C, H, W = x.shape
        k, s = self.size, self.stride
        oh, ow = 1 + (H - k) // s, 1 + (W - k) // s
        self.shape = x.shape
        self.best = np.zeros((N, C, oh, ow), dtype=int)
        out = np.zeros((N, C, oh, ow))
        for i in range(oh):
            for j in range(ow):
                window = x[:, :, i * s : i * s + k, j * s : j * s + k].reshape(N, C, -1)
                self.best[:, :, i, j] = window.argmax(axis=-1)
                out[:, :, i, j] = window.max(axis=-1)
        return out

    def backward(self, dout):
        N, C, oh, ow = dout.shape
        k, s = self.size, self.stride
        dx = np.zeros(self.shape)
        n, c = np.ogrid[:N, :C]
        for i in range(oh):
            for j in range(ow):
                row, column = np.divmod(self.best[:, :, i, j], k)
                dx[n, c, i * s + row, j * s + column] += dout[:, :, i, j]
        return dx


class MaxPoolOfMask:
    """Where several entries are the largest, they share."""

    def __init__(self, size=2):
        self.size = size

    def forward(self, x):
        N, C, H, W = x.shape
        k = self.size
        self.shape = x.shape
        self.H, self.W = H // k, W // k
        x = x[:, :, : self.H * k, : self.W * k]
        self.windows = x.reshape(N, C, self.H, k, self.W, k)
        self.out = self.windows.max(axis=(3, 5), keepdims=True)
        return self.out[:, :, :, 0, :, 0]

    def backward(self, dout):
        k = self.size
        mask = self.windows == self.out
        share = mask / mask.sum(axis=(3, 5), keepdims=True)
        d = share * dout[:, :, :, None, :, None]
        dx = np.zeros(self.shape)
        dx[:, :, : self.H * k, : self.W * k] = d.reshape(*self.shape[:2], self.H * k, self.W * k)
        return dx


class AveragePool:
    def __init__(self, size=2, stride=1):
        self.size = size
        self.stride = stride

    def forward(self, x):
        k, s = self.size, self.stride
        oh, ow = 1 + (x.shape[2] - k) // s, 1 + (x.shape[3] - k) // s
        self.shape = x.shape
        out = np.zeros((*x.shape[:2], oh, ow))
        for i in range(oh):
            for j in range(ow):
                out[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].mean(axis=(2, 3))
        return out

    def backward(self, dout):
        k, s = self.size, self.stride
        dx = np.zeros(self.shape)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                dx[:, :, i * s : i * s + k, j * s : j * s + k] += dout[:, :, i : i + 1, j : j + 1] / k**2
        return dx


class GlobalAveragePool:
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dout):
        area = self.shape[2] * self.shape[3]
        dx = np.ones(self.shape) * dout[:, :, None, None] / area
        return dx


class Pad:
    def __init__(self, pad=1):
        self.pad = pad

    def forward(self, x):
        p = self.pad
        return np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))

    def backward(self, dout):
        p = self.pad
        dx = dout[:, :, p : dout.shape[2] - p, p : dout.shape[3] - p].copy()
        return dx


class Upsample:
    """Each pixel becomes a square of them."""

    def __init__(self, k=2):
        self.k = k

    def forward(self, x):
        return x.repeat(self.k, axis=2).repeat(self.k, axis=3)

    def backward(self, dout):
        N, C, H, W = dout.shape
        k = self.k
        dx = dout.reshape(N, C, H // k, k, W // k, k).sum(axis=(3, 5))
        return dx


class Flatten:
    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dout):
        return dout.reshape(self.shape).copy()


class MaxOverRow:
    """The largest of each row, (N, D) to (N,); the first of several."""

    def forward(self, x):
        self.shape = x.shape
        self.best = x.argmax(axis=1)
        return x.max(axis=1)

    def backward(self, dout):
        dx = np.zeros(self.shape)
        dx[np.arange(len(dout)), self.best] = dout
        return dx


class Maxout:
    """The larger of two halves of the features."""

    def forward(self, x):
        half = x.shape[1] // 2
        self.first = x[:, :half] >= x[:, half : 2 * half]
        self.shape = x.shape
        return np.maximum(x[:, :half], x[:, half : 2 * half])

    def backward(self, dout):
        half = self.shape[1] // 2
        dx = np.zeros(self.shape)
        dx[:, :half] = dout * self.first
        dx[:, half : 2 * half] = dout * ~self.first
        return dx


class Larger:
    """The larger of two arrays; where they are equal, the first has it."""

    def forward(self, a, b):
        self.mask = a >= b
        return np.maximum(a, b)

    def backward(self, dout):
        da = dout * self.mask
        db = dout * ~self.mask
        return da, db
