"""A recording refuses objects that are no longer what they were when it was traced."""

import numpy as np
import pytest
from test_notes_and_book import same
from test_trace_dangers import OTHER, X

from backhand.errors import TraceError
from backhand.graph import record


class Relu:
    def forward(self, x):
        return np.maximum(x, 0)


class Tanh:
    def forward(self, x):
        return np.tanh(x)


class Net:
    def __init__(self):
        self.lr = 1
        self.dtype = np.float64
        self.bias = None
        self.layers = [Relu()]
        self.named = {"a": Relu()}
        self.act = Relu()
        self.function = np.abs
        self.calls = 0.0
        self.flat = np.arange(8.0)
        self.W, self.b = self.flat[:6].reshape(2, 3), self.flat[6:].reshape(2, 1)

    def step(self, x):
        self.calls = np.sum(x)  # from a Python number to NumPy's: a cache, not a setting
        y = self.function(x.astype(self.dtype)) * self.lr
        if self.bias is not None:
            y = y + self.bias
        for layer in (*self.layers, *self.named.values(), self.act):
            y = layer.forward(y)
        self.W -= 0.1 * x
        return y * self.W + self.b


CHANGES = {
    "an int that becomes a float": lambda n: setattr(n, "lr", 0.5),
    "an int that becomes NumPy's": lambda n: setattr(n, "lr", np.float64(3)),
    "a dtype": lambda n: setattr(n, "dtype", np.float32),
    "None that becomes an array": lambda n: setattr(n, "bias", np.ones(3)),
    "a layer": lambda n: setattr(n, "act", Tanh()),
    "a layer in a list": lambda n: n.layers.__setitem__(0, Tanh()),
    "one layer more": lambda n: n.layers.append(Tanh()),
    "one layer more in a dict": lambda n: n.named.update(b=Tanh()),
    "a function": lambda n: setattr(n, "function", np.negative),
    "a view that is one no more": lambda n: setattr(n, "W", np.ones((2, 3))),
    "arrays that share memory now": lambda n: setattr(n, "b", n.flat[:2].reshape(2, 1)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_is_refused(change):
    net = Net()
    recording = record(net.step, X)
    recording.replay(X)
    change(net)
    with pytest.raises(TraceError, match="trace it again"):
        recording.replay(OTHER)


def test_what_a_call_changes_itself_is_no_change():
    net, eager = Net(), Net()
    recording = record(net.step, X)
    for x in (X, OTHER, X):
        net.step(x)  # leaves its own caches behind
        eager.step(x)
        assert same(recording.replay(x), eager.step(x))
    assert same(net.flat, eager.flat)


def test_what_the_first_call_makes_is_no_change():
    class Lazy:
        def __init__(self):
            self.W = None

        def step(self, x):
            if self.W is None:
                self.W = np.ones(x.shape)
            self.W = self.W * 0.9 + x
            return self.W

    lazy, eager = Lazy(), Lazy()
    recording = record(lazy.step, X)
    assert recording.cold
    assert same(lazy.step(X), eager.step(X))
    for x in (OTHER, X):
        assert same(recording.replay(x), eager.step(x))
