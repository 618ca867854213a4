"""Copies, casts, views and writes: what is left of them, and that the values are the same in every bit."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from rewriting import check, ops

import backhand
from backhand.compiling.rewrite import simplify
from backhand.compiling.rewrite.keys import compose, covers_all, disjoint, expand, reaches_all, to_key
from backhand.compiling.rewrite.masks import masks
from backhand.compiling.rewrite.puts import labels, puts
from backhand.compiling.rewrite.views import copies_and_views
from backhand.graph.ops.index import Slice, unpack

x = np.random.default_rng(0).standard_normal((4, 6))
f32 = x.astype(np.float32)


def test_a_copy_inside_goes():
    graph = backhand.trace(lambda x: np.exp(x.copy().ravel().copy()).copy(), x)
    check(graph, simplify(graph), x)
    assert ops(simplify(graph)) == ["reshape", "exp"]


VIEWS = [
    (lambda x: np.exp(x.reshape(3, 8).reshape(2, 12)), ["reshape", "exp"]),
    (lambda x: np.exp(x.reshape(-1, 6)), ["exp"]),
    (lambda x: np.exp(x.T.T), ["exp"]),
    (lambda x: np.exp(x[None].transpose(1, 2, 0).transpose(1, 0, 2)), ["reshape", "exp", "transpose"]),
    (lambda x: np.exp(x[:1].T), ["getitem", "reshape", "exp"]),
    (lambda x: np.exp(x[1:][:2, ::2]), ["getitem", "exp"]),
    (lambda x: np.exp(x[1:][0]), ["getitem", "exp"]),
    (lambda x: np.exp(x[...]), ["exp"]),
    (lambda x: np.exp(x[:, :]), ["exp"]),
    (lambda x: np.exp(x[:1].copy()[0]), ["getitem", "exp"]),
    (lambda x: np.exp(np.broadcast_to(np.broadcast_to(x, (1, 4, 6)), (2, 4, 6))), ["broadcast_to", "exp"]),
    (lambda x: np.exp(x.astype(np.float64)), ["exp"]),
    (lambda x: np.sum(x.astype(np.float32).astype(np.float64)), ["astype", "astype", "sum"]),
    (lambda x: np.exp(np.zeros((3, 5)).T[1:]) + x[0, 0], ["full", "getitem", "add"]),
]


@pytest.mark.parametrize(("f", "left"), VIEWS)
def test_views_of_views(f, left):
    graph = backhand.trace(f, x)
    check(graph, copies_and_views(graph), x)
    after = simplify(graph)
    check(graph, after, x)
    assert ops(after) == left, after


def test_a_cast_that_loses_nothing_goes_before_another():
    graph = backhand.trace(lambda a: np.exp(a.astype(np.float64).astype(np.float32)), f32)
    assert ops(simplify(graph)) == ["exp"]
    big = np.array([2**53 + 1, 3])
    graph = backhand.trace(lambda a: a.astype(np.float64).astype(np.int64) + 1, big)
    assert ops(simplify(graph)) == ["astype", "astype", "add"]  # 2^53 + 1 has no float64
    check(graph, simplify(graph), big)
    small = np.array([1, 2, 55], np.uint8)
    graph = backhand.trace(lambda a: np.exp(a.astype(np.int32).astype(np.float32)), small)
    assert ops(simplify(graph)) == ["astype", "exp"]
    check(graph, simplify(graph), small)


# -- keys -----------------------------------------------------------------------------------------------------------

bounds = st.one_of(st.none(), st.integers(-7, 7))
items = st.one_of(
    st.integers(-4, 3), st.none(), st.builds(Slice, bounds, bounds, st.sampled_from([None, 1, 2, 3, -1, -2]))
)


@st.composite
def basic_keys(draw, shape):
    axes = draw(st.integers(0, len(shape)))
    key = []
    for n in shape[:axes]:
        if draw(st.integers(0, 3)) == 0:
            key.append(None)
        key.append(
            draw(
                items.filter(lambda item, n=n: item is not None and not (isinstance(item, int) and not -n <= item < n))
            )
        )
    if draw(st.booleans()):
        key.append(Ellipsis)
    return tuple(key)


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from([(4,), (4, 5), (1, 4), (4, 2, 4), (4, 1, 1)]))
def test_keys_mean_what_they_mean_in_numpy(data, shape):
    a = np.arange(np.prod(shape)).reshape(shape)
    one, two = data.draw(basic_keys(shape)), data.draw(basic_keys(shape))
    places = expand(one, shape)
    first = a[unpack(one, ())]
    assert np.array_equal(a[unpack(to_key(places, shape), ())], first)
    assert not covers_all(one, shape) or (first.shape == a.shape and np.array_equal(first, a))
    assert reaches_all(places, shape) == (first.size == a.size and np.array_equal(np.ravel(first), np.ravel(a)))
    if disjoint(places, expand(two, shape)):
        assert not np.intersect1d(first, a[unpack(two, ())]).size
    then = data.draw(basic_keys(np.shape(first)))
    whole = compose(places, expand(then, np.shape(first)))
    second = np.asarray(first)[unpack(then, ())]
    if whole is not None:
        made = a[unpack(to_key(whole, shape), ())]
        assert np.shape(made) == np.shape(second)
        assert np.array_equal(made, second)


# -- writes ---------------------------------------------------------------------------------------------------------


def written(key, value, array=lambda x: x.copy()):
    def f(x):
        out = array(x)
        out[key] = value(x)
        return out * 2

    return f


WRITES = [
    (written(np.s_[...], lambda x: np.exp(x)), ["exp", "multiply"]),
    (
        written(np.s_[:], lambda x: x[0] * 3, lambda x: np.zeros((4, 6))),
        ["getitem", "multiply", "broadcast_to", "multiply"],
    ),
    (written(np.s_[:, None], lambda x: np.exp(x[:, None]), lambda x: np.zeros((4, 6))), None),
    (written(np.s_[:], lambda x: 2.5), None),
    (written(np.s_[0], lambda x: np.exp(x), lambda x: np.ones((1, 4, 6))), ["exp", "reshape", "multiply"]),
    (written(np.s_[1:3], lambda x: x[1:3]), ["multiply"]),
    (written(np.s_[0], lambda x: x[1]), ["getitem", "put", "multiply"]),
    (
        written(np.s_[:], lambda x: x.astype(np.float32), lambda x: np.zeros((4, 6), np.float16)),
        ["astype", "astype", "multiply"],
    ),
]


@pytest.mark.parametrize(("f", "left"), WRITES)
def test_writes(f, left):
    graph = backhand.trace(f, x)
    check(graph, puts(graph), x)
    after = simplify(graph)
    check(graph, after, x)
    assert left is None or sorted(ops(after)) == sorted(left), after


def test_of_two_writes_to_one_place_the_last_stays():
    def f(x):
        out = np.zeros((4, 6))
        out[1] = x[0]
        out[1, :] = x[2]
        return out

    graph = backhand.trace(f, x)
    after = simplify(graph)
    check(graph, after, x)
    assert ops(after).count("put") == 1


def test_reading_what_was_written_and_what_was_not():
    def f(x):
        out = np.zeros((4, 6))
        out[1:3] = x[:2]
        out[0] = x[3]
        return out[1:3] * 2, out[3] + x[0], out[:2] * 1.5, out[0, 1] * 2

    graph = backhand.trace(f, x)
    check(graph, copies_and_views(graph), x)
    check(graph, simplify(graph), x)


def test_reading_a_row_into_which_a_longer_value_was_written():
    def f(x):
        out = np.zeros((2, 6))
        out[0] = np.sum(x, axis=0, keepdims=True)  # (1, 6) fits into (6,)
        out[1, :3] = x[None, :1, :1]  # and (1, 1, 1) into (3,)
        return np.exp(out[0]), np.exp(out[1, :3]), out

    graph = backhand.trace(f, x)
    check(graph, copies_and_views(graph), x)
    check(graph, simplify(graph), x)


def test_a_number_written_into_integers_is_cut():
    graph = backhand.trace(
        lambda i: (written(np.s_[...], lambda i: 2.75)(i), written(np.s_[1], lambda i: 1.5)(i)), np.arange(5)
    )
    check(graph, simplify(graph), np.arange(5))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_write_by_mask_is_a_choice(dtype):
    def relu(x):
        out = x.copy()
        out[x <= 0] = 0
        return out

    a = np.array([1, -1, 0.0, -0.0, np.nan, np.inf, -np.inf], dtype)
    graph = backhand.trace(relu, np.ones(7, dtype))
    after = simplify(graph)
    assert ops(after) == ["less_equal", "where"]
    check(graph, after, a)


def test_rows_chosen_by_a_mask():
    def f(x):
        out = x.copy()
        out[x[:, 0] > 0] = 1.5
        return out

    graph = backhand.trace(f, x)
    check(graph, simplify(graph), x)
    assert "where" in ops(simplify(graph))


# -- masks ----------------------------------------------------------------------------------------------------------


def written_zero(x):
    mask = x <= 0
    out = x.copy()
    out[mask] = 0
    return out, mask


RELUS = [
    written_zero,
    lambda x: (np.maximum(x, 0), x > 0),
    lambda x: (np.maximum(0, x), x <= 0),
    lambda x: (np.maximum(x, 0), np.less(0, x)),
    lambda x: (np.minimum(x, 0.5), x < 0.5),
    lambda x: (x * (x > 0), x > 0),
    lambda x: ((x > 0) * x, x > 0),
    lambda x: (np.where(x > 0, x, 0), x > 0),
    lambda x: (np.where(x >= 0.25, x, -1), x >= 0.25),
    lambda x: (np.where(x < 0.5, 0.25, x), x < 0.5),
]
NOT_SHOWN = [
    lambda x: (np.maximum(x, 0), x >= 0),
    lambda x: (np.maximum(x, 0), x > 0.5),
    lambda x: (np.where(x > 0, x, 2), x > 0),
    lambda x: (np.where(x > 0, x, 0.1 * x), x > 0),
    lambda x: (np.where(x <= 0, 0.5, x), x <= 0),
    lambda x: (x * (x > 1), x > 1),
    lambda x: (np.where(x > 0, np.exp(x), 0), x > 0),
]
steep = np.array([[1, -1, 0.0, -0.0, np.nan, np.inf, -np.inf, 0.5, 0.25, 5e-324, -5e-324, 2]])


@pytest.mark.parametrize(("relu", "shown"), [*((f, True) for f in RELUS), *((f, False) for f in NOT_SHOWN)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_mask_is_read_off_the_result_where_that_shows_it(relu, shown):
    def step(x, dout):
        y, mask = relu(np.sinh(x))
        return y.T * 3, np.where(mask, dout, 0), mask

    x, dout = steep, np.arange(12.0).reshape(1, 12)
    graph = backhand.trace(step, x, dout)
    check(graph, masks(graph), x, dout)
    after = simplify(graph)
    check(graph, after, x, dout)
    choice = next(node for node in after.nodes if node.op == "where" and after.find("dout") in node.inputs)
    compared = after.nodes[after.nodes[choice.inputs[0]].inputs[0]]
    assert (compared.op != "sinh") == shown, after


# -- labels ---------------------------------------------------------------------------------------------------------


def softmax_gradient(y, t):
    n = y.shape[0]
    loss = -np.sum(np.log(y[np.arange(n), t]))
    dx = np.exp(y)
    dx[np.arange(n), t] -= 1
    return loss, dx / n


probabilities = np.abs(x) + 0.1


@pytest.mark.parametrize("t", [[0, 5, 2, 3], [-1, -6, 0, 2]])
def test_the_gradient_at_the_labels_is_a_choice(t):
    t = np.array(t)
    graph = backhand.trace(softmax_gradient, probabilities, t)
    after = simplify(graph)
    assert "put" not in ops(after)
    check(graph, labels(graph), probabilities, t)
    check(graph, after, probabilities, t)


@pytest.mark.parametrize("wrong", [[0, 6, 1, 1], [0, -7, 1, 1]])
def test_a_label_out_of_range_still_raises(wrong):
    after = simplify(backhand.trace(softmax_gradient, probabilities, np.zeros(4, int)))
    with pytest.raises(IndexError):
        after(probabilities, np.array(wrong))


def test_without_the_loss_the_write_stays_and_raises():
    def f(y, t):
        dx = y.copy()
        dx[np.arange(4), t] -= 1
        return dx * 2

    after = simplify(backhand.trace(f, probabilities, np.zeros(4, int)))
    assert "put" in ops(after)
    with pytest.raises(IndexError):
        after(probabilities, np.array([0, 6, 1, 1]))


def test_the_gradient_of_max_pooling():
    def f(col, dout):
        dmax = np.zeros((4, 6))
        dmax[np.arange(4), np.argmax(col, axis=1).flatten()] = dout.flatten()
        return dmax * 2

    graph = backhand.trace(f, x, x[:, 0].copy())
    after = simplify(graph)
    assert "put" not in ops(after)
    check(graph, after, x, x[:, 0].copy())


def test_rows_that_are_not_all_rows_in_order_stay():
    def f(y, t):
        loss = np.sum(y[np.array([0, 1, 1, 2]), t])
        dx = np.exp(y)
        dx[np.array([0, 1, 1, 2]), t] -= 1
        return loss, dx * 2

    t = np.array([1, 2, 2, 0])
    graph = backhand.trace(f, probabilities, t)
    assert "put" in ops(simplify(graph))
    check(graph, simplify(graph), probabilities, t)
