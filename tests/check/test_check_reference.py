"""The reference gradient: right within its own error bars, at kinks, in large blocks, and without a tolerance."""

import copy

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, settings, strategies as st

import backhand
from backhand.checking.adapters import adapt
from backhand.checking.example import Example
from backhand.checking.experiment import measure
from backhand.checking.opinion import traced
from backhand.checking.reference import Forward, reference
from backhand.checking.slopes import complex_step, differences

FUNCTIONS = {
    "sin": (np.sin, np.cos),
    "exp": (np.exp, np.exp),
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "cubic": (lambda x: x**3 - 4 * x, lambda x: 3 * x**2 - 4),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "steep": (lambda x: np.sin(40 * x), lambda x: 40 * np.cos(40 * x)),
    "flat": (lambda x: 1e6 + 1e-3 * x, lambda x: np.full_like(x, 1e-3)),
}


def along(f, x):
    return lambda step: f(x + step)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(x=st.floats(-3, 3))
@settings(max_examples=40, deadline=None)
def test_the_truth_lies_within_the_error_bar(name, x):
    f, derivative = FUNCTIONS[name]
    at = np.array([x])
    slope = differences(along(f, at), f(at))
    assert abs(slope.value - derivative(at)) <= slope.bar + 4e-16 * abs(derivative(at))
    assert slope.bar[0] < 1e-5
    exact = complex_step(along(f, at.astype(complex)))
    np.testing.assert_allclose(exact.value, derivative(at), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("distance", [1e-2, 1e-3, 1e-4])
def test_a_kink_beside_the_point_does_not_deceive(distance):
    x = np.array([distance])
    slope = differences(along(lambda x: np.abs(x), x), np.abs(x))
    assert abs(slope.value[0] - 1) <= slope.bar[0] < 1e-3
    assert slope.jump[0] == 0


def test_a_kink_at_the_point_has_both_one_sided_derivatives():
    x = np.zeros(1)
    slope = differences(along(lambda x: np.where(x > 0, 3 * x, -2 * x), x), x)
    np.testing.assert_allclose([slope.value[0], slope.jump[0]], [0.5, 5.0], rtol=1e-9)


class Pair:
    """Any forward with any backward."""

    def __init__(self, f, df):
        self.f, self.df = f, df

    def forward(self, x):
        self.x = x
        return self.f(x)

    def backward(self, dout):
        return self.df(self.x, dout)


def measured(thing, *inputs, seed=0):
    return measure(adapt(Example(lambda: copy.deepcopy(thing), inputs)), seed)


X = np.random.default_rng(0).standard_normal((3, 5))


def test_the_complex_step_is_used_where_it_is_valid_and_differences_elsewhere():
    smooth = Pair(np.tanh, lambda x, d: d * (1 - np.tanh(x) ** 2))
    modulus = Pair(np.abs, lambda x, d: d * np.sign(x))  # runs on complex numbers, and isn't analytic
    refusing = Pair(lambda x: np.floor(x) * 0 + x**2, lambda x, d: 2 * d * x)  # floor doesn't take complex numbers
    for layer, method in ((smooth, "complex step"), (modulus, "differences"), (refusing, "differences")):
        found = measured(layer, X).measurements["dx"]
        assert (found.reference.method, found.wrong) == (method, False)


@pytest.mark.parametrize("slope_at_0", [0.0, 0.3, 1.0])
def test_either_side_of_a_kink_is_accepted_and_nothing_beyond(slope_at_0):
    x = np.array([[0.0, 1.0, -2.0], [0.0, 0.5, 0.0]])

    def backward(value):
        return Pair(lambda x: np.maximum(x, 0), lambda x, d: d * np.where(x > 0, 1.0, np.where(x < 0, 0.0, value)))

    assert not measured(backward(slope_at_0), x).wrong
    for beyond in (-0.5, 1.5):
        wrong = measured(backward(beyond), x)
        assert wrong.wrong == ("dx",)
        assert x[wrong.measurements["dx"].where.worst] == 0


def test_the_upstream_gradient_is_random_so_that_softmax_cannot_hide():
    """Against dout = 1 the gradient of a softmax is 0, whatever backward does with it."""

    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def diagonal(x, dout):
        y = softmax(x)
        return dout * y * (1 - y)

    found = measured(Pair(softmax, diagonal), X)
    assert found.wrong == ("dx",)
    assert all(np.ptp(dout) > 0 for dout in found.douts)


def test_it_agrees_with_autograd():
    W = np.random.default_rng(1).standard_normal((5, 2))

    def f(x):
        h = anp.tanh(anp.dot(x, W))
        return anp.exp(h) / anp.sum(anp.exp(h), axis=1, keepdims=True) * anp.sum(x**2)

    subject = adapt(Example(lambda: (lambda x: f(x), lambda dout, x: dout @ W.T), (X,)))
    dout = np.random.default_rng(2).standard_normal((3, 2))
    ours = reference(Forward(subject, {"x": X}), "x", [dout])
    theirs = grad(lambda x: anp.sum(dout * f(x)))(X)
    assert np.all(np.abs(ours.value - theirs) <= ours.bar + 1e-13 * np.abs(theirs).max())


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e4, 1e12])
def test_a_wrong_gradient_is_seen_at_every_scale(scale):
    right = Pair(lambda x: np.sin(x / scale), lambda x, d: d * np.cos(x / scale) / scale)
    wrong = Pair(lambda x: np.sin(x / scale), lambda x, d: d * np.cos(x / scale) / scale * 1.01)
    assert not measured(right, scale * X).wrong
    assert measured(wrong, scale * X).wrong == ("dx",)


def test_rounded_constants_float32_and_an_epsilon_are_no_bugs():
    square = lambda x: x**2  # noqa: E731
    for backward in (
        lambda x, d: (2 * d * x).astype(np.float32),
        lambda x, d: 2.0000005 * d * x,
        lambda x, d: 2 * d * (x + 1e-6),
    ):
        report = backhand.check(Pair(square, backward), X)
        assert report.verdict == "ok", str(report)
    assert backhand.check(Pair(square, lambda x, d: 2.02 * d * x), X).verdict == "wrong"


def test_one_wrong_entry_of_a_large_block_is_seen():
    W = np.random.default_rng(3).standard_normal((100, 70))

    class Affine(backhand.Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dW[37, 41] *= 1.5
            return dx

    x = np.random.default_rng(4).standard_normal((3, 100))
    good, bad = (measured(kind(W, np.zeros(70)), x) for kind in (backhand.Affine, Affine))
    assert not good.wrong
    assert bad.wrong == ("dW",)
    assert not bad.measurements["dW"].close


def test_a_layer_of_a_million_parameters():
    W = np.random.default_rng(6).standard_normal((1010, 1000)) / 30

    class Off(backhand.Affine):
        def backward(self, dout):
            dx = super().backward(dout)
            self.dW[:, 7] = 0
            return dx

    x = np.random.default_rng(7).standard_normal((2, 1010))
    assert backhand.check(backhand.Affine(W, np.zeros(1000)), x).verdict == "ok"
    off = measured(Off(W, np.zeros(1000)), x)
    assert off.wrong == ("dW",)
    assert not off.measurements["dW"].close


@pytest.mark.parametrize(
    ("thing", "inputs"),
    [
        (backhand.Affine(X.T, np.zeros(3)), (X,)),
        (backhand.SoftmaxWithLoss(), (X, np.array([0, 4, 1]))),
        (backhand.Neuron(X.T, np.zeros(3), backhand.Tanh), (X,)),
        ((lambda x, w: (x @ w, (x, w)), lambda dout, cache: (dout @ cache[1].T, cache[0].T @ dout)), (X, X.T)),
    ],
    ids=["Affine", "SoftmaxWithLoss", "Neuron", "pair"],
)
def test_the_traced_derivative_is_of_the_same_opinion(thing, inputs):
    experiment = measured(thing, *inputs)
    for gradient, measurement in experiment.measurements.items():
        opinion = traced(experiment, gradient)
        np.testing.assert_allclose(opinion, measurement.reference.value, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("row", [0, 9])
def test_an_error_among_many_kinks_is_seen(row):
    """Half of the inputs are 0, as the pixels of MNIST are; one row of the gradient is off by a tenth."""
    x = np.maximum(np.random.default_rng(5).standard_normal((10, 100)), 0)

    def backward(x, dout):
        dx = dout * (x > 0)
        dx[row] *= 1.1
        return dx

    right, wrong = (Pair(lambda x: np.maximum(x, 0), f) for f in (lambda x, dout: dout * (x > 0), backward))
    assert backhand.check(right, x).verdict == "ok"
    assert backhand.check(wrong, x).verdict == "wrong"


def test_nan_in_the_gradient_is_wrong():
    layer = Pair(lambda x: x**2, lambda x, d: np.where(x > x.min(), 2 * d * x, np.nan))
    assert measured(layer, X).wrong == ("dx",)


def test_the_rounding_of_an_ill_conditioned_backward_is_not_called_wrong():
    """Nearly constant columns: every digit of x - mean(x) is lost to rounding but a few."""

    def forward(x):
        d = x - x.mean(axis=0)
        return d / np.sqrt((d**2).mean(axis=0))

    def backward(x, dout):
        d = x - x.mean(axis=0)
        std = np.sqrt((d**2).mean(axis=0))
        y = d / std
        return (dout - dout.mean(axis=0) - y * (dout * y).mean(axis=0)) / std

    assert not measured(Pair(forward, backward), 1.0 + 1e-7 * X).wrong
