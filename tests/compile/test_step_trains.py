"""A compiled step trains like the code it was made of: notes, book, our own; loss, parameters, moments, counters."""

import signal
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import backhand
from backhand.data import take

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))
import book
import notes_code as notes

ENGINES = ["numpy", "native"]


def batch(dtype=np.float64, n=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 7)).astype(dtype), np.eye(3, dtype=dtype)[rng.integers(0, 3, n)]


def eager_step(network, optimizer, x, t):
    """The definition: the loss of the batch before its update."""
    grads = network.gradient(x, t)
    loss = network.lastLayer.loss
    optimizer.update(network.params, grads)
    return loss


def ours(dtype):
    return backhand.TwoLayerNet(7, 5, 3, 0.3, rng=np.random.default_rng(1), dtype=dtype)


def printed(dtype):
    np.random.seed(1)
    return notes.TwoLayerNet(7, 5, 3, 0.3)


def moments(optimizer):
    return {k: v for k, v in vars(optimizer).items() if k in ("m", "v", "h", "iter")}


def close(a, b, dtype):
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            close(a[key], b[key], dtype)
    else:
        assert type(a) is type(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=2000 * np.finfo(dtype).eps, atol=200 * np.finfo(dtype).eps)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("optimizer", [*book.OPTIMIZERS, backhand.Adam, backhand.AdamW, backhand.Nesterov])
@pytest.mark.parametrize(("net", "dtype"), [(printed, np.float64), (ours, np.float32)])
def test_twenty_steps_are_the_eager_ones(engine, optimizer, net, dtype):
    one, two, slow, fast = net(dtype), net(dtype), optimizer(0.05), optimizer(0.05)
    step = backhand.compile(two, fast, *batch(dtype), engine=engine)
    held = {key: two.params[key] for key in two.params}
    for i in range(20):
        x, t = batch(dtype, seed=i)
        close(step(x, t), eager_step(one, slow, x, t), dtype)
        close(dict(two.params), dict(one.params), dtype)
    assert step.engine == engine
    close(moments(fast), moments(slow), dtype)
    assert all(two.params[key] is held[key] for key in held)
    for i in range(3):  # and eager code goes on from there
        x, t = batch(dtype, seed=30 + i)
        close(eager_step(two, fast, x, t), eager_step(one, slow, x, t), dtype)
        close(step(x, t), eager_step(one, slow, x, t), dtype)
    close(dict(two.params), dict(one.params), dtype)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_epoch_is_as_many_steps(engine):
    rng = np.random.default_rng(3)
    pixels, labels = rng.integers(0, 256, (40, 1, 7, 1), dtype=np.uint8), rng.integers(0, 3, 40)
    onehot = np.eye(3, dtype=np.float32)[labels]
    order = rng.integers(0, 40, (15, 6))
    one, two = ours(np.float32), ours(np.float32)
    slow, fast = backhand.Adam(0.01), backhand.Adam(0.01)
    step = backhand.compile(two, fast, *batch(np.float32), engine=engine)
    got = step.epoch(pixels, onehot, order)
    want = [eager_step(one, slow, take(pixels, row), onehot[row]) for row in order]
    close(got, np.array(want), np.float32)
    close(dict(two.params), dict(one.params), np.float32)
    assert fast.iter == slow.iter == 15
    flat = np.arange(40)
    assert len(step.epoch(pixels, onehot, flat)) == 6  # 40 samples are 6 batches of 6
    with pytest.raises(IndexError):
        step.epoch(pixels, onehot, order + 30)
    with pytest.raises(backhand.errors.ShapeError, match=r"it needs \(steps, 6\)"):
        step.epoch(pixels, onehot, order[:, :4])
    with pytest.raises(backhand.errors.ShapeError, match="samples of shape"):
        step.epoch(pixels[:, :, :3], onehot, order)
    with pytest.raises(backhand.errors.DTypeError, match="compiled for float32"):
        step.epoch(pixels.astype(np.float64), onehot, order)


class Count:
    def __init__(self):
        self.steps, self.sum = 0, np.zeros(2000)

    def step(self, x):
        self.steps += 1
        self.sum += np.cos(x)
        return np.max(self.sum) - self.steps


def test_ctrl_c_stops_a_long_epoch_after_a_whole_step(ctrl_c):
    count, x = Count(), np.zeros((1, 2000))
    step = backhand.compile(count.step, x[0], engine="native")
    order = np.zeros(5_000_000, int)  # many seconds of steps
    threading.Timer(0.3, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        step.epoch(x, order)
    done = count.steps
    assert 0 < done < len(order)
    assert np.all(count.sum == done)
    assert step.epoch(x, order[:3]).tolist() == [0.0] * 3
    assert count.steps == done + 3


@pytest.mark.parametrize("engine", ENGINES)
def test_the_notes_dnn_by_a_plain_function(engine):
    def made():
        np.random.seed(2)
        return notes.DNN(3, 6, 4, 2), notes.MeanSquaredError()

    (one, loss_one), (two, loss_two) = made(), made()
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((8, 4)), rng.standard_normal((8, 2))
    step = backhand.compile(lambda x, y: notes.gradient_descent(two, x, y, loss_two, 0.1), x[0], y[0], engine=engine)
    for i in range(5):
        close(step(x[i], y[i]), notes.gradient_descent(one, x[i], y[i], loss_one, 0.1), np.float64)
    losses = step.epoch(x, y, np.arange(8))
    close(
        losses,
        np.array([notes.gradient_descent(one, a, b, loss_one, 0.1) for a, b in zip(x, y, strict=True)]),
        np.float64,
    )
    for a, b in zip(one.sequence, two.sequence, strict=True):
        close(b.W, a.W, np.float64)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_network_that_draws_draws_the_eager_stream(engine):
    class Net:
        def __init__(self):
            rng = np.random.default_rng(0)
            self.params = {"W": rng.standard_normal((7, 3)) * 0.1, "b": np.zeros(3)}
            self.drop, self.rng = book.Dropout(0.4), np.random.default_rng(5)
            self.last = notes.SoftmaxWithLoss()

        def loss(self, x, t):
            x = self.drop.forward(x) + 0.01 * self.rng.standard_normal(x.shape)
            self.x = x
            return self.last.forward(x @ self.params["W"] + self.params["b"], t)

        def gradient(self, x, t):
            self.loss(x, t)
            dout = self.last.backward()
            return {"W": self.x.T @ dout, "b": dout.sum(axis=0)}

    one, two, x, t = Net(), Net(), *batch()
    step = backhand.compile(two, backhand.SGD(0.1), x, t, engine=engine)
    np.random.seed(0)
    want = []
    for _ in range(6):
        grads = one.gradient(x, t)
        want.append(one.last.loss)
        backhand.SGD(0.1).update(one.params, grads)
    after = np.random.rand()
    np.random.seed(0)
    got = [step(x, t) for _ in range(6)]
    assert step.engine == engine
    np.testing.assert_allclose(got, want, rtol=1e-12)
    assert np.random.rand() == after
    assert one.rng.random() == two.rng.random()


def test_a_gradient_that_does_not_call_loss_has_its_loss_too():
    class Net:
        def __init__(self):
            self.params = {"w": np.ones(3)}

        def loss(self, x, t):
            return np.mean((x @ self.params["w"] - t) ** 2)

        def gradient(self, x, t):
            return {"w": 2 * x.T @ (x @ self.params["w"] - t) / len(t)}

    net, rng = Net(), np.random.default_rng(0)
    x, t = rng.standard_normal((5, 3)), rng.standard_normal(5)
    before = net.loss(x, t)
    step = backhand.compile(net, backhand.SGD(0.1), x, t, engine="numpy")
    np.testing.assert_allclose(step(x, t), before)
    assert net.loss(x, t) < before
    assert "loss" not in vars(net)


def test_a_plain_function_and_nested_arguments():
    def update(params, grads, rate):
        for key in params:
            params[key] -= rate * grads[key]
        return {"norm": sum((g**2).sum() for g in grads.values())}

    step = backhand.compile(update, {"W": np.ones(3)}, {"W": np.ones(3)}, 0.5, engine="numpy")
    for rate in (0.5, 0.25, 0.125):
        params, grads = {"W": np.ones(3)}, {"W": np.arange(3.0)}
        assert step(params, grads, rate) == {"norm": 5.0}
        np.testing.assert_allclose(params["W"], 1 - rate * np.arange(3.0))


def test_what_a_user_kept_of_a_replaced_array_stays_what_it_was():
    net, optimizer = printed(np.float64), book.Momentum(0.1)
    x, t = batch()
    step = backhand.compile(net, optimizer, x, t, engine="native")
    for _ in range(4):
        step(x, t)
    kept = optimizer.v["W1"]  # eager code makes a new one at each step
    value = kept.copy()
    for _ in range(3):
        step(x, t)
    assert np.array_equal(kept, value)
    assert not np.array_equal(optimizer.v["W1"], value)


def test_the_engine_is_chosen_by_the_environment(monkeypatch):
    x, t = batch()
    for engine in ("eager", "numpy", "native"):
        monkeypatch.setenv("BACKHAND_ENGINE", engine)
        net = ours(np.float64)
        step = backhand.compile(net, backhand.SGD(0.1), x, t)
        first, second = step(x, t), step(x, t)
        assert second < first
        assert step.engine == engine
        assert np.shape(step.epoch(x, t, np.arange(6))) == (1,)
    monkeypatch.setenv("BACKHAND_ENGINE", "fortran")
    with pytest.raises(backhand.errors.OptionError, match="'fortran'; it can be eager, numpy, native"):
        backhand.compile(net, backhand.SGD(0.1), x, t)


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_a_number_of_threads_that_is_none(threads):
    with pytest.raises(backhand.errors.OptionError, match=r"threads is .*; it can be 1, 2"):
        backhand.compile(ours(np.float64), backhand.SGD(0.1), *batch(), threads=threads)


def test_source_and_explain_speak_of_the_users_code():
    net = printed(np.float64)
    step = backhand.compile(net, book.SGD(0.1), *batch(), engine="native")
    step(*batch())
    assert "W1" in step.source
    assert "notes_code.py" in step.source
    text = step.explain()
    assert "on native; 1 runs compared with the original" in text
    assert "total" in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step = backhand.compile(net, book.SGD(0.1), *batch(), engine="eager")
    assert step.explain() == "runs as it is: that engine was chosen"
    assert step.source == "# runs as it is: that engine was chosen\n"


def test_what_is_no_network_and_no_function_is_refused():
    net, (x, t) = ours(np.float64), batch()
    with pytest.raises(backhand.errors.NetworkError, match="comes its optimizer"):
        backhand.compile(net, x, t)
    with pytest.raises(backhand.errors.OptionError, match="neither a network nor a function"):
        backhand.compile(3, x)

    class Half:
        def gradient(self, x, t): ...

    with pytest.raises(backhand.errors.NetworkError, match="has params"):
        backhand.compile(Half(), backhand.SGD(), x, t)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_sum_of_one_number(engine):
    step = backhand.compile(lambda x: np.sum(np.mean(x * x)) + np.max(np.sum(x)), np.arange(3.0), engine=engine)
    assert step(np.arange(4.0)[1:]) == pytest.approx(14 / 3 + 6)
    assert step.engine == engine
