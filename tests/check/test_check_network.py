"""A whole network that is wrong: the layer to blame is named, and no other."""

import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import backhand

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))
import notes_code


class ReluWithoutMask(notes_code.Relu):
    def backward(self, dout):
        return dout.copy()


class AffineOverN(notes_code.Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.dW = self.dW / len(dout)
        return dx


class AffineTransposed(notes_code.Affine):
    def backward(self, dout):
        return super().backward(dout)[:, ::-1]


class LossOverNothing(notes_code.SoftmaxWithLoss):
    def backward(self, dout=1):
        return self.y - self.t


class Net(notes_code.TwoLayerNet):
    """The notes' network, with float weights of size 0.5 from a fixed seed."""

    def __init__(self):
        np.random.seed(0)
        super().__init__(5, 7, 4, 0.5)

    def put(self, name, kind):
        if name == "lastLayer":
            self.lastLayer = kind()
        else:
            old = self.layers[name]
            self.layers[name] = kind(old.W, old.b) if hasattr(old, "W") else kind()
        return self


class DoublesW1(Net):
    def gradient(self, x, t):
        grads = super().gradient(x, t)
        grads["W1"] = 2 * grads["W1"]
        return grads


class SkipsTheRelu(Net):
    def gradient(self, x, t):
        self.loss(x, t)
        last, _, first = reversed(self.layers.values())
        first.backward(last.backward(self.lastLayer.backward(1)))
        return {"W1": first.dW, "b1": first.db, "W2": last.dW, "b2": last.db}


X = np.random.default_rng(1).standard_normal((3, 5))
T = np.eye(4)[[0, 3, 1]]


def wrong(report):
    return {finding.gradient: finding for finding in report.findings if finding.verdict == "wrong"}


@pytest.mark.parametrize(
    ("place", "kind", "gradients"),
    [
        ("Relu1", ReluWithoutMask, {"dW1", "db1"}),
        ("Affine1", AffineOverN, {"dW1"}),
        ("Affine2", AffineTransposed, {"dW1", "db1"}),
        ("lastLayer", LossOverNothing, {"dW1", "db1", "dW2", "db2"}),
    ],
)
def test_the_layer_to_blame_is_named_with_its_line(place, kind, gradients):
    found = wrong(backhand.check(Net().put(place, kind), X, T))
    assert found.keys() == gradients
    where = place if place == "lastLayer" else f"layers['{place}']"
    for gradient, finding in found.items():
        assert finding.sentence.startswith(f"{gradient} is wrong because of {where} ({kind.__name__}):")
        assert finding.line.file == __file__


@pytest.mark.parametrize("network", [DoublesW1, SkipsTheRelu])
def test_where_each_layer_is_right_the_network_is_to_blame(network):
    found = wrong(backhand.check(network(), X, T))
    assert "dW1" in found
    for finding in found.values():
        assert "because of" not in finding.sentence
        assert finding.cause or f"Each layer of {network.__name__} is right by itself" in finding.sentence
        assert finding.line.file == __file__


def test_the_notes_network_is_right():
    assert not wrong(backhand.check(Net(), X, T))


def test_layers_in_a_list_called_by_their_call():
    class Tanh:
        def __call__(self, x):
            self.y = np.tanh(x)
            return self.y

        def backward(self, dout):
            return dout * (1 - self.y)

    class Linear(notes_code.Affine):
        __call__ = notes_code.Affine.forward

    class Mlp:
        def __init__(self):
            rng = np.random.default_rng(3)
            first, last = (Linear(rng.standard_normal(shape), np.zeros(shape[1])) for shape in ((5, 4), (4, 2)))
            self.layers = [first, Tanh(), last]

        def forward(self, x):
            for layer in self.layers:
                x = layer(x)
            return x

        def backward(self, dout):
            for layer in reversed(self.layers):
                dout = layer.backward(dout)
            return dout

    report = backhand.check(Mlp(), X)
    found = wrong(report)
    assert found.keys() == {"dx", "dW1", "db1"}
    assert all("layers[1] (Tanh)" in finding.sentence for finding in found.values())
    assert {finding.gradient for finding in report.findings if finding.verdict == "ok"} >= {"dW2", "db2"}


def test_the_network_itself_is_left_as_it_was():
    network = Net().put("Relu1", ReluWithoutMask)
    before = {key: value.copy() for key, value in network.params.items()}
    backhand.check(network, X, T)
    assert type(network.layers["Relu1"]) is ReluWithoutMask
    assert isinstance(network.layers, OrderedDict)
    for key, value in before.items():
        np.testing.assert_array_equal(network.params[key], value)
        assert network.params[key] is network.layers[f"Affine{key[-1]}"].__dict__[key[0]]
