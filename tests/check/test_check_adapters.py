"""Shapes of code, taken as they are: where gradients are found, under which names, and what is refused in words."""

import copy
import inspect
import random

import numpy as np
import pytest

import backhand
from backhand.checking.adapters import adapt
from backhand.checking.example import Example
from backhand.checking.experiment import measure

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 5))
W, B = rng.standard_normal((5, 2)), rng.standard_normal(2)


class Kept:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class Returned(Kept):
    def backward(self, dout):
        return dout @ self.W.T, self.x.T @ dout, dout.sum(axis=0)


class OtherOrder(Kept):
    def backward(self, dout):
        return self.x.T @ dout, dout.sum(axis=0), dout @ self.W.T


class Dicts:
    def __init__(self, W, b):
        self.params, self.grads = {"W": W, "b": b}, {}

    def forward(self, x):
        self.x = x
        return x @ self.params["W"] + self.params["b"]

    def backward(self, dout):
        self.grads["W"], self.grads["b"] = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.params["W"].T


class Lists:
    def __init__(self, W, b):
        self.params, self.grads = [W, b], [np.zeros_like(W), np.zeros_like(b)]

    def forward(self, x):
        self.x = x
        return x @ self.params[0] + self.params[1]

    def backward(self, dout):
        self.grads[0][...], self.grads[1][...] = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.params[0].T


class Cells:
    def __init__(self, W, b):
        self.W, self.b = {"val": W, "grad": 0}, {"val": b, "grad": 0}

    def forward(self, x):
        self.x = x
        return x @ self.W["val"] + self.b["val"]

    def backward(self, dout):
        self.W["grad"], self.b["grad"] = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W["val"].T


class Private:
    def __init__(self, W, b):
        self.__W, self.__b = W, b

    def forward(self, x):
        self.__x = x
        return x @ self.__W + self.__b

    def backward(self, dout):
        self.__dW, self.__db = self.__x.T @ dout, dout.sum(axis=0)
        return dout @ self.__W.T


class LongNames:
    def __init__(self, W, b):
        self.weights, self.biases = W, b

    def forward_pass(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases

    def backward_pass(self, dvalues):
        self.dweights, self.dbiases = self.inputs.T @ dvalues, dvalues.sum(axis=0)
        self.dinputs = dvalues @ self.weights.T


class Updates(Kept):
    def backward(self, dout, lr):
        dx = dout @ self.W.T
        self.W -= lr * (self.x.T @ dout)
        self.b = self.b - lr * dout.sum(axis=0)
        return dx


class UpdatesByItself(Kept):
    learning_rate = 0.5

    def __init__(self, W, b):
        super().__init__(W, b)
        self.learning_rate = 0.5

    def backward(self, dout):
        dx = dout @ self.W.T
        self.W = self.W - self.learning_rate * (self.x.T @ dout)
        self.b = self.b - self.learning_rate * dout.sum(axis=0)
        return dx


class AsksAnOptimizer(Kept):
    def backward(self, dout, optimizer):
        dx = dout @ self.W.T
        self.W = optimizer.update(self.W, self.x.T @ dout)
        self.b = optimizer.update(self.b, dout.sum(axis=0))
        return dx


class InputAgain(Kept):
    def forward(self, x):
        return x @ self.W + self.b

    def backward(self, x, dout):
        self.dW, self.db = x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T


class OwnMethods(Kept):
    def backward(self, dout):
        return dout @ self.W.T

    def grad_W(self, dout):
        return self.x.T @ dout

    def grad_b(self, dout):
        return dout.sum(axis=0)


class Slots(Kept):
    __slots__ = ("W", "b", "dW", "db", "x")


SHAPES = [
    (Kept, ["dx", "dW", "db"]),
    (Returned, ["dx", "dW", "db"]),
    (OtherOrder, ["dx", "dW", "db"]),
    (Dicts, ["dx", "dW", "db"]),
    (Lists, ["dx", "dparams[0]", "dparams[1]"]),
    (Cells, ["dx", "dW", "db"]),
    (Private, ["dx", "dW", "db"]),
    (LongNames, ["dinputs", "dweights", "dbiases"]),
    (Updates, ["dx", "dW", "db"]),
    (UpdatesByItself, ["dx", "dW", "db"]),
    (AsksAnOptimizer, ["dx", "dW", "db"]),
    (InputAgain, ["dx", "dW", "db"]),
    (OwnMethods, ["dx", "dW", "db"]),
    (Slots, ["dx", "dW", "db"]),
]


@pytest.mark.parametrize(("kind", "names"), SHAPES, ids=[kind.__name__ for kind, _ in SHAPES])
def test_a_layer_in_every_shape(kind, names):
    report = backhand.check(kind(W.copy(), B.copy()), X)
    assert report.verdict == "ok", str(report)
    assert list(report.agreement) == names


@pytest.mark.parametrize(("kind", "names"), SHAPES, ids=[kind.__name__ for kind, _ in SHAPES])
def test_a_wrong_layer_in_every_shape(kind, names):
    """Every gradient is looked at: what forward adds to x W + b is missing in all of them."""

    class Wrong(kind):
        pass

    forward = "forward_pass" if hasattr(kind, "forward_pass") else "forward"

    def more(self, inputs):
        out = getattr(kind, forward)(self, inputs)
        if out is None:
            self.output = np.tanh(self.output)
        return out if out is None else np.tanh(out)

    more.__signature__ = inspect.signature(getattr(kind, forward))
    setattr(Wrong, forward, more)
    found = measure(adapt(Example(lambda: Wrong(W.copy(), B.copy()), (X,))))
    assert list(found.wrong) == names


NAMES = """
    W dW, w dw, W dLdW, W dL_dW, W dL_dw, gamma d_gamma, w grad_w, weight grad_weight, weights weights_gradient,
    w w_gradient, W W_grad, weights dweights, weights d_weights, g dg, a da, W gradW, w nabla_w, W delta_W,
    kernel dkernel, bf dbf, W _gradient, W grad, _W _dW, weight dw, weights dW
"""


@pytest.mark.parametrize(("value", "gradient"), [pair.split() for pair in NAMES.split(",")])
def test_a_gradient_under_every_name(value, gradient):
    class Scale:
        def __init__(self):
            setattr(self, value, np.array([1.0, -2.0, 0.5, 3.0, 0.1]))

        def forward(self, x):
            self.x = x
            return x * getattr(self, value)

        def backward(self, dout):
            setattr(self, gradient, (dout * self.x).sum(axis=0) * self.factor)
            return dout * getattr(self, value)

    for factor in (1.0, 1.5):
        Scale.factor = factor
        found = measure(adapt(Example(Scale, (X,))))
        assert len(found.measurements) == 2
        assert len(found.wrong) == (factor != 1.0)


def affine_forward(x, w, b):
    return x @ w + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)


def split_backward(dout, *cache):
    return affine_backward(dout, cache)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_prime_of_x(x):
    return sigmoid(x) * (1 - sigmoid(x))


def sigmoid_prime_of_output(a):
    return a * (1 - a)


def switched(x, derivative=False):
    return sigmoid_prime_of_x(x) if derivative else sigmoid(x)


def mean_square(y_true, y_pred):
    d = y_pred - y_true
    return np.mean(d**2), 2 * d / d.size


def jacobian_of_softmax(x):
    y = softmax(x)
    return np.diag(y) - np.outer(y, y)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


@pytest.mark.parametrize(
    ("thing", "inputs", "gradients"),
    [
        ((affine_forward, affine_backward), (X, W, B), ["dx", "dw", "db"]),
        ((sigmoid, sigmoid_prime_of_x), (X,), ["dx"]),
        ((sigmoid, sigmoid_prime_of_output), (X,), ["dx"]),
        (switched, (X,), ["dx"]),
        (mean_square, (X, X[::-1]), ["dy_pred"]),
        ((softmax, jacobian_of_softmax), (X[0],), ["dx"]),
    ],
    ids=["pair", "of x", "of the output", "switch", "value and gradient", "jacobian"],
)
def test_functions(thing, inputs, gradients):
    report = backhand.check(thing, *inputs)
    assert report.verdict == "ok", str(report)
    assert list(report.agreement) == gradients


def test_two_outputs_and_two_inputs():
    class Rotate:
        def forward(self, x, y):
            return x + y, x - y

        def backward(self, du, dv):
            return du + dv, du - dv

    class Swapped(Rotate):
        def backward(self, du, dv):
            return du - dv, du + dv

    assert backhand.check(Rotate(), X, 2 * X).verdict == "ok"
    report = backhand.check(Swapped(), X, 2 * X)
    assert {finding.gradient for finding in report.findings if finding.verdict == "wrong"} == {"dx", "dy"}


def test_weights_made_by_the_first_forward():
    class Lazy:
        W = None

        def forward(self, x):
            if self.W is None:
                self.W = np.random.randn(x.shape[-1], 2)
            self.x = x
            return x @ self.W

        def backward(self, dout):
            self.dW = self.x.T @ dout
            return dout @ self.W.T

    report = backhand.check(Lazy(), X)
    assert report.verdict == "ok", str(report)
    assert list(report.agreement) == ["dx", "dW"]


def test_a_shared_parameter_is_moved_in_all_its_places():
    """The book's network: params['W1'] is the array of layers['Affine1']."""

    class Net:
        def __init__(self):
            self.params = {"W1": W.copy(), "b1": B.copy()}
            self.layer = Kept(self.params["W1"], self.params["b1"])

        def loss(self, x, t):
            return 0.5 * np.sum((self.layer.forward(x) - t) ** 2)

        def gradient(self, x, t):
            self.layer.backward(self.layer.forward(x) - t)
            return {"W1": self.layer.dW, "b1": self.layer.db}

    report = backhand.check(Net(), X, np.ones((3, 2)))
    assert report.verdict == "ok", str(report)
    assert list(report.agreement) == ["dW1", "db1"]


def test_a_class_is_made_and_an_object_is_left_alone(capsys):
    assert backhand.check(backhand.Tanh, X).verdict == "ok"

    class Talks(Kept):
        def forward(self, x):
            print("forward!")
            np.random.rand()
            random.random()
            return super().forward(x)

    layer = Talks(W.copy(), B.copy())
    layer.forward(2 * X)
    held = copy.deepcopy(vars(layer))
    capsys.readouterr()
    numpy_state, state = np.random.get_state()[1].copy(), random.getstate()
    x = X.copy()
    backhand.check(layer, x)
    assert capsys.readouterr().out == ""
    assert vars(layer).keys() == held.keys()
    for key, value in held.items():
        np.testing.assert_array_equal(getattr(layer, key), value)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)
    assert random.getstate() == state


def test_parameters_can_be_named_and_set():
    layer = Kept(np.zeros((5, 2)), np.zeros(2))
    subject = adapt(Example(lambda: layer, (X,), params=["b"]))
    assert subject.parameters == ("b",)
    assert list(backhand.check(layer, X, params={"W": W}).agreement) == ["dx", "dW", "db"]
    with pytest.raises(backhand.errors.CheckError, match="no parameter 'V'; it has W, b"):
        backhand.check(layer, X, params={"V": W})


@pytest.mark.parametrize(
    ("thing", "inputs", "words"),
    [
        (object(), (X,), "nothing like forward and backward for 1 inputs"),
        (Kept, (X,), r"Kept\(\) can't be made without arguments"),
        ((sigmoid,), (X,), r"a pair is \(forward, backward\), two functions; got 1"),
        (Kept(W, B), (rng.standard_normal((3, 4)),), "pass inputs that it takes"),
        (backhand.Affine(W, B), (X, X), "nothing like forward and backward for 2 inputs"),
    ],
    ids=["nothing", "needs arguments", "half a pair", "inputs that don't fit", "too many inputs"],
)
def test_what_can_t_be_checked_is_refused_in_words(thing, inputs, words):
    with pytest.raises(backhand.errors.CheckError, match=words):
        backhand.check(thing, *inputs)


def test_a_report_of_a_broken_layer_has_all_that_is_asked_of_it():
    class NoSum(Kept):
        def backward(self, dout):
            dx = super().backward(dout)
            self.db = dout.sum(axis=0) * 2
            return dx

    report = backhand.check(NoSum(W, B), X)
    assert not report
    (finding,) = [finding for finding in report.findings if finding.verdict == "wrong"]
    assert finding.gradient == "db"
    assert finding.size == pytest.approx(1)
    assert finding.where.given == pytest.approx(2 * finding.where.expected)
    assert np.shape(finding.where.map) == (2,)
    assert finding.line.file == __file__
    assert finding.sentence
    assert report.to_json()["findings"][2]["where"]["worst"] == list(finding.where.worst)


class HalfSquare:
    def loss(self, y_pred, y_true):
        return 0.5 * np.mean((y_pred - y_true) ** 2)

    def gradient(self, y_pred, y_true):
        grad = np.zeros_like(y_pred)
        grad[...] = (y_pred - y_true) / y_true.size


class KeepsItInAList(HalfSquare):
    def __init__(self):
        self.tape = []

    def gradient(self, y_pred, y_true):
        self.tape.append((y_pred - y_true) / y_true.size)


def test_a_backward_without_a_return_is_wrong_and_one_that_keeps_it_elsewhere_is_a_riddle():
    y, t = np.random.default_rng(0).normal(size=(2, 3, 5))
    report = backhand.check(HalfSquare(), y, t)
    assert report.verdict == "wrong"
    assert {finding.cause for finding in report.findings} == {"missing-gradient"}
    with pytest.raises(backhand.errors.CheckError, match="gives a gradient"):
        backhand.check(KeepsItInAList(), y, t)
