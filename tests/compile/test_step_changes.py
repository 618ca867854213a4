"""What user code changes between two steps is noticed: respected, or refused; never silently ignored."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import backhand

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))
import book
import notes_code as notes

ENGINES = ["numpy", "native"]


class Pair:
    """Two equal networks with their optimizers: ``step`` trains one compiled, the other as it is, and compares."""

    def __init__(self, optimizer=book.SGD, net=notes.TwoLayerNet, engine="native", **settings):
        self.nets, self.optimizers = [], []
        for _ in range(2):
            np.random.seed(1)
            self.nets.append(net(7, 5, 3, 0.3))
            self.optimizers.append(optimizer(0.05, **settings))
        self.compiled = backhand.compile(self.nets[1], self.optimizers[1], *batch(), engine=engine)
        self.seed = 0

    def both(self, change):
        for net, optimizer in zip(self.nets, self.optimizers, strict=True):
            change(net, optimizer)

    def step(self, times=1, n=6):
        for _ in range(times):
            self.seed += 1
            x, t = batch(n, self.seed)
            one, two = self.nets
            grads = one.gradient(x, t)
            loss = one.lastLayer.loss
            self.optimizers[0].update(one.params, grads)
            np.testing.assert_allclose(self.compiled(x, t), loss, rtol=1e-12)
            for key in one.params:
                np.testing.assert_allclose(two.params[key], one.params[key], rtol=1e-10, atol=1e-13)
            # the layers use what params holds, or not any more: as eagerly
            np.testing.assert_allclose(two.loss(x, t), one.loss(x, t), rtol=1e-12)


def batch(n=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, 7)), np.eye(3)[rng.integers(0, 3, n)]


def new_rate(net, optimizer):
    optimizer.lr *= 0.5


def new_values(net, optimizer):
    net.params["W1"][...] = 0.1
    net.params["b2"] += 1


def new_array_in_the_layer(net, optimizer):
    net.layers["Affine1"].W = net.layers["Affine1"].W * 0.5


def new_array_in_both(net, optimizer):
    net.params["W1"] = net.layers["Affine1"].W = net.params["W1"] * 0.5


def new_array_in_the_dict_alone(net, optimizer):  # the book's trap: the layer keeps the old one
    net.params["W1"] = net.params["W1"] * 0.5


def new_layer(net, optimizer):
    net.layers["Relu1"] = notes.Sigmoid()


def one_layer_more(net, optimizer):
    net.layers["Sigmoid1"] = notes.Sigmoid()


def wider(net, optimizer):
    np.random.seed(9)
    other = notes.TwoLayerNet(7, 8, 3, 0.3)
    net.params, net.layers = other.params, other.layers


def other_activation(net, optimizer):
    net.layers["Relu1"].forward = lambda x: np.tanh(x)
    net.layers["Relu1"].backward = lambda dout: dout * 0.5


def other_loss_layer(net, optimizer):
    net.lastLayer = notes.SoftmaxWithLoss()


def used_on_other_data(net, optimizer):
    net.accuracy(*batch(31, 77))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "change",
    [new_rate, new_values, new_array_in_the_layer, new_array_in_both, new_array_in_the_dict_alone, new_layer, wider,
     one_layer_more, other_activation, other_loss_layer, used_on_other_data],
)  # fmt: skip
def test_a_change_between_two_steps(change, engine):
    pair = Pair(engine=engine)
    pair.step(4)
    pair.both(change)
    pair.step(4)
    assert pair.compiled.engine == engine


def test_moments_that_were_reset():
    pair = Pair(book.Momentum)
    pair.step(4)
    pair.both(lambda net, optimizer: setattr(optimizer, "v", None))
    pair.step(3)
    pair.both(lambda net, optimizer: optimizer.v.update(W1=np.ones((7, 5))))
    pair.step(3)
    pair = Pair(book.Adam)
    pair.step(4)
    pair.both(lambda net, optimizer: setattr(optimizer, "iter", 100))
    pair.step(4)


def test_a_schedule_makes_one_more_program_not_many():
    pair = Pair(book.Adam)
    pair.step(4)
    for i in range(30):
        pair.both(lambda net, optimizer, i=i: setattr(optimizer, "lr", 0.05 / (i + 1)))
        pair.step()
    assert "1 programs" in repr(pair.compiled)


def test_a_mode_that_is_switched():
    class Net(notes.TwoLayerNet):
        train = True

        def predict(self, x):
            return super().predict(x) * (1 if self.train else 0.5)

    pair = Pair(net=Net)
    for value in (True, False, True, False):
        pair.both(lambda net, optimizer, value=value: setattr(net, "train", value))
        pair.step(3)
    assert "3 programs" in repr(pair.compiled)  # without the attribute, with it True, and False


def test_batches_of_other_sizes_get_programs_of_their_own_up_to_a_limit():
    pair = Pair(engine="numpy")
    for n in (6, 3, 6, 1, 3, 6):
        pair.step(n=n)
    assert "3 programs" in repr(pair.compiled)

    def sizes(ns):
        for n in ns:
            pair.step(n=n)

    with pytest.warns(RuntimeWarning, match="keeps at most 16 programs"):
        sizes(range(7, 27))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pair.step(n=40)  # said once
    assert "16 programs" in repr(pair.compiled)
    x, t = batch()
    pair.compiled(x.astype(np.float32), t)


def test_wrong_inputs_raise_what_the_layers_raise():
    net = backhand.TwoLayerNet(7, 5, 3)
    x, t = batch()
    step = backhand.compile(net, backhand.SGD(0.1), x, t)
    for _ in range(3):
        step(x, t)
    before = {key: net.params[key].copy() for key in net.params}
    for bad_x, bad_t in [(x[:, :4], t), (x, t[:3]), (x.astype(str), t), (x, t.astype(complex)), (None, t)]:
        with pytest.raises(backhand.errors.BackhandError) as eager:
            net.gradient(bad_x, bad_t)
        with pytest.raises(type(eager.value)) as compiled:
            step(bad_x, bad_t)
        assert str(compiled.value) == str(eager.value)
    assert all(np.array_equal(net.params[key], before[key]) for key in before)
    with pytest.raises(TypeError):
        step(x)
    bad = x.copy()
    bad[3, 2] = np.nan
    with pytest.raises(backhand.errors.NotFiniteError, match=r"Affine.forward: x holds nan at index \(3, 2\)"):
        step(bad, t)


def test_a_long_list_is_not_traced_number_by_number():
    step = backhand.compile(lambda x: np.sum(np.asarray(x) * 2.0), np.ones(5000), engine="numpy")
    with pytest.warns(RuntimeWarning, match="more than 1000 numbers, such as a long list, run as they are"):
        assert step([1.0] * 5000) == 10000
    assert step(np.ones(5000)) == 10000
    assert step.engine == "numpy"


def test_bad_values_in_the_first_calls_and_in_an_epoch():
    net = backhand.TwoLayerNet(7, 5, 3)
    x, t = batch()
    step = backhand.compile(net, backhand.SGD(0.1), x, t)
    before = net.params["W1"].copy()
    with pytest.raises(backhand.errors.LabelError):
        step(x, t * 2)
    assert np.array_equal(net.params["W1"], before)
    step.epoch(x, t, np.tile(np.arange(6), 4))
    x[5, 0] = np.nan
    with pytest.raises(backhand.errors.NotFiniteError, match=r"Affine.forward: x holds nan at index \(5, 0\)"):
        step.epoch(x, t, np.tile(np.arange(6), 4))


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_out_of_range_never_reach_past_an_array(engine):
    net = backhand.TwoLayerNet(7, 5, 3)
    x, _ = batch()
    t = np.array([0, 1, 2, 0, 1, 2])
    step = backhand.compile(net, backhand.SGD(0.1), x, t, engine=engine)
    for _ in range(3):
        step(x, t)
    for bad in (3, -4, 10**9):
        with pytest.raises((IndexError, backhand.errors.LabelError)):
            step(x, np.array([0, 1, 2, 0, 1, bad]))
    with pytest.raises((IndexError, backhand.errors.LabelError)):
        step.epoch(x, np.array([0, 1, 2, 0, 1, 7]), np.arange(6))


def test_odd_arrays_are_taken_as_eager_code_takes_them():
    pair = Pair()
    pair.step(3)
    x, t = batch(12, 5)
    for a, b in [(x[::2], t[::2]), (np.asfortranarray(x[:6]), t[:6]), (x[5::-1], t[5::-1])]:
        one = pair.nets[0]
        loss = one.loss(a, b)
        pair.optimizers[0].update(one.params, one.gradient(a, b))
        np.testing.assert_allclose(pair.compiled(a, b), loss, rtol=1e-12)
    a = x[:6].copy()
    a.flags.writeable = False
    pair.optimizers[0].update(pair.nets[0].params, pair.nets[0].gradient(a, t[:6]))
    pair.compiled(a, t[:6])
    np.testing.assert_allclose(pair.nets[1].params["W1"], pair.nets[0].params["W1"], rtol=1e-10)
    pair.step()
