"""Differentiation at the awkward places, of modern layers, and of derivatives."""

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import backhand
from backhand.errors import DTypeError, GraphError, OrderError, ShapeError
from backhand.graph import record


def gradient(f, *inputs, wrt="x"):
    graph = backhand.trace(f, *inputs).verify()
    return backhand.differentiate(graph, wrt=wrt).verify()(*inputs)


# -- awkward places
# -----------------------------------------------------------------------------------------------------


def test_repeated_use():
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x * x), np.array([1.0, -3.0])), [2, -6])
    assert backhand.grad(lambda x: x * x * x)(2.0) == 12
    assert gradient(lambda x: x + x, 3.0) == 2


def test_zero_to_the_zero():
    x = np.array([0.0, 2.0])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x**0), x), [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x**1), x), [1, 1])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x**2), x), [0, 4])
    np.testing.assert_array_equal(gradient(lambda x, y: np.sum(x**y), x, np.zeros(2)), [0, 0])
    np.testing.assert_allclose(gradient(lambda x, y: np.sum(y**x), x, np.array([0.0, 3.0])), [0, 9 * np.log(3)])


def test_ties_share_and_sum_to_one():
    x = np.array([2.0, 1.0, 2.0, 2.0])
    np.testing.assert_allclose(gradient(np.max, x, wrt=0), [1 / 3, 0, 1 / 3, 1 / 3])
    np.testing.assert_allclose(gradient(lambda x: np.max(x.reshape(2, 2), axis=1).sum(), x), [1, 0, 0.5, 0.5])
    np.testing.assert_allclose(gradient(lambda x: np.sum(np.maximum(x, 2)), x), [0.5, 0, 0.5, 0.5])
    vjp, _ = autograd.make_vjp(lambda x: anp.sum(anp.maximum(x, 2)), 0)(x)
    np.testing.assert_allclose(vjp(1.0), [0.5, 0, 0.5, 0.5])


def test_the_unused_branch_of_where_may_be_nan():
    x = np.array([-1.0, 0.0, 2.0])

    def log(x):
        return np.sum(np.where(x > 0, np.log(x), x))

    def root(x):
        return np.sum(np.where(x > 0, 1 / np.sqrt(3 * x) * np.log(x), 0))

    def written(x):
        y = np.log(x) * 2
        y[x <= 0] = 0
        return np.sum(y)

    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(gradient(log, x), [1, 1, 0.5])
        assert np.isfinite(gradient(root, x)).all()
        np.testing.assert_array_equal(gradient(written, x), [0, 0, 1])
        second = backhand.differentiate(backhand.differentiate(backhand.trace(log, x), wrt="x"), wrt="x")
        np.testing.assert_array_equal(second(x, np.ones(3)), [0, 0, -0.25])


def test_a_nan_that_is_used_stays():
    with np.errstate(all="ignore"):
        assert np.isnan(gradient(lambda x: np.sum(np.sqrt(x)), np.array([-1.0])))[0]


def test_empty_and_zero_dimensional():
    assert gradient(lambda x: np.sum(np.exp(x) * 2), np.zeros((0, 3))).shape == (0, 3)
    assert gradient(lambda x: np.exp(x), np.array(0.0)) == 1
    assert gradient(lambda x: np.exp(x), np.float64(0.0)) == 1
    x = np.zeros(3)
    assert gradient(lambda x: np.sum(x[np.zeros(0, dtype=int)]), x).tolist() == [0, 0, 0]
    assert gradient(lambda x: np.sum(np.concatenate([x[:0], x])), x).tolist() == [1, 1, 1]


def test_float32_stays_float32():
    x = np.linspace(0.1, 1, 6, dtype=np.float32).reshape(2, 3)
    W = np.ones((3, 2), dtype=np.float32)

    def f(x, W):
        y = np.tanh(x @ W) ** 2 / 3 + np.maximum(x, 0.5).mean() - np.max(x, axis=1, keepdims=True)
        return np.sum(np.sqrt(y * y + 1) * np.log(2 + y), axis=0) + np.var(x) + np.std(x) + np.prod(y)

    graph = backhand.trace(f, x, W)
    assert {n.dtype for n in graph.nodes if n.dtype.kind == "f" and not n.weak} == {np.dtype(np.float32)}
    derived = backhand.differentiate(graph).verify()
    assert {n.dtype for n in derived.nodes if n.dtype.kind == "f" and not n.weak} == {np.dtype(np.float32)}
    assert [g.dtype for g in derived(x, W, np.ones(2, dtype=np.float32))] == [np.float32, np.float32]
    exact = backhand.differentiate(backhand.trace(f, x.astype(float), W.astype(float)))
    for single, double in zip(
        derived(x, W, np.ones(2, dtype=np.float32)), exact(x.astype(float), W.astype(float), np.ones(2)), strict=True
    ):
        np.testing.assert_allclose(single, double, rtol=1e-4, atol=1e-5)


def test_a_float32_input_of_a_float64_result_has_a_float32_gradient():
    x = np.ones(3, dtype=np.float32)
    assert gradient(lambda x: np.sum(x * np.arange(3.0)), x).dtype == np.float32


def test_integers_have_no_derivative():
    graph = backhand.trace(lambda x, i: np.sum(x[i]), np.ones(3), np.array([0, 2, 2]))
    np.testing.assert_array_equal(backhand.differentiate(graph)(np.ones(3), np.array([0, 2, 2]))[0], [1, 0, 2])
    with pytest.raises(DTypeError, match="derivative by i, which is int64"):
        backhand.differentiate(graph, wrt="i")
    with pytest.raises(DTypeError, match="no result"):
        backhand.differentiate(backhand.trace(lambda x: x > 0, np.ones(3)))
    with pytest.raises(DTypeError, match="derivative of"):
        backhand.differentiate(backhand.trace(lambda x: (x, x > 0), np.ones(3)), outputs=1)
    with pytest.raises(DTypeError):
        backhand.differentiate(backhand.trace(lambda x: x * 2, np.ones(3, dtype=complex)), wrt="x")


def test_steps_have_a_zero_gradient():
    x = np.array([0.3, 1.7])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(np.floor(x) * x), x), [0, 1])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(np.sign(x)), x), [0, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x.astype(int) * x), x), [0, 1])


def test_repeated_indices():
    x = np.array([1.0, 2.0, 3.0])
    index = np.array([0, 0, 2, 0])
    np.testing.assert_array_equal(gradient(lambda x: np.sum(x[index] ** 2), x), [6, 0, 6])

    def last_wins(x):
        out = np.zeros(2)
        out[np.array([0, 0, 1])] = x
        return np.sum(out * np.array([10.0, 1.0]))

    np.testing.assert_array_equal(gradient(last_wins, x), [0, 10, 1])


def test_broadcasting_each_way():
    a, b = np.ones((3, 1)), np.ones((2, 1, 4))
    ga, gb = backhand.differentiate(backhand.trace(lambda a, b: np.sum(a * b + b), a, b))(a, b)
    assert (ga.shape, gb.shape) == (a.shape, b.shape)
    assert (ga == 8).all()
    assert (gb == 6).all()


def test_a_gradient_that_is_not_there_is_zero():
    x, y = np.ones(3), np.float32(2)
    gx, gy = backhand.differentiate(backhand.trace(lambda x, y: np.sum(x), x, y))(x, y)
    assert gx.tolist() == [1, 1, 1]
    assert gy == 0
    assert gy.dtype == np.float32


# -- the interface
# ------------------------------------------------------------------------------------------------------


def test_wrt_outputs_and_upstream():
    x, W = np.array([[1.0, 2.0]]), np.array([[1.0], [3.0]])
    graph = backhand.trace(lambda x, W: (x @ W, np.sum(x)), x, W)
    dout = np.array([[5.0]])
    everything = backhand.differentiate(graph)
    gx, gW = everything(x, W, dout)
    np.testing.assert_array_equal(gx, [[6, 16]])
    np.testing.assert_array_equal(gW, [[5], [10]])
    assert [everything.nodes[i].name for i in everything.inputs] == ["x", "W", "dout0"]
    np.testing.assert_array_equal(backhand.differentiate(graph, wrt=0, outputs=1)(x, W), [[1, 1]])
    (only,) = backhand.differentiate(graph, wrt=["x"], outputs=[0])(x, W, dout)
    np.testing.assert_array_equal(only, [[5, 15]])
    with pytest.raises(GraphError, match="no inputs are called 'nothing'"):
        backhand.differentiate(graph, wrt="nothing")
    with pytest.raises(GraphError, match="counted from 0"):
        backhand.differentiate(graph, outputs=2)


def test_grad_of_grad_of_grad():
    f = lambda x: np.sin(x) * x  # noqa: E731
    third = backhand.grad(backhand.grad(backhand.grad(f)))
    assert third(0.7) == pytest.approx(-3 * np.sin(0.7) - 0.7 * np.cos(0.7), rel=1e-12)
    with pytest.raises(ShapeError, match="single number"):
        backhand.grad(lambda x: x * 2)(np.ones(2))
    assert backhand.grad(lambda p: p["a"] * p["b"] ** 2)({"a": 2.0, "b": 3.0}) == {"a": 9.0, "b": 12.0}


def test_a_graph_called_inside_a_trace_becomes_part_of_it():
    inner = backhand.trace(lambda x: np.exp(x) * 2, np.ones(3))
    outer = backhand.trace(lambda x: np.sum(inner(x * 3)), np.ones(3)).verify()
    assert "exp" in [node.op for node in outer.nodes]
    assert outer(np.zeros(3)) == 6
    np.testing.assert_allclose(backhand.differentiate(outer, wrt=0)(np.zeros(3)), [6, 6, 6])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_third_order_of_random_polynomials(seed):
    rng = np.random.default_rng(seed)
    c = rng.integers(-3, 4, 4).astype(float)
    x = float(rng.integers(-3, 4)) / 2
    f = lambda x: c[0] + c[1] * x + c[2] * x**2 + c[3] * x**3  # noqa: E731
    assert backhand.grad(f)(x) == pytest.approx(c[1] + 2 * c[2] * x + 3 * c[3] * x**2)
    assert backhand.grad(backhand.grad(f))(x) == pytest.approx(2 * c[2] + 6 * c[3] * x)
    assert backhand.grad(backhand.grad(backhand.grad(f)))(x) == pytest.approx(6 * c[3])


def test_a_run_keeps_every_value_and_gradient():
    x, W = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [3.0, 1.0]])
    graph = backhand.trace(lambda x, W: np.maximum(x @ W, 3).sum(), x, W)
    run = graph.run(x, W)
    assert len(run.values) == len(graph)
    assert run.result == 10
    with pytest.raises(OrderError, match="backward"):
        run.contributions(2)
    gx, gW = run.backward(2)
    np.testing.assert_array_equal(gx, [[2, 6]])
    np.testing.assert_array_equal(gW, [[2, 0], [4, 0]])
    assert [g is None for g in run.gradients] == [node.op == "constant" for node in graph.nodes]
    for position, node in enumerate(graph.nodes):
        if run.gradients[position] is not None:
            assert np.shape(run.gradients[position]) == node.shape
        total = [c.downstream for i in range(len(graph)) for c in run.contributions(i) if c.input == position]
        if total:
            np.testing.assert_array_equal(sum(total), run.gradients[position])
        for c in run.contributions(position):
            if c.local is not None and np.shape(c.local) == np.shape(run.values[c.input]):
                np.testing.assert_array_equal(c.upstream * c.local, c.downstream)
    (matmul,) = [i for i, node in enumerate(graph.nodes) if node.op == "matmul"]
    assert [c.rule for c in run.contributions(matmul)] == ["g @ b.T", "a.T @ g"]
    assert [c.local for c in run.contributions(matmul)] == [None, None]
    with pytest.raises(ShapeError, match="dout has shape"):
        run.backward(np.ones(3))


def test_a_rule_has_a_text_in_every_row():
    from backhand.graph.evaluate import rule_text
    from backhand.graph.ops import TABLE

    for row in TABLE.values():
        for position in range(len(row.rules) or bool(row.variadic)):
            text = rule_text(row, position)
            assert text
            assert "\n" not in text
    assert rule_text(TABLE["multiply"], 0) == "g * b"
    assert rule_text(TABLE["tanh"], 0) == "g * (1 - y * y)"


def test_wrong_inputs_are_refused():
    graph = backhand.trace(lambda x, n: x * n, np.ones(3), 2.0)
    assert graph(np.ones(3), 3).tolist() == [3, 3, 3]
    with pytest.raises(ShapeError, match=r"x has shape \(4,\)"):
        graph(np.ones(4), 2.0)
    with pytest.raises(DTypeError, match="x is float32"):
        graph(np.ones(3, dtype=np.float32), 2.0)
    with pytest.raises(DTypeError, match="n was a Python float"):
        graph(np.ones(3), np.float64(2))
    with pytest.raises(GraphError, match="2 arguments, got 1"):
        graph(np.ones(3))
    with pytest.raises(GraphError, match="no state 'W'"):
        graph(np.ones(3), 2.0, state={"W": 3})
    flagged = backhand.trace(lambda x, flag: x if flag else -x, 1.0, True)
    with pytest.raises(GraphError, match="trace it again"):
        flagged(1.0, False)


def test_results_are_the_callers_own():
    graph = backhand.trace(lambda x: (np.zeros(3), np.array([1.0, 2.0]), np.broadcast_to(x, (3,))), 1.0)
    first = graph(1.0)
    for array in first:
        array += 5
    again = graph(1.0)
    assert [a.tolist() for a in again] == [[0, 0, 0], [1, 2], [1, 1, 1]]


# -- layers of our time
# -----------------------------------------------------------------------------------------------------


def layer_norm(np, x, gamma, beta):
    mean = x.mean(axis=-1, keepdims=True)
    var = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta


def embedding_mean(np, E, ids):
    return np.tanh(E[ids]).mean(axis=1)


def gru_cell(np, x, h, Wx, Wh, b):
    def sigmoid(v):
        return 1 / (1 + np.exp(-v))

    H = h.shape[1]
    gx, gh = np.dot(x, Wx) + b, np.dot(h, Wh)
    z = sigmoid(gx[:, :H] + gh[:, :H])
    r = sigmoid(gx[:, H : 2 * H] + gh[:, H : 2 * H])
    n = np.tanh(gx[:, 2 * H :] + r * gh[:, 2 * H :])
    return (1 - z) * n + z * h


def attention(np, q, k, v):
    heads = 2
    N, T, D = q.shape

    def split(a):
        return np.transpose(a.reshape(N, T, heads, D // heads), (0, 2, 1, 3))

    scores = np.einsum("nhtd,nhsd->nhts", split(q), split(k)) / np.sqrt(D // heads)
    scores = np.where(np.tril(np.ones((T, T), dtype=bool)), scores, -1e9)
    scores = scores - np.max(scores, axis=-1, keepdims=True)
    p = np.exp(scores)
    p = p / np.sum(p, axis=-1, keepdims=True)
    return np.transpose(np.matmul(p, split(v)), (0, 2, 1, 3)).reshape(N, T, D)


@pytest.mark.parametrize(
    ("f", "shapes", "ids"),
    [
        (layer_norm, [(4, 5), (5,), (5,)], None),
        (embedding_mean, [(7, 3)], np.array([[0, 2, 2], [6, 0, 1]])),
        (gru_cell, [(2, 3), (2, 4), (3, 12), (4, 12), (12,)], None),
        (attention, [(2, 3, 4), (2, 3, 4), (2, 3, 4)], None),
    ],
)
def test_a_modern_layer_agrees_with_autograd(f, shapes, ids):
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    extra = [] if ids is None else [ids]
    graph = backhand.trace(lambda *args: f(np, *args), *inputs, *extra).verify()
    expected = f(np, *inputs, *extra)
    np.testing.assert_array_equal(graph(*inputs, *extra), expected)
    u = rng.standard_normal(expected.shape)
    made = backhand.differentiate(graph)(*inputs, *extra, u)
    for number, gradient in enumerate(made):
        vjp, _ = autograd.make_vjp(lambda *args: f(anp, *args), number)(*inputs, *extra)
        np.testing.assert_allclose(gradient, vjp(u), rtol=1e-9, atol=1e-12)
    other = [rng.standard_normal(shape) for shape in shapes]
    np.testing.assert_array_equal(graph(*other, *extra), f(np, *other, *extra))


def test_dropout_with_its_mask_given():
    x, mask = np.ones((2, 3)), np.array([[True, False, True], [False, True, True]])
    graph = backhand.trace(lambda x, mask: np.sum(x * mask / 0.5), x, mask)
    np.testing.assert_array_equal(backhand.differentiate(graph, wrt="x")(x, mask), mask * 2.0)


def test_the_derivative_of_a_hand_written_backward():
    """A backward pass is code like any other: its graph has a derivative, the second one of the loss."""

    def backward(x):
        y = np.tanh(x)
        dx = np.ones_like(y)
        dx *= 1 - y**2
        return dx

    x = np.array([0.3, -0.7])
    graph = backhand.trace(backward, x)
    expected = -2 * np.tanh(x) * (1 - np.tanh(x) ** 2)
    np.testing.assert_allclose(backhand.differentiate(graph, wrt=0)(x, np.ones(2)), expected, rtol=1e-12)


# -- size
# ---------------------------------------------------------------------------------------------------------------


def chain(n):
    def f(x):
        for _ in range(n // 2):
            x = x * 1.0000001 + 1e-9
        return x

    return f


def test_a_chain_of_a_million_nodes_needs_no_recursion():
    n = 1_000_000
    graph = record(chain(n), np.float64(0.5)).graph
    assert len(graph) == n + 3
    derived = backhand.differentiate(graph)
    assert derived(np.float64(0.5))[0] == pytest.approx(1.0000001 ** (n // 2), rel=1e-9)
    assert graph(np.float64(0.25)) == chain(n)(np.float64(0.25))


def test_a_deep_chain_of_views_needs_no_recursion():
    def f(x):
        view = x[:]
        for _ in range(3000):
            view = view[:]
        x[0] = 5.0
        view[1] += 1
        return x, view

    x = np.arange(4.0)
    graph = backhand.trace(f, x)
    a, b = graph(np.arange(4.0))
    assert a.tolist() == b.tolist() == [5, 2, 2, 3]
