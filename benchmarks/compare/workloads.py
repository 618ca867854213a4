"""What is trained: the same data, the same first weights and the same batches for every contender.

The data are made anew at each look, so that a process holds only the form of them that its contender uses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Workload:
    """A network of ``sizes`` (ReLU between, softmax and cross entropy at the end), or the notes' DNN.

    ``samples``: how many there are to draw batches from; beyond MNIST's 60,000 they repeat.
    """

    name: str
    sizes: tuple[int, ...]
    batch: int
    optimizer: str = "SGD"
    lr: float = 0.1
    dtype: str = "float32"
    samples: int = 60_000
    steps: int = 2000  # of one measurement; slow contenders make fewer

    @property
    def is_dnn(self) -> bool:
        return self.name == "b"

    @property
    def pixels(self) -> Any:
        """(samples, width) uint8."""
        from backhand.data import load_dataset

        mnist = load_dataset("mnist").x_train.reshape(-1, 784)
        rows = np.arange(self.samples) % len(mnist)
        if self.sizes[0] == 784:
            return np.ascontiguousarray(mnist[rows])
        return np.ascontiguousarray(np.resize(mnist[rows[:1000]], (self.samples, self.sizes[0])))

    @property
    def x(self) -> Any:
        """(samples, width) in the workload's dtype, 0 to 1; for the DNN one sample."""
        if self.is_dnn:
            return np.random.default_rng(1).standard_normal((1, self.sizes[0]))
        x = self.pixels.astype(self.dtype)
        x /= 255
        return x

    @property
    def labels(self) -> Any:
        from backhand.data import load_dataset

        return np.resize(load_dataset("mnist").t_train, self.samples).astype(np.int64)

    @property
    def t(self) -> Any:
        """One-hot labels (samples, classes); for the DNN one target."""
        if self.is_dnn:
            return np.random.default_rng(2).standard_normal((1, self.sizes[-1]))
        return np.eye(self.sizes[-1], dtype=self.dtype)[self.labels]

    def weights(self) -> list[tuple[Any, Any]]:
        """New arrays W (in, out) and b (out,) of each layer."""
        rng = np.random.default_rng(3)
        std = [0.01 if self.is_dnn or len(self.sizes) == 3 else (2 / n) ** 0.5 for n in self.sizes[:-1]]
        pairs = zip(self.sizes[:-1], self.sizes[1:], std, strict=True)
        return [((s * rng.standard_normal((i, o))).astype(self.dtype), np.zeros(o, self.dtype)) for i, o, s in pairs]

    def order(self, steps: int, seed: int = 0) -> Any:
        """Which samples make each batch: (steps, batch); for the DNN (steps,)."""
        if self.is_dnn:
            return np.zeros(steps, np.int64)
        return np.random.default_rng(seed).integers(0, self.samples, (steps, self.batch))


A = Workload("a", (784, 50, 10), 100)
B = Workload("b", (10, *[32] * 6, 2), 1, lr=0.01, dtype="float64", samples=1, steps=20_000)
C_SGD = Workload("c-SGD", (784, 1024, 1024, 10), 256)
C_ADAM = replace(C_SGD, name="c-Adam", optimizer="Adam", lr=0.001)
MAIN = {w.name: w for w in (A, B, C_SGD, C_ADAM)}

TITLES = {
    "a": "(a) the notes' TwoLayerNet, 784-50-10, batch 100, float32",
    "b": "(b) the notes' DNN, one sample, float64",
    "c-SGD": "(c) 784-1024-1024-10, batch 256, float32, SGD",
    "c-Adam": "(c) 784-1024-1024-10, batch 256, float32, Adam",
    "d": "(d) the main job as a whole process: 10,000 iterations on MNIST, imports, data and report included",
}


def _a(**changes: Any) -> Workload:
    return replace(A, name="e", **changes)


GROWTH = {
    "batch size": {n: _a(batch=n) for n in (25, 200, 1600)},
    "hidden neurons": {n: _a(sizes=(784, n, 10)) for n in (50, 400, 3200)},
    "hidden layers": {n: _a(sizes=(784, *[50] * n, 10)) for n in (1, 4, 16)},
    "samples to draw from": {n: _a(samples=n) for n in (6_000, 60_000, 240_000)},
}
