"""A loss and its gradient by the weights from one function, with regularisation."""

import numpy as np


def softmax_loss_vectorized(W, X, y, reg):
    n = X.shape[0]
    scores = X @ W
    scores -= scores.max(axis=1, keepdims=True)
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[range(n), y]).mean() + reg * np.sum(W * W)
    p[range(n), y] -= 1
    return loss, X.T @ p / n + 2 * reg * W


def svm_loss_naive(W, X, y, reg):
    dW = np.zeros(W.shape)
    loss = 0.0
    for i in range(X.shape[0]):
        scores = X[i].dot(W)
        for j in range(W.shape[1]):
            margin = scores[j] - scores[y[i]] + 1
            if j != y[i] and margin > 0:
                loss += margin
                dW[:, j] += X[i]
                dW[:, y[i]] -= X[i]
    n = X.shape[0]
    return loss / n + reg * np.sum(W * W), dW / n + 2 * reg * W


def half_decay_loss(W, X, y, reg):
    """A bug: reg * sum(W^2) has the derivative 2 * reg * W."""
    n = X.shape[0]
    residual = X @ W - np.eye(W.shape[1])[y]
    return 0.5 * np.sum(residual**2) / n + reg * np.sum(W * W), X.T @ residual / n + reg * W


def mse_loss_and_grad(prediction, target):
    difference = prediction - target
    return np.mean(difference**2), 2 * difference / difference.size


def huber(pred, target, delta=1.0):
    r = pred - target
    small = np.abs(r) <= delta
    loss = np.where(small, 0.5 * r**2, delta * (np.abs(r) - 0.5 * delta)).sum()
    return loss, np.where(small, r, delta * np.sign(r))
