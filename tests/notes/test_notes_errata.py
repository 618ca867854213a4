"""The errata, shown: the notes' own classes, as printed, go wrong where the errata say, and backhand's don't."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from printed import as_printed, classes, source

import backhand.nn
from backhand.nn import numerical_gradient

X = np.array([[1.0, -0.5], [-2.0, 3.0]])
DOCS = Path(__file__).parents[2] / "docs"


def test_000_relu_keeps_the_wrong_half() -> None:
    theirs = classes("000_relu")["Relu"]().forward(X)
    np.testing.assert_array_equal(theirs, [[0, -0.5], [-2, 0]])
    np.testing.assert_array_equal(backhand.nn.Relu().forward(X), np.maximum(X, 0))


@pytest.mark.parametrize("cell", ["000_relu", "001_relu", "002_relu", "004_activations"])
def test_relu_writes_into_dout(cell: str) -> None:
    theirs, dout = classes(cell)["Relu"](), np.ones((2, 2))
    theirs.forward(X)
    assert theirs.backward(dout) is dout
    assert dout.min() == 0

    ours, dout = backhand.nn.Relu(), np.ones((2, 2))
    ours.forward(X)
    np.testing.assert_array_equal(ours.backward(dout), X > 0)
    assert dout.min() == 1


def test_001_sigmoid_forgets_its_output() -> None:
    theirs = classes("001_sigmoid")["Sigmoid"]()
    theirs.forward(X)
    assert theirs.out is None
    with pytest.raises(TypeError, match="NoneType"):
        theirs.backward(np.ones((2, 2)))


@pytest.mark.parametrize("cell", ["000_sigmoid", "001_sigmoid", "002_sigmoid", "003_dnn", "004_activations"])
def test_sigmoid_overflows(cell: str) -> None:
    theirs = classes(cell)["Sigmoid"]()
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert getattr(theirs, "forward", theirs)(np.array([-1000.0])) == 0
    assert backhand.nn.Sigmoid().forward(np.array([-1000.0])) == 0  # a warning would fail this test


def test_001_affine_adds_another_b() -> None:
    namespace = classes("001_affine")
    layer = namespace["Affine"](np.eye(2), np.array([1.0, 2.0]))
    with pytest.raises(NameError, match="'b'"):
        layer.forward(X)
    namespace["b"] = 100.0
    np.testing.assert_array_equal(layer.forward(X), X + 100)
    np.testing.assert_array_equal(backhand.nn.Affine(np.eye(2), np.array([1.0, 2.0])).forward(X), X + np.array([1, 2]))


def test_001_affine_misspells_self() -> None:
    namespace = classes("001_affine")
    namespace["b"] = 0.0
    layer = namespace["Affine"](np.eye(2), np.zeros(2))
    layer.forward(X)
    with pytest.raises(NameError, match="'slef'"):
        layer.backward(X)
    assert source("001_affine").count("self.x = None") == 2


def test_000_affine_fails_on_one_sample() -> None:
    """The shapes are those of 000's own example: X (2,), W (2, 3), B (3,)."""
    rng = np.random.default_rng(0)
    W, b, x, dout = rng.random((2, 3)), rng.random(3), rng.random(2), rng.random(3)
    theirs, ours = classes("000_affine")["Affine"](W, b), backhand.nn.Affine(W, b)
    np.testing.assert_array_equal(theirs.forward(x), ours.forward(x))
    with pytest.raises(ValueError, match="not aligned"):
        theirs.backward(dout)
    np.testing.assert_allclose(ours.backward(dout), W @ dout)
    np.testing.assert_allclose(ours.dW, x.reshape(2, 1) * dout)


SOFTMAX = pytest.mark.parametrize("cell", ["000_softmax_with_loss", "001_softmax_with_loss"])


def gradient_of_softmax(layer: Any, x: np.ndarray, t: np.ndarray, dout: float = 1.0) -> tuple[Any, np.ndarray]:
    """What the layer's backward gives, and what its own forward has for a gradient."""
    layer.forward(x, t)
    dx = layer.backward(dout)
    return dx, dout * numerical_gradient(lambda x: layer.forward(x, t), x.copy())


@SOFTMAX
@pytest.mark.parametrize(
    ("x", "t", "dout"),
    [
        (X, np.array([[1, 0], [1, 0]]), 2.0),
        (X[0], np.array([1, 0]), 1.0),
        (X, np.array([1, 0]), 1.0),
    ],
    ids=["dout is ignored", "one sample is divided by its classes", "integer labels are subtracted"],
)
def test_softmax_with_loss(cell: str, x: np.ndarray, t: np.ndarray, dout: float) -> None:
    theirs, gradient = gradient_of_softmax(classes(cell)["SoftmaxWithLoss"](), x, t, dout)
    assert np.abs(theirs - gradient).max() > 0.05
    ours, gradient = gradient_of_softmax(backhand.nn.SoftmaxWithLoss(), x, t, dout)
    np.testing.assert_allclose(ours, gradient, rtol=0, atol=1e-8)


@SOFTMAX
def test_softmax_with_loss_is_right_for_one_hot_batches(cell: str) -> None:
    """So that the networks of 000 and 001, which call it so, are right."""
    theirs, gradient = gradient_of_softmax(classes(cell)["SoftmaxWithLoss"](), X, np.array([[1, 0], [1, 0]]))
    np.testing.assert_allclose(theirs, gradient, rtol=0, atol=1e-8)


def test_003_mean_squared_error_drops_1_over_n() -> None:
    h, y = np.array([1.0, 4.0, -2.0]), np.array([0.0, 1.0, 1.0])
    for loss, factor in ((classes("003_dnn")["MeanSquaredError"](), 3), (backhand.nn.MeanSquaredError(), 1)):
        gradient = numerical_gradient(lambda h, loss=loss: loss(h, y), h.copy())
        loss(h, y)
        np.testing.assert_allclose(loss.grad(), factor * gradient, rtol=0, atol=1e-8)


def test_003_counts_one_hidden_layer_less_and_shapes_dh_otherwise() -> None:
    note = classes("003_dnn")
    network = note["DNN"](hidden_depth=5, num_neuron=32, input=10, output=2)
    *hidden, _ = network.sequence
    assert len(hidden) == 6
    assert hidden[0].dh.shape == (32, 10)
    loss = note["MeanSquaredError"]()
    loss(network(np.ones(10)), np.zeros(2))
    network.calc_gradient(loss)
    assert hidden[0].dh.shape == (10,)


def test_003_grad_is_by_x_and_not_w() -> None:
    """Its comment says dy/dh = W; with the activation's derivative it is dy/dx."""
    W, b, x = np.array([[1.0, -2.0], [0.5, 3.0]]), np.zeros(2), np.array([0.3, -0.2])
    neuron = classes("003_dnn")["Neuron"](W, b, backhand.nn.Sigmoid)
    for output in range(2):
        dy_dx = numerical_gradient(lambda x, output=output: neuron(x)[output], x.copy())
        neuron(x)
        np.testing.assert_allclose(neuron.grad()[:, output], dy_dx, atol=1e-8)
        assert np.abs(neuron.grad()[:, output] - W[:, output]).max() > 0.1


GARBLED = ["001_add_layer", "001_affine", "001_apples", "001_oranges", "001_relu", "001_sigmoid", "001_two_layer_net"]


@pytest.mark.parametrize("cell", GARBLED)
def test_what_the_scan_garbled_is_no_python(cell: str) -> None:
    with pytest.raises(SyntaxError):
        compile(as_printed(cell), cell, "exec")
    if cell != "001_two_layer_net":  # 000 has the same class, unharmed
        compile(source(cell), cell, "exec")


def test_what_the_scan_moved_out_of_its_class() -> None:
    namespace: dict[str, Any] = {}
    exec(as_printed("001_mul_layer"), namespace)
    assert not hasattr(namespace["MulLayer"], "backward")
    assert hasattr(classes("001_mul_layer")["MulLayer"], "backward")
    exec(as_printed("001_softmax_with_loss"), namespace)
    assert vars(namespace["SoftmaxWithLoss"]()) == {"loss": None, "v": None, "t": None}


def test_every_erratum_quotes_its_note(rows: list[dict[str, Any]]) -> None:
    """Each erratum has its own line, and its source is one of the five notes."""
    errata = [row for row in rows if row["erratum"]]
    lines = [row["erratum"] for row in errata]
    assert len(set(lines)) == len(lines)
    for row in errata:
        assert set(row["source"].split()) <= {"000", "001", "002", "003", "004"}
        assert row["agrees"] is False
        assert "\n" not in row["erratum"]


def test_the_documentation_lists_the_errata_of_the_command(rows: list[dict[str, Any]]) -> None:
    text = (DOCS / "notes.md").read_text(encoding="utf-8")
    for row in rows:
        if row["erratum"]:
            assert f"- **{row['source']}** {row['erratum']}\n" in text
    assert text.count("\n- **00") == sum(bool(row["erratum"]) for row in rows)
