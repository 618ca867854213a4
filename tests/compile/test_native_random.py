"""Random programs of views, writes and state, in C and on NumPy, beside the graph's own evaluation."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st
from native_programs import recorded, same_steps
from test_random_layers import ACTIONS, Layer
from test_random_programs import STEPS, program

from backhand.compiling.rewrite import simplify
from backhand.errors import TraceError
from backhand.graph import record

STEP = st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 9))
ACTION = st.tuples(st.sampled_from([a for a in ACTIONS if a != "class"]), st.integers(0, 7))


def many(programs):
    return lambda x: [program(steps)(x) for steps in programs]


class Layers:
    def __init__(self, programs):
        self.layers = [Layer(actions) for actions in programs]

    def forward(self, x):
        return [layer.forward(x) for layer in self.layers]


def layers_of(programs):
    """The graph of all layers that can be traced."""
    kept, x = [], np.linspace(-1, 1, 3)
    for actions in programs:
        layer = Layer(actions)
        try:
            layer.forward(x)
            record(layer.forward, x)
        except TraceError:
            continue
        kept.append(layer)
    made = Layers([])
    made.layers = kept
    return recorded(made.forward, x)


# A C program takes a while to compile: each example is many programs in one, and isn't shrunk.
@settings(max_examples=2, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.lists(st.lists(STEP, min_size=4, max_size=12), min_size=20, max_size=25), st.booleans())
def test_random_programs_in_c(programs, simplified):
    x = np.random.default_rng(len(programs)).standard_normal((3, 4))
    graph = recorded(many(programs), x.copy())
    assert same_steps(simplify(graph) if simplified else graph, [x], steps=2) == []


@settings(max_examples=2, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.lists(st.lists(ACTION, min_size=2, max_size=7), min_size=25, max_size=30))
def test_random_layers_in_c(programs):
    graph = layers_of(programs)
    assert len(graph.state) > 5
    assert same_steps(graph, [np.linspace(-1, 1, 3)], steps=4) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=12), st.integers(0, 99))
def test_random_programs_on_numpy(steps, seed):
    x = np.random.default_rng(seed).standard_normal((3, 4))
    assert same_steps(recorded(program(steps), x.copy()), [x], "numpy") == []


@settings(max_examples=30, deadline=None)
@given(st.lists(ACTION, min_size=1, max_size=7))
def test_random_layers_on_numpy(actions):
    layer, x = Layer(actions), np.linspace(-1, 1, 3)
    layer.forward(x)
    try:
        graph = recorded(layer.forward, x)
    except TraceError:
        return
    assert same_steps(graph, [x], "numpy", steps=4) == []


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_swapped_and_overlapping_state(engine):
    class Swap:
        def __init__(self):
            self.a, self.b, self.w = np.arange(4.0), np.ones(4), np.arange(9.0).reshape(3, 3)

        def step(self, x):
            old = self.a * 1
            self.a[...] = self.b
            self.b[...] = old
            self.w[...] = self.w.T + x
            self.w[1:] = self.w[:-1]
            self.a += old * self.w[0, 0]
            return np.sum(self.a) + np.sum(old * self.b)

    assert same_steps(recorded(Swap().step, np.ones(3)), [np.ones(3)], engine) == []
