"""Derivatives written by hand for PyTorch and JAX, where these are installed."""

import numpy as np
import pytest

import backhand

X = np.random.default_rng(0).standard_normal((3, 5))
W = np.random.default_rng(1).standard_normal((5, 2))


def verdicts(report):
    return {finding.gradient: finding.verdict for finding in report.findings if finding.verdict != "ok"}


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


@pytest.fixture
def jax():
    return pytest.importorskip("jax")


def test_a_torch_function(torch):
    class Linear(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x @ w

        @staticmethod
        def backward(ctx, dout):
            x, w = ctx.saved_tensors
            return dout @ w.T, x.T @ dout

    class Wrong(Linear):
        @staticmethod
        def backward(ctx, dout):
            dx, dw = Linear.backward(ctx, dout)
            return dx, dw / len(dout)

    report = backhand.check(Linear, X, W)
    assert report.verdict == "ok", str(report)
    assert [finding.gradient for finding in report.findings if not finding.cause] == ["dx", "dw"]
    assert verdicts(backhand.check(Wrong, X, W)).keys() == {"dw"}


def test_a_torch_function_that_raises(torch):
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, dout):
            return dout * factor  # noqa: F821

    report = backhand.check(Broken, X)
    assert report.verdict == "wrong"
    assert "factor" in report.findings[0].sentence


def test_a_jax_custom_vjp(jax):
    @jax.custom_vjp
    def f(x, w):
        return jax.numpy.tanh(x @ w)

    def forward(x, w):
        y = f(x, w)
        return y, (x, w, y)

    def backward(kept, dout):
        x, w, y = kept
        d = dout * (1 - y**2)
        return d @ w.T, x.T @ d

    def wrong(kept, dout):
        x, w, y = kept
        d = dout * (1 - y)
        return d @ w.T, x.T @ d

    f.defvjp(forward, backward)
    report = backhand.check(f, X, W)
    assert report.verdict == "ok", str(report)
    f.defvjp(forward, wrong)
    assert set(verdicts(backhand.check(f, X, W)).values()) == {"wrong"}
