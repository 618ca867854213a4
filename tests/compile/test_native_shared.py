"""Layers that are computed alike share one C function, which works on the memory of each."""

import re

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st
from native_programs import built, recorded, same_steps


class Deep:
    """So many layers with a ReLU or tanh between, a hand-written backward, and an update with momentum."""

    def __init__(self, depth, width=20, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.W = [(rng.standard_normal((width, width)) / np.sqrt(width)).astype(dtype) for _ in range(depth)]
        self.b = [np.zeros(width, dtype) for _ in range(depth)]
        self.v = [np.zeros((width, width), dtype) for _ in range(depth)]

    def step(self, x, t):
        inputs = []
        for number, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            inputs.append(x)
            x = np.maximum(x @ W + b, 0) if number % 3 else np.tanh(x @ W + b)
        loss, d = np.sum((x - t) ** 2), 2 * (x - t) / len(x)
        for number in range(len(self.W) - 1, -1, -1):
            d = d * (x > 0) if number % 3 else d * (1 - x * x)
            x = inputs[number]
            dW, db = x.T @ d, d.sum(axis=0)
            d = d @ self.W[number].T
            self.v[number] *= 0.9
            self.v[number] -= 0.01 * dW
            self.W[number] += self.v[number]
            self.b[number] -= 0.01 * db
        return loss


def example(rows=8, width=20, dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((rows, width)).astype(dtype), rng.standard_normal((rows, width)).astype(dtype)


def functions(source):
    return re.findall(r"^static (?:NOINLINE )?void (k\w+)\(", source, re.M)


def deep(depth):
    return recorded(Deep(depth).step, *example())


def test_the_text_of_a_deep_network_has_no_more_functions():
    few, many = (built(deep(depth)).source for depth in (9, 30))
    assert len(functions(few)) == len(functions(many)) < 40


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_deep_network_trains_as_it_does_in_numpy(dtype, threads):
    graph = recorded(Deep(12, 96, dtype).step, *example(128, 96, dtype))
    assert same_steps(graph, example(128, 96, dtype), threads=threads) == []


def test_the_first_layer_s_names_stand_in_the_function_and_the_others_beside_it():
    class Scale:
        def __init__(self, scale):
            self.scale = scale

        def forward(self, x):
            return np.exp(x * self.scale) @ np.eye(3)

        def backward(self, dout):
            return dout

    class Net:
        def __init__(self, depth):
            self.layers = [Scale(np.ones(3) / 9) for _ in range(depth)]

        def forward(self, x):
            for layer in self.layers:
                x = layer.forward(x)
            return x

    source = built(recorded(Net(9).forward, np.ones((4, 3)))).source
    comment, call = re.search(
        r"((?:/\* .* \*/\n)+)static NOINLINE void (k\w+\(double \*restrict \w+, double \*restrict \w*scale\b)", source
    ).groups()
    assert "Scale[0].forward  test_native_shared.py" in comment
    assert re.search(r"and \d times more, for Scale\[1\].forward, Scale\[2\].forward, .*, \d more \*/", comment)
    assert "layers_1_scale" not in call


def test_the_same_arrays_in_other_places_are_another_function():
    def chain(a, b):
        for number in range(8):
            a = (a * b * a if number % 2 else a * b * b) @ (np.eye(4) / (1 + number))
        return a

    inputs = [1 + np.random.default_rng(n).random((5, 4)) for n in range(2)]
    graph = recorded(chain, *inputs)
    assert same_steps(graph, inputs) == []


def test_one_array_in_two_places_is_one_parameter():
    """So that ``restrict`` is true."""

    def chain(a, b):
        for number in range(8):
            a = (a * a if number % 2 else a * b) @ (np.eye(4) / 2)
        return a

    inputs = [1 + np.random.default_rng(n).random((5, 4)) for n in range(2)]
    graph = recorded(chain, *inputs)
    assert same_steps(graph, inputs) == []
    for arguments in re.findall(r"^    k\w+\((.*)\);$", built(graph).source, re.M):
        pointers = re.findall(r"p->\w+", arguments)
        assert len(pointers) == len(set(pointers))


LINE = st.tuples(st.sampled_from(["matmul", "into", "add", "square", "sum"]), st.integers(0, 3), st.integers(0, 3))


@settings(max_examples=6, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.lists(LINE, min_size=30, max_size=60))
def test_random_sequences_on_a_few_arrays(lines):
    """Whichever arrays meet in whichever order, in place or not: a shared function gives what NumPy gives."""

    class State:
        def __init__(self):
            self.arrays = [np.random.default_rng(n).standard_normal((6, 6)) for n in range(4)]

        def step(self):
            x = self.arrays
            for op, i, j in lines:
                if op == "matmul":
                    x[i] = np.tanh(x[i] @ x[j])
                elif op == "into":
                    x[i] *= 0.5
                    x[i] += np.cos(x[j])
                elif op == "add":
                    x[i] = (x[i] + x[j].T) / 2
                elif op == "square":
                    x[i] = np.cos(x[i] * x[j])
                else:
                    x[i] = np.tanh(x[i] - x[j].sum(axis=0))
            return x[0].sum() + 0.0

    assert same_steps(recorded(State().step), []) == []
