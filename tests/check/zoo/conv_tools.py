"""Helpers of book_layers.py: patches of images as rows of a matrix, and back."""

import numpy as np


def out_size(size, window, stride, pad):
    return (size + 2 * pad - window) // stride + 1


def patches(images, fh, fw, stride=1, pad=0):
    n, c, h, w = images.shape
    oh, ow = out_size(h, fh, stride, pad), out_size(w, fw, stride, pad)
    padded = np.pad(images, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    cols = np.zeros((n, c, fh, fw, oh, ow))
    for i in range(fh):
        for j in range(fw):
            cols[:, :, i, j] = padded[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride]
    return cols.transpose(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, -1)


def unpatches(cols, shape, fh, fw, stride=1, pad=0):
    n, c, h, w = shape
    oh, ow = out_size(h, fh, stride, pad), out_size(w, fw, stride, pad)
    cols = cols.reshape(n, oh, ow, c, fh, fw).transpose(0, 3, 4, 5, 1, 2)
    padded = np.zeros((n, c, h + 2 * pad, w + 2 * pad))
    for i in range(fh):
        for j in range(fw):
            padded[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] += cols[:, :, i, j]
    return padded[:, :, pad : pad + h, pad : pad + w]
