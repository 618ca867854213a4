"""The notes' own classes and backhand's serve each other."""

from typing import Any

import numpy as np
import pytest
from printed import classes

import backhand
from backhand.nn import DNN, Affine, MeanSquaredError, Network, Neuron, Relu, Sigmoid, SoftmaxWithLoss, gradient_descent

NOTE = classes("003_dnn")


def train(dnn_class: Any, loss_class: Any, step: Any, alpha: float, **options: Any) -> tuple[list[float], Any]:
    """Twenty losses of 003's recipe from one seed, and the network."""
    np.random.seed(1)
    x, y = np.random.normal(0.0, 1.0, (10,)), np.random.normal(0.0, 1.0, (2,))
    network = dnn_class(hidden_depth=1, num_neuron=8, input=10, output=2, **options)
    loss_obj = loss_class()
    return [float(step(network, x, y, loss_obj, alpha=alpha)) for _ in range(20)], network


def expected() -> tuple[list[float], Any]:
    return train(DNN, MeanSquaredError, gradient_descent, 0.2)


MIXES = {
    "003's Sigmoid in backhand's DNN": (DNN, MeanSquaredError, gradient_descent, 0.2, {"activation": NOTE["Sigmoid"]}),
    "003's gradient_descent": (DNN, MeanSquaredError, NOTE["gradient_descent"], 0.2, {}),
    "003's MeanSquaredError, which has n = 2 times the gradient": (
        *(DNN, NOTE["MeanSquaredError"], gradient_descent, 0.1),
        {},
    ),
    "backhand's MeanSquaredError in 003's DNN": (NOTE["DNN"], MeanSquaredError, NOTE["gradient_descent"], 0.2, {}),
    "backhand's Sigmoid in 003's DNN": (
        *(NOTE["DNN"], MeanSquaredError, NOTE["gradient_descent"], 0.2),
        {"activation": Sigmoid},
    ),
    "003 alone, n = 2 times the gradient": (NOTE["DNN"], NOTE["MeanSquaredError"], NOTE["gradient_descent"], 0.1, {}),
}


@pytest.mark.parametrize("mix", MIXES)
def test_003(mix: str) -> None:
    *arguments, options = MIXES[mix]
    losses, network = train(*arguments, **options)
    right, ours = expected()
    np.testing.assert_allclose(losses, right, rtol=1e-12)
    for theirs, neuron in zip(network.sequence, ours.sequence, strict=True):
        np.testing.assert_allclose(theirs.W, neuron.W, rtol=1e-9, atol=1e-15)
        np.testing.assert_allclose(theirs.b, neuron.b, rtol=1e-9, atol=1e-15)


def test_backhands_neuron_in_003s_dnn() -> None:
    """003's calc_gradient calls grad, grad_W and grad_b."""
    namespace = classes("003_dnn")
    namespace["Neuron"] = Neuron  # the name that 003's DNN looks up
    losses, network = train(namespace["DNN"], MeanSquaredError, namespace["gradient_descent"], 0.2)
    assert type(network.sequence[0]) is Neuron
    np.testing.assert_allclose(losses, expected()[0], rtol=1e-12)


def test_003s_neuron_against_backhands() -> None:
    rng = np.random.default_rng(0)
    W, b, x, dh = rng.standard_normal((3, 2)), rng.standard_normal(2), rng.standard_normal(3), rng.standard_normal(2)
    theirs, neuron = NOTE["Neuron"](W, b, Sigmoid), Neuron(W, b, NOTE["Sigmoid"])
    np.testing.assert_allclose(neuron(x), theirs(x), rtol=1e-14)
    np.testing.assert_allclose(neuron.grad(), theirs.grad(), rtol=1e-14)
    np.testing.assert_allclose(neuron.grad_W(dh), theirs.grad_W(dh), rtol=1e-14)
    np.testing.assert_allclose(neuron.grad_b(dh), theirs.grad_b(dh), rtol=1e-14)
    np.testing.assert_allclose(neuron.backward(dh), theirs.grad() @ dh, rtol=1e-14)


SHAPES = {"Affine1": (4, 5), "Affine2": (5, 3)}
LAYER_CELLS = [
    ("000_affine", "Affine"),
    ("004_activations", "Relu"),
    ("002_relu", "Relu"),
    ("001_relu", "Relu"),
    ("000_softmax_with_loss", "SoftmaxWithLoss"),
    ("001_softmax_with_loss", "SoftmaxWithLoss"),
    ("000_sigmoid", "Sigmoid"),
    ("002_sigmoid", "Sigmoid"),
    ("004_activations", "Sigmoid"),
]


@pytest.mark.parametrize(("cell", "name"), LAYER_CELLS, ids=lambda value: value)
def test_a_notes_layer_in_backhands_network(cell: str, name: str) -> None:
    """Any layer of the notes that is right may stand in a Network beside backhand's own, and nothing changes."""
    rng = np.random.default_rng(2)
    x, t = rng.standard_normal((6, 4)), np.eye(3)[rng.integers(0, 3, 6)]
    W = {key: rng.standard_normal(shape) for key, shape in SHAPES.items()}
    activation = Sigmoid if name == "Sigmoid" else Relu

    def network(kinds: dict[str, Any]) -> Network:
        layers = [
            kinds.get("Affine", Affine)(W["Affine1"].copy(), np.zeros(5)),
            kinds.get(activation.__name__, activation)(),
            kinds.get("Affine", Affine)(W["Affine2"].copy(), np.zeros(3)),
        ]
        return Network(layers, kinds.get("SoftmaxWithLoss", SoftmaxWithLoss)())

    mixed, ours = network({name: classes(cell)[name]}), network({})
    assert list(mixed.params) == ["W1", "b1", "W2", "b2"]
    assert mixed.loss(x, t) == pytest.approx(ours.loss(x, t), rel=1e-14)
    gradients = ours.gradient(x, t)
    for key, gradient in mixed.gradient(x, t).items():
        np.testing.assert_allclose(gradient, gradients[key], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        *[("000_mul_layer", "MulLayer"), ("001_mul_layer", "MulLayer"), ("004_arithmetic_layers", "MulLayer")],
        *[("000_add_layer", "AddLayer"), ("001_add_layer", "AddLayer"), ("004_arithmetic_layers", "AddLayer")],
    ],
)
def test_arithmetic_layers_of_the_notes_and_backhands_agree(cell: str, name: str) -> None:
    theirs, ours = classes(cell)[name](), getattr(backhand, name)()
    assert ours.forward(100, 1.1) == theirs.forward(100, 1.1)
    assert ours.backward(3) == theirs.backward(3)
