"""Never silently wrong: a program that differs is not kept, what can't be traced runs as it is, threads are refused."""

import functools
import multiprocessing
import random
import sys
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest

import backhand
from backhand.compiling import program as programs

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))
import book
import notes_code as notes


def made(dtype=np.float64, optimizer=book.SGD):
    np.random.seed(1)
    rng = np.random.default_rng(0)
    net = notes.TwoLayerNet(7, 5, 3, 0.3)
    x, t = rng.standard_normal((6, 7)).astype(dtype), np.eye(3)[rng.integers(0, 3, 6)]
    return net, optimizer(0.1), x, t


def eager(times, optimizer=book.SGD):
    net, optimizer, x, t = made(optimizer=optimizer)
    losses = []
    for _ in range(times):
        grads = net.gradient(x, t)
        losses.append(net.lastLayer.loss)
        optimizer.update(net.params, grads)
    return net, losses


def off_by(monkeypatch, op, factor):
    """From now on programs compute one op slightly wrongly."""
    right = programs.build

    def build(graph, *args, **kwargs):
        class Wrong:
            def __init__(self):
                self.inner = right(graph, *args, **kwargs)

            def __getattr__(self, name):
                return getattr(self.inner, name)

            def run(self, inputs):
                return self.spoilt(self.inner.run(inputs))

            def quick(self):
                return None

            def epoch(self, *given):
                return self.spoilt(self.inner.epoch(*given))

            def spoilt(self, outputs):
                if any(node.op == op for node in graph.nodes):
                    outputs = [value * (1 + factor) for value in outputs]
                return outputs

        return Wrong()

    monkeypatch.setattr("backhand.compiling.bound.build", build)
    monkeypatch.setattr("backhand.compiling.blame.build", build)


@pytest.mark.parametrize("by_epoch", [False, True])
def test_a_wrong_program_is_not_kept_and_the_line_is_named(monkeypatch, by_epoch):
    off_by(monkeypatch, "log", 1e-9)
    net, optimizer, x, t = made(optimizer=book.Momentum)
    step = backhand.compile(net, optimizer, x, t)
    assert step.engine == "native"
    step(x, t)  # the first makes the optimizer's state
    with pytest.warns(RuntimeWarning, match=r"the compiled step isn't the original: the result is") as told:
        first = step.epoch(x, t, np.arange(6))[0] if by_epoch else step(x, t)
    assert "the first node that differs is log" in str(told[0].message)
    assert "notes_code.py:" in str(told[0].message)
    assert "np.log(y[np.arange(batch_size), t] + 1e-7)" in str(told[0].message)
    assert told[0].filename == __file__
    assert step.engine == "eager"
    twin, losses = eager(5, book.Momentum)
    assert [first, *(step(x, t) for _ in range(3))] == losses[1:]  # bit for bit: it is the original
    assert all(np.array_equal(net.params[key], twin.params[key]) for key in net.params)


def test_a_program_that_raises_is_not_kept(monkeypatch):
    net, optimizer, x, t = made()
    step = backhand.compile(net, optimizer, x, t)
    program = type(step._programs[0][1].program)
    monkeypatch.setattr(program, "run", lambda self, inputs: 1 / 0)
    with pytest.warns(RuntimeWarning, match="raised ZeroDivisionError"):
        assert step(x, t) == eager(1)[1][0]
    assert step(x, t) == eager(2)[1][1]


def test_a_compiler_that_fails_leaves_the_original(monkeypatch):
    def build(*args, **kwargs):
        raise KeyError("a bug")

    monkeypatch.setattr("backhand.compiling.bound.build", build)
    net, optimizer, x, t = made()
    with pytest.warns(RuntimeWarning, match="compiling it raised KeyError: 'a bug'; this is a bug of backhand"):
        step = backhand.compile(net, optimizer, x, t)
    assert [step(x, t), step(x, t)] == eager(2)[1]


def test_rounding_that_an_optimizer_blows_up_is_no_difference():
    """A bias before a normalization has gradient 0: what is left is rounding, and Adam makes it a full step."""

    class Net:
        def __init__(self):
            rng = np.random.default_rng(0)
            self.params = {"W": rng.standard_normal((7, 5)), "b": np.zeros(5), "V": rng.standard_normal((5, 3))}
            self.norm = book.BatchNormalization(np.ones(5), np.zeros(5))
            self.last = notes.SoftmaxWithLoss()

        def loss(self, x, t):
            self.x, self.h = x, self.norm.forward(x @ self.params["W"] + self.params["b"])
            return self.last.forward(self.h @ self.params["V"], t)

        def gradient(self, x, t):
            self.loss(x, t)
            dout = self.last.backward()
            dh = self.norm.backward(dout @ self.params["V"].T)
            return {"W": self.x.T @ dh, "b": dh.sum(axis=0), "V": self.h.T @ dout}

    net, _, x, t = Net(), *made()[1:]
    step = backhand.compile(net, book.Adam(0.01), x, t)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = [step(x, t) for _ in range(8)]
    assert step.engine == "native"
    assert losses[-1] < losses[0]


class Branches(notes.TwoLayerNet):
    def gradient(self, x, t):
        grads = super().gradient(x, t)
        if np.abs(grads["W1"]).max() > 1e-3:  # clipping, in Python
            grads = {key: value * 0.5 for key, value in grads.items()}
        return grads


class PythonRandom(notes.TwoLayerNet):
    def predict(self, x):
        return super().predict(x * random.uniform(0.9, 1.1))


@pytest.mark.parametrize(("cls", "says"), [(Branches, "decides an if"), (PythonRandom, "random numbers were drawn")])
def test_what_cannot_be_traced_runs_as_it_is_and_says_why(cls, says):
    outcomes = []
    for compiled in (False, True):
        np.random.seed(3)
        random.seed(4)
        net, (_, _, x, t) = cls(7, 5, 3, 0.3), made()
        optimizer = book.Momentum(0.1)

        def step(x, t, net=net, optimizer=optimizer):
            grads = net.gradient(x, t)
            loss = net.lastLayer.loss
            optimizer.update(net.params, grads)
            return loss

        if compiled:
            with pytest.warns(RuntimeWarning, match=f"(?s)the step runs as it is: .*{says}") as told:
                step = backhand.compile(step, x, t)
            assert len(told) == 1
            assert step.engine == "eager"
            assert says in step.explain()
            losses = [*(step(x, t) for _ in range(3)), *step.epoch(x, t, np.tile(np.arange(6), 2))]
        else:
            losses = [step(x, t) for _ in range(5)]
        outcomes.append((losses, net.params["W1"].tobytes(), random.random()))
    assert outcomes[0] == outcomes[1]


def test_tracing_and_comparing_leave_no_trace():
    net, optimizer, x, t = made(optimizer=book.Adam)
    np.random.seed(5)
    random.seed(5)
    before = {key: value.copy() for key, value in net.params.items()}
    step = backhand.compile(net, optimizer, x, t)
    assert all(np.array_equal(net.params[key], before[key]) for key in before)
    assert (optimizer.iter, optimizer.m) == (0, None)
    kept = x.copy(), t.copy()
    for _ in range(4):
        step(x, t)
    assert np.array_equal(x, kept[0])
    assert np.array_equal(t, kept[1])
    after = np.random.rand(), random.random()
    np.random.seed(5)
    random.seed(5)
    assert after == (np.random.rand(), random.random())


def in_a_thread(work):
    found = []

    def run():
        try:
            found.append(work())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def test_a_step_belongs_to_one_thread_at_a_time():
    x = np.ones(6)
    inside, go = threading.Event(), threading.Event()

    def slow(x):
        inside.set()
        go.wait(20)
        return x * 2

    step = backhand.compile(slow, x, engine="eager")
    thread, found = in_a_thread(lambda: step(x))
    assert inside.wait(20)
    with pytest.raises(backhand.errors.BusyError, match="running in another thread"):
        step(x)
    with pytest.raises(backhand.errors.BusyError, match="running in another thread"):
        step.epoch(x, np.arange(6))
    go.set()
    thread.join(20)
    assert np.array_equal(found[0], x * 2)
    assert np.array_equal(step(x), x * 2)


def test_two_steps_in_two_threads_do_not_disturb_each_other():
    want = eager(300)
    steps = []
    for _ in range(3):
        net, optimizer, x, t = made()
        steps.append((net, backhand.compile(net, optimizer, x, t), x, t))
    running = [in_a_thread(lambda s=s, x=x, t=t: [s(x, t) for _ in range(300)]) for _, s, x, t in steps]
    for thread, _ in running:
        thread.join(60)
    for (_, found), (net, *_) in zip(running, steps, strict=True):
        np.testing.assert_allclose(found[0], want[1], rtol=1e-9)
        np.testing.assert_allclose(net.params["W1"], want[0].params["W1"], rtol=1e-8, atol=1e-12)


def test_two_threads_may_compile_at_once():
    def work(net, optimizer, x, t):
        step = backhand.compile(net, optimizer, x, t)
        return [step(x, t) for _ in range(5)]

    worlds = [made(), made()]  # here: they draw from NumPy's global random stream
    running = [in_a_thread(functools.partial(work, *world)) for world in worlds]
    for thread, _ in running:
        thread.join(60)
    for _, found in running:
        np.testing.assert_allclose(found[0], eager(5)[1], rtol=1e-10)


def _child(step, x, t, results):
    results.put([float(step(x, t)) for _ in range(5)])


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_after_compiling_works_on_both_sides():
    rng = np.random.default_rng(0)
    net = backhand.TwoLayerNet(300, 200, 10, rng=rng, dtype=np.float32)  # large enough for threads
    x, t = rng.standard_normal((100, 300)).astype(np.float32), np.eye(10, dtype=np.float32)[rng.integers(0, 10, 100)]
    step = backhand.compile(net, backhand.SGD(0.1), x, t)
    for _ in range(4):
        step(x, t)
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=_child, args=(step, x, t, results))
    child.start()
    mine = [float(step(x, t)) for _ in range(5)]
    child.join(60)
    assert child.exitcode == 0
    np.testing.assert_allclose(results.get(), mine, rtol=1e-4)
