"""Dead code, common subexpressions and constants: what goes, what stays, and that the bits are the same."""

import dataclasses

import numpy as np
import pytest
from rewriting import check, ops, values

import backhand
from backhand.compiling.rewrite import PASSES, simplify
from backhand.compiling.rewrite.cleanup import common_subexpressions, dead_code, fold_constants
from backhand.graph import Constant
from backhand.graph.structure import Structure

x = np.array([[0.5, -1.5, 2.0], [1.0, 0.25, -0.5]])


def test_what_no_result_needs_goes():
    graph = backhand.trace(lambda x: (np.exp(x), np.tanh(x) * 2), x)
    first = dataclasses.replace(graph, outputs=graph.outputs[:1], results=Structure("leaf"))
    assert ops(dead_code(first).verify()) == ["exp"]


def test_an_input_that_is_not_read_stays_an_input():
    graph = dead_code(backhand.trace(lambda x, y: x * 2, x, x))
    assert len(graph.inputs) == 2
    check(graph, graph, x, x)


class Noise:
    def forward(self, x):
        np.random.rand(3)  # moves the stream on
        return x + np.random.rand(*x.shape) + np.random.rand(*x.shape)


def test_draws_are_neither_dropped_nor_merged():
    graph = backhand.trace(Noise().forward, x)
    for rewrite in PASSES:
        assert ops(rewrite(graph)).count("random") == 3
    assert ops(simplify(graph)).count("random") == 3
    np.random.seed(1)
    expected = graph(x)
    np.random.seed(1)
    assert np.array_equal(simplify(graph)(x), expected)


def test_the_same_thing_is_computed_once():
    graph = backhand.trace(lambda x: np.exp(x - np.max(x)) / np.sum(np.exp(x - np.max(x))), x)
    after = common_subexpressions(graph)
    assert ops(after) == ["max", "subtract", "exp", "sum", "divide"]
    check(graph, after, x)


def test_the_order_of_factors_does_not_matter_to_it_but_that_of_a_difference_does():
    graph = backhand.trace(lambda x, y: (x * y + y * x) * (x - y) * (y - x), x, 2 * x)
    after = common_subexpressions(graph)
    assert ops(after).count("multiply") == 3
    assert ops(after).count("subtract") == 2
    check(graph, after, x, 2 * x)


def test_minus_zero_is_not_zero_and_one_is_not_true():
    graph = backhand.trace(lambda x: (x * 0.0, x * -0.0, x + 1, x + 1.0), x)
    after = common_subexpressions(graph)
    assert ops(after).count("multiply") == 2
    check(graph, after, x)


def test_two_results_stay_two_arrays():
    def f(x):
        return np.exp(x), np.exp(x), x.copy(), x * 1

    graph = backhand.trace(f, x)
    after = simplify(graph)
    check(graph, after, x)
    made = [x, *values(after, [x])]
    assert not any(np.shares_memory(a, b) for n, a in enumerate(made) for b in made[:n])


def test_a_view_of_a_copy_that_is_returned_is_no_view_of_the_argument():
    after = simplify(backhand.trace(lambda x: x.copy()[1:].T, x))
    (made,) = values(after, [x])
    assert not np.shares_memory(made, x)


def test_what_depends_on_constants_alone_is_a_constant():
    graph = backhand.trace(lambda x: x * (np.arange(3) * 2.0 + np.sqrt(np.float64(2))), x)
    after = fold_constants(graph)
    assert ops(after) == ["multiply"]
    check(graph, after, x)


def test_a_constant_that_would_be_large_is_not_folded():
    graph = backhand.trace(lambda x: x + np.arange(100.0) * np.arange(100.0)[:, None], np.ones((100, 100)))
    assert "multiply" in ops(fold_constants(graph))


def test_an_error_among_plain_numbers_is_left_to_the_run():
    graph = backhand.trace(lambda x, n: x * (1 / n), x, 2)
    zero = dataclasses.replace(
        graph,
        nodes=tuple(
            n._replace(op="constant", params=(("value", Constant(0)),)) if n.weak and n.op == "input" else n
            for n in graph.nodes
        ),
    )
    assert "divide" in ops(fold_constants(zero))


@pytest.mark.parametrize("rewrite", PASSES, ids=lambda p: p.__name__)
def test_a_pass_that_finds_nothing_returns_the_graph_itself(rewrite):
    graph = backhand.trace(lambda x: np.exp(x), x)
    assert rewrite(graph) is graph
