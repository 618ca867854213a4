"""Each layer's forward and backward against HIPS autograd's derivative of the textbook formula."""

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import make_vjp
from hypothesis import given, strategies as st

import backhand

ACTIVATIONS = {
    "Relu": (backhand.Relu, lambda x: anp.maximum(x, 0.0)),
    "LeakyRelu": (lambda: backhand.LeakyRelu(0.2), lambda x: anp.where(x > 0, x, 0.2 * x)),
    "Sigmoid": (backhand.Sigmoid, lambda x: 1 / (1 + anp.exp(-x))),
    "Tanh": (backhand.Tanh, anp.tanh),
    "Softplus": (backhand.Softplus, lambda x: anp.log(1 + anp.exp(x))),
    "Identity": (backhand.Identity, lambda x: 1.0 * x),
}
shapes = st.lists(st.integers(1, 5), min_size=0, max_size=3).map(tuple)
seeds = st.integers(0, 2**32 - 1)


def close(got, wanted):
    np.testing.assert_allclose(got, wanted, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
@given(shape=shapes, seed=seeds)
def test_an_activation_as_layer_and_as_a_neuron_s(name, shape, seed):
    build, formula = ACTIVATIONS[name]
    rng = np.random.default_rng(seed)
    x, dout = rng.standard_normal(shape), rng.standard_normal(shape)
    vjp, y = make_vjp(formula)(x)
    layer = build()
    close(layer.forward(x), y)
    close(layer.backward(dout), vjp(dout))
    neuron_s = build()
    close(neuron_s(x), y)
    close(neuron_s.grad() * dout, vjp(dout))


@given(n=st.integers(0, 6), d=st.integers(1, 6), m=st.integers(1, 6), seed=seeds)
def test_affine_for_one_sample_n_0_and_for_batches(n, d, m, seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d) if n else d)
    W, b, dout = rng.standard_normal((d, m)), rng.standard_normal(m), rng.standard_normal((*x.shape[:-1], m))
    layer = backhand.Affine(W, b)
    vjp, y = make_vjp(lambda all_three: anp.dot(all_three[0], all_three[1]) + all_three[2])((x, W, b))
    close(layer.forward(x), y)
    dx = layer.backward(dout)
    for got, wanted in zip((dx, layer.dW, layer.db), vjp(dout), strict=True):
        close(got, wanted)
        assert got.shape == wanted.shape


def test_affine_flattens_images_and_gives_dx_in_their_shape():
    rng = np.random.default_rng(0)
    images, W, b = rng.standard_normal((3, 2, 4, 5)), rng.standard_normal((40, 7)), rng.standard_normal(7)
    dout = rng.standard_normal((3, 7))
    flat, whole = backhand.Affine(W, b), backhand.Affine(W, b)
    close(whole.forward(images), flat.forward(images.reshape(3, 40)))
    close(whole.backward(dout), flat.backward(dout).reshape(3, 2, 4, 5))
    close(whole.dW, flat.dW)


@given(n=st.integers(0, 5), classes=st.integers(1, 6), dout=st.floats(-3, 3), seed=seeds, one_hot=st.booleans())
def test_softmax_with_loss(n, classes, dout, seed, one_hot):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, classes) if n else classes)
    labels = rng.integers(0, classes, x.shape[:-1])
    hot = np.eye(classes)[labels]

    def formula(x):
        y = anp.exp(x) / anp.sum(anp.exp(x), axis=-1, keepdims=True)
        return -anp.sum(hot * anp.log(y)) / max(n, 1)

    vjp, loss = make_vjp(formula)(x)
    layer = backhand.SoftmaxWithLoss()
    close(layer.forward(x, hot if one_hot else labels), loss)
    close(layer.backward(dout), vjp(dout))
    close(layer.y, backhand.softmax(x))
    close(backhand.cross_entropy_error(layer.y, hot if one_hot else labels), loss)


@given(shape=shapes, dout=st.floats(-3, 3), seed=seeds)
def test_mean_squared_error_is_differentiated_with_its_1_over_n(shape, dout, seed):
    rng = np.random.default_rng(seed)
    y, t = rng.standard_normal(shape), rng.standard_normal(shape)
    vjp, loss = make_vjp(lambda y: 0.5 * anp.mean((y - t) ** 2))(y)
    layer = backhand.MeanSquaredError()
    close(layer.forward(y, t), loss)
    close(layer.backward(dout), vjp(dout))
    close(layer(y, t), loss)
    close(dout * layer.grad(), vjp(dout))


@given(
    shape_pair=st.sampled_from([((), ()), ((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 4)), ((), (2, 2)), ((1,), ())]),
    name=st.sampled_from(["MulLayer", "AddLayer"]),
    seed=seeds,
)
def test_mul_and_add_give_each_input_a_gradient_of_its_own_shape(shape_pair, name, seed):
    rng = np.random.default_rng(seed)
    x, y = (rng.standard_normal(shape) for shape in shape_pair)
    formula = (lambda xy: xy[0] * xy[1]) if name == "MulLayer" else (lambda xy: xy[0] + xy[1])
    vjp, z = make_vjp(formula)((x, y))
    layer = getattr(backhand, name)()
    close(layer.forward(x, y), z)
    dout = rng.standard_normal(np.shape(z))
    for got, wanted in zip(layer.backward(dout), vjp(dout), strict=True):
        close(got, wanted)
        assert np.shape(got) == np.shape(wanted)


@pytest.mark.parametrize("samples", [None, 1, 4])
def test_a_dnn_of_neurons(samples):
    rng = np.random.default_rng(3)
    net = backhand.DNN(1, 4, 3, 2, activation=backhand.Tanh, rng=rng)
    for key in net.params:
        net.params[key][...] = rng.standard_normal(net.params[key].shape)
    x, t = (rng.standard_normal(n if samples is None else (samples, n)) for n in (3, 2))

    def formula(params):
        y = x
        for W, b in params:
            y = anp.tanh(anp.dot(y, W) + b)
        return 0.5 * anp.mean((y - t) ** 2)

    vjp, loss = make_vjp(formula)([(neuron.W, neuron.b) for neuron in net.sequence])
    grads = net.gradient(x, t)
    close(net.lastLayer.loss, loss)
    for number, (dW, db) in enumerate(vjp(1.0), start=1):
        close(grads[f"W{number}"], dW)
        close(grads[f"b{number}"], db)


def test_a_neuron_s_own_three_gradients_are_those_of_backward():
    rng = np.random.default_rng(4)
    neuron = backhand.Neuron(rng.standard_normal((5, 3)), rng.standard_normal(3), backhand.Sigmoid)
    neuron(rng.standard_normal(5))
    dh = rng.standard_normal(3)
    dx = neuron.backward(dh)
    close(neuron.grad() @ dh, dx)
    close(neuron.grad_W(dh), neuron.dW)
    close(neuron.grad_b(dh), neuron.db)


def test_two_layer_net_in_float64_is_verified_below_1e_9_as_in_the_notes():
    rng = np.random.default_rng(5)
    net = backhand.TwoLayerNet(20, 10, 4, rng=rng)
    x, t = rng.random((3, 20)), np.eye(4)[[1, 3, 0]]
    backprop, numerical = net.gradient(x, t), net.numerical_gradient(x, t)
    assert list(backprop) == ["W1", "b1", "W2", "b2"]
    for key, grad in backprop.items():
        assert np.mean(np.abs(grad - numerical[key])) < 1e-9
        assert np.abs(grad).max() > 1e-4, "a comparison of zeros shows nothing"
