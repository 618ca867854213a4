"""Loops that a trace unrolled are rolled up again; what only looks like a loop is left alone."""

import numpy as np
import pytest
from rewriting import check, close, ops, same

import backhand
from backhand.compiling.rewrite import simplify
from backhand.compiling.rewrite.reroll import reroll

import book  # isort: skip  (of tests/graph, which rewriting names)

x = np.random.default_rng(0).standard_normal(5)
g = np.random.default_rng(1).standard_normal(4)
A = np.random.default_rng(2).standard_normal((4, 5))


def columns(x, g):
    grad = np.ones((5, 4))
    for j in range(4):
        grad[:, j] = g[j] * (1 - g[j]) * x
    return grad * 2


def rows(x, g):
    grad = np.zeros((4, 5))
    for j in range(4):
        grad[j] = g[j] * x + A[j]
    return grad * 2


def backwards(x, g):
    grad = np.zeros((4, 5))
    for j in reversed(range(4)):
        grad[j] = g[j] * x
    return grad * 2


def every_second(x, g):
    grad = np.zeros((8, 5))
    for j in range(4):
        grad[2 * j + 1] = g[j] * x
    return grad * 2


def added(x, g):
    grad = np.ones((4, 5))
    for j in range(4):
        grad[j] += g[3 - j] * x
    return grad * 2


def the_same_everywhere(x, g):
    grad = np.zeros((5, 4))
    for j in range(4):
        grad[:, j] = x
    return grad * g


def middle_axis(x, g):
    out = np.zeros((2, 4, 5))
    for j in range(4):
        out[:, j] = np.outer(g[:2], x) * g[j]
    return out * 2


def reduced(x, g):
    out = np.zeros(4)
    for i in range(4):
        out[i] = np.sum(A[i] * x) + np.max(A[i])
    return out * 2


def products_with_a_matrix(x, g):
    out = np.zeros((4, 4))
    for i in range(4):
        out[i] = np.dot(A, A[i] * x)
    return out * 2


def products_from_the_left(x, g):
    out = np.zeros((4, 4))
    for i in range(4):
        out[i] = np.dot(A[i] * x, A.T)
    return out * 2


def dot_products(x, g):
    out = np.zeros(4)
    for i in range(4):
        out[i] = np.dot(A[i], A[3 - i])
    return out * g


def put_together(x, g):
    return np.array([np.tanh(g[i] * x) for i in range(4)]) * 2


def stacked_behind(x, g):
    return np.stack([np.tanh(g[i] * x) for i in range(4)], axis=1) * 2


def added_up(x, g):
    loss = 0.0
    for i in range(4):
        loss += np.sum((A[i] - x) ** 2)
    return loss / 4


def one_axis_too_many(x, g):
    out = np.zeros((4, 5))
    for i in range(4):
        out[i] = (x * g[i])[None]
    return out * 2


def two_loops(x, g):
    out = np.zeros((8, 5))
    for i in range(4):
        out[i] = x * g[i]
    for i in range(4):
        out[4 + i] = x + g[i]
    return out * 2


LOOPS = [columns, rows, backwards, every_second, added, the_same_everywhere, middle_axis, reduced,
         products_with_a_matrix, products_from_the_left, dot_products, put_together, stacked_behind, added_up,
         one_axis_too_many, two_loops]  # fmt: skip
ROUNDED = {reduced, products_with_a_matrix, products_from_the_left, dot_products, added_up}


@pytest.mark.parametrize("f", LOOPS)
def test_a_loop(f):
    graph = backhand.trace(f, x, g)
    after = simplify(graph)
    equal = close if f in ROUNDED else same
    check(graph, reroll(graph), x, g, equal=equal)
    check(graph, after, x, g, equal=equal)
    left = ops(after)
    assert left.count("put") <= (2 if f is two_loops else f is every_second), after
    assert len(left) <= 13, after


def test_the_columns_of_the_notes_are_one_product():
    after = simplify(backhand.trace(columns, x, g))
    assert ops(after) == ["subtract", "multiply", "reshape", "multiply", "multiply"]


# -- windows and tiles ------------------------------------------------------------------------------------------------

image = np.random.default_rng(3).standard_normal((2, 6, 8))


def im2col(size, stride):
    def f(image):
        rows, columns = (image.shape[1] - size) // stride + 1, (image.shape[2] - size) // stride + 1
        col = np.zeros((2, size, size, rows, columns))
        for y in range(size):
            for x in range(size):
                col[:, y, x] = image[:, y : y + stride * rows : stride, x : x + stride * columns : stride]
        return col.transpose(0, 3, 4, 1, 2).reshape(2 * rows * columns, -1) * 2

    return f


@pytest.mark.parametrize(("size", "stride"), [(3, 1), (2, 2), (3, 2), (1, 1), (5, 1)])
def test_im2col_is_a_view_of_windows(size, stride):
    graph = backhand.trace(im2col(size, stride), image)
    after = simplify(graph)
    check(graph, after, image)
    assert not {"put", "full"} & set(ops(after)), after


def tiles(stride, size, length=8):
    def f(x):
        out = np.zeros((2, length))
        for i in range(size):
            out[:, i : i + stride * 3 : stride] += np.outer(x[:2], x[:3]) * x[i]
        return out * 2

    return f


@pytest.mark.parametrize(("stride", "size", "rolled"), [(2, 2, True), (1, 3, False), (3, 2, False), (2, 3, False)])
def test_slices_that_lie_interleaved_are_one_write(stride, size, rolled):
    graph = backhand.trace(tiles(stride, size), x)
    after = simplify(graph)
    check(graph, after, x)
    assert (ops(after).count("put") == 1) == rolled, after


def test_slices_side_by_side_are_one_write():
    def f(x):
        out = np.zeros((12, 2))
        for i in range(4):
            out[3 * i : 3 * i + 3] = np.outer(x[:3], x[3:5]) * x[i]
        return out * 2

    graph = backhand.trace(f, x)
    after = simplify(graph)
    check(graph, after, x)
    assert "put" not in ops(after)


def test_max_pooling_back_and_forth():
    """The book's: windows of a transposed array, and tiles of one."""
    pool = book.Pooling(2, 2)
    x = np.random.default_rng(4).standard_normal((3, 2, 6, 4))

    def step(x, dout):
        return pool.forward(x) * 2, pool.backward(dout)

    dout = np.random.default_rng(5).standard_normal((3, 2, 3, 2))
    graph = backhand.trace(step, x, dout)
    after = simplify(graph)
    check(graph, after, x, dout)
    assert not {"put", "pad", "full"} & set(ops(after)), after


# -- what must not be rolled up ---------------------------------------------------------------------------------------


def recurrence(x, g):
    out = np.ones((4, 5))
    for i in range(1, 4):
        out[i] = out[i - 1] * x + g[i]
    return out * 2


def uneven(x, g):
    out = np.ones((8, 5))
    for i in (0, 1, 3, 7):
        out[i] = x * np.exp(i)
    return out * 2


def overlapping(x, g):
    out = np.zeros(8)
    for i in range(4):
        out[i : i + 5] = x * g[i]
    return out * 2


def overwritten(x, g):
    out = np.zeros((4, 5))
    for i in (0, 1, 0, 1):
        out[i] = x * g[i] + A[i]
    return out * 2


def seen_between(x, g):
    out = np.zeros((4, 5))
    seen = []
    for i in range(4):
        out[i] = x * g[i]
        seen.append(np.sum(out))
    return out * 2, seen


def another_op(x, g):
    out = np.zeros((4, 5))
    for i in range(4):
        out[i] = x * g[i] if i % 2 else x + g[i]
    return out * 2


def another_op_inside(x, g):
    out = np.zeros((4, 5))
    for i in range(4):
        out[i] = np.tanh(1 + np.exp(x * g[i] if i % 2 else x - g[i]))
    return out * 2


def other_axes(x, g):
    out = np.zeros((4, 5))
    for i in range(4):
        out[i] = np.sum(np.outer(x, x + 1) * g[i], axis=i % 2)
    return out * 2


def other_constants(x, g):
    out = np.zeros((4, 5))
    for i in range(4):
        out[i] = x * (i + 0.5)
    return out * 2


def sorted_rows(x, g):
    out = np.zeros((4, 5))
    for i in range(4):
        out[i] = np.cumsum(A[i] * x)
    return out * 2


def weak_numbers(x, g):
    return x * (0.5 + 1.5) + sum(float(i) for i in range(4))


@pytest.mark.parametrize(
    "f",
    [
        recurrence,
        uneven,
        overlapping,
        overwritten,
        seen_between,
        another_op,
        another_op_inside,
        other_axes,
        other_constants,
        sorted_rows,
        weak_numbers,
    ],
)
def test_no_loop(f):
    graph = backhand.trace(f, x, g)
    check(graph, reroll(graph), x, g)
    check(graph, simplify(graph), x, g, equal=close)
    assert len(simplify(graph)) <= len(graph)


def test_draws_in_a_loop_stay_in_order():
    class Noise:
        def forward(self, x):
            out = np.zeros((3, 5))
            for i in range(3):
                out[i] = x * np.random.rand(5)
            return out * 2

    graph = backhand.trace(Noise().forward, x)
    after = simplify(graph)
    np.random.seed(3)
    expected = graph(x)
    np.random.seed(3)
    assert np.array_equal(after(x), expected)
