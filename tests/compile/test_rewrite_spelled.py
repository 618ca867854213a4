"""What NumPy does in one call, written out: the same numbers, for every axis, shape and dtype."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rewriting import check, close, ops, values

from backhand.compiling.rewrite import ON_NUMPY, PASSES, simplify
from backhand.compiling.rewrite.spelled import side_by_side, spelled_out
from backhand.graph import record
from backhand.graph.ops import TABLE

SHAPES = st.lists(st.integers(1, 5), min_size=1, max_size=4).map(tuple)
FLOATS = st.sampled_from([np.float32, np.float64])
DTYPES = st.sampled_from([np.float32, np.float64, np.int64, np.bool_, np.float16])


def array(shape, dtype=np.float64, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * 4).astype(dtype)


@st.composite
def axes(draw, rank):
    """None, an axis, or several, counted from either end."""
    kind = draw(st.sampled_from(["none", "one", "some"]))
    if kind == "none":
        return None
    some = draw(st.lists(st.integers(0, rank - 1), min_size=1, max_size=rank, unique=True))
    some = [axis - rank if draw(st.booleans()) else axis for axis in some]
    return some[0] if kind == "one" else tuple(some)


def written_out(function, *inputs, equal=close, gone=()):
    graph = record(function, *inputs).graph
    made = side_by_side(spelled_out(graph))
    check(graph, made, *inputs, equal=equal)
    check(graph, simplify(graph), *inputs, equal=close)
    assert not set(gone) & set(ops(made)), made


@settings(max_examples=150, deadline=None)
@given(st.data(), SHAPES, DTYPES)
def test_variance_and_deviation(data, shape, dtype):
    axis, keepdims = data.draw(axes(len(shape))), data.draw(st.booleans())
    ddof = data.draw(st.sampled_from([0, 1, 2, 0.5]))
    x = array(shape, dtype)
    count = x.size // max(1, x.var(axis=axis).size)
    if count > ddof:  # else NumPy divides by zero, with a warning
        gone = ("var", "std") if dtype in (np.float32, np.float64) else ()
        written_out(lambda x: np.var(x, axis=axis, ddof=ddof, keepdims=keepdims), x, gone=gone)
        written_out(lambda x: (x.std(axis, ddof=ddof, keepdims=keepdims), x.var()), x, gone=gone)


def test_a_variance_far_from_zero_keeps_its_digits():
    """The distances from the mean are squared, as in NumPy: a mean of squares less a square would lose them."""
    x = 1e6 + array((50, 3))
    (before,), (after,) = (values(g, [x]) for g in (lambda g: (g, simplify(g)))(record(lambda x: x.var(0), x).graph))
    assert np.allclose(before, after, rtol=1e-12, atol=0)


@pytest.mark.parametrize("keepdims", [False, True])
def test_the_mean_is_computed_once(keepdims):
    def normalize(x):
        mean = x.mean(axis=0, keepdims=keepdims)
        return (x - mean) / np.sqrt(x.var(axis=0) + 1e-5), mean

    x = array((6, 4))
    graph = simplify(record(normalize, x).graph)
    check(record(normalize, x).graph, graph, x, equal=close)
    assert ops(graph).count("sum") == 2
    assert ops(graph).count("subtract") == 1


@settings(max_examples=80, deadline=None)
@given(st.data(), SHAPES, FLOATS, st.booleans())
def test_norms(data, shape, dtype, keepdims):
    axis = data.draw(st.sampled_from([None, *range(len(shape)), *itertools.permutations(range(len(shape)), 2)]))
    matrix = isinstance(axis, tuple) or (axis is None and len(shape) == 2)
    vector = isinstance(axis, int) or (axis is None and len(shape) == 1)
    ord = data.draw(st.sampled_from([None, *(["fro"] if matrix else []), *([1, 2] if vector else [])]))
    written_out(lambda x: np.linalg.norm(x, ord, axis, keepdims), array(shape, dtype), gone=["norm"])


@st.composite
def subscripts(draw):
    """An einsum of one or two operands: each letter has a size of its own."""
    letters = st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True).map("".join)
    terms = draw(st.lists(letters, min_size=1, max_size=2))
    known = sorted(set("".join(terms)))
    return ",".join(terms) + "->" + "".join(draw(st.permutations(draw(st.lists(st.sampled_from(known), unique=True)))))


@settings(max_examples=200, deadline=None)
@given(subscripts(), FLOATS)
def test_einsum(subscripts, dtype):
    sizes = dict(zip("abcde", (3, 4, 2, 5, 1), strict=True))
    terms = subscripts.split("->")[0].split(",")
    inputs = [array([sizes[letter] for letter in term], dtype, seed) for seed, term in enumerate(terms)]
    written_out(lambda *x: np.einsum(subscripts, *x), *inputs, gone=["einsum"])


def test_an_einsum_that_stretches_an_axis_or_has_three_operands_stays():
    written_out(lambda a, b: np.einsum("ij,jk->ik", a, b), array((2, 1)), array((3, 4)))
    written_out(lambda a, b, c: np.einsum("i,ij,j->", a, b, c), array(2), array((2, 3)), array(3))


@settings(max_examples=100, deadline=None)
@given(st.data(), FLOATS, st.integers(1, 4), st.integers(1, 4))
def test_products_over_any_axes(data, dtype, first, second):
    a, b = array((3,) * first, dtype, 1), array((3,) * second, dtype, 2)
    count = data.draw(st.integers(0, min(first, second)))
    over = [data.draw(st.permutations(range(n)))[:count] for n in (first, second)]
    written_out(lambda a, b: np.tensordot(a, b, over), a, b, gone=["tensordot"])
    written_out(np.inner, a, b, gone=["inner"])
    written_out(np.dot, a, b, gone=["dot"] if max(first, second) > 2 else [])


@pytest.mark.parametrize(
    ("left", "right"),
    [((2, 3, 4), (4,)), ((2, 3, 4), (4, 5)), ((4,), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2))],
    ids=str,
)
def test_stacks_of_matrices(left, right):
    written_out(np.matmul, array(left), array(right, seed=1))


@settings(max_examples=100, deadline=None)
@given(st.data(), SHAPES, st.sampled_from([np.float32, np.float64, np.int64, np.bool_]))
def test_moving_of_data_is_exact(data, shape, dtype):
    x, axis = array(shape, dtype), data.draw(st.integers(-len(shape), len(shape) - 1))
    times, shift = data.draw(st.integers(1, 3)), data.draw(st.integers(-6, 6))
    reps = tuple(data.draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    width = [(data.draw(st.integers(0, 2)), data.draw(st.integers(0, 2))) for _ in shape]
    for function, op in (
        (lambda x: np.concatenate([x, x[::-1], x.astype(np.float64)], axis=axis), "concatenate"),
        (lambda x: np.repeat(x, times, axis=axis), "repeat"),
        (lambda x: np.repeat(x, times), "repeat"),
        (lambda x: np.tile(x, reps), "tile"),
        (lambda x: np.pad(x, width, constant_values=1), "pad"),
        (lambda x: np.roll(x, shift, axis=axis), "roll"),
        (lambda x: np.roll(x, shift), "" if len(shape) > 1 else "roll"),
        (lambda x: np.count_nonzero(x, axis=axis), "count_nonzero"),
        (lambda x: np.cumsum(x), ""),
    ):
        written_out(function, x, equal=lambda a, b: np.array_equal(a, b) and a.dtype == b.dtype, gone=[op])


def test_diagonals():
    for function in (np.diag, np.diagflat, lambda x: np.diag(x, 1), lambda x: np.trace(np.outer(x, x))):
        written_out(function, array(4), equal=close)
    for function in (np.diag, lambda x: np.diag(x, -1), np.trace, lambda x: np.trace(x, 1)):
        written_out(function, array((4, 3)), equal=close)


def test_what_is_empty_is_left_to_numpy():
    for function in (lambda x: np.concatenate([x, x]), lambda x: np.tile(x, 2), lambda x: np.einsum("ij->i", x)):
        written_out(function, np.zeros((2, 0)))


def test_a_loop_that_ends_in_a_new_array_is_still_found():
    """``np.array([...])`` is a concatenate, which is rolled up before it would be written out."""
    graph = record(lambda x, g: np.array([np.tanh(g[i] * x) for i in range(4)]), array(5), array(4)).graph
    assert not {"concatenate", "put"} & set(ops(simplify(graph)))


def test_they_are_among_the_passes_but_for_numpy_and_make_ops_of_the_table():
    assert {spelled_out, side_by_side} == set(PASSES) - set(ON_NUMPY)
    graph = record(lambda x: np.concatenate([x.std(0), np.pad(x[0], 1), np.diag(x)]), array((4, 4))).graph
    assert set(ops(side_by_side(spelled_out(graph)))) <= set(TABLE)
