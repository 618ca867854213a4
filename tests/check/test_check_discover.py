"""What is found in a file, and how it is made and fed."""

import textwrap
from pathlib import Path

import numpy as np
import pytest

from backhand.checking.construct import build
from backhand.checking.discover import find
from backhand.checking.examine import examine
from backhand.checking.load import load
from backhand.checking.roles import Slot
from backhand.checking.worlds import World, candidates
from backhand.errors import CheckError

ZOO = Path(__file__).parent / "zoo"


@pytest.fixture(autouse=True)
def clean_path(monkeypatch):
    """load puts folders on sys.path, as in its own process it may."""
    import sys

    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith(("backhand", "numpy")):
            del sys.modules[name]


def module(folder, code, name="layers.py"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(code))
    return load(path)


def names(things):
    return [thing.name for thing in things]


PAIR = """
def {0}(x): return x * x
def {1}(dout, x): return 2 * x * dout
"""


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        ("square_forward", "square_backward"),
        ("forward_square", "backward_square"),
        ("square", "square_backward"),
        ("square", "square_prime"),
        ("square", "square_derivative"),
        ("square", "d_square"),
        ("square", "dsquare"),
        ("square", "grad_square"),
        ("square", "square_bprop"),
        ("squareForward", "squareBackward"),
        ("square", "squarePrime"),
        ("square_forward_naive", "square_backward_naive"),
        ("forward", "backward"),
        ("forward_propagation", "backward_propagation"),
    ],
)
def test_pairs_of_functions_are_found_by_their_names(tmp_path, forward, backward):
    (thing,) = find(module(tmp_path, PAIR.format(forward, backward)))
    assert (thing.name, thing.kind) == (forward, "pair")
    assert [part.__name__ for part in thing.parts] == [forward, backward]


def test_what_is_no_layer_is_not_found(tmp_path):
    code = """
    import numpy as np
    from abc import ABC

    class Layer:  # a base class
        def forward(self, x): raise NotImplementedError
        def backward(self, dout): raise NotImplementedError

    class Optimizer:
        def update(self, params, grads): pass

    def numerical_gradient(f, x): return x
    def accuracy(y, t): return 0.0
    def load_data(path): return path

    class Relu(Layer):
        def forward(self, x):
            self.x = x
            return np.maximum(x, 0)
        def backward(self, dout): return dout * (self.x > 0)
    """
    assert names(find(module(tmp_path, code))) == ["Relu"]


@pytest.mark.parametrize(
    ("returned", "found"),
    [
        ("return loss, grads", True),
        ("return loss, self.grads", True),
        ("return loss, {'W': dW}", True),
        ("return loss, (dW, db)", True),
        ("return loss, accuracy", False),
        ("return loss, data", False),
        ("return loss", False),
    ],
)
def test_a_network_whose_loss_gives_its_gradients_is_found(tmp_path, returned, found):
    code = f"""
    class Net:
        def __init__(self, d=3072): self.W = d
        def predict(self, X): return X
        def loss(self, X, y=None):
            {returned}
    """
    assert names(find(module(tmp_path, code))) == ["Net"] * found


def test_two_backwards_of_one_function_are_told_apart(tmp_path):
    code = PAIR.format("square", "square_backward") + "def square_prime(x): return 2 * x\n"
    assert names(find(module(tmp_path, code))) == ["square and square_backward", "square and square_prime"]


def test_named_things_are_found_alone_objects_too(tmp_path):
    code = """
    class Double:
        def forward(self, x): return 2 * x
        def backward(self, dout): return 2 * dout

    class Triple(Double): pass

    layer = Double()
    """
    found = module(tmp_path, code)
    assert names(find(found, ["Triple"])) == ["Triple"]
    assert find(found, ["layer"])[0].kind == "object"
    with pytest.raises(CheckError, match=r"no 'Tripel'; it has Double, Triple"):
        find(found, ["Tripel"])


def test_the_file_is_run_as_python_would(tmp_path):
    (tmp_path / "helpers.py").write_text("two = 2\n")
    code = """
    from helpers import two
    if __name__ == "__main__":
        raise SystemExit("must not run")
    class Double:
        def forward(self, x): return two * x
        def backward(self, dout): return two * dout
    """
    assert names(find(module(tmp_path, code))) == ["Double"]


def test_a_package_of_the_project_above_is_found(tmp_path):
    (tmp_path / "project" / "common").mkdir(parents=True)
    (tmp_path / "project" / "common" / "functions.py").write_text("two = 2\n")
    code = """
    from common.functions import two
    class Double:
        def forward(self, x): return two * x
        def backward(self, dout): return two * dout
    """
    assert names(find(module(tmp_path, code, "project/ch05/double.py"))) == ["Double"]


def test_a_file_of_a_package_may_import_from_it(tmp_path):
    (tmp_path / "project" / "layers").mkdir(parents=True)
    (tmp_path / "project" / "layers" / "__init__.py").write_text("")
    (tmp_path / "project" / "layers" / "base.py").write_text("class Layer: pass\n")
    code = """
    from .base import Layer
    class Double(Layer):
        def forward(self, x): return 2 * x
        def backward(self, dout): return 2 * dout
    """
    assert names(find(module(tmp_path, code, "project/layers/double.py"))) == ["Double"]


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("print 'x'\n", "written for Python 2"),
        ("import numpy as np\nx = np.float(3)\n", r"older NumPy: np\.float is gone; write float"),
        ("import no_such_library\n", "imports 'no_such_library', which is neither installed nor beside it"),
        ("1 / 0\n", r"ZeroDivisionError: division by zero, line 1"),
        ("x = 1\nraise SystemExit(3)\n", r"exit code 3\), line 2"),
        ("def f(:\n", "SyntaxError"),
    ],
)
def test_a_file_that_cannot_be_run_says_why(tmp_path, code, says):
    with pytest.raises(CheckError, match=says):
        module(tmp_path, code)


def built(name, file):
    return build(find(load(ZOO / f"{file}.py"), [name])[0])


def shapes(built):
    return [[np.shape(value) for value in example.inputs] for example in built.examples]


def test_sizes_that_could_be_mixed_up_differ_in_one_configuration_and_from_one_to_the_other():
    examples = built("Affine", "book_layers").examples
    sizes = [(*example.inputs[0].shape, example.make().W.shape[1]) for example in examples]
    assert all(len(set(each)) == 3 for each in sizes)
    assert len({each[0] for each in sizes}) == len({each[1] for each in sizes}) == len(sizes) > 1


def test_configurations_that_hide_bugs_less():
    convolution = built("Convolution", "book_layers")
    assert [(e.settings.get("stride", 1), e.settings.get("pad", 0)) for e in convolution.examples] == [
        (1, 0),
        (2, 1),
        (1, 0),  # in other sizes
    ]
    for n, c, h, w in (shape for (shape,) in shapes(convolution)):
        assert n > 1
        assert c > 1
        assert h != w
    normalization = built("BatchNormalization", "book_layers").examples[0].make()
    assert np.ptp(normalization.gamma) > 0
    assert np.ptp(normalization.beta) > 0
    labels = {np.ndim(example.inputs[1]) for example in built("SoftmaxWithLoss", "book_layers").examples}
    assert labels == {1, 2}, "integer and one-hot labels"
    assert built("Dropout", "passes").examples[0].make().p > 0
    steps = built("TimeRNN", "sequence_layers").examples[0].inputs[0].shape[1]
    assert steps >= 3


@pytest.mark.parametrize("name", ["TwoLayerNet", "TwoLayerNetHalfDecay"])
def test_networks_with_huge_defaults_are_made_small_and_with_weight_decay(name):
    examples = built(name, "loss_nets").examples
    assert len(examples) > 1
    for example in examples:
        network = example.make()
        assert max(network.params["W1"].shape) < 10
        assert network.reg > 0
        assert len(example.inputs) == 2, "X and y, though y may be left out"


def test_a_weight_decay_that_the_loss_takes_is_given(tmp_path):
    code = """
    import numpy as np
    class Ridge:
        def __init__(self, input_dim=3 * 32 * 32, output_dim=10):
            self.params = {"W": np.random.randn(input_dim, output_dim)}
        def loss(self, X, y=None, reg=0.0):
            W = self.params["W"]
            e = X @ W - np.eye(W.shape[1])[y]
            loss = 0.5 * np.sum(e * e) + reg * np.sum(W * W)
            dW = X.T @ e + FACTOR * reg * W
            return loss, {"W": dW}
    """
    verdicts = []
    for factor in ("1", "2"):
        (thing,) = find(module(tmp_path, code.replace("FACTOR", factor), f"ridge{factor}.py"))
        assert build(thing).examples[0].inputs[2] == 0.1
        verdicts.append(examine(thing).verdict)
    assert verdicts == ["wrong", "ok"]


def test_images_of_a_network_are_smaller_than_its_defaults(tmp_path):
    code = """
    import numpy as np
    class ConvNet:
        def __init__(self, input_dim=(3, 32, 32)):
            self.params = {"W": np.random.randn(*input_dim)}
        def loss(self, X, y=None):
            if X.shape[1:] != self.params["W"].shape or X.shape[2] % 2: raise ValueError(X.shape)
            scores = np.sum(X * self.params["W"], axis=(1, 2, 3))
            grads = {"W": np.tensordot(scores, X, 1)}
            return 0.5 * np.sum(scores**2), grads
    """
    (thing,) = find(module(tmp_path, code))
    made = build(thing).examples[0].make()
    assert made.params["W"].size < 500
    assert examine(thing).verdict == "ok"


def test_each_activation_that_a_layer_knows_is_a_configuration():
    settings = {example.settings.get("activation") for example in built("Dense", "built_later").examples}
    assert settings == {None, "sigmoid"}, "relu is the default"


def test_labels_that_stand_for_classes_are_in_range_and_ids_come_twice():
    for example in built("CrossEntropyLoss", "losses").examples:
        scores, labels = example.inputs
        assert labels.max() == scores.shape[1] - 1
    for ids in candidates(Slot("ids", "ids"), World("ids")):
        assert ids.flat[0] == ids.flat[-1]


def test_the_same_guess_is_made_every_time():
    first, second = built("Linear", "blob_layers"), built("Linear", "blob_layers")
    for one, other in zip(first.examples, second.examples, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.inputs, other.inputs, strict=True))
        assert np.array_equal(one.make().weight.data, other.make().weight.data)


def test_sizes_fixed_inside_of_a_class_are_found(tmp_path):
    code = """
    import numpy as np
    class Fixed:
        def __init__(self):
            self.W = np.random.randn(13, 4)
        def forward(self, x):
            self.x = x
            return x @ self.W
        def backward(self, dout):
            self.dW = self.x.T @ dout
            return dout @ self.W.T
    """
    (thing,) = find(module(tmp_path, code))
    assert build(thing).examples[0].inputs[0].shape[1] == 13


def test_a_call_in_the_file_tells_what_a_constructor_takes(tmp_path):
    code = """
    POWERS = {"twice": 2, "thrice": 3}
    class Power:
        def __init__(self, wibble): self.n = POWERS[wibble]
        def forward(self, x):
            self.x = x
            return x**self.n
        def backward(self, dout): return dout * self.n * self.x ** (self.n - 1)
    if __name__ == "__main__":
        print(Power("thrice").forward(2))
    """
    (thing,) = find(module(tmp_path, code))
    assert build(thing).examples[0].make().n == 3


def test_a_word_that_a_parameter_is_compared_with_is_what_it_takes(tmp_path):
    code = """
    class Power:
        def __init__(self, wibble):
            if wibble not in ("twice", "thrice"): raise ValueError(wibble)
            self.n = 2 if wibble == "twice" else 3
        def forward(self, x):
            self.x = x
            return x**self.n
        def backward(self, dout): return dout * self.n * self.x ** (self.n - 1)
    """
    (thing,) = find(module(tmp_path, code))
    assert build(thing).examples[0].make().n == 2


def test_what_cannot_be_guessed_says_what_to_pass(tmp_path):
    code = """
    class Odd:
        def __init__(self, spec): self.rate = spec.schedule["rate"]
        def forward(self, x, magic): return x * magic.amount * self.rate
        def backward(self, dout): return dout
    """
    (thing,) = find(module(tmp_path, code))
    built = build(thing)
    assert not built.examples
    assert built.problem.endswith("Pass them: backhand.check(Odd(spec=...), x, magic)")
    assert "it can't be made: AttributeError: " in built.problem
    assert 'self.rate = spec.schedule["rate"]' in built.problem


def test_a_layer_for_an_older_numpy_is_named_as_such(tmp_path):
    code = """
    import numpy as np
    class Old:
        def forward(self, x): return x * np.ones(x.shape, dtype=np.int)
        def backward(self, dout): return dout
    """
    (thing,) = find(module(tmp_path, code))
    assert "older NumPy: np.int is gone; write int, line 4" in build(thing).problem


def test_a_backward_that_raises_is_still_an_example():
    assert len(built("TanhMissingName", "book_bugs").examples) == 1


def test_what_a_layer_prints_is_heard():
    assert built("ReturnsNothing", "book_bugs").printed.startswith("backward done")
