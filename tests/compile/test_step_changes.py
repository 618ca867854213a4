"""What user code changes between two steps is noticed: respected, or refused; never silently ignored."""

import sys
import types
import warnings
import weakref
from collections import OrderedDict
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


def layers_in_another_order(net, optimizer):
    net.layers["Sigmoid1"] = notes.Sigmoid()  # behind Affine2
    net.layers.move_to_end("Relu1")


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
     one_layer_more, layers_in_another_order, other_activation, other_loss_layer, used_on_other_data],
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


class Linear:
    """One layer with everything in it that a user may change between two steps."""

    rate = 0.1

    def __init__(self):
        self.params = {(0, "W"): np.random.default_rng(0).standard_normal((7, 3)) / 3}
        self.objects = np.array([None, None], object)
        self.objects[0] = np.zeros(3)
        self.frozen, self.hooks, self.factors = set(), [], {}
        self.settings, self.functions = (True, "sgd"), (np.tanh,)

    def step(self, x, t):
        y = self.functions[0](x @ self.params[0, "W"] + self.objects[0])
        g = y - t
        for hook in self.hooks:
            g = hook(g)
        rate = self.rate * self.factors.get("W", 1) * (1 if self.settings == (True, "sgd") else 0.1)
        if "W" not in self.frozen:
            self.params[0, "W"] -= rate * (x.T @ g)
        self.objects[0] -= rate * np.sum(g, axis=0) * getattr(self, "mask", 1)
        return np.sum((y - t) ** 2)


def an_attribute_that_hides_the_class_s(net):
    net.rate = 0.5


def a_name_into_an_empty_set(net):
    net.frozen.add("W")


def an_item_into_an_empty_list(net):
    net.hooks.append(lambda g: 0.5 * g)


def an_item_into_an_empty_dict(net):
    net.factors["W"] = 0.3


def another_tuple_of_settings(net):
    net.settings = (False, "sgd")


def another_tuple_of_functions(net):
    net.functions = (np.sin,)


def an_array_under_a_tuple(net):
    net.params[0, "W"] = net.params[0, "W"] * 0.5


def an_array_in_an_array_of_objects(net):
    net.objects[0] = net.objects[0] + 1


def an_array_in_a_new_attribute(net):
    net.mask = np.array([0.0, 1, 2])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "change",
    [an_attribute_that_hides_the_class_s, a_name_into_an_empty_set, an_item_into_an_empty_list,
     an_item_into_an_empty_dict, another_tuple_of_settings, another_tuple_of_functions, an_array_under_a_tuple,
     an_array_in_an_array_of_objects, an_array_in_a_new_attribute],
)  # fmt: skip
def test_a_change_in_a_place_that_was_empty_or_is_no_attribute(change, engine):
    eager, compiled = Linear(), Linear()
    step = backhand.compile(compiled.step, *batch(), engine=engine)
    for seed in range(10):
        if seed == 5:
            change(eager)
            change(compiled)
        x, t = batch(seed=seed)
        np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
        np.testing.assert_allclose(compiled.params[0, "W"], eager.params[0, "W"], rtol=1e-10)
        np.testing.assert_allclose(compiled.objects[0], eager.objects[0], rtol=1e-10)
    assert step.engine == engine


def test_an_attribute_of_the_class_that_comes_later():
    class Net(Linear):
        pass

    eager, compiled = Net(), Net()
    step = backhand.compile(compiled.step, *batch())
    for seed in range(8):
        if seed == 4:
            Net.mask = np.array([0.0, 1, 2])
        x, t = batch(seed=seed)
        np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
    assert step.engine == "native"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("new", [lambda h, c: (h, c), lambda h, c: [h, c], lambda h, c: dict(enumerate([h, c]))])
def test_a_state_that_was_kept_is_what_it_was_and_can_be_put_back(new, engine):
    class Recurrent:
        def __init__(self):
            self.W, self.state, self.kept = np.ones((7, 3)) / 9, new(np.zeros((6, 3)), np.zeros((6, 3))), []

        def step(self, x, t):
            h, c = self.state[0], self.state[1]
            c = 0.5 * c + np.tanh(x @ self.W)
            h = np.tanh(c) + 0.1 * h
            self.state = new(h, c)
            return np.sum((h - t) ** 2)

    eager, compiled = Recurrent(), Recurrent()
    eager_kept, compiled_kept = [], []
    step = backhand.compile(compiled.step, *batch(), engine=engine)
    for seed in range(16):
        for net, kept in ((eager, eager_kept), (compiled, compiled_kept)):
            if seed in (0, 1, 5, 8):
                kept.append(net.state)
            if seed in (7, 11):
                net.state = kept[2]
            if seed == 13:
                net.state = kept[0]
        x, t = batch(seed=seed)
        np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
        for one, two in zip(eager_kept, compiled_kept, strict=True):
            np.testing.assert_allclose([two[0], two[1]], [one[0], one[1]], rtol=1e-12)
    assert step.engine == engine


def test_a_state_that_two_names_hold_for_one_step():
    class Recurrent:
        start = None

        def __init__(self):
            self.W, self.h = np.ones((7, 3)) / 9, np.zeros((6, 3))

        def step(self, x, t):
            self.h = 0.5 * self.h + np.tanh(x @ self.W)
            return np.sum((self.h - t) ** 2)

    eager, compiled = Recurrent(), Recurrent()
    step = backhand.compile(compiled.step, *batch())
    for seed in range(16):
        for net in (eager, compiled):
            if seed == 5:
                net.start = net.h
            if seed in (8, 12):
                net.h = net.start
        x, t = batch(seed=seed)
        np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
    assert step.engine == "native"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_parameter_that_is_made_read_only_and_writeable_again(engine):
    pair = Pair(engine=engine)
    pair.step(4)
    pair.both(lambda net, optimizer: net.params["W2"].setflags(write=False))
    before = pair.nets[1].params["W1"].copy()
    with pytest.raises(ValueError, match="read-only"):
        pair.compiled(*batch())
    pair.both(lambda net, optimizer: net.params["W2"].setflags(write=True))
    pair.nets[1].params["W1"][...] = before  # the code itself had written that one when it met the other
    pair.step(4)
    assert pair.compiled.engine == engine


@pytest.mark.parametrize("engine", ENGINES)
def test_a_slot_that_is_filled_later(engine):
    class Slots:
        __slots__ = ("W", "mask")

        def __init__(self):
            self.W = np.ones((7, 3)) / 9

        def step(self, x, t):
            d = x @ self.W - t
            self.W -= 0.1 * (x.T @ d) * (self.mask if hasattr(self, "mask") else 1.0)
            return np.sum(d * d)

    eager, compiled = Slots(), Slots()
    step = backhand.compile(compiled.step, *batch(), engine=engine)
    for seed in range(8):
        if seed == 4:
            eager.mask, compiled.mask = np.array([0.0, 1, 2]), np.array([0.0, 1, 2])
        x, t = batch(seed=seed)
        np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
    assert step.engine == engine


def test_what_is_reached_by_a_weak_reference_or_by_its_name_alone(monkeypatch):
    config = types.ModuleType("config")
    config.rate = 0.1

    class Holder:
        rate = 0.1

    holder, W = Holder(), np.ones((7, 3)) / 9
    seen = weakref.ref(holder)

    def step(x, t, W):
        d = x @ W - t
        W -= getattr(config, "rate") * seen().rate * (x.T @ d)  # noqa: B009
        return np.sum(d * d)

    two = W.copy()
    compiled = backhand.compile(step, *batch(), two.copy())
    for seed in range(9):
        config.rate = 0.5 if seed >= 3 else 0.1
        holder.rate = 0.2 if seed >= 6 else 0.1
        x, t = batch(seed=seed)
        np.testing.assert_allclose(compiled(x, t, two), step(x, t, W), rtol=1e-12)
        np.testing.assert_allclose(two, W, rtol=1e-12)
    assert compiled.engine == "native"


@pytest.mark.parametrize("kind", [dict, OrderedDict])
@pytest.mark.parametrize("engine", ENGINES)
def test_functions_in_another_order(kind, engine):
    class Net:
        def __init__(self):
            self.W, self.functions = np.ones((7, 3)) / 9, kind(first=np.tanh, second=np.cos)

        def step(self, x, t):
            h = x @ self.W
            for function in self.functions.values():
                h = function(h)
            self.W -= 0.1 * (x.T @ (h - t))
            return np.sum((h - t) ** 2)

    eager, compiled = Net(), Net()
    step = backhand.compile(compiled.step, *batch(), engine=engine)
    for seed in range(12):
        if seed in (4, 8):
            for net in (eager, compiled):
                name = next(iter(net.functions))
                net.functions[name] = net.functions.pop(name)
        x, t = batch(seed=seed)
        np.testing.assert_allclose(step(x, t), eager.step(x, t), rtol=1e-12)
    assert step.engine == engine
