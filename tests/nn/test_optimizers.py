"""Optimizers: PyTorch's figures are the oracle (make_torch_figures.py wrote them), and bad input is refused whole."""

import json
from pathlib import Path

import numpy as np
import pytest

import backhand
from backhand.errors import DTypeError, OptionError, ShapeError

FIGURES = json.loads(Path(__file__).with_name("torch_figures.json").read_text())
# Where PyTorch's default differs from the book's, the setting is given on both sides.
SETTINGS = {"AdamW": {"weight_decay": 0.3}}
NAMES = sorted(FIGURES["after"])


def build(name):
    return getattr(backhand, name)(lr=0.1, **SETTINGS.get(name, {}))


@pytest.mark.parametrize("name", NAMES)
def test_seven_steps_agree_with_pytorch(name):
    params = {"w": np.array(FIGURES["start"])}
    w = params["w"]
    optimizer = build(name)
    for gradient in FIGURES["gradients"]:
        optimizer.update(params, {"w": np.array(gradient)})
    np.testing.assert_allclose(w, FIGURES["after"][name], rtol=1e-12)
    assert params["w"] is w, "the caller's own array is what changes"


@pytest.mark.parametrize("name", NAMES)
def test_float32_parameters_stay_float32_and_gradients_are_not_written_to(name):
    params, grad = {"w": np.ones(3, np.float32)}, np.full(3, 0.5, np.float32)
    grad.setflags(write=False)
    optimizer = build(name)
    for _ in range(2):
        optimizer.update(params, {"w": grad})
    assert params["w"].dtype == np.float32
    states = [value for slot in vars(optimizer).values() if isinstance(slot, dict) for value in slot.values()]
    assert all(value.dtype == np.float32 for value in states)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("grads", [{}, {"v": np.ones(4)}, {"v": np.ones(3)}])
def test_a_bad_gradient_is_refused_before_any_parameter_changes(name, grads):
    params = {"w": np.ones(2), "v": np.ones(3)}
    with pytest.raises(ShapeError, match=r"update: grads"):
        build(name).update(params, grads if "v" not in grads or grads["v"].size == 3 else {"w": np.ones(2), **grads})
    assert (params["w"] == 1).all()
    assert (params["v"] == 1).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("lr", [-0.1, float("nan"), float("inf"), "0.1", None])
def test_a_learning_rate_out_of_range_is_refused(name, lr):
    with pytest.raises(OptionError, match=f"{name}: lr is"):
        getattr(backhand, name)(lr=lr)


def test_integer_parameters_are_refused():
    with pytest.raises(DTypeError, match=r"SGD.update: params\['w'\] has dtype int64"):
        backhand.SGD().update({"w": np.array([1])}, {"w": np.array([1])})


def test_what_is_no_dict_of_arrays_is_refused():
    with pytest.raises(DTypeError, match=r"SGD.update: params is a list; it needs a dict of arrays by name"):
        backhand.SGD().update([np.ones(1)], [np.ones(1)])
    with pytest.raises(DTypeError, match=r"SGD.update: params\['w'\] is a list; it needs an array of floats"):
        backhand.SGD().update({"w": [1.0]}, {"w": [1.0]})


def test_other_settings_out_of_range_are_refused():
    with pytest.raises(OptionError, match=r"momentum is 1.0; it needs a number >= 0 and < 1"):
        backhand.Momentum(momentum=1.0)
    with pytest.raises(OptionError, match="beta2"):
        backhand.Adam(beta2=1.5)


def test_a_network_s_params_can_be_updated():
    net = backhand.TwoLayerNet(3, 4, 2, rng=np.random.default_rng(0))
    before = net.layers["Affine1"].W.copy()
    x, t = np.ones((5, 3)), np.zeros(5, int)
    backhand.Adam(lr=0.1).update(net.params, net.gradient(x, t))
    assert not np.array_equal(before, net.layers["Affine1"].W)
