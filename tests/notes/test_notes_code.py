"""The notes' own code runs against backhand after changing only its import lines."""

import sys
import time
from typing import Any

import numpy as np
import pytest
from printed import FOLDER, IMPORTS, NUMBERED, REPAIRS, as_printed, classes, ours, output, run, source, tokens

import backhand
from backhand.nn import numerical_gradient, softmax

CELLS = sorted(path.name.removesuffix(".txt") for path in FOLDER.glob("*.txt") if ".out" not in path.name)


@pytest.mark.parametrize("cell", sorted(set(CELLS) - set(REPAIRS) - set(NUMBERED)))
def test_only_import_lines_change(cell: str) -> None:
    before, after = as_printed(cell).split("\n"), source(cell).split("\n")
    assert len(before) == len(after)
    for old, new in zip(before, after, strict=True):
        assert old == new or (old.startswith(tuple(IMPORTS)) and new.startswith("from backhand."))


@pytest.mark.parametrize("cell", ["000_oranges", "004_arithmetic", "000_shapes", "000_bias", "000_bias_sum"])
def test_prints_what_the_note_prints(cell: str) -> None:
    """000's and 004's arithmetic on backhand's layers, 000's arrays on NumPy: the same characters."""
    assert run(cell)[0].split() == output(cell).split()


def test_000_apples_as_called_there() -> None:
    """000_backprop_notebook.txt: in its wrong order, backhand's layers print its wrong 2.2 400 100 too."""
    assert run("000_apples")[0] == output("000_apples") == "220.00000000000003\n2.2 400 100\n"


@pytest.mark.parametrize(
    "cells",
    [
        ("000_mul_layer", "000_apples"),
        ("000_mul_layer", "000_add_layer", "000_oranges"),
        ("004_arithmetic_layers", "004_arithmetic"),
        ("001_mul_layer", "001_apples"),
        ("001_mul_layer", "001_add_layer", "001_oranges"),
    ],
    ids=lambda cells: cells[-1],
)
def test_the_notes_layers_and_backhands_print_the_same(cells: tuple[str, ...]) -> None:
    own = run(*cells)[0]
    assert own == run(cells[-1])[0]
    assert own


@pytest.mark.parametrize("cell", ["001_apples", "001_oranges"])
def test_001_arithmetic(cell: str) -> None:
    """001_chapter5_slides.txt, whose output the scan left in another order and with one digit too many."""
    expected = tokens(output(cell).replace("3.30000000000000003", "3.3000000000000003"))
    assert sorted(tokens(run(cell)[0])) == sorted(expected)


@pytest.mark.parametrize(
    "cells", [("000_two_layer_net", "000_mnist"), ("001_mnist",), ("002_mnist",)], ids=lambda cells: cells[-1]
)
def test_training_on_mnist(cells: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """The training scripts of 000 (with its own TwoLayerNet), 001 and 002, 601 iterations instead of 10,000."""
    monkeypatch.setattr(sys, "path", list(sys.path))  # 002 appends to it
    np.random.seed(0)
    printed, names = run(*cells, smaller=True)
    own = cells[0] == "000_two_layer_net"
    assert (names["TwoLayerNet"] is backhand.TwoLayerNet) != own
    assert len(names["train_loss_list"]) == 601
    first, second = (tokens(line)[-2:] for line in printed.splitlines())
    for table in ("000_mnist", "002_mnist"):
        printed_rows = [tokens(line)[-2:] for line in output(table).splitlines()]
        np.testing.assert_allclose(np.array(first, float), np.array(printed_rows[0], float), rtol=0, atol=0.1)
        np.testing.assert_allclose(np.array(second, float), np.array(printed_rows[1], float), rtol=0, atol=0.01)


@pytest.mark.parametrize("cell", ["001_gradient_check", "002_gradient_check"])
def test_gradient_verification_script(cell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """001 and 002 on backhand's TwoLayerNet, 5 hidden units instead of 50 (the experiment does all 50)."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    np.random.seed(0)
    lines = run(cell, smaller=True)[0].splitlines()
    assert [line.split(":")[0] for line in lines] == ["W1", "b1", "W2", "b2"]
    for line in lines:
        assert 0 < float(line.split(":")[1]) < 1e-9


def test_000_two_layer_net_starts_from_the_same_weights_bit_for_bit() -> None:
    """Its params are a plain dict, whose arrays the layers share: an update in place reaches them."""
    np.random.seed(7)
    theirs = run("000_two_layer_net")[1]["TwoLayerNet"](input_size=784, hidden_size=50, output_size=10)
    np.random.seed(7)
    net = backhand.TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
    assert type(theirs.params) is dict
    assert list(theirs.params) == list(net.params)
    assert list(theirs.layers) == list(net.layers)
    for key in theirs.params:
        assert theirs.params[key].tobytes() == net.params[key].tobytes()
    for number in "12":
        assert theirs.layers[f"Affine{number}"].W is theirs.params[f"W{number}"]
        assert theirs.layers[f"Affine{number}"].b is theirs.params[f"b{number}"]


@pytest.mark.parametrize("own_layers", [False, True], ids=["on backhand's layers", "on the notes' layers"])
def test_000_two_layer_net_has_the_same_gradients(own_layers: bool) -> None:
    """And both lie within 1e-6 of numerical differentiation of the book's loss, with its 1e-7 inside the log."""
    rng = np.random.default_rng(0)
    x, t = rng.random((5, 8)), np.eye(3)[rng.integers(0, 3, 5)]
    namespace = run("000_two_layer_net")[1]
    if own_layers:
        namespace |= {
            name: classes("000_affine", "000_softmax_with_loss")[name] for name in ("Affine", "SoftmaxWithLoss")
        }
        namespace["Relu"] = classes("004_activations")["Relu"]
    np.random.seed(3)
    theirs = namespace["TwoLayerNet"](8, 6, 3, weight_init_std=0.5)
    np.random.seed(3)
    net = backhand.TwoLayerNet(8, 6, 3, weight_init_std=0.5)

    def books_loss(_: np.ndarray) -> float:
        return -np.sum(t * np.log(softmax(net.predict(x)) + 1e-7)) / len(x)

    for key, gradient in net.gradient(x, t).items():
        np.testing.assert_allclose(theirs.gradient(x, t)[key], gradient, rtol=0, atol=1e-14)
        np.testing.assert_allclose(theirs.numerical_gradient(x, t)[key], gradient, rtol=0, atol=1e-8)
        np.testing.assert_allclose(numerical_gradient(books_loss, net.params[key]), gradient, rtol=0, atol=1e-6)
    assert theirs.loss(x, t) == pytest.approx(net.loss(x, t), rel=1e-14)
    assert theirs.accuracy(x, t) == net.accuracy(x, t)


def losses_003(namespace: dict[str, Any], alpha: str) -> list[float]:
    """What 003's last cell prints with the classes in `namespace`, from one seed."""
    lines: list[str] = []
    cell = source("003_training").replace("alpha=0.01", f"alpha={alpha}")
    np.random.seed(0)
    exec(cell, {**namespace, "np": np, "time": time, "print": lines.append})
    assert lines[100].endswith("seconds elapsed.")
    return [float(line.split()[-1]) for line in lines[:100]]


def test_003_on_backhands_classes() -> None:
    """003_dnn_blog_post.md: from the same seed the first loss is the same to the bit, and all go down."""
    losses = losses_003(ours(), "0.01")
    assert losses[0] == losses_003(classes("003_dnn"), "0.01")[0]
    assert np.all(np.diff(losses) < 0)


@pytest.mark.parametrize(("alpha", "half"), [("0.01", "0.005"), ("0.02", "0.01")])
def test_003_has_twice_the_gradient(alpha: str, half: str) -> None:
    """003 loses the 1/n of its mean, n = 2: with half the alpha its own classes give backhand's losses."""
    np.testing.assert_allclose(losses_003(ours(), alpha), losses_003(classes("003_dnn"), half), rtol=1e-13)
