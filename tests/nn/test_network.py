"""Networks: parameters by name have one truth, and any layer with forward and backward can take part."""

import copy

import numpy as np
import pytest

import backhand
from backhand.errors import DTypeError, NetworkError, ShapeError


class Scale:
    """A user's own layer: nothing inherited, a parameter gamma beside its gradient dgamma."""

    def __init__(self, gamma):
        self.gamma, self.dgamma = np.array(gamma), None

    def forward(self, x):
        self.x = x
        return x * self.gamma

    def backward(self, dout):
        self.dgamma = (dout * self.x).sum(axis=0)
        return dout * self.gamma


def net_with_own_layer():
    layers = [backhand.Affine(np.ones((3, 2)), np.zeros(2)), Scale([2.0, 3.0]), backhand.Relu()]
    return backhand.Network([*layers, backhand.Affine(np.ones((2, 2)), np.zeros(2))], backhand.SoftmaxWithLoss())


def test_names_are_the_notes_and_a_user_s_own_layer_takes_part():
    net = net_with_own_layer()
    assert list(net.layers) == ["Affine1", "Scale1", "Relu1", "Affine2"]
    assert list(net.params) == ["W1", "b1", "gamma2", "W3", "b3"]
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((4, 3)), rng.integers(0, 2, 4)
    numerical = net.numerical_gradient(x, t)
    for key, grad in net.gradient(x, t).items():
        np.testing.assert_allclose(grad, numerical[key], atol=1e-8)


def test_one_layer_object_in_two_places_is_refused_because_it_keeps_one_x_only():
    relu = backhand.Relu()
    with pytest.raises(NetworkError, match="Relu1 and Relu2 are one object"):
        backhand.Network([relu, backhand.Tanh(), relu], backhand.MeanSquaredError())


def test_what_is_no_layer_is_refused_by_name():
    with pytest.raises(NetworkError, match="int1 is 3; a layer has forward and backward"):
        backhand.Network([3], backhand.MeanSquaredError())
    with pytest.raises(NetworkError, match="the loss is None"):
        backhand.Network([], None)
    with pytest.raises(NetworkError, match=r"is the class Relu; put an object there, Relu\(\)"):
        backhand.Network([backhand.Relu], backhand.SoftmaxWithLoss())
    with pytest.raises(NetworkError, match="layers is a Relu; put the layers into a list"):
        backhand.Network(backhand.Relu(), backhand.SoftmaxWithLoss())


def test_layers_can_be_named_by_a_mapping():
    net = backhand.Network({"first": backhand.Relu()}, backhand.MeanSquaredError())
    assert list(net.layers) == ["first"]


def test_both_ways_to_change_a_parameter_reach_the_layer():
    net = backhand.TwoLayerNet(3, 4, 2)
    net.params["b1"] -= 1.0
    net.params["b2"] = np.array([5.0, 6.0])
    assert (net.layers["Affine1"].b == -1).all()
    assert net.layers["Affine2"].b.tolist() == [5.0, 6.0]
    net.layers["Affine2"].b = np.array([7.0, 8.0])
    assert net.params["b2"].tolist() == [7.0, 8.0]
    with pytest.raises(ShapeError, match=r"params\['b2'\].*\(3,\).*\(2,\)"):
        net.params["b2"] = np.zeros(3)
    with pytest.raises(DTypeError, match=r"params\['b2'\].*dtype <U1"):
        net.params["b2"] = ["a", "b"]
    net.params["b2"] = [1, 2]
    assert net.params["b2"].dtype == np.float64
    with pytest.raises(KeyError):
        net.params["W9"] = np.zeros(3)


def test_a_subclass_may_keep_its_parameters_in_a_dict_of_its_own_as_the_notes_do():
    net = backhand.TwoLayerNet(3, 4, 2)
    net.params = dict(net.params)
    net.params["b1"] -= 1.0
    assert (net.layers["Affine1"].b == -1).all()
    assert list(net.gradient(np.ones((2, 3)), np.array([0, 1]))) == ["W1", "b1", "W2", "b2"]


def test_a_copy_is_a_network_of_its_own():
    net = backhand.TwoLayerNet(3, 4, 2)
    twin = copy.deepcopy(net)
    twin.params["b1"] += 1.0
    assert (net.params["b1"] == 0).all()
    assert (twin.layers["Affine1"].b == 1).all()


def test_accuracy_counts_for_one_hot_and_integer_labels():
    net = backhand.Network([backhand.Identity()], backhand.SoftmaxWithLoss())
    scores, labels = np.array([[2.0, 1.0], [0.0, 1.0], [3.0, 1.0], [0.0, 9.0]]), np.array([0, 1, 1, 1])
    assert net.accuracy(scores, labels) == 0.75
    assert net.accuracy(scores, np.eye(2)[labels]) == 0.75
    assert net.accuracy(scores[0], labels[0]) == 1.0, "one sample"
    for t in (labels[:3], labels[:, None], np.eye(3)[labels]):
        with pytest.raises(ShapeError, match=r"accuracy: t has shape .* it needs \(4, 2\) \(one-hot\) or \(4,\)"):
            net.accuracy(scores, t)
    with pytest.raises(ShapeError, match="one sample at least"):
        net.accuracy(scores[:0], labels[:0])


def test_integer_and_one_hot_labels_give_the_same_gradient():
    net = backhand.TwoLayerNet(5, 4, 3)
    x, labels = np.random.default_rng(1).standard_normal((6, 5)), np.array([0, 1, 2, 2, 1, 0])
    first = {key: grad.copy() for key, grad in net.gradient(x, labels).items()}
    for key, grad in net.gradient(x, np.eye(3)[labels]).items():
        np.testing.assert_allclose(grad, first[key], atol=1e-16)


def test_two_layer_net_in_float32_computes_in_float32():
    net = backhand.TwoLayerNet(5, 4, 3, dtype=np.float32, rng=np.random.default_rng(0))
    grads = net.gradient(np.ones((2, 5), np.float32), np.array([0, 1]))
    assert {a.dtype for a in (*net.params.values(), *grads.values())} == {np.dtype(np.float32)}


def test_gradient_descent_on_a_dnn_gives_the_loss_before_the_step_and_lowers_it():
    np.random.seed(0)
    dnn, loss_obj = backhand.DNN(2, 8, 4, 2), backhand.MeanSquaredError()
    x, y = np.ones(4), np.array([0.2, 0.9])
    before = loss_obj(dnn(x), y)
    grads = dnn.gradient(x, y)
    wanted = {key: value - 0.5 * grads[key] for key, value in dnn.params.items()}
    losses = [backhand.gradient_descent(dnn, x, y, loss_obj, alpha=0.5)]
    assert losses[0] == before
    for key, value in wanted.items():
        np.testing.assert_allclose(dnn.params[key], value, rtol=1e-12)
    losses += [backhand.gradient_descent(dnn, x, y, loss_obj, alpha=0.5) for _ in range(20)]
    assert losses == sorted(losses, reverse=True)
    assert dnn.sequence[0].dh.shape == x.shape
