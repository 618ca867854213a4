"""No false alarm on backhand's own layers: at kinks and ties, at tiny and huge scales, with float32 parameters."""

import numpy as np
import pytest

import backhand

SCALES = [1e-8, 1.0, 1e8]
ACTIVATIONS = [
    backhand.Relu,
    backhand.LeakyRelu,
    backhand.Sigmoid,
    backhand.Tanh,
    backhand.Softplus,
    backhand.nn.Identity,
]


def right(layer, *inputs):
    report = backhand.check(layer, *inputs)
    assert report.verdict == "ok", str(report)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_at_every_scale(activation, scale):
    right(activation(), scale * normal(3, 5))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_at_kinks_of_one_sample_and_of_images(activation):
    right(activation(), np.array([[0.0, 1.0, -1.0, 0.0], [0.0, 0.0, -0.0, 2.0]]))
    right(activation(), np.zeros((2, 3)))
    right(activation(), normal(5))
    right(activation(), normal(2, 3, 2, 2))
    right(activation(), 0.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", SCALES)
def test_affine_and_neuron(scale, dtype):
    W, b = (scale * normal(5, 2)).astype(dtype), np.zeros(2, dtype)
    right(backhand.Affine(W, b), normal(3, 5).astype(dtype))
    right(backhand.Affine(W, b), normal(5).astype(dtype))
    right(backhand.Neuron(W / scale, b, backhand.Tanh), normal(3, 5).astype(dtype))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 30.0])
def test_losses_in_all_their_forms(scale):
    x = scale * normal(4, 3)
    right(backhand.SoftmaxWithLoss(), x, np.array([0, 2, 1, 1]))
    right(backhand.SoftmaxWithLoss(), x, np.eye(3)[[0, 2, 1, 1]])
    right(backhand.SoftmaxWithLoss(), x, np.eye(3, dtype=int)[[0, 2, 1, 1]])
    right(backhand.SoftmaxWithLoss(), x[0], np.array(2))
    right(backhand.MeanSquaredError(), x, normal(4, 3, seed=1))
    right(backhand.MeanSquaredError(), x[0], normal(3, seed=1))


def test_ties_in_softmax():
    right(backhand.SoftmaxWithLoss(), np.zeros((2, 3)), np.array([0, 2]))


def test_numbers_as_the_notes_have_them():
    right(backhand.MulLayer(), 100, 2)
    right(backhand.AddLayer(), 200, 450)
    right(backhand.MulLayer(), normal(3, 4), normal(4, seed=1))


@pytest.mark.parametrize(("std", "dtype"), [(0.01, np.float64), (1.0, np.float32)])
def test_networks(std, dtype):
    rng = np.random.default_rng(2)
    x, t = normal(4, 7).astype(dtype), np.array([0, 2, 1, 1])
    right(backhand.TwoLayerNet(7, 5, 3, std, rng=rng, dtype=dtype), x, t)
    right(backhand.DNN(1, 5, 7, 2, rng=rng, dtype=dtype), x, normal(4, 2, seed=1).astype(dtype))
