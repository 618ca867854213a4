"""Every op of the table, in C or as a call of NumPy from C, gives what it gives in the graph."""

import numpy as np
import pytest
from native_programs import built, close, recorded, same_steps
from op_cases import CASES

from backhand.graph.ops import TABLE
from backhand.graph.structure import flatten

GROUPS = 3  # one compilation each


def narrow(value):
    return value.astype(np.float32) if isinstance(value, np.ndarray) and value.dtype == np.float64 else value


def results(cases, engine, cast):
    """What a program of all the cases gives, and what the graph gives."""
    rng = np.random.default_rng(0)
    inputs = [cast(make(rng)) for case in cases for make in case.inputs]

    def every(*values):
        rest = iter(values)
        return [case.code(np, *[next(rest) for _ in case.inputs]) for case in cases]

    graph = recorded(every, *inputs)
    expected = [flatten(part)[1] for part in graph(*inputs)]
    got = iter(built(graph, engine).run(inputs))
    return [[next(got) for _ in part] for part in expected], expected


def rest(x, y, n, m, b):
    """The ops without a derivative, which the table of cases leaves out."""
    made = [x > y, x >= y, x < y, x <= y, x == y, x != y, np.floor(x), np.ceil(x), np.trunc(x), np.rint(x)]
    made += [np.isnan(x / y), np.isinf(x / y), np.isfinite(x / y), np.signbit(x), np.sign(x), np.heaviside(x, 0.5)]
    made += [np.logical_and(x, b), np.logical_or(x, b), np.logical_xor(x, b), np.logical_not(b), ~b, ~n, x // y]
    made += [n & m, n | m, n ^ m, n << 2, n >> 1, n // 2, n % 3, b & (x > 0), b | (x > 0), b ^ (x > 0)]
    made += [np.any(b), np.all(b, axis=0), np.count_nonzero(b), np.count_nonzero(b, axis=1) * 2, np.argmax(x)]
    made += [np.argmax(x, axis=0), np.argmin(x, axis=1), np.argsort(x, axis=1), np.unravel_index(np.argmax(x), x.shape)]
    made += [np.zeros((2, 3)) + x[0, 0], np.full(3, 2.5), x.astype(np.float32), np.where(b, x, 0)]
    made += [x[-1, n % 4], x[n % 3, -2], x[:, None, n % 4], x[n % 3, :2]]
    out = x.copy()
    out[b] = 0.5
    return [
        *made,
        out,
        np.pad(x, 1, mode="edge"),
        np.float64(2.0) * np.array(3),
        x.T.reshape(-1),
        np.broadcast_to(y[0], (5, 4)),
    ]


def test_the_ops_without_a_derivative():
    rng = np.random.default_rng(1)
    x, y = np.round(rng.uniform(-2, 2, (3, 4)), 1), np.round(rng.uniform(-2, 2, (3, 4)))
    inputs = [x, y, rng.integers(0, 9, 5), rng.integers(0, 9, 5), x > 0.3]
    with np.errstate(all="ignore"):
        graph = recorded(rest, *inputs)
        expected = flatten(graph(*inputs))[1]
        for engine in ("native", "numpy"):
            for number, (a, b) in enumerate(zip(built(graph, engine).run(inputs), expected, strict=True)):
                assert close(a, b), number
    used = {node.op for node in graph}
    for case in CASES:
        values = [make(rng) for make in case.inputs]
        used |= {node.op for node in recorded(lambda *v, c=case: c.code(np, *v), *values)}
    assert {name for name in TABLE if not name.startswith("math.")} - used <= {"random", "scalar"}


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.parametrize("cast", [lambda v: v, narrow], ids=["float64", "float32"])
def test_every_op(group, cast):
    cases = CASES[group::GROUPS]
    for case, got, expected in zip(cases, *results(cases, "native", cast), strict=True):
        assert all(close(a, b) for a, b in zip(got, expected, strict=True)), case.id


def test_every_op_on_numpy_with_its_own_bits():
    for case, got, expected in zip(CASES, *results(CASES, "numpy", lambda v: v), strict=True):
        assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(got, expected, strict=True)), case.id


INTEGERS = ("b", "h", "i", "l", "B", "H", "I")


def test_integers_bools_and_mixed_dtypes():
    def every(*arrays):
        made = []
        for x in arrays:
            made += [x + 1, x * x, x - x[::-1], -x if x.dtype.kind == "i" else x, x > 2, x == x[0], x.sum(), x.max()]
            made += [x / 3, np.where(x > 1, x, 0), x.astype(bool), x.astype(np.float32) * 0.5, np.minimum(x, 3)]
            made += [x & 1, ~x, x.mean(), np.argmax(x), (x > 1) & (x < 4), (x > 1) + (x < 4), x + True]
        return made

    arrays = [np.array([100, 3, 0, 1, 120], dtype) for dtype in INTEGERS]
    graph = recorded(every, *arrays)
    for a, b in zip(built(graph).run(arrays), graph(*arrays), strict=True):
        assert close(a, b)


def test_integers_of_two_signs_are_compared_exactly():
    one, two = np.array([2**53 + 1, 3], np.uint64), np.array([2**53, -3], np.int64)
    graph = recorded(lambda one, two: [one > two, one == two, one <= two, one + two], one, two)
    assert [v.tolist() for v in built(graph).run([one, two])] == [v.tolist() for v in graph(one, two)]


def test_promotion_is_numpy_s():
    x, y, z = np.float32([1.5, 2.5]), np.float64([0.1, 0.2]), np.int64([3, 4])

    def every(x, y, z):
        half = np.float64(0.5)
        return [x * 0.1, x * half, x + y, x * z, z * 0.1, x / 3, x @ y, np.dot(z, z), x**2, 0.1 + x > 1.6, z > 3.5]

    graph = recorded(every, x, y, z)
    for a, b in zip(built(graph).run([x, y, z]), graph(x, y, z), strict=True):
        assert a.dtype == b.dtype
        assert close(a, b)


def test_names_that_mean_something_to_the_program_itself():
    def step(error, left, order, task, feed, sparse, threads, lo, p, double):
        return np.tanh(error * left + order) @ task - feed * sparse + threads.sum(axis=0) + lo * p / double

    def shared_out(time, window, steps, hold):
        return np.tanh(time @ window) * steps + hold

    inputs = [1 + np.random.default_rng(n).random((3, 3)) for n in range(10)]
    assert same_steps(recorded(step, *inputs), inputs) == []
    large = [np.random.default_rng(n).random((300, 300)) for n in range(4)]
    assert same_steps(recorded(shared_out, *large), large, threads=2) == []
