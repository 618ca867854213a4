"""The training steps that are to be fast: what the passes leave of them, and that they still train the same."""

import numpy as np
import pytest
from rewriting import check, close, ops

import backhand
from backhand.compiling.rewrite import PASSES, simplify
from backhand.graph import record

import book  # isort: skip
import notes_code as notes  # isort: skip


def classifier(net, optimizer, dtype, labels=False):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 12)).astype(dtype)
    t = rng.integers(0, 3, 8)
    t = t if labels else np.eye(3, dtype=dtype)[t]

    def step(x, t):
        optimizer.update(net.params, net.gradient(x, t))
        return net.lastLayer.loss

    step(x, t)
    return record(step, x, t).graph, (x, t)


def printed(optimizer):
    np.random.seed(0)
    return classifier(notes.TwoLayerNet(12, 5, 3, 0.3), optimizer, np.float64)


def ours(optimizer, labels=False):
    net = backhand.TwoLayerNet(12, 5, 3, 0.3, rng=np.random.default_rng(0), dtype=np.float32)
    return classifier(net, optimizer, np.float32, labels)


def deep(size=6, depth=3):
    np.random.seed(0)
    dnn, loss = notes.DNN(depth, size, 4, 2), notes.MeanSquaredError()
    x, y = np.random.randn(4), np.random.randn(2)
    return record(lambda x, y: notes.gradient_descent(dnn, x, y, loss, 0.1), x, y).graph, (x, y)


def convolution():
    """The book's: im2col, ReLU, max pooling, Affine; its filters are written in place."""
    rng = np.random.default_rng(0)
    params = {
        "W1": rng.standard_normal((2, 1, 3, 3)) * 0.3,
        "b1": np.zeros(2),
        "W2": rng.standard_normal((18, 3)) * 0.3,
        "b2": np.zeros(3),
    }
    conv, relu, pool = book.Convolution(params["W1"], params["b1"]), notes.Relu(), book.Pooling(2, 2)
    affine, last, sgd = notes.Affine(params["W2"], params["b2"]), notes.SoftmaxWithLoss(), book.SGD(0.1)

    def step(x, t):
        h = pool.forward(relu.forward(conv.forward(x)))
        loss = last.forward(affine.forward(h.reshape(len(x), -1)), t)
        conv.backward(relu.backward(pool.backward(affine.backward(last.backward()).reshape(h.shape))))
        sgd.update(params, {"W1": conv.dW, "b1": conv.db, "W2": affine.dW, "b2": affine.db})
        return loss

    x, t = rng.standard_normal((4, 1, 8, 8)), np.eye(3)[[0, 1, 2, 1]]
    step(x, t)
    return record(step, x, t).graph, (x, t)


STEPS = {
    "notes": lambda: printed(book.SGD()),
    "notes, Adam": lambda: printed(book.Adam()),
    "ours": lambda: ours(backhand.SGD()),
    "ours, labels": lambda: ours(backhand.SGD(), labels=True),
    "ours, Adam": lambda: ours(backhand.Adam(), labels=True),
    "DNN": deep,
    "convolution": convolution,
}


@pytest.mark.parametrize("name", STEPS)
def test_each_pass_keeps_the_step(name):
    graph, inputs = STEPS[name]()
    after = graph
    for rewrite in PASSES:
        before, after = after, rewrite(after)
        check(before, after, *inputs, equal=close)
    check(graph, simplify(graph), *inputs, equal=close)
    assert [s.name for s in after.state] == [s.name for s in graph.state]


@pytest.mark.parametrize("name", STEPS)
def test_nothing_is_written_copied_or_turned_for_its_own_sake(name):
    after = simplify(STEPS[name]()[0])
    assert not {"put", "put_mask", "copy", "full", "mean"}.intersection(ops(after))
    readers = after.consumers
    for position, node in enumerate(after.nodes):
        if node.op == "transpose":
            assert {after.nodes[i].op for i in readers[position]} <= {"matmul", "reshape", "sliding_window_view"}


def test_the_wide_arithmetic_of_our_own_loss_is_float32():
    after = simplify(ours(backhand.SGD(), labels=True)[0])
    assert all(node.dtype != np.float64 for node in after.nodes if node.shape)


def test_a_layer_of_the_dnn_is_sixteen_nodes():
    """The loops over columns are gone: what is left grows with the depth, not with the number of neurons."""
    small, wide, deeper = (simplify(deep(*size)[0]) for size in ((6, 3), (20, 3), (6, 4)))
    assert ops(small) == ops(wide)
    assert len(ops(deeper)) - len(ops(small)) == 16


def test_the_users_names_stay():
    names = {node.name for node in simplify(printed(book.SGD())[0]).nodes}
    assert {"out", "mask", "y", "dx", "dW", "db", "net.params['W1']"} <= names


def test_cost_grows_with_the_length_and_no_faster():
    def looked_at(n):
        graph = deep(n, 1)[0]
        count = 0

        def counted(rewrite):
            def run(graph):
                nonlocal count
                count += len(graph)
                return rewrite(graph)

            return run

        for _ in range(10):
            before = graph
            for rewrite in PASSES:
                graph = counted(rewrite)(graph)
            if graph is before:
                break
        return count / (n * n)

    assert looked_at(40) <= 1.2 * looked_at(20)
