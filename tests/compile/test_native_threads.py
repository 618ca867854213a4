"""Threads: the same sums however the work is shared out, two steps at once, and a fork in between."""

import multiprocessing
import threading

import numpy as np
import pytest
from native_programs import built, recorded, same_steps, values

from backhand.compiling.blas import find_blas, one_thread


class Net:
    """Large enough to be shared out: two layers, batch normalization's sums, a maximum over rows."""

    def __init__(self, dtype=np.float64):
        rng = np.random.default_rng(0)
        self.W1, self.W2 = (rng.standard_normal(s).astype(dtype) * 0.1 for s in ((96, 128), (128, 40)))
        self.mean = np.zeros(128, dtype)

    def step(self, x, t):
        h = np.tanh(x @ self.W1)
        self.mean[...] = 0.9 * self.mean + h.mean(axis=0) * 0.1
        h = h - h.mean(axis=0)
        y = h @ self.W2
        top = y.max(axis=0)
        d = (y - t) / len(x)
        dh = (d @ self.W2.T) * (1 - h * h)
        self.W2 -= 0.1 * (h.T @ d)
        self.W1 -= 0.1 * (x.T @ dh)
        return np.sum((y - t) ** 2), top.sum(), np.max(h)


def example(dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((200, 96)).astype(dtype), rng.standard_normal((200, 40)).astype(dtype)


def test_an_index_out_of_range_changes_nothing_also_beside_workers():
    class Labels(Net):
        def step(self, x, t):
            y = np.tanh(x @ self.W1) @ self.W2
            right = y[np.arange(len(x)), t]
            self.W1 *= 0.5
            self.W2 -= 0.1
            return np.sum(right)

    x, t = example()[0], np.arange(200) % 40
    labels = Labels()
    labels.W1, labels.W2 = np.ones((96, 1024)), np.ones((1024, 40))  # so large that its update is shared out
    graph = recorded(labels.step, x, t)
    program, state = built(graph, threads=2), values(graph)
    program.bind(state)
    program.run([x, t])
    before = {name: value.copy() for name, value in state.items()}
    t[7] = 40
    with pytest.raises(IndexError):
        program.run([x, t])
    assert all(np.array_equal(state[name], before[name]) for name in state)
    t[7] = -40
    program.run([x, t])


def trained(threads, steps=20):
    graph = recorded(Net().step, *example())
    program = built(graph, threads=threads)
    state = values(graph)
    program.bind(state)
    return [program.run(list(example()))[0] for _ in range(steps)], state, program


def test_any_number_of_threads_computes_the_same():
    graph = recorded(Net().step, *example())
    for threads in (1, 3, 200_000):
        assert same_steps(graph, list(example()), threads=threads) == []
    assert "bh_together" in built(graph, threads=2).source
    assert "bh_together" not in built(graph, threads=1).source


def test_a_run_is_repeated_bit_for_bit():
    (losses, state, _), (again, same, _) = trained(3), trained(3)
    assert losses == again
    assert all(state[name].tobytes() == same[name].tobytes() for name in state)


def test_two_programs_in_two_threads():
    expected = trained(2)[0]
    found = {}

    def work(name):
        found[name] = trained(2, 20)[0]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[n] for n in range(3)] == [expected] * 3


def child(pipe, program, state):
    pipe.send([program.run(list(example()))[0] for _ in range(5)])
    pipe.close()


def test_a_fork_makes_workers_of_its_own():
    losses, state, program = trained(2, 5)
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("fork")
    process = context.Process(target=child, args=(there, program, state))
    process.start()
    assert here.poll(60), "the child hangs"
    in_child = here.recv()
    process.join(60)
    assert process.exitcode == 0
    in_parent = [program.run(list(example()))[0] for _ in range(5)]
    assert in_child == in_parent
    assert in_parent[0] < losses[0]


@pytest.fixture
def blas():
    """BLAS on two threads."""
    found = find_blas()
    if found is None or found.set_threads is None:
        pytest.skip("this NumPy's BLAS has no number of threads to set")
    before = found.get_threads()
    found.set_threads(2)
    yield found
    found.set_threads(before)


def test_blas_has_its_threads_back(blas):
    with one_thread(blas):
        with one_thread(blas):
            assert blas.get_threads() == 1
        assert blas.get_threads() == 1
    assert blas.get_threads() == 2
    trained(1, 1)
    assert blas.get_threads() == 2


def test_blas_has_its_threads_back_after_ctrl_c_at_any_call(blas):
    """As if it was pressed at the first, the second, ... call of BLAS."""
    calls = 0

    def pressed_at(number, function):
        def call(*given):
            nonlocal calls
            result = function(*given)
            calls += 1
            if calls == number:
                raise KeyboardInterrupt
            return result

        return call

    for number in (1, 2):
        calls = 0
        get, put = pressed_at(number, blas.get_threads), pressed_at(number, blas.set_threads)
        with pytest.raises(KeyboardInterrupt), one_thread(blas._replace(get_threads=get, set_threads=put)):
            pass
        assert blas.get_threads() == 2
        with one_thread(blas):
            assert blas.get_threads() == 1
        assert blas.get_threads() == 2


def tell_threads(pipe, blas):
    with one_thread(blas):
        inside = blas.get_threads()
    pipe.send((inside, blas.get_threads()))
    pipe.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_while_another_thread_is_in_a_product(blas):
    entered, leave = threading.Event(), threading.Event()

    def work():
        with one_thread(blas):
            entered.set()
            leave.wait(60)

    thread = threading.Thread(target=work)
    thread.start()
    assert entered.wait(60)
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=tell_threads, args=(there, blas))
    process.start()
    assert here.poll(60), "the child hangs"
    assert here.recv() == (1, 2)
    process.join(60)
    leave.set()
    thread.join(60)
    assert blas.get_threads() == 2
