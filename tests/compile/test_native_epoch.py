"""An epoch is the same steps as one by one: gathered, scaled, without their zeros; and what it refuses."""

import numpy as np
import pytest
from native_programs import built, close, recorded, values

import backhand
from backhand.errors import DTypeError, GraphError, ShapeError


class Net:
    """The notes' network with an optimizer, as one function."""

    def __init__(self, dtype=np.float32, optimizer=None, sizes=(800, 60, 10)):
        self.net = backhand.TwoLayerNet(*sizes, weight_init_std=0.1, rng=np.random.default_rng(0), dtype=dtype)
        self.optimizer = optimizer or backhand.SGD(0.5)

    def step(self, x, t):
        gradients = self.net.gradient(x, t)
        self.optimizer.update(self.net.params, gradients)
        return self.net.lastLayer.loss


def images(count=90, density=0.2, columns=800):
    rng = np.random.default_rng(1)
    x = rng.integers(1, 256, (count, columns)) * (rng.random((count, columns)) < density)
    return x.astype(np.uint8), np.eye(10, dtype=np.float32)[rng.integers(0, 10, count)]


def both(graph, data, order, scale=None, threads=1, spoil=lambda state: None):
    """The losses and the state by epoch, and by single steps on batches that NumPy makes."""
    program, single = built(graph, "native", threads), built(graph, "numpy")
    state, other = values(graph), values(graph)
    spoil(state), spoil(other)
    program.bind(state)
    single.bind(other)
    losses = program.epoch(data, order, scale)[0]
    expected = []
    for row in order:
        batch = []
        for node, samples in zip(single.arguments, data, strict=True):
            x = samples[row].reshape(node.shape)
            batch.append(x if x.dtype == node.dtype else x.astype(node.dtype) / node.dtype.type(scale))
        expected.append(single.run(batch)[0])
    return losses, np.array(expected), state, other, program


def agree(losses, expected, state, other, program, times=20):
    assert close(losses, expected, times)
    for name, value in other.items():
        if isinstance(value, np.ndarray):
            assert close(state[name], value, times), name
    return program


def how(program):
    return {row.how.split()[0] for row in program.explain()}


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize(
    ("dtype", "density", "threads"),
    [(np.float32, 0.15, 1), (np.float32, 0.15, 3), (np.float64, 0.15, 3), (np.float32, 0.9, 3), (np.float64, 0.9, 1)],
)
def test_pixels(dtype, density, threads):
    x, t = images(density=density)
    order = np.random.default_rng(2).integers(0, 90, (12, 50))
    graph = recorded(Net(dtype).step, np.ones((50, 800), dtype), t[:50].astype(dtype))
    program = agree(*both(graph, [x.reshape(90, 40, 20), t.astype(dtype)], order, 255, threads))
    assert ("sparse" in how(program)) == (density < 0.3)


@pytest.mark.parametrize("optimizer", [backhand.Momentum, backhand.Adam])
def test_other_optimizers_and_real_samples(optimizer):
    x, t = images(density=0.1)
    x = (x / np.float32(255)).astype(np.float32)
    order = np.random.default_rng(2).integers(0, 90, (10, 50))
    model = Net(optimizer=optimizer())
    model.step(x[:50], t[:50])
    graph = recorded(model.step, x[:50], t[:50])
    losses, expected, state, other, program = both(graph, [x, t], order, None, 2)
    agree(losses, expected, state, other, program, 1000)
    assert "sparse" in how(program)
    if optimizer is backhand.Adam:
        assert program.numbers == {next(iter(program.numbers)): 11}


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize(("columns", "width"), [(801, 17), (800, 130), (807, 144)])
def test_widths_that_fit_no_vector(columns, width):
    x, t = images(density=0.1, columns=columns)
    order = np.random.default_rng(2).integers(0, 90, (4, 50))
    graph = recorded(Net(sizes=(columns, width, 10)).step, np.ones((50, columns), np.float32), t[:50])
    program = agree(*both(graph, [x, t], order, 255, 2))
    assert "sparse" in how(program)


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_zeros_are_not_left_out_where_they_count(bad):
    """0 * inf is NaN: a weight that is not finite reaches every sample, also those that are zero there."""
    x, t = images(density=0.1)
    x[:, 7] = 0
    order = np.random.default_rng(2).integers(0, 90, (3, 50))
    graph = recorded(Net().step, np.ones((50, 800), np.float32), t[:50])
    program, state = built(graph), values(graph)
    next(v for v in state.values() if v.shape == (800, 60))[7, 3] = bad
    program.bind(state)
    with np.errstate(all="ignore"):
        assert np.isnan(program.epoch([x, t], order, 255)[0]).all()


def test_a_gradient_that_is_not_finite_reaches_the_weights_of_the_zeros():
    x, t = images(density=0.1)
    x[:, 7] = 0

    def spoil(state):
        next(v for v in state.values() if v.shape == (60, 10))[0, 0] = np.inf

    graph = recorded(Net().step, np.ones((50, 800), np.float32), t[:50])
    order = np.random.default_rng(2).integers(0, 90, (1, 50))
    with np.errstate(all="ignore"):
        losses, _, state, other, _ = both(graph, [x, t], order, 255, spoil=spoil)
    assert np.isnan(losses).all()
    for name, value in other.items():
        assert np.isnan(value).any()
        assert np.array_equal(np.isnan(state[name]), np.isnan(value)), name


@pytest.mark.usefixtures("processor")
def test_scaling_rounds_as_division_does():
    x = np.arange(256, dtype=np.uint8).reshape(256, 1)
    for dtype in (np.float32, np.float64):
        for scale in (255, 3, 7.5, 256):
            program = built(recorded(lambda x: np.sum(x), np.ones(1, dtype)))
            got = program.epoch([x], np.arange(256), scale)[0]
            assert np.array_equal(got, x[:, 0].astype(dtype) / dtype(scale))


def test_one_sample_a_step_and_images_for_rows():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 2, 3))
    program = built(recorded(lambda x: np.sum(x * np.arange(6.0)), np.ones(6)))
    order = np.array([3, 3, -1, 0])
    np.testing.assert_allclose(program.epoch([x], order)[0], (x.reshape(9, 6) * np.arange(6.0)).sum(1)[order])
    np.testing.assert_allclose(program.run([x[4].reshape(6)])[0], np.sum(x[4].reshape(6) * np.arange(6.0)))


def test_calls_of_numpy_in_the_middle_of_an_epoch():
    x = np.random.default_rng(0).standard_normal((20, 4, 4))
    for engine in ("native", "numpy"):
        program = built(recorded(lambda x: np.sum(np.linalg.inv(x @ x.T + np.eye(4)) * 2), np.eye(4)), engine)
        got = program.epoch([x], np.arange(20))[0]
        np.testing.assert_allclose(got, [np.sum(np.linalg.inv(m @ m.T + np.eye(4)) * 2) for m in x])


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_what_an_epoch_refuses(engine):
    program = built(recorded(lambda x: np.sum(x), np.ones((2, 3))), engine)
    x = np.ones((5, 3))
    with pytest.raises(IndexError, match="5 samples"):
        program.epoch([x], np.array([[0, 5]]))
    with pytest.raises(ShapeError, match="don't fill it"):
        program.epoch([x], np.array([[0, 1, 2]]))
    with pytest.raises(ShapeError, match="integers"):
        program.epoch([x], np.array([[0.0, 1.0]]))
    with pytest.raises(DTypeError, match="astype"):
        program.epoch([x.astype(np.float32)], np.array([[0, 1]]))
    with pytest.raises(GraphError, match="1 arrays"):
        program.epoch([x, x], np.array([[0, 1]]))
    with pytest.raises(GraphError, match="one number"):
        built(recorded(lambda x: x * 2, np.ones(3)), engine).epoch([x], np.array([0]))
    assert program.epoch([x], np.array([[0, 1]]))[0].tolist() == [6.0]
    assert program.epoch([x], np.empty((0, 2), int))[0].shape == (0,)


class Counter:
    def __init__(self):
        self.n, self.rate, self.w = 3, 0.5, np.ones(2)

    def step(self, x):
        self.n += 1
        self.rate *= 0.5
        self.w -= x * (1 / (self.n - 6)) * self.rate
        return np.sum(self.w)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_numbers_advance_and_raise_as_python_s(engine):
    counter = Counter()
    graph = recorded(counter.step, np.ones(2))
    program = built(graph, engine)
    w = np.ones(2)
    program.bind({s.name: w if isinstance(s.value.value, np.ndarray) else s.value.value for s in graph.state})
    program.run([np.ones(2)])
    twin = Counter()
    twin.step(np.ones(2))
    assert sorted(program.numbers.values()) == sorted([twin.n, twin.rate])
    assert np.array_equal(w, twin.w)
    with pytest.raises(ZeroDivisionError):  # the third step divides by 6 - 6
        program.epoch([np.ones((1, 2))], np.zeros(5, int))


class Stairs:
    """A rate by the number of the step, whose // Python computes."""

    def __init__(self):
        self.n = 0

    def update(self, params, grads):
        self.n += 1
        rate = 0.1 * 0.5 ** (self.n // 3)
        for key in params:
            params[key] -= rate * grads[key]


def test_python_s_numbers_beside_samples_without_their_zeros():
    x, t = images(density=0.1)
    order = np.random.default_rng(2).integers(0, 90, (10, 50))
    model = Net(optimizer=Stairs())
    graph = recorded(model.step, np.ones((50, 800), np.float32), t[:50])
    program = agree(*both(graph, [x, t], order, 255, 2))
    assert "sparse" in how(program)
    assert list(program.numbers.values()) == [10]


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_an_index_out_of_range_changes_nothing(engine):
    class Table:
        def __init__(self):
            self.w = np.arange(6.0).reshape(3, 2)

        def step(self, i):
            row = self.w[i]
            self.w -= 0.1 * row.sum()
            return row.sum()

    graph = recorded(Table().step, np.array([0, 2]))
    program, state = built(graph, engine), values(graph)
    program.bind(state)
    assert program.run([np.array([-1, 1])])[0] == 14.0
    before = {name: value.copy() for name, value in state.items()}
    with pytest.raises(IndexError):
        program.run([np.array([0, 3])])
    assert all(np.array_equal(state[name], before[name]) for name in state)


@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_arrays_of_any_layout_and_arguments_that_are_written(engine):
    def step(x, y):
        x += 1
        y[0] = x.sum()
        return np.sum(x * y)

    graph = recorded(step, np.ones((40, 60)), np.ones(60))
    for x in (np.ones((60, 40)).T, np.ones((80, 120))[::2, ::2], np.ones((40, 60))):
        y, twin, other = np.arange(60.0), x.copy(), np.arange(60.0)
        program = built(graph, engine)
        program.bind({})
        expected = step(twin, other)
        assert program.run([x, y])[0] == pytest.approx(expected)
        assert np.array_equal(x, twin)
        assert np.array_equal(y, other)


def test_state_that_is_a_view_of_something_else():
    graph = recorded(Counter().step, np.ones(2))
    whole = np.ones((2, 3))
    program = built(graph)
    program.bind({s.name: whole[:, 1] if isinstance(s.value.value, np.ndarray) else s.value.value for s in graph.state})
    program.run([np.ones(2)])
    assert np.all(whole[:, [0, 2]] == 1)
    assert np.all(whole[:, 1] == 1 + 1 / 2 * 0.25)
