"""Random programs of writes, views and arithmetic, and their gradients: every pass keeps what they compute."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rewriting import check, close
from test_random_programs import STEPS, program  # of tests/graph

import backhand
from backhand.compiling.rewrite import PASSES, simplify

STEP = st.tuples(st.sampled_from(STEPS), st.integers(0, 9), st.integers(0, 9))


@settings(max_examples=60, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=12), st.integers(0, 1000))
def test_a_random_program(steps, seed):
    x = np.random.default_rng(seed).standard_normal((3, 4))
    graph = backhand.trace(program(steps), x.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        gradient = backhand.differentiate(graph, wrt="x", outputs=len(graph.outputs) - 1)
        for before in (graph, gradient):
            after = before
            for rewrite in PASSES:  # each on what the ones before it left
                step = after
                after = rewrite(step)
                check(step, after, x, equal=close)
            simple = simplify(before)
            check(before, simple, x, equal=close)
            assert simplify(simple) is simple
            assert len(simple) <= len(before) + 2


@pytest.mark.parametrize("rewrite", PASSES, ids=lambda p: p.__name__)
def test_a_pass_says_what_it_does(rewrite):
    assert rewrite.__doc__
    assert "Exact" in rewrite.__doc__ or "To rounding" in rewrite.__doc__


A = np.random.default_rng(1).standard_normal((6, 6))


def place(kind, i, turn):
    """Where turn ``i`` of a loop reads or writes in a 6 x 6 array."""
    first, step, length = turn
    if kind == "row":
        return (first + i * step) % 6
    if kind == "column":
        return slice(None), (first + i * step) % 6
    if kind == "element":
        return first, (i * step) % 6
    if kind == "rows":
        return slice(first + i * step, first + i * step + length)
    if kind == "comb":
        return slice(None), slice(i, i + 2 * length, 2)
    return slice(None)


PLACES = st.sampled_from(["row", "column", "element", "rows", "comb", "all"])
TURN = st.tuples(st.integers(0, 2), st.integers(-1, 2), st.integers(1, 3))
PART = st.tuples(
    PLACES, TURN, st.sampled_from(["x", "A", "out"]), st.sampled_from(["+", "*", "-", "sum", "dot", "tanh"])
)


def loop(writes, parts, count, plus):
    def f(x):
        out = np.ones((6, 6))
        for i in range(count):
            value = 0.5
            for kind, turn, array, op in parts:
                part = {"x": x, "A": A, "out": out}[array][place(kind, i, turn)]
                if op == "sum":
                    part = np.sum(part)
                elif op == "tanh":
                    part = np.tanh(part)
                elif op == "dot" and np.ndim(part):
                    part = np.dot(part, x[:, : np.shape(part)[-1]].T)
                value = value * part if op == "*" else value + part if op == "+" else part - value
            if plus:
                out[place(*writes[:1], i, writes[1])] += value
            else:
                out[place(*writes[:1], i, writes[1])] = value
        return out * x

    return f


@settings(max_examples=150, deadline=None)
@given(st.tuples(PLACES, TURN), st.lists(PART, min_size=1, max_size=3), st.integers(1, 5), st.booleans())
def test_a_random_loop(writes, parts, count, plus):
    x = np.random.default_rng(2).standard_normal((6, 6))
    f = loop(writes, parts, count, plus)
    try:
        f(x)
    except (ValueError, IndexError):
        return  # the shapes don't fit: no program
    graph = backhand.trace(f, x)
    after = graph
    for rewrite in PASSES:
        before, after = after, rewrite(after)
        check(before, after, x, equal=close)
    check(graph, simplify(graph), x, equal=close)
