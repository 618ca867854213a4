"""Random programs of writes, views and arithmetic: the graph gives the code's bits, its gradient the differences."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import backhand

STEPS = (
    "scale", "add", "view", "inner", "transpose", "reshape", "write", "write_row", "mask", "fancy", "add_at", "copy",
    "relu", "tanh", "matmul", "center", "scalar", "flip", "where", "alias", "zeros", "ravel", "stack", "keep",
)  # fmt: skip


def program(steps):
    """A function of one 3 x 4 array that keeps a few names for arrays, some of them views of one another."""

    def f(x):
        names = [x.copy(), x[1:] * 2, np.ones((3, 4))]
        for kind, which, other in steps:
            a = names[which % len(names)]
            b = names[other % len(names)]
            made = step(kind, a, b, which, other)
            if made is not None:
                names.append(made)
        return [n * 1 for n in names], sum(np.sum(np.sin(n)) for n in names)

    return f


def step(kind, a, b, which, other):
    rows = a.shape[0] if a.ndim else 1
    if kind == "scale":
        a *= 0.5 + other / 8
    elif kind == "add" and a.shape == b.shape:
        a += b
    elif kind == "view" and a.ndim:
        return a[other % rows :]
    elif kind == "inner" and a.ndim == 2:
        return a[::-1, other % a.shape[1]]
    elif kind == "transpose":
        return a.T
    elif kind == "reshape":
        return a.reshape(-1)
    elif kind == "write" and a.ndim and rows:
        a[other % rows] = a[which % rows] * 2 - 1
    elif kind == "write_row" and a.ndim == 2 and rows:
        a[other % rows, ::2] -= 0.25
    elif kind == "mask":
        a[a > 0.75] = 0.125
    elif kind == "fancy" and rows:
        return a[np.array([0, which % rows, 0])]
    elif kind == "add_at" and rows:
        np.add.at(a, np.array([0, other % rows, 0]), 0.5)
    elif kind == "copy":
        return a.copy()
    elif kind == "relu":
        return np.maximum(a, 0.1)
    elif kind == "tanh":
        np.tanh(a, out=a)
    elif kind == "matmul" and a.ndim == b.ndim == 2 and a.shape[1] == b.shape[1]:
        return np.dot(a, b.T) / 4
    elif kind == "center":
        return a - a.mean(axis=0, keepdims=True)
    elif kind == "scalar":
        return np.full(3, 0.5) * a.sum()
    elif kind == "flip" and a.ndim:
        return a[::-1]
    elif kind == "where":
        return np.where(a > 0, np.sqrt(np.abs(a) + 0.5), a)
    elif kind == "alias":
        return a
    elif kind == "zeros":
        out = np.zeros(a.shape)
        out[...] = a
        return out
    elif kind == "ravel":
        return a.ravel()
    elif kind == "stack":
        return np.stack([a, a * 2])[1]
    elif kind == "keep" and rows:
        m = a > 0
        out = np.ones_like(a)
        out[m] = a[m] * 3 + 1
        return out
    return None


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12),
    st.integers(0, 1000),
)
def test_a_random_program(steps, seed):
    rng = np.random.default_rng(seed)
    f = program(steps)
    x, other = rng.standard_normal((2, 3, 4))
    graph = backhand.trace(f, x.copy()).verify()
    for value in (x, other):
        made, expected = graph(value.copy()), f(value.copy())
        for a, b in zip(made[0], expected[0], strict=True):
            assert a.shape == b.shape
            assert a.tobytes() == np.ascontiguousarray(b).tobytes()
        assert made[1] == expected[1]
    derived = backhand.differentiate(graph, wrt="x", outputs=len(graph.outputs) - 1).verify()
    gradient = derived(x)
    direction = rng.standard_normal((3, 4))
    h = 1e-6
    plus, minus = f(x + h * direction)[1], f(x - h * direction)[1]
    slope = (plus - minus) / (2 * h)
    one_sided = abs((plus - f(x.copy())[1]) - (f(x.copy())[1] - minus)) / h
    if one_sided < 1e-3:  # no kink or jump nearby
        assert float(np.sum(gradient * direction)) == pytest.approx(slope, rel=1e-4, abs=1e-4)
