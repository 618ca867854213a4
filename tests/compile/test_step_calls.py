"""The short way from Python into a native step and back takes nothing for granted that the long way looks at."""

import re
import sys
import types
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import backhand
from backhand.compiling import call
from backhand.compiling.call import Calls
from backhand.compiling.guard import ANYTHING, Check

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))
import notes_code as notes


class Slots:
    __slots__ = ("v", "w")


def cell_of(value):
    return (lambda: value).__closure__[0]


@settings(deadline=None)  # the first one compiles
@given(st.lists(st.sampled_from(range(21)), max_size=4), st.integers(0, 3))
def test_the_guard_in_c_says_what_the_checks_say(changes, many):
    a, b, slots, cell = object(), np.ones(3), Slots(), cell_of(1.5)
    slots.w = b
    plain, counted, items, module = {"a": a, "b": b}, {n: n for n in range(many)}, [a, b, 0.1], types.ModuleType("m")
    ordered, linked = {"a": 1, "b": 2}, OrderedDict(a=1, b=2)
    names, keyed, frozen = {"W1", "W2"}, {(0, "W"): b}, np.zeros(2)
    module.rate = 0.25
    checks = [
        Check("dict", plain, None, (("a", a), ("b", ANYTHING))),
        Check("dict", counted, None, tuple(counted.items())),
        Check("dict", keyed, None, tuple(keyed.items())),
        Check("dict", ordered, None, (("a", ANYTHING), ("b", 2))),
        Check("list", items, None, list(items)),
        Check("item", items, 1, b),
        Check("attribute", slots, "w", b),
        Check("attribute", cell, "cell_contents", cell.cell_contents),
        Check("item", module.__dict__, "rate", module.rate),
        Check("order", linked, None, list(linked)),
        Check("absent", slots, "v", None),
        Check("writeable", frozen, None, None),
        Check("set", names, None, set(names)),
        Check("length", Slots.__dict__, None, len(Slots.__dict__)),
    ]
    calls = Calls(checks, native=True)
    assert calls.holds() is True
    turns = [
        lambda: plain.update(a=b),
        lambda: plain.pop("b", None),
        lambda: plain.update(c=1),
        lambda: plain.update(b=0.5),
        lambda: counted.update({-1: 1}),
        lambda: items.append(a),
        lambda: items.pop() if items else None,
        lambda: items.reverse(),
        lambda: setattr(slots, "w", b.copy()),
        lambda: delattr(slots, "w") if hasattr(slots, "w") else None,
        lambda: setattr(cell, "cell_contents", 2.5),
        lambda: setattr(module, "rate", 0.5),
        lambda: plain.update(a=a),
        lambda: names.symmetric_difference_update({"W1"}),
        lambda: names.symmetric_difference_update({"b"}),
        lambda: keyed.update({(0, "W"): b.copy()}),
        lambda: ordered.update(a=ordered.pop("a", 1)),
        lambda: linked.move_to_end("a"),
        lambda: linked.move_to_end("b"),
        lambda: setattr(slots, "v", 1),
        lambda: frozen.setflags(write=False),
    ]
    for change in changes:
        turns[change]()
        assert calls.holds() is all(check.holds() for check in checks)


def dnn():
    rng = np.random.default_rng(0)
    made = notes.DNN(2, 4, 3, 5, activation=notes.Sigmoid3)
    for neuron in made.sequence:
        neuron.W, neuron.b = rng.standard_normal(neuron.W.shape), rng.standard_normal(neuron.b.shape)
    return made


def both():
    """The notes' DNN twice: its eager step, and its compiled one, warm."""
    networks, loss = [dnn(), dnn()], notes.MeanSquaredError()

    def training(net):
        return lambda x, y: notes.gradient_descent(net, x, y, loss, alpha=0.1)

    eager, other = map(training, networks)
    x, y = sample(0)
    step = backhand.compile(other, x, y)
    for _ in range(3):
        assert step(x, y) == pytest.approx(eager(x, y), rel=1e-12)
    return networks, eager, step


def sample(seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal(3), rng.standard_normal(5)


ODD = {
    "plain": lambda x: x,
    "reversed": lambda x: x[::-1].copy()[::-1],
    "a column": lambda x: np.stack([x, x], axis=1)[:, 1],
    "swapped bytes": lambda x: x.astype(x.dtype.newbyteorder()),
    "read-only": lambda x: np.frombuffer(x.tobytes()),
    "a subclass": lambda x: x.view(np.recarray),
    "unaligned": lambda x: np.frombuffer(b"." + x.tobytes(), np.uint8)[1:].view(x.dtype),
}


@pytest.mark.parametrize("odd", ODD)
def test_arrays_of_any_kind_between_plain_ones(odd):
    networks, eager, step = both()
    for seed in range(4):
        x, y = sample(seed)
        if seed % 2:
            x, y = ODD[odd](x), ODD[odd](y)
        assert step(x, y) == pytest.approx(eager(x, y), rel=1e-12)
    for one, two in zip(networks[0].sequence, networks[1].sequence, strict=True):
        np.testing.assert_allclose(two.W, one.W, rtol=1e-12)


def test_calls_and_epochs_in_turn():
    _, eager, step = both()
    x, y = sample(1)
    losses = [step(x, y), *step.epoch(x[None], y[None], np.zeros(3, int)), step(x, y)]
    np.testing.assert_allclose(losses, [eager(x, y) for _ in range(5)], rtol=1e-12)


def test_a_network_that_changes_between_two_calls():
    networks, eager, step = both()
    x, y = sample(2)
    changes = [
        lambda net: setattr(net.sequence[1], "W", net.sequence[1].W * 0.5),
        lambda net: net.sequence[0].b.fill(0.25),
        lambda net: net.sequence.reverse() or net.sequence.reverse(),
        lambda net: setattr(net.sequence[2], "a", notes.Sigmoid3()),
        lambda net: net.sequence.pop(2),
    ]
    for change in changes:
        for net in networks:
            change(net)
        for _ in range(4):
            assert step(x, y) == pytest.approx(eager(x, y), rel=1e-12)


@pytest.mark.parametrize("inputs", [(), (np.zeros(3),), (np.zeros(3), np.zeros(5), np.zeros(1))])
def test_another_number_of_arguments_is_the_code_s_own_error(inputs):
    _, eager, step = both()
    with pytest.raises(TypeError) as expected:
        eager(*inputs)
    with pytest.raises(TypeError, match=re.escape(str(expected.value))):
        step(*inputs)


def test_without_the_short_way_it_is_the_same(monkeypatch):
    monkeypatch.setattr(call, "_library", lambda: None)
    test_a_network_that_changes_between_two_calls()
