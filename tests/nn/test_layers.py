"""What a user of the layers relies on besides gradients: extremes, dtypes, nothing written to, clear errors."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import backhand
from backhand.errors import (
    BackhandError,
    DTypeError,
    LabelError,
    NotFiniteError,
    OptionError,
    OrderError,
    RangeError,
    ShapeError,
)

ACTIVATIONS = [
    backhand.Identity,
    backhand.LeakyRelu,
    backhand.Relu,
    backhand.Sigmoid,
    backhand.Softplus,
    backhand.Tanh,
]
EXTREMES = np.array([-1e4, -800.0, -50.0, 0.0, 50.0, 800.0, 1e4])


def affine(D=3, M=2):
    return backhand.Affine(np.arange(D * M, dtype=float).reshape(D, M), np.arange(M, dtype=float))


def rebound(W):
    layer = affine()
    layer.W = W
    return layer


def after(layer, *arguments):
    layer.forward(*arguments)
    return layer


def neuron(a_obj=backhand.Sigmoid):
    return backhand.Neuron(np.ones((3, 2)), np.zeros(2), a_obj)


# Extremes (warnings are errors in this suite, so an overflow in exp would fail here)


@pytest.mark.parametrize("build", ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_activations_do_not_overflow(build, dtype):
    layer = build()
    assert np.isfinite(layer(EXTREMES.astype(dtype))).all()
    assert np.isfinite(layer.grad()).all()


def test_sigmoid_keeps_its_precision_far_in_the_tail():
    # exp(-40) to 17 digits, as published in any table of e^x.
    assert backhand.Sigmoid()(np.array(-40.0)) == pytest.approx(4.248354255291589e-18, rel=1e-14)


def test_softmax_and_its_loss_do_not_overflow_and_never_take_log_of_0():
    x = np.array([[1e4, -1e4], [-1e4, 1e4]])
    np.testing.assert_array_equal(backhand.softmax(x), [[1, 0], [0, 1]])
    layer = backhand.SoftmaxWithLoss()
    assert layer.forward(x, np.array([1, 1])) == 1e4
    np.testing.assert_array_equal(layer.backward(), [[0.5, -0.5], [0, 0]])
    assert np.isfinite(backhand.cross_entropy_error(np.array([1.0, 0.0]), np.array(1)))


# Dtypes, and what is left alone


@pytest.mark.parametrize("build", ACTIVATIONS)
def test_float32_stays_float32_and_nothing_given_is_written_to(build):
    x, dout = np.array([-1.5, 0.0, 2.0], np.float32), np.array([1.0, 2.0, 3.0], np.float32)
    x.setflags(write=False)
    dout.setflags(write=False)
    layer = build()
    y = layer.forward(x)
    dx = layer.backward(dout)
    assert y.dtype == dx.dtype == layer.grad().dtype == np.float32
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(dx, dout)


def test_affine_and_the_losses_keep_float32():
    f4 = np.float32
    layer, loss = backhand.Affine(np.ones((3, 2), f4), np.zeros(2, f4)), backhand.SoftmaxWithLoss()
    y = layer.forward(np.ones((4, 3), f4))
    loss.forward(y, np.zeros(4, int))
    dx = layer.backward(loss.backward())
    assert {a.dtype for a in (y, dx, layer.dW, layer.db, loss.y, loss.loss)} == {np.dtype(f4)}
    squared = backhand.MeanSquaredError()
    squared.forward(y, np.zeros((4, 2), f4))
    assert squared.backward().dtype == f4


def test_integers_become_floats_but_numbers_of_mul_and_add_stay_as_they_are():
    assert affine().forward(np.array([1, 2, 3])).dtype == np.float64
    assert backhand.Relu().forward(np.array([-1, 2])).dtype == np.float64
    layer = backhand.MulLayer()
    assert isinstance(layer.forward(100, 2), int)
    assert layer.backward(1) == (2, 100)


def test_relu_s_gradient_at_0_is_0_as_in_the_notes():
    layer = backhand.Relu()
    layer.forward(np.array([0.0, -0.0]))
    assert layer.backward(np.ones(2)).tolist() == layer.grad().tolist() == [0.0, 0.0]


def test_relu_stops_even_an_infinite_gradient():
    layer = backhand.Relu()
    layer.forward(np.array([-1.0, 1.0]))
    assert layer.backward(np.array([np.inf, np.inf])).tolist() == [0.0, np.inf]


def test_backward_can_be_called_twice_and_does_not_accumulate():
    layer = affine()
    layer.forward(np.ones((2, 3)))
    first = layer.backward(np.ones((2, 2))), layer.dW.copy()
    second = layer.backward(np.ones((2, 2))), layer.dW.copy()
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


# Errors: each names the layer, the argument, what it got and what it needs


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: affine().forward(np.ones((5, 4))), ShapeError, ["Affine.forward", "x", "(5, 4)", "(3,)", "(N, 3)"]),
        (lambda: affine().forward(np.ones(())), ShapeError, ["Affine.forward", "x", "()"]),
        (lambda: backhand.Affine(np.ones(3), np.ones(3)), ShapeError, ["Affine", "W", "(3,)", "(inputs, outputs)"]),
        (lambda: backhand.Affine(np.ones((3, 2)), np.ones(3)), ShapeError, ["Affine", "b", "(3,)", "(2,)"]),
        (lambda: affine().forward(np.ones(3) * 1j), DTypeError, ["Affine.forward", "x", "complex128"]),
        (lambda: affine().forward(np.array(["a", "b", "c"])), DTypeError, ["Affine.forward", "x", "<U1"]),
        (lambda: affine().forward(None), DTypeError, ["Affine.forward", "x is None"]),
        (lambda: affine().forward(np.array([1.0, np.nan, 2.0])), NotFiniteError, ["Affine.forward", "x", "(1,)"]),
        (lambda: affine().backward(np.ones(2)), OrderError, ["Affine.backward", "forward"]),
        (lambda: backhand.Relu().backward(np.ones(2)), OrderError, ["Relu: ", "forward"]),
        (lambda: backhand.Sigmoid().grad(), OrderError, ["Sigmoid: ", "forward"]),
        (lambda: backhand.MeanSquaredError().grad(), OrderError, ["MeanSquaredError: ", "forward"]),
        (lambda: backhand.MulLayer().backward(1), OrderError, ["MulLayer.backward", "forward"]),
        (lambda: backhand.AddLayer().forward(None, 1), DTypeError, ["AddLayer.forward", "x", "None"]),
        (lambda: backhand.MulLayer().forward(np.ones(2), np.ones(3)), ShapeError, ["MulLayer.forward", "(2,)", "(3,)"]),
        (lambda: affine().forward([[1.0], [1.0, 2.0]]), ShapeError, ["Affine.forward", "x", "same length"]),
        (lambda: backhand.softmax(None), DTypeError, ["softmax", "x is None"]),
        (lambda: rebound(np.ones((3, 5))).forward(np.ones(3)), ShapeError, ["Affine.forward", "b", "(2,)", "(5,)"]),
        (lambda: rebound(None).forward(np.ones(3)), DTypeError, ["Affine.forward", "W is None"]),
        (lambda: rebound([[1, 2]] * 3).forward(np.ones(3)), DTypeError, ["Affine.forward", "W is [[1, 2]"]),
        (lambda: backhand.SoftmaxWithLoss().forward(3.0, 0), ShapeError, ["SoftmaxWithLoss.forward", "x", "()"]),
        (lambda: backhand.normal((2, 2), dtype="int32"), DTypeError, ["dtype", "int32"]),
        (
            lambda: backhand.Neuron(np.ones((3, 2)), np.ones(2), backhand.Sigmoid()),
            OptionError,
            ["Neuron", "a_obj", "pass the class, Sigmoid"],
        ),
        (lambda: neuron("sigmoid"), OptionError, ["Neuron", "a_obj is 'sigmoid'", "class such as Sigmoid"]),
        (lambda: neuron(np.tanh), OptionError, ["Neuron", "a_obj is <ufunc 'tanh'>", "class such as Sigmoid"]),
        (lambda: neuron(dict), OptionError, ["Neuron", "a_obj makes {}", "grad()"]),
        (lambda: neuron().grad(), OrderError, ["Neuron.grad", "forward"]),
        (lambda: after(neuron(), np.ones((4, 3))).grad(), ShapeError, ["Neuron.grad", "(4, 3)", "one sample"]),
        (
            lambda: after(neuron(), np.ones((4, 3))).grad_W(np.ones((4, 2))),
            ShapeError,
            ["Neuron.grad_W", "(4, 3)", "one sample"],
        ),
        (lambda: after(neuron(), np.ones(3)).grad_W(1.0), ShapeError, ["Neuron.grad_W", "dh", "()", "(2,)"]),
        (lambda: after(neuron(), np.ones(3)).grad_b(np.ones(3)), ShapeError, ["Neuron.grad_b", "dh", "(3,)", "(2,)"]),
        (lambda: backhand.MulLayer().forward(1, float("nan")), NotFiniteError, ["MulLayer.forward", "y", "nan"]),
        (lambda: backhand.Neuron(np.ones((3, 2)), np.ones(1), backhand.Tanh), ShapeError, ["Neuron", "b", "(2,)"]),
        (lambda: backhand.softmax(np.array([1.0, np.inf])), NotFiniteError, ["softmax", "x", "inf", "(1,)"]),
        (lambda: backhand.softmax(np.ones((2, 0))), ShapeError, ["softmax", "x", "(2, 0)"]),
        (lambda: backhand.softmax(np.array(1.0)), ShapeError, ["softmax", "x", "()"]),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((2, 3)), np.array([0, 3])),
            LabelError,
            ["SoftmaxWithLoss.forward", "t", "3 at index 1", "0 to 2"],
        ),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((2, 3)), np.array([-1, 0])),
            LabelError,
            ["SoftmaxWithLoss.forward", "t", "-1 at index 0", "0 to 2"],
        ),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((2, 3)), np.array([[1, 0, 0], [1, 1, 0]])),
            LabelError,
            ["SoftmaxWithLoss.forward", "row 1 of t", "sums to 2"],
        ),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((2, 3)), np.array([[1, 0, 0], [-1, 1, 1]])),
            LabelError,
            ["SoftmaxWithLoss.forward", "row 1 of t", "-1"],
        ),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((2, 3)), [[1, 0, 0], [1, 0]]),
            ShapeError,
            ["SoftmaxWithLoss.forward", "t is no array", "same length"],
        ),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((2, 3)), np.array([0.0, 1.0])),
            DTypeError,
            ["SoftmaxWithLoss.forward", "t", "float64", "integers"],
        ),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((2, 3)), np.array([[0], [1]])),
            ShapeError,
            ["SoftmaxWithLoss.forward", "t", "(2, 1)", "(2, 3)", "(2,)"],
        ),
        (
            lambda: backhand.SoftmaxWithLoss().forward(np.ones((0, 3)), np.zeros(0, int)),
            ShapeError,
            ["SoftmaxWithLoss.forward", "(0, 3)", "(N, C)"],
        ),
        (
            lambda: backhand.cross_entropy_error(np.array([2.0, -1.0]), np.array(0)),
            RangeError,
            ["cross_entropy_error", "y", "-1 and 2", "softmax"],
        ),
        (
            lambda: backhand.MeanSquaredError()(np.ones(2), np.ones(3)),
            ShapeError,
            ["MeanSquaredError.forward", "t", "(3,)", "(2,)"],
        ),
        (lambda: backhand.MeanSquaredError()(np.ones(0), np.ones(0)), ShapeError, ["MeanSquaredError.forward", "(0,)"]),
        (
            lambda: backhand.numerical_gradient(lambda x: x.sum(), np.array([1, 2])),
            DTypeError,
            ["numerical_gradient", "x", "int64"],
        ),
        (
            lambda: backhand.numerical_gradient(lambda x: 2 * x, np.ones(2)),
            ShapeError,
            ["numerical_gradient", "f(x)", "(2,)", "one number"],
        ),
        (
            lambda: backhand.numerical_gradient(lambda x: x.sum(), np.broadcast_to(1.0, 3)),
            OptionError,
            ["numerical_gradient", "x is read-only", "x.copy()"],
        ),
        (
            lambda: backhand.numerical_gradient(lambda x: x.sum(), np.ones(1), h=0),
            OptionError,
            ["numerical_gradient", "h is 0"],
        ),
        (lambda: backhand.normal((3,)), ShapeError, ["(3,)", "(inputs, outputs)"]),
        (lambda: backhand.he_normal(5), ShapeError, ["5", "(inputs, outputs)"]),
        (lambda: backhand.xavier_normal((2.5, 3)), ShapeError, ["(2.5, 3)", "whole numbers"]),
        (lambda: backhand.normal((2, 3), rng=42), OptionError, ["rng is 42", "np.random.default_rng"]),
        (lambda: backhand.TwoLayerNet("784", 50, 10), ShapeError, ["('784', 50)", "whole numbers"]),
        (lambda: backhand.DNN(-1, 4, 3, 2), OptionError, ["DNN", "hidden_depth is -1"]),
        (lambda: backhand.normal((3, 2), std=-1), OptionError, ["std", "-1"]),
    ],
)
def test_errors_say_where_what_and_what_is_needed(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert isinstance(caught.value, BackhandError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("name", ["MulLayer", "AddLayer"])
@pytest.mark.parametrize(
    ("dout", "error"),
    [(1, ShapeError), (np.ones(3), ShapeError), ("a", DTypeError), (np.array([1, np.nan]), NotFiniteError)],
)
def test_mul_and_add_refuse_a_dout_that_their_output_could_not_have(name, dout, error):
    layer = getattr(backhand, name)()
    layer.forward([1, 2], [3, 4])
    with pytest.raises(error, match=f"{name}.backward: dout"):
        layer.backward(dout)


@pytest.mark.parametrize("dout", [np.ones(2), np.ones(()), np.ones((4, 1))])
def test_a_neuron_refuses_a_dout_of_another_shape(dout):
    neuron = backhand.Neuron(np.ones((3, 2)), np.zeros(2), backhand.Sigmoid)
    neuron(np.ones((4, 3)))
    with pytest.raises(ShapeError, match=r"Neuron.backward: dout has shape .*; it needs \(4, 2\)"):
        neuron.backward(dout)


@pytest.mark.parametrize("build", [*ACTIVATIONS, affine])
def test_a_dout_of_another_shape_is_refused_not_broadcast(build):
    layer = build()
    layer.forward(np.ones((4, 3)))
    with pytest.raises(ShapeError, match=rf"{type(layer).__name__}.backward: dout has shape \(3,\)"):
        layer.backward(np.ones(3))


@pytest.mark.parametrize("build", [backhand.SoftmaxWithLoss, backhand.MeanSquaredError])
def test_a_loss_takes_one_number_as_dout(build):
    layer = build()
    layer.forward(np.array([[0.5, 0.5]]), np.array([[0.0, 1.0]]))
    with pytest.raises(ShapeError, match=r"dout has shape \(2,\); it needs \(\), because the loss is one number"):
        layer.backward(np.ones(2))


# Numerical gradient, initializers


def test_numerical_gradient_puts_x_back_even_when_f_raises():
    x = np.array([0.1, 0.2, 0.3])
    before = x.copy()

    def f(x):
        if x[1] != before[1]:
            raise ZeroDivisionError
        return x.sum()

    with pytest.raises(ZeroDivisionError):
        backhand.numerical_gradient(f, x)
    np.testing.assert_array_equal(x, before)


@given(seed=st.integers(0, 2**32 - 1))
def test_numerical_gradient_of_a_cubic(seed):
    x = np.random.default_rng(seed).uniform(-2, 2, (2, 3))
    np.testing.assert_allclose(backhand.numerical_gradient(lambda x: (x**3).sum(), x), 3 * x**2, atol=1e-7)


@pytest.mark.parametrize(
    ("draw", "std"), [(backhand.normal, 0.01), (backhand.he_normal, 0.1), (backhand.xavier_normal, (2 / 500) ** 0.5)]
)
def test_initializers_have_their_published_spread(draw, std):
    w = draw((200, 300), rng=np.random.default_rng(0), dtype=np.float32)
    assert w.dtype == np.float32
    # The standard error of a standard deviation is std / sqrt(2 n): 0.3 % here; 2 % is six of them.
    assert w.std() == pytest.approx(std, rel=0.02)
    assert abs(w.mean()) < 5 * std / np.sqrt(w.size)


def test_initializers_follow_np_random_seed_and_generators():
    np.random.seed(7)
    first = backhand.normal((2, 3))
    np.random.seed(7)
    np.testing.assert_array_equal(first, 0.01 * np.random.randn(2, 3))
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(
        backhand.normal((2, 3), rng=np.random.default_rng(7)), 0.01 * rng.standard_normal((2, 3))
    )
