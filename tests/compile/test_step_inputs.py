"""What a step is given between plain arrays: lists, subclasses, other layouts, arrays that share memory."""

import warnings

import numpy as np
import pytest

import backhand

ENGINES = ["numpy", "native"]
SIZES = [5, 60]  # small arguments are copied, larger ones are read where they lie


class Net:
    def __init__(self, size):
        self.W = np.random.default_rng(0).standard_normal((size, size)) / size

    def step(self, x, t):
        d = x @ self.W - t
        self.W -= 0.1 * (x.T @ d)
        return np.sum(d * d)


class Centring(Net):
    """Writes into its argument."""

    def step(self, x, t):
        x -= np.mean(x, axis=0)
        return super().step(x, t)


class Doubling(Net):
    """Writes into its argument through a view, or, if that lies in columns, into a copy of it."""

    def step(self, x, t):
        flat = x.reshape(-1)
        flat *= 2.0
        return super().step(x, t)


class Late(Net):
    """Reads its argument after the update."""

    def step(self, x, t):
        super().step(x, t)
        return np.sum(x)


def batch(size, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((size, size)) / size, rng.standard_normal((size, size))


def outcome(f):
    try:
        return f()
    except Exception as error:
        return type(error)


class Swapped(np.ndarray):
    def __matmul__(self, other):
        return 2 * np.asarray(self) @ np.asarray(other)


def the_parameter(net, x, t):
    return net.W, t


def a_view_of_the_parameter(net, x, t):
    return net.W[::-1].T, t


def one_array_twice(net, x, t):
    return x, x


def arrays_that_overlap(net, x, t):
    both = np.concatenate([x, x])
    return both[: len(x)], both[1 : len(x) + 1]


def read_only(net, x, t):
    x.flags.writeable = False
    return x, t


CHANGES = {
    "a list": lambda net, x, t: (x.tolist(), t),
    "a matrix": lambda net, x, t: (np.asmatrix(x), t),
    "masked": lambda net, x, t: (x, np.ma.masked_greater(t, 0.5)),
    "a subclass": lambda net, x, t: (x.view(Swapped), t),
    "columns": lambda net, x, t: (np.asfortranarray(x), t),
    "strided": lambda net, x, t: (np.repeat(x, 2, axis=1)[:, ::2], t[::-1]),
    "float32": lambda net, x, t: (x.astype(np.float32), t),
    "swapped bytes": lambda net, x, t: (x.astype(">f8"), t),
    **{
        f.__name__: f for f in (the_parameter, a_view_of_the_parameter, one_array_twice, arrays_that_overlap, read_only)
    },
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("net", [Net, Centring, Doubling, Late])
@pytest.mark.parametrize("change", CHANGES)
def test_odd_inputs_between_plain_ones_are_what_they_are_eagerly(change, net, size, engine):
    eager, compiled = net(size), net(size)
    step = backhand.compile(compiled.step, *batch(size, 0), engine=engine)
    for seed in range(9):
        inputs = [batch(size, seed), batch(size, seed)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if seed in (4, 6):
                inputs = [CHANGES[change](n, *b) for n, b in zip((eager, compiled), inputs, strict=True)]
            expected, made = outcome(lambda: eager.step(*inputs[0])), outcome(lambda: step(*inputs[1]))  # noqa: B023
        if isinstance(expected, type):
            assert made is expected
        else:
            np.testing.assert_allclose(np.asarray(made), np.asarray(expected), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(compiled.W, eager.W, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(np.asarray(inputs[1][0]), np.asarray(inputs[0][0]), rtol=1e-5, atol=1e-7)
    assert step.engine != "eager", "plain arrays go on as they were"


def test_what_can_not_be_traced_is_said_once_and_the_rest_stays_compiled():
    net = Net(5)
    step = backhand.compile(net.step, *batch(5, 0))
    for seed in range(3):
        step(*batch(5, seed))
    x, t = batch(5, 3)
    odd = np.ma.masked_greater(x, 2)
    with pytest.warns(RuntimeWarning, match="with inputs like these the step runs as it is: x is a MaskedArray"):
        step(odd, t)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        step(odd, t)
        step(x, t)
    assert step.engine == "native"


def test_a_number_of_each_kind_is_itself():
    W = np.ones(3, np.float32)

    def scaled(x, factor):
        return x * factor, factor

    step = backhand.compile(scaled, W, 0.5)
    for factor in [0.5, 0.25, 2, np.float64(0.5), np.float32(0.5), np.array([0.5]), 0.75, 10**20, 3] * 3:
        made, same = step(W, factor)
        expected = scaled(W, factor)[0]
        assert made.dtype == expected.dtype
        np.testing.assert_array_equal(made, expected)
        assert type(same) is type(factor)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("orders", ["CCCF", "FFFC", "CFCF"])
def test_a_parameter_that_changes_its_order_in_memory(orders, engine):
    eager, compiled = Net(5), Net(5)

    def made(net):
        def step(x, t):
            flat = net.W.ravel()  # a view or a copy, by the order
            flat -= 0.01
            return net.step(x, t)

        return step

    one, two = made(eager), backhand.compile(made(compiled), *batch(5, 0), engine=engine)
    for seed, order in enumerate(orders * 2):
        for net in (eager, compiled):
            net.W = np.array(net.W, order=order)
        x, t = batch(5, seed)
        np.testing.assert_allclose(two(x, t), one(x, t), rtol=1e-12)
        np.testing.assert_allclose(compiled.W, eager.W, rtol=1e-12)
    assert two.engine == engine
