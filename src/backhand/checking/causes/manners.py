"""Causes that the contract sees by itself: what a layer writes into, keeps, forgets, and where it fails."""

from __future__ import annotations

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


ROWS = (
    Row(
        "parameter-not-updated",
        "backward updates its parameters, but {of} stays as it was.",
        "update the attribute itself: self.{of} -= lr * {gradient}, not a local name",
        "after backward with a learning rate, the parameter is what it was before",
        """
def backward(self, dout, lr):
    dx = dout @ self.W.T
    dW = self.x.T @ dout
    W = self.W - lr * dW
    return dx
""",
        _not_updated,
    ),
    Row(
        "writes-dout",
        "backward writes into the upstream gradient it is given{at}: whoever else uses that array gets the changed "
        "numbers.",
        "copy it first: dx = dout.copy()",
        "dout is handed over as an array that refuses to be written into",
        """
def backward(self, dout):
    dout[self.mask] = 0
    dx = dout
    return dx
""",
        verdict="fragile",
    ),
    Row(
        "writes-input",
        "{phase} writes into its input {name}{at}.",
        "work on a copy: out = x.copy()",
        "the input is handed over as an array that refuses to be written into",
        """
def forward(self, x):
    self.mask = x <= 0
    x[self.mask] = 0
    return x
""",
        verdict="fragile",
    ),
    Row(
        "writes-parameter",
        "{phase} writes into the parameter {name}{at}, and that isn't an update.",
        "work on a copy",
        "the parameters are compared before and after",
        """
def forward(self, x):
    self.W /= np.linalg.norm(self.W)
    self.x = x
    return x @ self.W
""",
        verdict="fragile",
    ),
    Row(
        "second-backward",
        "backward called twice after one forward gives another {gradient} (off by {size} of its size).",
        "don't change what forward kept: work on copies of it",
        "backward is called twice with the same dout",
        """
def backward(self, dout):
    self.out *= 1 - self.out
    return dout * self.out
""",
        verdict="fragile",
    ),
    Row(
        "accumulates",
        "{gradient} adds up from one call to the next.",
        "assign it anew in each backward: self.{gradient} = ..., not +=",
        "a second forward and backward on the same object gives the sum of both gradients",
        """
def backward(self, dout):
    self.dW += self.x.T @ dout
    self.db += dout.sum(axis=0)
    return dout @ self.W.T
""",
    ),
    Row(
        "shared-buffer",
        "{gradient} is handed out in a buffer that the next call overwrites: where an output is used twice, the two "
        "gradients can't be added up.",
        "return a new array from each backward",
        "a gradient that was returned is looked at again after the next forward and backward",
        """
def backward(self, dout):
    np.multiply(dout, self.mask, out=self.buffer)
    return self.buffer
""",
        verdict="fragile",
    ),
    Row(
        "not-linear-in-dout",
        "{gradient} isn't proportional to dout.",
        "dout may only be multiplied, never compared, clipped or normalised",
        "backward of 2 * dout has to be twice as much, and that of 0 has to be 0",
        """
def backward(self, dout):
    dx = dout * self.mask
    return np.clip(dx, -1, 1)
""",
    ),
    Row(
        "stale-state",
        "{gradient} depends on an earlier forward (off by {size} of its size).",
        "let every forward assign all that backward needs: self.x = x, without if",
        "a forward on other values is run before; then {gradient} has to be what it is without it",
        """
def forward(self, x):
    if self.x is None:
        self.x = x
    return x @ self.W
""",
        verdict="fragile",
    ),
    Row(
        "stale-shape",
        "After a forward with another batch size {gradient} fails or is wrong{why}.",
        "take sizes from this forward's x, not from the first one's",
        "the same object is called with two batch sizes",
        """
def forward(self, x):
    if self.n is None:
        self.n = len(x)
    return x.reshape(self.n, -1) @ self.W
""",
        verdict="fragile",
    ),
    Row(
        "not-deterministic",
        "forward gives something else for the same input (off by {size} of its size), though the seed is the same.",
        "draw random numbers from NumPy's global state or a seeded generator of the layer",
        "forward is called twice with the same input and seed",
        """
def forward(self, x):
    self.mask = np.random.default_rng().random(x.shape) > 0.5
    return x * self.mask
""",
        verdict="fragile",
    ),
    Row(
        "cached-alias",
        "forward keeps the caller's array {name} itself: when it is changed before backward, {gradient} changes.",
        "keep a copy, or leave it and never write into a layer's input",
        "the input is written over between forward and backward",
        """
def forward(self, x):
    self.x = x
    return x ** 2
def backward(self, dout):
    return 2 * self.x * dout
""",
        verdict="fragile",
    ),
    Row(
        "one-sample",
        "{gradient} is right for a batch, and {error} for one sample.",
        "reshape one sample to a batch of one, or say that x needs two axes",
        "the first sample alone is passed, without the batch axis or as a batch of one",
        """
def backward(self, dout=1):
    batch_size = self.t.shape[0]
    dx = (self.y - self.t) / batch_size
    return dout * dx
""",
    ),
    Row(
        "overflow",
        "{phase} overflows at inputs of {scale}: {warning}{at}.",
        "take exp of negative numbers only (subtract the maximum; exp(-abs(x))), log1p for log(1 + x)",
        "inputs of +-50 and +-800",
        """
def forward(self, x):
    self.out = 1 / (1 + np.exp(-x))
    return self.out
""",
        verdict="fragile",
    ),
    Row(
        "not-finite",
        "{gradient} is inf or NaN at inputs of {scale} ({phase}).",
        "take exp of negative numbers only, and the logarithm of the softmax as a whole: "
        "x - max - log(sum(exp(x - max)))",
        "inputs of +-50 and +-800",
        """
def forward(self, x, t):
    self.y, self.t = softmax(x), t
    return -np.log(self.y[np.arange(len(t)), t]).mean()
""",
        verdict="fragile",
    ),
    Row(
        "float32-widened",
        "float32 goes in, {name} comes out as float64.",
        "make new arrays in the input's dtype: np.zeros_like(x), np.zeros(shape, x.dtype)",
        "the layer is run in float32",
        """
def forward(self, x):
    out = np.zeros(x.shape)
    out[x > 0] = x[x > 0]
    return out
""",
        verdict="fragile",
    ),
    Row(
        "float32-inaccurate",
        "In float32 {gradient} is off by {size} of its size: far more than rounding.",
        "avoid differences of large numbers: x.var() instead of mean(x**2) - mean(x)**2",
        "the layer is run in float32, beside float64",
        """
def forward(self, x):
    var = (x ** 2).mean(axis=0) - x.mean(axis=0) ** 2
    self.xhat = (x - x.mean(axis=0)) / np.sqrt(var + 1e-8)
    return self.xhat
""",
        verdict="fragile",
    ),
    Row(
        "integer-dtype",
        "With integers as input {gradient} comes out {how}: arrays made like x can't hold a gradient.",
        "make them as floats: np.zeros(x.shape), or x = np.asarray(x, float) in forward",
        "whole numbers are passed as floats and as integers; both have to give the same",
        """
def backward(self, dout):
    dx = np.zeros_like(self.x)
    dx[self.x > 0] = dout[self.x > 0]
    return dx
""",
        verdict="fragile",
    ),
    Row(
        "max-ties",
        "Where several entries of {of} are the largest, {gradient} is {how} in all: each of them gets "
        "the whole of dout, or none.",
        "give it to one of them (argmax), or divide by how many there are: mask / mask.sum(axis, keepdims=True)",
        "equal entries are moved together, so that they stay equal: along such a direction max is smooth",
        """
def forward(self, x):
    self.mask = x == x.max(axis=1, keepdims=True)
    return x.max(axis=1)
def backward(self, dout):
    return self.mask * dout[:, None]
""",
        verdict="fragile",
    ),
    Row(
        "shape-differs",
        "{gradient} has shape {given}; {of} has {expected}. The numbers are right.",
        "reshape it to the shape of what it is the gradient of",
        "the entries in order are the right gradient",
        """
def backward(self, dout):
    self.dW = self.x.T @ dout
    self.db = dout.sum(axis=0, keepdims=True)
    return dout @ self.W.T
""",
    ),
    Row(
        "crash",
        "{phase} raises {error}{at}.",
        "mend that line first",
        "the code is run",
        """
def backward(self, dout):
    self.dW = slef.x.T @ dout
    return dout @ self.W.T
""",
    ),
)
