"""The notes' classes as printed and the book's, unmodified: traced, differentiated, and replayed bit for bit."""

import copy

import book
import notes_code as notes
import numpy as np
import pytest

import backhand
from backhand.graph import record


def same(a, b):
    """Equal in every bit, dtype and shape."""
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == np.ascontiguousarray(b).tobytes()


@pytest.fixture
def rng():
    np.random.seed(7)
    return np.random.default_rng(7)


def two_layer_net(rng, cls=notes.TwoLayerNet):
    return cls(7, 5, 3, 0.3), rng.standard_normal((4, 7)), np.eye(3)[[0, 2, 1, 2]]


def by_name(graph, names, *inputs):
    derived = backhand.differentiate(graph, wrt=names)
    derived.verify()
    return dict(zip(names, derived(*inputs), strict=True))


def test_the_first_figure_of_the_notes():
    """100 apples' worth: 000, the multiplication layers."""
    layers = notes.MulLayer(), notes.MulLayer()

    def price(apple, apple_num, tax):
        return layers[1].forward(layers[0].forward(apple, apple_num), tax)

    graph = backhand.trace(price, 100, 2, 1.1).verify()
    assert [node.op for node in graph.nodes] == ["input", "input", "input", "multiply", "multiply"]
    assert [str(node.layer) for node in graph.nodes[3:]] == ["MulLayer[0].forward", "MulLayer[1].forward"]
    run = graph.run(100, 2, 1.1)
    assert run.result == price(100, 2, 1.1) == pytest.approx(220)
    assert run.backward(1) == (2.2, 110.00000000000001, 200)
    first, second = run.contributions(4)
    assert (first.upstream, first.local, first.downstream) == (1, 1.1, 1.1)
    assert (second.upstream, second.local, second.downstream) == (1, 200, 200)


def test_apples_and_oranges():
    def price(apple, apple_num, orange, orange_num, tax):
        apple_price = notes.MulLayer().forward(apple, apple_num)
        orange_price = notes.MulLayer().forward(orange, orange_num)
        all_price = notes.AddLayer().forward(apple_price, orange_price)
        return notes.MulLayer().forward(all_price, tax)

    graph = backhand.trace(price, 100, 2, 150, 3, 1.1)
    run = graph.run(100, 2, 150, 3, 1.1)
    assert run.result == 715.0000000000001
    assert run.backward() == (2.2, 110.00000000000001, 3.3000000000000003, 165.0, 650)
    assert graph.nodes[5].name == "out"


def test_the_notes_network_gradient_is_the_derivative_of_its_loss(rng):
    net, x, t = two_layer_net(rng)
    graph = backhand.trace(net.loss, x, t).verify()
    exact = by_name(graph, list(net.params), x, t)
    hand = backhand.trace(net.gradient, x, t).verify()(x, t)
    assert same(hand, net.gradient(x, t))
    for name in net.params:
        np.testing.assert_allclose(hand[name], exact[name], rtol=1e-5, atol=1e-6)  # log(y + 1e-7)


def test_backhands_own_network_gradient_is_the_derivative_of_its_loss_to_rounding(rng):
    nn = pytest.importorskip("backhand.nn")
    np.random.seed(3)
    net = nn.TwoLayerNet(7, 5, 3, 0.3)
    x, t = rng.standard_normal((4, 7)), np.eye(3)[[0, 2, 1, 2]]
    lives = {f"{p}{n}": f"layers['Affine{n}'].{p}" for n in (1, 2) for p in "Wb"}
    exact = by_name(backhand.trace(net.loss, x, t).verify(), list(lives.values()), x, t)
    hand = backhand.trace(net.gradient, x, t).verify()(x, t)
    assert same(hand, net.gradient(x, t))
    assert set(hand) == set(lives)
    for name, place in lives.items():
        np.testing.assert_allclose(hand[name], exact[place], rtol=1e-12, atol=1e-14)


def test_the_dnn_of_note_003_is_right_after_its_lost_factor(rng):
    dnn, loss = notes.DNN(2, 6, 5, 3), notes.MeanSquaredError()
    for neuron in dnn.sequence:
        neuron.W *= 60
    x, y = rng.standard_normal(5), rng.standard_normal(3)

    def value(x, y):
        return loss(dnn(x), y)

    def gradient(x, y):
        loss(dnn(x), y)
        dnn.calc_gradient(loss)
        return [(neuron.dW, neuron.db) for neuron in dnn.sequence]

    graph = backhand.trace(value, x, y).verify()
    names = [f"dnn.sequence[{i}].{p}" for i in range(4) for p in "Wb"]
    exact = by_name(graph, names, x, y)
    hand = backhand.trace(gradient, x, y).verify()(x, y)
    assert same(hand, gradient(x, y))
    for number, (dW, db) in enumerate(hand):
        np.testing.assert_allclose(dW / 3, exact[f"dnn.sequence[{number}].W"], rtol=1e-11, atol=1e-15)
        np.testing.assert_allclose(db / 3, exact[f"dnn.sequence[{number}].b"], rtol=1e-11, atol=1e-15)


def test_the_dnns_training_step_replays(rng):
    dnn, loss = notes.DNN(2, 6, 5, 3), notes.MeanSquaredError()
    x, y = rng.standard_normal(5), rng.standard_normal(3)
    twin = copy.deepcopy((dnn, loss))
    recording = record(lambda x, y: notes.gradient_descent(dnn, x, y, loss, alpha=0.3), x, y)
    recording.graph.verify()
    for _ in range(3):
        x, y = rng.standard_normal(5), rng.standard_normal(3)
        assert same(recording.replay(x, y), notes.gradient_descent(twin[0], x, y, twin[1], alpha=0.3))
        for one, two in zip(dnn.sequence, twin[0].sequence, strict=True):
            assert same((one.W, one.b), (two.W, two.b))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cls", book.OPTIMIZERS)
def test_an_optimizer_replays_bit_for_bit(cls, dtype, rng):
    net, x, t = two_layer_net(rng)
    for name in net.params:
        net.params[name] = net.params[name].astype(dtype)
    for number in (1, 2):
        net.layers[f"Affine{number}"].W = net.params[f"W{number}"]
        net.layers[f"Affine{number}"].b = net.params[f"b{number}"]
    x, t = x.astype(dtype), t.astype(dtype)
    optimizer = cls(lr=0.1)

    def step(net, optimizer, x, t):
        optimizer.update(net.params, net.gradient(x, t))
        return net.lastLayer.loss

    step(net, optimizer, x, t)  # the state is there now
    twin, twin_optimizer = copy.deepcopy((net, optimizer))
    recording = record(lambda x, t: step(net, optimizer, x, t), x, t)
    recording.graph.verify()
    for _ in range(4):
        x = rng.standard_normal((4, 7)).astype(dtype)
        assert same(recording.replay(x, t), step(twin, twin_optimizer, x, t))
        assert same(net.params, twin.params)
        for name, value in vars(twin_optimizer).items():
            assert same(vars(optimizer)[name], value), name


def test_a_cold_optimizer_is_traced_warm(rng):
    net, x, t = two_layer_net(rng)
    adam = book.Adam()
    recording = record(lambda x, t: adam.update(net.params, net.gradient(x, t)), x, t)
    assert recording.cold
    assert adam.m is None
    assert adam.iter == 0
    names = [state.name for state in recording.graph.state]
    assert "adam.iter" in names
    assert "adam.m['W1']" in names
    with pytest.raises(backhand.errors.TraceError, match="call the function once"):
        recording.replay(x, t)


class DeepNet:
    """Affine, batch normalization, ReLU, dropout, Affine, with weight decay: the book's multi-layer network."""

    def __init__(self, rng, weight_decay=0.1):
        self.weight_decay = weight_decay
        self.params = {
            "W1": 0.5 * rng.standard_normal((6, 5)),
            "b1": np.zeros(5),
            "gamma": np.ones(5) * 1.5,
            "beta": np.zeros(5) + 0.1,
            "W2": 0.5 * rng.standard_normal((5, 3)),
            "b2": np.zeros(3),
        }
        p = self.params
        self.layers = {
            "Affine1": notes.Affine(p["W1"], p["b1"]),
            "BatchNorm": book.BatchNormalization(p["gamma"], p["beta"]),
            "Relu": notes.Relu(),
            "Dropout": book.Dropout(0.4),
            "Affine2": notes.Affine(p["W2"], p["b2"]),
        }
        self.last = notes.SoftmaxWithLoss()

    def predict(self, x, train_flg=False):
        for name, layer in self.layers.items():
            x = layer.forward(x, train_flg) if name in ("Dropout", "BatchNorm") else layer.forward(x)
        return x

    def loss(self, x, t, train_flg=False):
        decay = 0
        for name in ("W1", "W2"):
            decay += 0.5 * self.weight_decay * np.sum(self.params[name] ** 2)
        return self.last.forward(self.predict(x, train_flg), t) + decay

    def gradient(self, x, t):
        loss = self.loss(x, t, train_flg=True)
        dout = self.last.backward(1)
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        affine, norm, last = self.layers["Affine1"], self.layers["BatchNorm"], self.layers["Affine2"]
        grads = {
            "W1": affine.dW + self.weight_decay * affine.W,
            "b1": affine.db,
            "gamma": norm.dgamma,
            "beta": norm.dbeta,
            "W2": last.dW + self.weight_decay * last.W,
            "b2": last.db,
        }
        return loss, grads


def test_batch_normalization_dropout_and_decay_replay_on_the_same_random_stream(rng):
    net, adam = DeepNet(rng), book.Adam(lr=0.1)
    x, t = rng.standard_normal((8, 6)), np.eye(3)[rng.integers(0, 3, 8)]

    def step(net, adam, x, t):
        loss, grads = net.gradient(x, t)
        adam.update(net.params, grads)
        return loss

    np.random.seed(1)
    step(net, adam, x, t)
    twin, twin_adam = copy.deepcopy((net, adam))
    state = np.random.get_state()
    recording = record(lambda x, t: step(net, adam, x, t), x, t)
    assert np.random.get_state()[2] == state[2]
    assert "random" in [node.op for node in recording.graph.nodes]
    for seed in range(4):
        x = rng.standard_normal((8, 6))
        np.random.seed(seed)
        expected = step(twin, twin_adam, x, t)
        after = np.random.get_state()
        np.random.seed(seed)
        assert same(recording.replay(x, t), expected)
        assert np.array_equal(np.random.get_state()[1], after[1])
        assert same(net.params, twin.params)
        one, two = net.layers["BatchNorm"], twin.layers["BatchNorm"]
        assert same((one.running_mean, one.running_var), (two.running_mean, two.running_var))


def test_the_books_batch_normalization_is_the_derivative(rng):
    net = DeepNet(rng, weight_decay=0.1)
    del net.layers["Dropout"]
    x, t = rng.standard_normal((8, 6)), np.eye(3)[rng.integers(0, 3, 8)]
    net.gradient(x, t)
    exact = by_name(backhand.trace(lambda x, t: net.loss(x, t, True), x, t), list(net.params), x, t)
    _, hand = backhand.trace(net.gradient, x, t)(x, t)
    for name in net.params:
        np.testing.assert_allclose(hand[name], exact[name], rtol=1e-5, atol=1e-6)


class ConvNet:
    def __init__(self, rng, pad, stride):
        size = 2 * (((6 + 2 * pad - 3) // stride + 1) // 2) ** 2
        self.params = {
            "W1": 0.3 * rng.standard_normal((2, 1, 3, 3)),
            "b1": np.zeros(2),
            "W2": 0.3 * rng.standard_normal((size, 3)),
            "b2": np.zeros(3),
        }
        p = self.params
        self.conv = book.Convolution(p["W1"], p["b1"], stride, pad)
        self.relu = notes.Relu()
        self.pool = book.Pooling(2, 2)
        self.affine = notes.Affine(p["W2"], p["b2"])
        self.last = notes.SoftmaxWithLoss()

    def loss(self, x, t):
        x = self.pool.forward(self.relu.forward(self.conv.forward(x)))
        self.shape = x.shape
        return self.last.forward(self.affine.forward(x.reshape(x.shape[0], -1)), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.affine.backward(self.last.backward(1)).reshape(self.shape)
        dx = self.conv.backward(self.relu.backward(self.pool.backward(dout)))
        return {"W1": self.conv.dW, "b1": self.conv.db, "W2": self.affine.dW, "b2": self.affine.db}, dx


@pytest.mark.parametrize(("pad", "stride"), [(0, 1), (1, 1), (2, 2)])
def test_a_convolutional_network_by_im2col(rng, pad, stride):
    net = ConvNet(rng, pad, stride)
    x, t = rng.standard_normal((3, 1, 6, 6)), np.eye(3)[[0, 2, 1]]
    graph = backhand.trace(net.gradient, x, t).verify()
    for _ in range(2):
        x = rng.standard_normal((3, 1, 6, 6))
        assert same(graph(x, t), net.gradient(x, t))
    exact = by_name(backhand.trace(net.loss, x, t).verify(), [*net.params, "x"], x, t)
    hand, dx = graph(x, t)
    for name, value in {**hand, "x": dx}.items():
        np.testing.assert_allclose(value, exact[name], rtol=1e-5, atol=2e-6)


def test_every_node_knows_its_layer_and_line(rng):
    net, x, t = two_layer_net(rng)
    graph = backhand.trace(net.gradient, x, t)
    for node in graph.nodes:
        if node.op not in ("input", "constant", "full"):
            assert node.source.file == notes.__file__
            with open(node.source.file) as file:
                assert file.readlines()[node.source.line - 1].strip() == node.source.code
            assert node.layer.name in ("Affine", "Relu", "SoftmaxWithLoss", "TwoLayerNet")
    layers = {str(node.layer) for node in graph.nodes if node.layer}
    assert {"Affine[0].forward", "Affine[1].forward", "Affine[0].backward", "Affine[1].backward"} <= layers
    assert {"mask", "out", "dx", "dW", "db"} <= {node.name for node in graph.nodes}


def test_a_convolutional_network_trains(rng):
    class Net:
        """A cache of the last call, ``conv.col_W``, is a view of a parameter that the optimizer writes in place."""

        def __init__(self):
            self.params = {"W": rng.standard_normal((4, 3, 3, 3)), "b": np.zeros(4)}
            self.conv = book.Convolution(self.params["W"], self.params["b"], 1, 1)
            self.pool = book.Pooling(2, 2, 2)
            self.optimizer = book.Momentum()

        def step(self, x, dout):
            y = self.pool.forward(self.conv.forward(x))
            self.conv.backward(self.pool.backward(dout * y))
            self.optimizer.update(self.params, {"W": self.conv.dW, "b": self.conv.db})
            return y

    net = Net()
    eager = copy.deepcopy(net)
    images, dout = rng.standard_normal((9, 6, 6, 3)).transpose(0, 3, 1, 2), rng.standard_normal((2, 4, 3, 3))
    for n in (net, eager):
        n.step(images[:2], dout)
    recording = record(net.step, images[:2], dout)
    for batch in (images[2:4], images[[5, 8]], np.ascontiguousarray(images[6:8])):
        assert same(recording.replay(batch, dout), eager.step(batch, dout))
    assert same(net.params, eager.params)
