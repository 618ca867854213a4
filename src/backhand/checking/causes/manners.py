"""Causes that the contract sees by itself: what a layer writes into, keeps, forgets, and where it fails."""

from __future__ import annotations

import numpy as np

from backhand.checking.causes.evidence import Evidence
from backhand.checking.causes.row import Facts, Row

__all__ = ["ROWS"]


def _not_updated(e: Evidence) -> Facts | None:
    """No gradient of a parameter, of a backward that updates parameters: this one doesn't move."""
    plan = getattr(e.experiment.subject, "plan", None)
    updates = e.experiment.subject.updated or (
        plan and {"lr", "optimizer"} & {*plan.roles, *dict(plan.keywords).values()}
    )
    return {} if e.missing and e.is_parameter and updates else None


def _shape_differs(e: Evidence) -> Facts | None:
    """The right numbers in the right order."""
    if e.missing or e.fits or e.hand.size != e.right.size:
        return None
    size = float(np.abs(e.right).max(initial=0))
    same = np.allclose(e.hand.ravel(), e.right.ravel(), rtol=0, atol=1e-6 * size + 20 * e.bar)
    return {"given": str(e.hand.shape), "expected": str(e.right.shape)} if same else None


ROWS = (
    Row(
        "parameter-not-updated",
        "backward updates its parameters, but {of} stays as it was.",
        "update the attribute itself: self.{of} -= lr * {gradient}, not a local name",
        "after backward with a learning rate, the parameter is what it was before",
        """
class Product:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout, lr):
        W = self.W - lr * self.x.T @ dout
        return dout @ self.W.T
""",
        "Product(W), x",
        _not_updated,
    ),
    Row(
        "writes-dout",
        "backward writes into the upstream gradient it is given{at}: whoever else uses that array gets the changed "
        "numbers.",
        "copy it first: dx = dout.copy()",
        "dout is handed over as an array that refuses to be written into",
        """
class Relu:
    def forward(self, x):
        self.mask = x <= 0
        return np.maximum(0, x)
    def backward(self, dout):
        dout[self.mask] = 0
        return dout
""",
        "Relu(), x",
        verdict="fragile",
    ),
    Row(
        "writes-input",
        "{phase} writes into its input {name}{at}.",
        "work on a copy: out = x.copy()",
        "the input is handed over as an array that refuses to be written into",
        """
class Relu:
    def forward(self, x):
        self.mask = x <= 0
        x[self.mask] = 0
        return x
    def backward(self, dout):
        return np.where(self.mask, 0, dout)
""",
        "Relu(), x",
        verdict="fragile",
    ),
    Row(
        "writes-parameter",
        "{phase} writes into the parameter {name}{at}, and that isn't an update.",
        "work on a copy",
        "the parameters are compared before and after",
        """
class Scale:
    def __init__(self, gamma, beta):
        self.gamma, self.beta = gamma, beta
    def forward(self, x):
        self.x = x
        return self.gamma * x + self.beta
    def backward(self, dout):
        self.dgamma, self.dbeta = (dout * self.x).sum(axis=0), dout.sum(axis=0)
        dx = dout * self.gamma
        self.gamma *= 0.99
        return dx
""",
        "Scale(gamma, beta), x",
        verdict="fragile",
    ),
    Row(
        "second-backward",
        "backward called twice after one forward gives another {gradient} (off by {size} of its size).",
        "don't change what forward kept: work on copies of it",
        "backward is called twice with the same dout",
        """
class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out.copy()
    def backward(self, dout):
        self.out *= self.out
        return dout * (1 - self.out)
""",
        "Tanh(), x",
        verdict="fragile",
    ),
    Row(
        "accumulates",
        "{gradient} adds up from one call to the next.",
        "assign it anew in each backward: self.{gradient} = ..., not +=",
        "a second forward and backward on the same object gives the sum of both gradients",
        """
class Product:
    def __init__(self, W):
        self.W, self.dW = W, 0
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW = self.dW + self.x.T @ dout
        return dout @ self.W.T
""",
        "Product(W), x",
    ),
    Row(
        "shared-buffer",
        "{gradient} is handed out in a buffer that the next call overwrites: where an output is used twice, the two "
        "gradients can't be added up.",
        "return a new array from each backward",
        "a gradient that was returned is looked at again after the next forward and backward",
        """
class Square:
    def forward(self, x):
        self.x = x
        self.dx = getattr(self, "dx", np.empty(x.shape))
        return x**2
    def backward(self, dout):
        np.multiply(2 * dout, self.x, out=self.dx)
        return self.dx
""",
        "Square(), x",
        verdict="fragile",
    ),
    Row(
        "not-linear-in-dout",
        "{gradient} isn't proportional to dout.",
        "dout may only be multiplied, never compared, clipped or normalised",
        "backward of 2 * dout has to be twice as much, and that of 0 has to be 0",
        """
class Relu:
    def forward(self, x):
        self.mask = x > 0
        return np.maximum(0, x)
    def backward(self, dout):
        return np.clip(dout * self.mask, -5, 5)
""",
        "Relu(), x",
    ),
    Row(
        "stale-state",
        "{gradient} depends on an earlier forward (off by {size} of its size).",
        "let every forward assign all that backward needs: self.x = x, without if",
        "a forward on other values is run before; then {gradient} has to be what it is without it",
        """
class Square:
    def forward(self, x):
        self.x = getattr(self, "x", x)
        return x**2
    def backward(self, dout):
        return 2 * dout * self.x
""",
        "Square(), x",
        verdict="fragile",
    ),
    Row(
        "stale-shape",
        "After a forward with another batch size {gradient} fails or is wrong{why}.",
        "take sizes from this forward's x, not from the first one's",
        "the same object is called with two batch sizes",
        """
class Mean:
    def forward(self, x):
        self.ones = getattr(self, "ones", np.ones(x.shape))
        return x.mean(axis=0)
    def backward(self, dout):
        return dout * self.ones / len(self.ones)
""",
        "Mean(), x",
        verdict="fragile",
    ),
    Row(
        "not-deterministic",
        "forward gives something else for the same input, though the seed is the same.",
        "draw random numbers from NumPy's global state or a seeded generator of the layer",
        "forward is called twice with the same input and seed",
        """
class Dropout:
    def forward(self, x):
        self.mask = np.random.default_rng().random(x.shape) > 0.5
        return x * self.mask
    def backward(self, dout):
        return dout * self.mask
""",
        "Dropout(), x",
        verdict="fragile",
    ),
    Row(
        "one-sample",
        "{gradient} is right for a batch, and {error} for one sample.",
        "reshape one sample to a batch of one, or say that x needs two axes",
        "the first sample alone is passed, without the batch axis or as a batch of one",
        """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.p, self.t = softmax(x), t
        return -np.sum(t * np.log(self.p)) / (len(t) if t.ndim == 2 else 1)
    def backward(self, dout=1):
        return dout * (self.p - self.t) / len(self.t)
""",
        "SoftmaxWithLoss(), scores, one_hot",
    ),
    Row(
        "overflow",
        "{phase} overflows at inputs of {scale}: {warning}{at}.",
        "take exp of negative numbers only (subtract the maximum; exp(-abs(x))), log1p for log(1 + x)",
        "inputs of +-50 and +-800",
        """
class Softmax:
    def forward(self, x):
        self.y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        return self.y
    def backward(self, dout):
        return self.y * (dout - (dout * self.y).sum(axis=1, keepdims=True))
""",
        "Softmax(), scores",
        verdict="fragile",
    ),
    Row(
        "not-finite",
        "{gradient} is inf or NaN at inputs of {scale} ({phase}).",
        "take exp of negative numbers only, and the logarithm of the softmax as a whole: "
        "x - max - log(sum(exp(x - max)))",
        "inputs of +-50 and +-800",
        """
class Softplus:
    def forward(self, x):
        self.x = x
        return np.logaddexp(0, x)
    def backward(self, dout):
        return dout * np.exp(self.x) / (1 + np.exp(self.x))
""",
        "Softplus(), x",
        verdict="fragile",
    ),
    Row(
        "integer-dtype",
        "With integers as input {gradient} comes out {how}: arrays made like x can't hold a gradient.",
        "make them as floats: np.zeros(x.shape), or x = np.asarray(x, float) in forward",
        "whole numbers are passed as floats and as integers; both have to give the same",
        """
class Relu:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)
    def backward(self, dout):
        dx = np.zeros_like(self.x)
        dx[self.x > 0] = dout[self.x > 0]
        return dx
""",
        "Relu(), x",
        verdict="fragile",
    ),
    Row(
        "max-ties",
        "Where several entries of {of} are the largest, {gradient} is {how} in all: each of them gets "
        "the whole of dout, or none.",
        "give it to one of them (argmax), or divide by how many there are: mask / mask.sum(axis, keepdims=True)",
        "equal entries are moved together, so that they stay equal: along such a direction max is smooth",
        """
class LargestOfRow:
    def forward(self, x):
        self.mask = x == x.max(axis=1, keepdims=True)
        return x.max(axis=1)
    def backward(self, dout):
        return self.mask * dout[:, None]
""",
        "LargestOfRow(), x",
        verdict="fragile",
    ),
    Row(
        "shape-differs",
        "{gradient} has shape {given}; {of} has {expected}. The numbers are right.",
        "reshape it to the shape of what it is the gradient of",
        "the entries in order are the right gradient",
        """
class Bias:
    def __init__(self, b):
        self.b = b
    def forward(self, x):
        return x + self.b
    def backward(self, dout):
        self.db = dout.sum(axis=0, keepdims=True)
        return dout.copy()
""",
        "Bias(b), y",
        _shape_differs,
        verdict="fragile",
    ),
    Row(
        "crash",
        "{phase} raises {error}{at}.",
        "mend that line first",
        "the code is run",
        """
class Product:
    def __init__(self, W):
        self.W = W
    def forward(self, x):
        self.x = x
        return x @ self.W
    def backward(self, dout):
        self.dW = slef.x.T @ dout
        return dout @ self.W.T
""",
        "Product(W), x",
    ),
)
