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
