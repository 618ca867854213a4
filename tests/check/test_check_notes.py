"""The errata of the lecture notes, found by the check from the notes' own code."""

import sys
from pathlib import Path

import numpy as np
import pytest

import backhand

sys.path.insert(0, str(Path(__file__).parents[1] / "notes"))
from printed import classes

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 5))
W, B = rng.standard_normal((5, 2)), rng.standard_normal(2)
ONE_HOT = np.eye(5)[[0, 3, 1]]


def causes(report):
    return {
        (finding.gradient, finding.verdict, finding.cause) for finding in report.findings if finding.verdict != "ok"
    }


def test_000_relu_keeps_the_wrong_half():
    report = backhand.check(classes("000_relu")["Relu"](), X)
    assert causes(report) == {("dx", "wrong", "mask-inverted"), ("dx", "fragile", "writes-dout")}, str(report)


@pytest.mark.parametrize("cell", ["001_relu", "002_relu", "004_activations"])
def test_relu_writes_into_dout(cell):
    report = backhand.check(classes(cell)["Relu"](), X)
    assert causes(report) == {("dx", "fragile", "writes-dout")}, str(report)


def test_001_sigmoid_forgets_its_output():
    report = backhand.check(classes("001_sigmoid")["Sigmoid"](), X)
    assert report.verdict == "wrong"
    assert "NoneType" in report.findings[0].sentence


@pytest.mark.parametrize("cell", ["000_sigmoid", "002_sigmoid", "004_activations"])
def test_the_other_sigmoids_are_right_and_overflow(cell):
    report = backhand.check(classes(cell)["Sigmoid"](), X)
    assert report.verdict == "ok", str(report)
    assert "overflow" in {finding.cause for finding in report.findings}


@pytest.mark.parametrize("cell", ["000_softmax_with_loss", "001_softmax_with_loss"])
def test_softmax_with_loss_ignores_dout_and_one_sample_is_off(cell):
    layer = classes(cell)["SoftmaxWithLoss"]()
    assert ("dx", "convention", "dout-ignored") in causes(backhand.check(layer, X, ONE_HOT))
    one = backhand.check(layer, X[0], ONE_HOT[0])  # divided by the number of classes
    assert one.verdict == "wrong", str(one)
    integers = backhand.check(layer, X[:, :3], np.array([0, 2, 1]))  # the label itself is subtracted
    assert integers.verdict == "wrong", str(integers)


def test_003_mean_squared_error_loses_1_over_n():
    loss = classes("003_dnn")["MeanSquaredError"]()
    report = backhand.check(loss, X[0], X[1])
    (finding,) = [finding for finding in report.findings if finding.verdict != "ok"]
    assert (finding.gradient, finding.verdict) == ("dh", "wrong")
    assert finding.cause in ("batch-size-not-divided", "sum-against-mean")
    assert "5" in finding.sentence


def test_003_neuron_and_sigmoid_are_right():
    note = classes("003_dnn")
    assert backhand.check(note["Sigmoid"](), X[0]).verdict == "ok"
    report = backhand.check(note["Neuron"](W, B, note["Sigmoid"]), X[0])
    assert report.verdict == "ok", str(report)
    assert [finding.gradient for finding in report.findings if finding.cause is None] == ["dx", "dW", "db"]


@pytest.mark.parametrize("cell", ["000_mul_layer", "001_mul_layer", "004_arithmetic_layers"])
def test_the_arithmetic_layers_are_right(cell):
    assert backhand.check(classes(cell)["MulLayer"](), 100, 2).verdict == "ok"


def test_001_affine_raises_and_says_where():
    namespace = classes("001_affine")
    report = backhand.check(namespace["Affine"](W, B), X)
    assert report.verdict == "wrong"
    assert "'b'" in report.findings[0].sentence
    namespace["b"] = 0.0
    report = backhand.check(namespace["Affine"](W, B), X)
    assert report.verdict == "wrong"
    assert "slef" in str(report)


def test_000_affine_is_right_for_a_batch_and_raises_for_one_sample():
    report = backhand.check(classes("000_affine")["Affine"](W, B), X)
    assert report.verdict == "ok", str(report)
    (said,) = [finding for finding in report.findings if finding.cause == "one-sample"]
    assert "one sample" in said.sentence
