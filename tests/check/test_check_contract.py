"""The contract: each promise is broken once on purpose, and the finding names it, the line too."""

import inspect

import numpy as np
import pytest

import backhand

X = np.random.default_rng(0).standard_normal((3, 5))


class Square:
    """A right layer; each class below breaks one promise."""

    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, dout):
        return 2 * dout * self.x


class Scale:
    """A right layer with a parameter."""

    def __init__(self):
        self.W = np.array([1.0, -2.0, 0.5, 3.0, 0.1])

    def forward(self, x):
        self.x = x
        return x * self.W

    def backward(self, dout):
        self.dW = np.sum(dout * self.x, axis=tuple(range(dout.ndim - 1)))
        return dout * self.W


class WritesDout(Square):
    def backward(self, dout):
        dout *= 2  # here
        return dout * self.x


class WritesInput(Square):
    def forward(self, x):
        self.x = x.copy()
        x[x < 0] *= -1  # here
        return x**2


class WritesParameter(Scale):
    def backward(self, dout):
        dx = super().backward(dout)
        self.W += 0.1  # here
        return dx


class UsesItsCacheUp(Square):
    def backward(self, dout):
        dx = 2 * dout * self.x
        self.x = self.x * 0.5
        return dx


class AddsUp(Scale):
    dW = 0  # noqa: N815

    def backward(self, dout):
        self.dW = self.dW + np.sum(dout * self.x, axis=tuple(range(dout.ndim - 1)))
        return dout * self.W


class ReusesItsBuffer(Square):
    dx = None

    def backward(self, dout):
        if self.dx is None or self.dx.shape != dout.shape:
            self.dx = np.empty(dout.shape, dtype=dout.dtype)
        np.multiply(2 * dout, self.x, out=self.dx)
        return self.dx


class ClipsDout(Square):
    def backward(self, dout):
        return 2 * np.clip(dout, -5, 5) * self.x


class KeepsTheFirst(Square):
    x = None

    def forward(self, x):
        if self.x is None:
            self.x = x
        return x**2


class Overflows(Square):
    def forward(self, x):
        self.x = x
        return np.log(1 + np.exp(x))  # here

    def backward(self, dout):
        return dout / (1 + np.exp(-self.x))


class MakesIntegers(Square):
    def backward(self, dout):
        dx = np.zeros_like(self.x)
        dx += np.asarray(2 * dout * self.x, dtype=dx.dtype)
        return dx


class Draws(Square):
    def forward(self, x):
        self.x = x
        return x**2 * np.random.default_rng().random()


BROKEN = [
    (WritesDout, "writes-dout", "fragile"),
    (WritesInput, "writes-input", "fragile"),
    (UsesItsCacheUp, "second-backward", "fragile"),
    (AddsUp, "accumulates", "fragile"),
    (ReusesItsBuffer, "shared-buffer", "fragile"),
    (ClipsDout, "not-linear-in-dout", "wrong"),
    (KeepsTheFirst, "stale-state", "fragile"),
    (Overflows, "overflow", "fragile"),
    (MakesIntegers, "integer-dtype", "fragile"),
    (Draws, "not-deterministic", "undecided"),
]


@pytest.mark.parametrize(("layer", "cause", "verdict"), BROKEN, ids=[kind.__name__ for kind, _, _ in BROKEN])
def test_a_broken_promise_is_found_and_nothing_else(layer, cause, verdict):
    report = backhand.check(layer(), X)
    broken = [finding for finding in report.findings if finding.verdict != "ok"]
    assert {finding.cause for finding in broken} == {cause}, str(report)
    assert report.verdict == verdict
    source, start = inspect.getsourcelines(layer)
    marked = [start + number for number, line in enumerate(source) if "# here" in line]
    if marked:
        assert [finding.line.line for finding in broken] == marked
        assert broken[0].line.file == __file__


@pytest.mark.parametrize("layer", [Square, Scale])
def test_a_layer_that_keeps_its_promises(layer):
    report = backhand.check(layer(), X)
    assert report.verdict == "ok", str(report)


def test_a_parameter_that_backward_writes_into_is_told_from_an_update():
    report = backhand.check(WritesParameter(), X)
    assert [(f.cause, f.line.code) for f in report.findings if f.verdict != "ok"] == [
        ("writes-parameter", "self.W += 0.1  # here")
    ]

    class Updates(Scale):
        def backward(self, dout, lr):
            dx = dout * self.W
            self.W = self.W - lr * np.sum(dout * self.x, axis=tuple(range(dout.ndim - 1)))
            return dx

    report = backhand.check(Updates(), X)
    assert report.verdict == "ok", str(report)
    assert [finding.gradient for finding in report.findings] == ["dx", "dW"]


def test_adding_up_until_zero_grad_is_a_custom_and_no_mistake():
    class WithZeroGrad(AddsUp):
        def zero_grad(self):
            self.dW = 0

    assert backhand.check(WithZeroGrad(), X).verdict == "ok"


def test_a_cache_that_is_cleared_by_backward_is_no_mistake():
    class Clears(Square):
        def backward(self, dout):
            dx, self.x = 2 * dout * self.x, None
            return dx

    assert backhand.check(Clears(), X).verdict == "ok"


def test_an_overflow_with_a_right_result_is_only_mentioned():
    class Sigmoid:
        def forward(self, x):
            self.out = 1 / (1 + np.exp(-x))
            return self.out

        def backward(self, dout):
            return dout * self.out * (1 - self.out)

    report = backhand.check(Sigmoid(), X)
    assert report.verdict == "ok"
    (said,) = [finding for finding in report.findings if finding.cause == "overflow"]
    assert said.line.code == "self.out = 1 / (1 + np.exp(-x))"


def test_what_must_overflow_may():
    """Exp of 800 is no float64, whoever computes it."""

    class Exp:
        def forward(self, x):
            self.y = np.exp(x)
            return self.y

        def backward(self, dout):
            return dout * self.y

    assert backhand.check(Exp(), X).verdict == "ok"


def test_one_sample_without_its_batch_axis():
    class MeanOverBatch:
        """For one sample, x.shape[0] is the number of features."""

        def forward(self, x):
            self.x = x
            return np.sum(x**2) / (x.shape[0] if x.ndim > 1 else 1)

        def backward(self, dout=1):
            return dout * 2 * self.x / self.x.shape[0]

    report = backhand.check(MeanOverBatch(), X)
    assert [(f.gradient, f.cause, f.verdict) for f in report.findings if f.verdict != "ok"] == [
        ("dx", "one-sample", "convention")
    ]
    assert report


def test_a_batch_size_of_the_first_call():
    class Remembers:
        N = None

        def forward(self, x):
            self.N = self.N or len(x)
            self.x = x
            return x.mean(axis=0)

        def backward(self, dout):
            return np.broadcast_to(dout / self.N, self.x.shape) * 1.0

    report = backhand.check(Remembers(), X)
    assert {finding.cause for finding in report.findings if finding.verdict != "ok"} <= {"stale-state", "stale-shape"}
    assert report.verdict == "fragile"


def test_an_input_that_is_kept_without_a_copy_is_noted_and_no_fault():
    class Square:
        def __init__(self, keep):
            self.keep = keep

        def forward(self, x):
            self.x = self.keep(x)
            return x**2

        def backward(self, dout):
            return 2 * self.x * dout

    x = np.random.default_rng(0).normal(size=(3, 5))
    kept, copied = backhand.check(Square(np.asarray), x), backhand.check(Square(np.array), x)
    assert kept.verdict == copied.verdict == "ok"
    assert any(note.startswith("x is kept as it is, not copied") and "dx" in note for note in kept.notes)
    assert not any("not copied" in note for note in copied.notes)
