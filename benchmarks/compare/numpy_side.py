"""Plain NumPy: the notes' code as printed, the same network written well by hand, and the bare products as a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import notes_code as notes
import numpy as np
from workloads import Workload

Run = Callable[[Any], Any]


def versions() -> dict[str, str]:
    return {"numpy": np.__version__}


class NotesNet(notes.TwoLayerNet):
    """The notes' TwoLayerNet for any number of layers: the same layers in the same loop."""

    def __init__(self, weights: list[tuple[Any, Any]]) -> None:
        self.params = {}
        self.layers = notes.OrderedDict()
        for n, (W, b) in enumerate(weights, start=1):
            self.params[f"W{n}"], self.params[f"b{n}"] = W, b
            self.layers[f"Affine{n}"] = notes.Affine(W, b)
            if n < len(weights):
                self.layers[f"Relu{n}"] = notes.Relu()
        self.lastLayer = notes.SoftmaxWithLoss()

    def gradient(self, x: Any, t: Any) -> Any:
        self.loss(x, t)

        dout = 1
        dout = self.lastLayer.backward(dout)

        layers = list(self.layers.values())
        layers.reverse()
        for layer in layers:
            dout = layer.backward(dout)

        grads = {}
        for n in range(1, len(self.params) // 2 + 1):
            grads[f"W{n}"] = self.layers[f"Affine{n}"].dW
            grads[f"b{n}"] = self.layers[f"Affine{n}"].db

        return grads


def notes_dnn(workload: Workload) -> Any:
    """The notes' DNN with the workload's weights."""
    dnn = notes.DNN(hidden_depth=5, num_neuron=32, input=10, output=2)
    for neuron, (W, b) in zip(dnn.sequence, workload.weights(), strict=True):
        neuron.W, neuron.b = W, b
    return dnn


def book_optimizer(workload: Workload) -> Any:
    import book

    return getattr(book, workload.optimizer)(workload.lr)


def as_printed(workload: Workload, threads: int) -> Run:
    """The notes' loop: gradient, update, loss."""
    if workload.is_dnn:
        dnn, loss_obj, x, t = notes_dnn(workload), notes.MeanSquaredError(), workload.x[0], workload.t[0]

        def train(order: Any) -> Any:
            for _ in order:
                loss = notes.gradient_descent(dnn, x, t, loss_obj, alpha=0.01)
            return loss

        return train
    # The notes' weights are float64, whatever the data are.
    network = NotesNet([(W.astype(np.float64), b.astype(np.float64)) for W, b in workload.weights()])
    optimizer, x, t = book_optimizer(workload), workload.x, workload.t

    def train_batches(order: Any) -> Any:
        for batch_mask in order:
            x_batch = x[batch_mask]
            t_batch = t[batch_mask]
            grad = network.gradient(x_batch, t_batch)
            loss = network.lastLayer.loss
            optimizer.update(network.params, grad)
            network.loss(x_batch, t_batch)
        return loss

    return train_batches


def by_hand(workload: Workload, threads: int) -> Run:
    """One function, every array allocated once, in the workload's dtype; no pass for the first layer's dx."""
    return _dnn_by_hand(workload) if workload.is_dnn else _net_by_hand(workload)


def _net_by_hand(workload: Workload) -> Run:
    weights, x_all, t_all, lr, n = workload.weights(), workload.x, workload.t, workload.lr, workload.batch
    dtype, sizes = workload.dtype, workload.sizes
    x, t = np.empty((n, sizes[0]), dtype), np.empty((n, sizes[-1]), dtype)
    outs = [np.empty((n, size), dtype) for size in sizes[1:]]
    douts = [np.empty((n, size), dtype) for size in sizes[1:]]
    grads = [(np.empty_like(W), np.empty_like(b)) for W, b in weights]
    masks = [np.empty(out.shape, bool) for out in outs]
    update = _adam(weights, lr) if workload.optimizer == "Adam" else _sgd(lr)

    def train(order: Any) -> Any:
        for row in order:
            np.take(x_all, row, axis=0, out=x, mode="clip")
            np.take(t_all, row, axis=0, out=t, mode="clip")
            h = x
            for i, ((W, b), out) in enumerate(zip(weights, outs, strict=True)):
                np.matmul(h, W, out=out)
                out += b
                if i < len(weights) - 1:
                    np.maximum(out, 0, out=out)
                h = out
            d = douts[-1]
            np.subtract(h, h.max(axis=1, keepdims=True), out=h)
            np.exp(h, out=d)
            total = d.sum(axis=1, keepdims=True)
            loss = (np.log(total).sum() - np.vdot(h, t)) / n
            d /= total
            d -= t
            d *= 1 / n
            for i in range(len(weights) - 1, -1, -1):
                np.matmul((outs[i - 1] if i else x).T, douts[i], out=grads[i][0])
                np.sum(douts[i], axis=0, out=grads[i][1])
                if i:
                    np.matmul(douts[i], weights[i][0].T, out=douts[i - 1])
                    np.greater(outs[i - 1], 0, out=masks[i - 1])
                    douts[i - 1] *= masks[i - 1]
            update(weights, grads)
        return loss

    return train


def _sgd(lr: float) -> Callable[..., None]:
    def update(weights: Any, grads: Any) -> None:
        for pair, steps in zip(weights, grads, strict=True):
            for w, g in zip(pair, steps, strict=True):
                g *= lr
                w -= g

    return update


def _adam(weights: Any, lr: float) -> Callable[..., None]:
    slots = [[(np.zeros_like(w), np.zeros_like(w), np.empty_like(w)) for w in pair] for pair in weights]
    count = 0

    def update(weights: Any, grads: Any) -> None:
        nonlocal count
        count += 1
        rate = lr * (1 - 0.999**count) ** 0.5 / (1 - 0.9**count)
        for pair, steps, kept in zip(weights, grads, slots, strict=True):
            for w, g, (m, v, s) in zip(pair, steps, kept, strict=True):
                m *= 0.9
                np.multiply(g, 0.1, out=s)
                m += s
                np.multiply(g, g, out=s)
                s *= 0.001
                v *= 0.999
                v += s
                np.sqrt(v, out=s)
                s += 1e-7
                np.divide(m, s, out=s)
                s *= rate
                w -= s

    return update


def _dnn_by_hand(workload: Workload) -> Run:
    weights, x, y, lr = workload.weights(), workload.x[0], workload.t[0], workload.lr
    outs = [np.empty(size) for size in workload.sizes[1:]]
    grads = [np.empty_like(W) for W, _ in weights]

    def train(order: Any) -> Any:
        for _ in order:
            h = x
            for (W, b), out in zip(weights, outs, strict=True):
                np.dot(h, W, out=out)
                out += b
                np.negative(out, out=out)
                np.exp(out, out=out)
                out += 1
                np.reciprocal(out, out=out)
                h = out
            d = h - y
            loss = 0.5 * np.mean(d * d)
            for i in range(len(weights) - 1, -1, -1):
                W, b = weights[i]
                g = d * outs[i]
                g *= 1 - outs[i]
                if i:
                    d = W @ g
                g *= lr
                np.multiply.outer(outs[i - 1] if i else x, g, out=grads[i])
                W -= grads[i]
                b -= g
        return loss

    return train


def products(workload: Workload, threads: int) -> Run:
    """Nothing but the step's matrix products, into arrays that are there already."""
    n, sizes, dtype = workload.batch, workload.sizes, workload.dtype
    shape = (lambda size: (size,)) if workload.is_dnn else (lambda size: (n, size))
    rng = np.random.default_rng(0)
    values = [rng.standard_normal(shape(size)).astype(dtype) for size in sizes]
    outs = [np.empty_like(v) for v in values]
    weights = [W for W, _ in workload.weights()]
    grads = [np.empty_like(W) for W in weights]

    def train(order: Any) -> Any:
        for _ in order:
            for i, W in enumerate(weights):
                np.matmul(values[i], W, out=outs[i + 1])
            for i in range(len(weights) - 1, -1, -1):
                if workload.is_dnn:
                    np.multiply.outer(values[i], values[i + 1], out=grads[i])
                    if i:
                        np.matmul(weights[i], values[i + 1], out=outs[i])
                else:
                    np.matmul(values[i].T, values[i + 1], out=grads[i])
                    if i:
                        np.matmul(values[i + 1], weights[i].T, out=outs[i])
        return float("nan")

    return train


CONTENDERS = {"as printed": as_printed, "by hand": by_hand, "products": products}
