"""What a call changes that is neither an array nor an attribute's number: seen, and then the original is kept."""

import collections
import itertools
import random
import warnings

import numpy as np
import pytest

import backhand


class Net:
    """A linear layer, its loss and its update; ``rate`` says how far a step goes."""

    def __init__(self):
        self.W = np.random.default_rng(0).standard_normal((4, 3))
        self.begin()

    def begin(self):
        pass

    def rate(self):
        return 0.1

    def step(self, x, t):
        d = x @ self.W - t
        self.W -= self.rate() * (x.T @ d)
        return np.sum(d * d)


class AListThatGrows(Net):
    def begin(self):
        self.history = []

    def rate(self):
        self.history.append(1)
        return 0.1 if len(self.history) % 5 == 0 else 0.0


class ASetThatGrows(Net):
    def begin(self):
        self.seen = set()

    def rate(self):
        self.seen.add(len(self.seen))
        return 0.1 if len(self.seen) > 5 else 0.0


class ATextThatGrows(Net):
    log = ""

    def rate(self):
        self.log += "."
        return 0.1 if len(self.log) > 5 else 0.0


class PhasesByName(Net):
    phase = "a"

    def rate(self):
        self.phase = chr(min(ord(self.phase) + 1, ord("f")))
        return 0.1 if self.phase == "f" else 0.0


class AnIterator(Net):
    def begin(self):
        self.rates = iter([0.1] * 7 + [0.01] * 20)

    def rate(self):
        return next(self.rates)


class ACycle(Net):
    def begin(self):
        self.rates = itertools.cycle([0.1] * 7 + [0.01])

    def rate(self):
        return next(self.rates)


class ACount(Net):
    def begin(self):
        self.count = itertools.count()

    def rate(self):
        return 0.1 if next(self.count) % 7 == 6 else 0.0


class ARandomOfItsOwn(Net):
    def begin(self):
        self.random = random.Random(3)

    def rate(self):
        return 0.1 if self.random.random() < 0.2 else 0.0


class ACounterThatTheFirstCallMakes(Net):
    t = 0  # of the class: the first call hides it by an attribute

    def rate(self):
        self.t += 1
        return 0.1 * 0.5 ** (self.t // 4)


class ACounterInACounter(Net):
    def begin(self):
        self.calls = collections.Counter()

    def rate(self):
        self.calls["steps"] += 1
        return 0.1 / (1 + self.calls["steps"] // 4)


def quietly(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make()


def batches(n):
    rng = np.random.default_rng(1)
    return [(rng.standard_normal((5, 4)) / 4, rng.standard_normal((5, 3))) for _ in range(n)]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    ("net", "says"),
    [
        (AListThatGrows, "history holds 1 things before a call and 2 after it"),
        (ASetThatGrows, "seen holds 1 things before a call and 2 after it"),
        (ATextThatGrows, "log is '.' before a call and '..' after it"),
        (PhasesByName, "phase is 'b' before a call and 'c' after it"),
        (AnIterator, "rates is an iterator, and the code takes values from it"),
        (ACycle, "rates is a cycle: a graph can't hold"),
        (ACount, "count is a count: a graph can't hold"),
        (ARandomOfItsOwn, "draws random numbers from self.random"),
        (ACounterThatTheFirstCallMakes, ""),
        (ACounterInACounter, ""),
    ],
)
def test_every_step_is_the_eager_one(net, says, engine):
    eager, compiled = net(), net()
    step = quietly(lambda: backhand.compile(compiled.step, *batches(1)[0], engine=engine))
    for x, t in batches(20):
        np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
        np.testing.assert_allclose(compiled.W, eager.W, rtol=1e-12)
    assert step.engine == ("eager" if says else engine)
    assert says in step.reason
    for x, t in batches(5):  # and the original finds everything where it left it
        assert compiled.step(x, t) == pytest.approx(eager.step(x, t), rel=1e-12)


def test_what_a_step_does_not_use_is_no_obstacle():
    net = Net()
    net.history, net.seen, net.random = [1.0], {2}, random.Random(0)
    net.rates, net.shape = iter([1, 2, 3]), None

    def step(x, t):
        net.shape = f"{x.shape}"  # a text that the first call makes, and then always the same
        return net.step(x, t)

    assert backhand.compile(step, *batches(1)[0], engine="numpy").engine == "numpy"
    assert list(net.rates) == [1, 2, 3]


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize(
    "W",
    [
        np.ones((4, 3), np.float16),
        np.ones((4, 3), np.longdouble),
        np.ones((4, 3), ">f8"),
        np.asfortranarray(np.ones((4, 3))),
        np.ones((8, 6))[::-2, ::2],
    ],
    ids=["float16", "longdouble", "bytes swapped", "columns", "strided"],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_parameters_of_any_layout_and_dtype(W, swapped, engine):
    eager, compiled = Net(), Net()
    eager.W, compiled.W = W.copy(), W.copy()
    x, t = batches(1)[0]
    x = x.astype(">f8") if swapped else x
    step = quietly(lambda: backhand.compile(compiled.step, x, t, engine=engine))
    before = compiled.W
    for _ in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
        np.testing.assert_allclose(compiled.W, eager.W, rtol=1e-12 if W.dtype != np.float16 else 1e-2)
    assert step.engine != "eager"
    assert compiled.W is before


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_state_without_elements(engine):
    net = Net()
    net.W = np.zeros((0, 3))
    x, t = np.zeros((5, 0)), np.ones((5, 3))
    step = backhand.compile(net.step, x, t, engine=engine)
    assert [step(x, t) for _ in range(3)] == [15.0] * 3
    assert step.engine == engine


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_result_that_is_the_state_stays_what_it_was(engine):
    net = Net()

    def step(x, t):
        net.step(x, t)
        return net.W

    compiled = backhand.compile(step, *batches(1)[0], engine=engine)
    made, copies = [], []
    for x, t in batches(4):
        made.append(compiled(x, t))
        copies.append(net.W.copy())
    assert compiled.engine == engine
    assert all(np.array_equal(a, b) for a, b in zip(made, copies, strict=True))


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_list_of_places_in_which_a_number_changes(engine):
    eager, compiled = Net(), Net()

    def made(net):
        net.rows = [0, 1]

        def step(x, t):
            net.W[net.rows] -= 0.1 * (x.T @ (x @ net.W - t))[net.rows]
            return np.sum(net.W)

        return step

    one, two = made(eager), backhand.compile(made(compiled), *batches(1)[0], engine=engine)
    for number, (x, t) in enumerate(batches(8)):
        eager.rows[0] = compiled.rows[0] = (0, 2, 3)[number // 3]
        np.testing.assert_allclose(two(x, t), one(x, t), rtol=1e-12)
    assert two.engine == engine


def test_code_that_goes_by_floating_point_errors_is_kept():
    W = np.ones((4, 3))

    def step(x):
        try:
            with np.errstate(over="raise"):
                return np.sum(np.exp(x @ W))
        except FloatingPointError:
            return np.float64(-1)

    compiled = quietly(lambda: backhand.compile(step, np.ones((2, 4))))
    assert "np.errstate makes an error of what a value does" in compiled.reason
    assert [compiled(np.full((2, 4), v)) == step(np.full((2, 4), v)) for v in (1, 1, 1, 1e3, 1)] == [True] * 5
    with np.errstate(all="ignore"):
        assert backhand.compile(lambda x: np.exp(x @ W), np.ones((2, 4))).engine == "native"
    with np.errstate(divide="raise"):
        compiled = quietly(lambda: backhand.compile(lambda x: np.exp(x @ W), np.ones((2, 4))))
    assert compiled.reason.startswith('np.seterr is set to "raise"')
