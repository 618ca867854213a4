"""Identities of arithmetic: each holds in every bit, also for NaN, infinities, signed zeros, the smallest numbers."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays
from rewriting import check, close, ops, same, values

import backhand
from backhand.compiling.rewrite import simplify
from backhand.compiling.rewrite.algebra import algebra, narrow
from backhand.compiling.rewrite.cleanup import fold_constants
from backhand.compiling.rewrite.products import factors

SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, 0.1, -3.5, 5e-324, 1e-45, 1e38, -1e308, 7.0, 1e-310]


def special(dtype):
    with np.errstate(all="ignore"):
        return np.array(SPECIAL).astype(dtype)


CASES = [
    # code, what is left of it
    (lambda x: x * 1, ["copy"]),
    (lambda x: 1.0 * x, ["copy"]),
    (lambda x: x / 1, ["copy"]),
    (lambda x: x - 0, ["copy"]),
    (lambda x: x + -0.0, ["copy"]),
    (lambda x: +x, ["copy"]),
    (lambda x: -np.negative(x), ["copy"]),
    (lambda x: x**1, ["copy"]),
    (lambda x: x + 0, ["add"]),  # -0.0 + 0 is 0.0
    (lambda x: x - -0.0, ["subtract"]),
    (lambda x: 0 - x, ["subtract"]),
    (lambda x: x * 0, ["multiply"]),
    (lambda x: x - x, ["subtract"]),
    (lambda x: np.abs(x) + 0, ["absolute"]),
    (lambda x: np.abs(-x), ["absolute"]),
    (lambda x: np.abs(np.abs(x)), ["absolute"]),
    (lambda x: x * x, ["square"]),
    (lambda x: x**2, ["square"]),
    (lambda x: np.power(x, 2), ["square"]),
    (lambda x: x**0.5, ["sqrt"]),
    (lambda x: x**-1, ["reciprocal"]),
    (lambda x: x**3, ["power"]),
    (lambda x: x / 4, ["multiply"]),
    (lambda x: x / -0.5, ["multiply"]),
    (lambda x: x / 3, ["divide"]),
    (lambda x: -x / 3, ["divide"]),
    (lambda x: -(0.1 * x), ["multiply"]),
    (lambda x: -x * 3, ["multiply"]),
    (lambda x: 0 * -x, ["negative", "multiply"]),  # the integer 0 has no sign to give
    (lambda x: x + -(x * x), ["square", "subtract"]),
    (lambda x: -(x * x) + x, ["square", "subtract"]),
    (lambda x: x - -np.exp(x), ["exp", "add"]),
    (lambda x: x + -0.1 * x, ["multiply", "subtract"]),
    (lambda x: -0.1 * x + x, ["multiply", "subtract"]),
    (lambda x: x - -0.1 * x, ["multiply", "add"]),
    (lambda x: np.where(x > 0, x, x), ["copy"]),
    (lambda x: np.where(~(x > 0), x, 1), ["greater", "where"]),
    (lambda x: x * np.ones_like(x), ["copy"]),
    (lambda x: x + np.broadcast_to(x[:1], x.shape), ["getitem", "add"]),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("f", "left"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_identity(f, left, dtype):
    x = special(dtype)
    graph = backhand.trace(f, x)
    after = simplify(graph)
    assert ops(after) == left
    check(graph, algebra(graph), x)
    check(graph, after, x)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.float16, np.bool])
@pytest.mark.parametrize(("f", "left"), CASES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::DeprecationWarning")
def test_an_identity_of_floats_does_no_harm_to_other_numbers(f, left, dtype):
    x = np.array([0, 1, 2, 3, 100]).astype(dtype)
    try:
        graph = backhand.trace(f, x)
    except (TypeError, ValueError, OverflowError):
        pytest.skip("NumPy has no such operation")
    check(graph, algebra(graph), x)
    check(graph, simplify(graph), x)


@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int32])
def test_a_mean_is_a_sum_divided(axis, dtype):
    x = (np.random.default_rng(0).standard_normal((7, 5)) * 10).astype(dtype)
    graph = backhand.trace(lambda x: np.mean(x, axis=axis, keepdims=axis == 0), x)
    after = algebra(graph)
    assert ("mean" in ops(after)) == (dtype in (np.float16, np.int32))
    check(graph, after, x)


def test_the_update_of_the_notes_is_a_difference():
    """W += -alpha * dW, as in note 003, is written as W - alpha * dW."""
    graph = backhand.trace(
        lambda W, x, g: W + -0.01 * np.dot(x.T, g), np.ones((3, 2)), np.ones((4, 3)), np.ones((4, 2))
    )
    assert ops(simplify(graph)) == ["transpose", "matmul", "multiply", "subtract"]


floats32 = st.floats(width=32, allow_nan=True, allow_infinity=True)


@settings(max_examples=200, deadline=None)
@given(arrays.arrays(np.float32, (2, 6), elements=floats32), st.sampled_from("+-*/"), st.booleans())
def test_one_operation_widened_and_narrowed_is_one_in_float32(pair, sign, root):
    def f(a, b):
        one = np.float64(1)
        wide = {"+": a + b * one, "-": a - b * one, "*": a * (b * one), "/": a / (b * one)}[sign]
        return (np.sqrt(np.abs(a) * one) if root else wide).astype(np.float32)

    with np.errstate(all="ignore"):
        graph = backhand.trace(f, np.ones(6, np.float32), np.ones(6, np.float32))
        after = simplify(graph)
        assert all(node.dtype == np.float32 for node in after.nodes)
        a, b = (np.asarray(v) for v in pair)
        check(graph, after, a, b)


def test_two_operations_widened_stay_wide():
    x = np.ones(3, np.float32)
    graph = backhand.trace(lambda x: ((x * np.float64(3) + x) / 3.5).astype(np.float32), x)
    assert any(node.dtype == np.float64 for node in narrow(fold_constants(graph)).nodes)
    check(graph, simplify(graph), np.float32([0.1, 0.7, 3.3]))


def test_a_wide_factor_that_float32_does_not_hold_stays_wide():
    x = np.float32([0.1, 0.7, 3.3])
    graph = backhand.trace(lambda x: (x * np.float64(0.1)).astype(np.float32), x)
    after = simplify(graph)
    assert any(node.dtype == np.float64 for node in after.nodes)
    check(graph, after, x)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_two_constant_factors_are_one(dtype):
    x = np.random.default_rng(1).standard_normal(1000).astype(dtype)
    graph = backhand.trace(lambda x: 0.1 * (x / 100), x)
    after = factors(algebra(graph))
    assert ops(after) == ["multiply"]
    assert after.nodes[-1].dtype == dtype
    check(graph, after, x, equal=lambda a, b: close(a, b, 3))
    assert not same(values(graph, [x])[0], values(after, [x])[0])  # it is not exact, and doesn't say so


def test_factors_that_leave_the_range_are_left_alone():
    x = np.float32([1e30])
    graph = backhand.trace(lambda x: 1e20 * (1e-20 * x), x)
    assert factors(graph) is graph


def test_a_factor_of_an_outer_product_scales_the_vector():
    """The update of the notes' DNN; what it does to W needs the same product as what it does to b."""

    def f(x, d, W, b):
        return W - 0.01 * (x[:, None] * d), b - 0.01 * d

    rng = np.random.default_rng(0)
    inputs = rng.standard_normal(6), rng.standard_normal(4), rng.standard_normal((6, 4)), rng.standard_normal(4)
    graph = backhand.trace(f, *inputs)
    after = simplify(graph)
    assert sorted(ops(after)) == ["multiply", "multiply", "reshape", "subtract", "subtract"]
    check(graph, after, *inputs, equal=close)


def test_a_factor_of_a_product_of_equals_stays_outside():
    x = np.random.default_rng(0).standard_normal((3, 4))
    graph = backhand.trace(lambda x: 0.1 * (x * np.exp(x)), x)
    assert factors(graph) is graph
