"""One image at a time, NHWC batches, and a recurrence of one sample: no batch axis where others have it first."""

import numpy as np


class Conv3x3:
    """One grey image (h, w) to (h - 2, w - 2, num_filters); trains itself in backprop."""

    def __init__(self, num_filters):
        self.num_filters = num_filters
        self.filters = np.random.randn(num_filters, 3, 3) / 9

    def iterate_regions(self, image):
        h, w = image.shape
        for i in range(h - 2):
            for j in range(w - 2):
                yield image[i : i + 3, j : j + 3], i, j

    def forward(self, input):
        self.last_input = input
        h, w = input.shape
        output = np.zeros((h - 2, w - 2, self.num_filters))
        for region, i, j in self.iterate_regions(input):
            output[i, j] = np.sum(region * self.filters, axis=(1, 2))
        return output

    def backprop(self, d_L_d_out, learn_rate):
        d_filters = np.zeros(self.filters.shape)
        for region, i, j in self.iterate_regions(self.last_input):
            d_filters += d_L_d_out[i, j][:, None, None] * region
        self.filters -= learn_rate * d_filters


class MaxPool2:
    """(h, w, channels)."""

    def iterate_regions(self, image):
        h, w, _ = image.shape
        for i in range(h // 2):
            for j in range(w // 2):
                yield image[i * 2 : i * 2 + 2, j * 2 : j * 2 + 2], i, j

    def forward(self, input):
        self.last_input = input
        h, w, filters = input.shape
        output = np.zeros((h // 2, w // 2, filters))
        for region, i, j in self.iterate_regions(input):
            output[i, j] = np.amax(region, axis=(0, 1))
        return output

    def backprop(self, d_L_d_out):
        d_L_d_input = np.zeros(self.last_input.shape)
        for region, i, j in self.iterate_regions(self.last_input):
            for f in range(region.shape[2]):
                a, b = np.unravel_index(region[:, :, f].argmax(), region.shape[:2])
                d_L_d_input[i * 2 + a, j * 2 + b, f] = d_L_d_out[i, j, f]
        return d_L_d_input


class Conv2D:
    """NHWC, same or any padding, stride."""

    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=1):
        self.stride, self.padding, self.k = stride, padding, kernel_size
        self.W = np.random.randn(kernel_size, kernel_size, in_channels, out_channels) * 0.2
        self.b = np.zeros(out_channels)

    def forward(self, x):
        p, s, k = self.padding, self.stride, self.k
        self.xp = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
        n, h, w, _ = self.xp.shape
        out = np.zeros((n, (h - k) // s + 1, (w - k) // s + 1, self.W.shape[3]))
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                patch = self.xp[:, i * s : i * s + k, j * s : j * s + k, :]
                out[:, i, j, :] = np.tensordot(patch, self.W, axes=3)
        return out + self.b

    def backward(self, dout):
        p, s, k = self.padding, self.stride, self.k
        dxp = np.zeros_like(self.xp)
        self.dW = np.zeros_like(self.W)
        self.db = dout.sum(axis=(0, 1, 2))
        for i in range(dout.shape[1]):
            for j in range(dout.shape[2]):
                patch = self.xp[:, i * s : i * s + k, j * s : j * s + k, :]
                self.dW += np.tensordot(patch, dout[:, i, j, :], axes=([0], [0]))
                dxp[:, i * s : i * s + k, j * s : j * s + k, :] += np.tensordot(dout[:, i, j, :], self.W, ([1], [3]))
        _, h, w, _ = dxp.shape
        return dxp[:, p : h - p, p : w - p, :]


class Conv2DSlicedPadding(Conv2D):
    """A bug: p:-p takes everything away when p is 0."""

    def backward(self, dout):
        padding, self.padding = self.padding, 0
        dxp = super().backward(dout)
        self.padding = padding
        return dxp[:, padding:-padding, padding:-padding, :]


class GlobalAveragePooling:
    def forward(self, x):
        self.shape = x.shape
        return x.mean(axis=(2, 3))

    def backward(self, dout):
        n, c, h, w = self.shape
        return np.broadcast_to(dout[:, :, None, None], self.shape) / (h * w)


class MaxPoolHardCoded:
    """NCHW. A bug: the windows overlap, and an entry that is the largest of two windows keeps one gradient."""

    def __init__(self, size=3, stride=2):
        self.size = size
        self.stride = stride

    def forward(self, x):
        self.x = x
        n, c, h, w = x.shape
        k, s = self.size, self.stride
        out = np.zeros((n, c, (h - k) // s + 1, (w - k) // s + 1))
        for i in range(out.shape[2]):
            for j in range(out.shape[3]):
                out[:, :, i, j] = x[:, :, i * s : i * s + k, j * s : j * s + k].max(axis=(2, 3))
        return out

    def backward(self, dout):
        dx = np.zeros_like(self.x)
        k, s = self.size, self.stride
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                window = self.x[:, :, i * s : i * s + k, j * s : j * s + k]
                top = window == window.max(axis=(2, 3), keepdims=True)
                target = dx[:, :, i * s : i * s + k, j * s : j * s + k]
                target[top] = (top * dout[:, :, i, j][:, :, None, None])[top]
        return dx


class Perceptron:
    """One sample as a vector (inputs,)."""

    def __init__(self, n_in, n_out):
        rng = np.random.RandomState(1)
        self.W = rng.randn(n_out, n_in)
        self.b = rng.randn(n_out)

    def forward(self, x):
        self.x = x
        return self.W.dot(x) + self.b

    def backward(self, delta):
        self.dLdW = np.outer(delta, self.x)
        self.dLdb = delta
        return self.W.T.dot(delta)
