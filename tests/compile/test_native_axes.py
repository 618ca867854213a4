"""Stacks of products, cumulative sums, variances and einsums in C, for all axes, shapes and dtypes, beside NumPy."""

import numpy as np
import pytest
from hypothesis import Phase, given, settings, strategies as st
from native_programs import built, recorded, same_steps

FLOATS = st.sampled_from([np.float32, np.float64])
SIZES = st.integers(1, 7)


def array(shape, dtype=np.float64, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * 3).astype(dtype)


def kinds_of(program):
    return [row.how for row in program.explain()]


@st.composite
def stacks(draw):
    """Two stacks that broadcast, with some axes transposed, sliced or stretched before."""
    stack = draw(st.lists(SIZES, min_size=1, max_size=3))
    m, n, k = draw(SIZES), draw(SIZES), draw(SIZES)
    made = []
    for seed, matrix in enumerate(((m, k), (k, n))):
        own = [size if draw(st.booleans()) else 1 for size in stack][draw(st.integers(0, len(stack))) :]
        way = draw(st.sampled_from(["plain", "turned", "outer", "every other"]))
        made.append((tuple(own) + matrix, way, seed))
    return made, draw(FLOATS)


def seen(x, shape, way):
    """An array that has that shape when it is looked at in some way."""
    if way == "turned":
        return x.reshape((*shape[:-2], shape[-1], shape[-2])).swapaxes(-1, -2)
    if way == "outer":
        return np.moveaxis(x.reshape((*shape[1:], shape[0])), -1, 0)
    if way == "every other":
        return np.repeat(x.reshape(shape), 2, axis=-1)[..., ::2]
    return x.reshape(shape)


# A C program takes a while to compile: each example is many in one, and isn't shrunk.
@settings(max_examples=3, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.lists(stacks(), min_size=25, max_size=25), st.sampled_from([1, 2]))
def test_stacks_of_products(pairs, threads):
    inputs = [array(int(np.prod(shape)), dtype, seed) for pair, dtype in pairs for shape, _, seed in pair]

    def products(*flat):
        views = [seen(x, shape, way) for x, (shape, way, _) in zip(flat, [o for p, _ in pairs for o in p], strict=True)]
        return [
            np.tanh(a) @ b if n % 2 else a @ b for n, (a, b) in enumerate(zip(views[::2], views[1::2], strict=True))
        ]

    graph = recorded(products, *inputs)
    assert same_steps(graph, inputs, steps=1, threads=threads) == []


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_large_stacks_by_blas_and_by_workers(dtype, threads):
    """Larger than what the program multiplies itself, shared out among threads, with views as attention has them."""

    def heads(x, W, g):
        batch, time, width = x.shape
        q, k, v = (
            (x @ W[:, n * width : (n + 1) * width]).reshape(batch, time, 4, width // 4).transpose(0, 2, 1, 3)
            for n in range(3)
        )
        s = q @ k.transpose(0, 1, 3, 2) / np.sqrt(width // 4)
        w = np.exp(s - s.max(axis=-1, keepdims=True))
        w = w / w.sum(axis=-1, keepdims=True)
        dw = g @ v.transpose(0, 1, 3, 2)
        return (w @ v).transpose(0, 2, 1, 3).reshape(x.shape), w.transpose(0, 1, 3, 2) @ g, np.sum(dw * w)

    inputs = [array((3, 80, 64), dtype), array((64, 192), dtype, 1) / 8, array((3, 4, 80, 16), dtype, 2)]
    graph = recorded(heads, *inputs)
    assert same_steps(graph, inputs, threads=threads) == []
    assert "NumPy" not in kinds_of(built(graph, threads=threads))


def test_an_update_is_folded_into_a_stack_of_products():
    class Heads:
        def __init__(self):
            self.W = array((3, 5, 4))

        def step(self, x, g):
            y = x @ self.W
            self.W -= 0.1 * (x.transpose(0, 2, 1) @ g)
            return np.sum(y * g)

    inputs = [array((3, 6, 5), seed=1), array((3, 6, 4), seed=2)]
    graph = recorded(Heads().step, *inputs)
    assert same_steps(graph, inputs) == []
    source = built(graph).source
    assert "-(0.1)" in source, "the learning rate is the product's factor"


@settings(max_examples=3, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.data(), st.sampled_from([1, 2]))
def test_cumulative_sums_are_numpys_to_the_bit(data, threads):
    """NumPy adds one after the other, and so does C."""
    cases = []
    for seed in range(20):
        shape = tuple(data.draw(st.lists(SIZES, min_size=1, max_size=4)))
        dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int32, np.int64, np.bool_, np.uint8]))
        axis = data.draw(st.sampled_from([None, *range(-len(shape), len(shape))]))
        cases.append((array(shape, dtype, seed), axis, data.draw(st.booleans()), data.draw(st.permutations(shape))))
    inputs = [case[0] for case in cases]

    def sums(*inputs):
        made = []
        for x, (_, axis, turned, _) in zip(inputs, cases, strict=True):
            made.append(np.cumsum(x.T if turned else x, axis=axis))
            made.append(np.cumprod(x * 2, axis=axis)[..., ::-1])
        return made

    with np.errstate(all="ignore"):
        graph, expected = recorded(sums, *inputs), sums(*inputs)
    program = built(graph, threads=threads)
    assert "NumPy" not in kinds_of(program)
    for mine, right in zip(program.run(inputs), expected, strict=True):
        assert np.array_equal(mine, right, equal_nan=True)
        assert mine.dtype == right.dtype


def test_a_cumulative_sum_as_new_state_and_beside_others():
    class Running:
        def __init__(self):
            self.x = array((200, 300))

        def step(self, dx):
            total = np.cumsum(self.x, axis=0) / 100
            self.x = np.cumsum(self.x * 0.1 + dx, axis=1)
            return total, total.sum(axis=0), np.cumsum(total, axis=1)[:, -1]

    for threads in (1, 2):
        assert same_steps(recorded(Running().step, array(300)), [array(300)], threads=threads) == []


def test_a_cumulative_sum_over_rows_waits_for_the_row_before():
    """It is long enough to be shared out, but its rows depend on each other."""
    x = array((2000, 300))
    graph = recorded(lambda x: np.cumsum(np.tanh(x) / 100, axis=0), x)
    assert same_steps(graph, [x], steps=4, threads=2) == []


@settings(max_examples=3, deadline=None, phases=[Phase.generate], derandomize=True)
@given(st.data())
def test_variances_norms_and_moved_data(data):
    """To rounding as NumPy's: the same two passes, added up in another order."""
    cases = []
    for seed in range(20):
        shape = tuple(data.draw(st.lists(st.integers(2, 6), min_size=1, max_size=4)))
        axis = data.draw(st.sampled_from([None, *range(-len(shape), len(shape)), tuple(range(len(shape)))[-2:]]))
        cases.append(
            (array(shape, data.draw(FLOATS), seed), axis, data.draw(st.booleans()), data.draw(st.integers(0, 1)))
        )
    inputs = [case[0] for case in cases]

    def spread(*inputs):
        made = []
        for x, (_, axis, keepdims, ddof) in zip(inputs, cases, strict=True):
            made += [x.var(axis, ddof=ddof, keepdims=keepdims), x - x.mean(axis, keepdims=True) / x.std()]
            made += [np.linalg.norm(x, axis=axis if isinstance(axis, int) else None), np.pad(x, 1)]
            made += [np.concatenate([x * 2, x], axis=0), np.repeat(x, 2, axis=-1), np.tile(x, 2)]
        return made

    graph = recorded(spread, *inputs)
    assert same_steps(graph, inputs, steps=1) == []
    assert "NumPy" not in kinds_of(built(graph))


def batchnorm(x, gamma, dout):
    mean, var = x.mean(axis=0), x.var(axis=0)
    std = np.sqrt(var + 1e-5)
    y = (x - mean) / std
    d = dout * gamma
    dx = (d - d.mean(axis=0) - y * np.mean(d * y, axis=0)) / std
    return gamma * y, dx, np.sum(dout * y, axis=0)


def convolution(x, w):
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, [(0, 0), (0, 0), (1, 1), (1, 1)]), (3, 3), axis=(2, 3))
    return np.einsum("nchwij,fcij->nfhw", windows, w)


def lstm(x, h, c, W, U):
    i, f, o, g = np.split(x @ W + h @ U, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-v)) for v in (i, f, o))
    c = f * c + i * np.tanh(g)
    d = np.hstack([c * i * (1 - i), c * f * (1 - f), o * (1 - o), i * (1 - g * g)])
    return o * np.tanh(c), c, d @ W.T


def attention(q, k, v):
    s = np.einsum("btd,bsd->bts", q, k)
    w = np.exp(s - s.max(-1, keepdims=True))
    return np.einsum("bts,bsd->btd", w / w.sum(-1, keepdims=True), v)


@pytest.mark.parametrize(
    ("function", "shapes"),
    [
        (batchnorm, [(8, 5), (5,), (8, 5)]),
        (convolution, [(2, 3, 6, 7), (4, 3, 3, 3)]),
        (lstm, [(6, 8), (6, 5), (6, 5), (8, 20), (5, 20)]),
        (attention, [(2, 4, 6), (2, 5, 6), (2, 5, 6)]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_layers_run_without_numpy(function, shapes):
    inputs = [array(shape, np.float64, seed) for seed, shape in enumerate(shapes)]
    graph = recorded(function, *inputs)
    assert same_steps(graph, inputs) == []
    assert "NumPy" not in kinds_of(built(graph))
