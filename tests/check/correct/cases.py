"""How each correct layer is made and fed: two configurations each, whose sizes are distinct, so that no transposed or
wrong-axis answer can hide. Both the false-alarm test and the planted mutants start from here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

HERE = Path(__file__).parent
PROJECT = Path(__file__).parents[3] / "src" / "backhand" / "nn"
SIZES = [
    SimpleNamespace(N=5, D=7, M=3, T=4, H=6, C=3, rows=7, columns=5, seed=0),
    SimpleNamespace(N=4, D=3, M=5, T=3, H=2, C=2, rows=6, columns=8, seed=1),
]


@dataclass(frozen=True)
class Case:
    """One correct layer: the file and the names in it that are edited together, and how to make and feed it."""

    name: str
    file: Path
    edited: tuple[str, ...]
    make: Callable[[Any, Any, Any], Any]
    inputs: Callable[[Any, Any], tuple[Any, ...]]

    def thing(self, module: Any, size: Any) -> Any:
        """A fresh one, every time the same."""
        np.random.seed(size.seed)
        return self.make(module, np.random.default_rng(size.seed), size)

    def feed(self, size: Any, seed: int = 0) -> tuple[Any, ...]:
        """What forward takes."""
        return self.inputs(np.random.default_rng([seed, size.seed, 7]), size)


def x(r, s):
    return (r.normal(size=(s.N, s.D)),)


def two(r, s):
    return r.normal(size=(s.N, s.D)), r.normal(size=(s.N, s.D)) + 3


def regression(r, s):
    return r.normal(size=(s.N, s.M)), r.normal(size=(s.N, s.M))


def labels(r, s):
    return r.normal(size=(s.N, s.M)), r.integers(s.M, size=s.N)


def onehot(r, s):
    return r.normal(size=(s.N, s.M)), np.eye(s.M)[r.integers(s.M, size=s.N)]


def binary(r, s):
    return r.normal(size=(s.N, s.M)), r.integers(2, size=(s.N, s.M)).astype(float)


def images(r, s):
    return (r.normal(size=(2, s.C, s.rows, s.columns)),)


def sequence(r, s):
    return (r.normal(size=(s.N, s.T, s.D)),)


def ids(r, s):
    return (np.array([[1, 0, 1, 2], [2, 2, 1, 0]])[:, : s.T],)


def state(r, s):
    return r.normal(size=(s.N, s.D)), r.normal(size=(s.N, s.H))


def weight(r, *shape):
    return r.normal(size=shape) * 0.5


def nothing(m, r, s):
    return ()


def Wb(m, r, s):
    return weight(r, s.D, s.M), weight(r, s.M)


def gamma_beta(m, r, s):
    return 1 + weight(r, s.D), weight(r, s.D)


def filters(m, r, s):
    return weight(r, 4, s.C, 3, 2), weight(r, 4)


CASES: dict[str, Case] = {}


def add(file, name, inputs, arguments=nothing, **options):
    """A class. Several cases of one class are told apart by ``options``, keyword arguments of its constructor."""
    path = PROJECT / file.removeprefix("nn/") if file.startswith("nn/") else HERE / file
    key = f"{path.parent.name}.{name}" if path.parent == PROJECT else f"{path.stem}.{name}"
    key += "".join(f" {option}={value}" for option, value in options.items())
    CASES[key] = Case(
        key,
        path,
        (name, "col2im") if name == "Convolution" else (name,),
        lambda m, r, s: getattr(m, name)(*arguments(m, r, s), **options),
        inputs,
    )


def pair(name, inputs, edited=()):
    """A pair of functions."""
    names = (f"{name}_forward", f"{name}_backward")
    CASES[f"functional.{name}"] = Case(
        f"functional.{name}",
        HERE / "functional.py",
        (*names, *edited),
        lambda m, r, s: (getattr(m, names[0]), getattr(m, names[1])),
        inputs,
    )


def function(file, name, inputs):
    """One function that gives the loss and its gradient."""
    key = f"{file.removesuffix('.py')}.{name}"
    CASES[key] = Case(key, HERE / file, (name,), lambda m, r, s: getattr(m, name), inputs)


for NAME in ("Relu", "ReluOfMaximum", "LeakyRelu", "HardTanh", "Elu", "Sigmoid", "Tanh", "Softplus", "Swish"):
    add("activations.py", NAME, lambda r, s: (2 * r.normal(size=(s.N, s.D)),))
add("activations.py", "Relu6", lambda r, s: (4 * r.normal(size=(s.N, s.D)),))
for NAME in ("Softmax", "SoftmaxOneByOne", "LogSoftmax", "Square"):
    add("activations.py", NAME, x)
for NAME in ("Affine", "DenseSigmoid", "ReturnsAll", "Gate"):
    add("affine.py", NAME, x, Wb)
add("affine.py", "AffineOfImages", lambda r, s: (r.normal(size=(s.N, 1, s.D, 1)),), Wb)
add("affine.py", "Dense", x, lambda m, r, s: (s.D, s.M))
add("affine.py", "Scale", x, gamma_beta)
add("affine.py", "Bias", x, lambda m, r, s: (weight(r, s.D),))
for NAME in ("MulLayer", "AddLayer", "Divide"):
    add("affine.py", NAME, two)
add("affine.py", "Residual", x, lambda m, r, s: (weight(r, s.D, s.D),))
add("affine.py", "Bilinear", x, lambda m, r, s: (weight(r, s.D, s.M), weight(r, s.D, s.M)))
add("losses.py", "SoftmaxWithLoss", labels)
CASES["losses.SoftmaxWithLoss one-hot"] = Case(
    "losses.SoftmaxWithLoss one-hot",
    HERE / "losses.py",
    ("SoftmaxWithLoss",),
    lambda m, r, s: m.SoftmaxWithLoss(),
    onehot,
)
add("losses.py", "CrossEntropySum", labels)
add("losses.py", "CrossEntropyOneHot", onehot)
for NAME in ("MeanSquaredError", "SumOfSquares", "MeanOverBatch", "L1Loss"):
    add("losses.py", NAME, regression)
add("losses.py", "Huber", lambda r, s: tuple(1.5 * a for a in regression(r, s)))
add("losses.py", "SigmoidWithLoss", binary)
for NAME in ("BatchNorm", "BatchNormInOneLine", "LayerNorm"):
    add("norms.py", NAME, x, gamma_beta)
add("norms.py", "RMSNorm", x, lambda m, r, s: (1 + weight(r, s.D),))
for NAME in ("Standardise", "Center", "Normalise"):
    add("norms.py", NAME, x)
for NAME in ("Dropout", "InvertedDropout", "SeededDropout", "FeatureDropout", "GaussianDropout"):
    add("norms.py", NAME, x)
add("norms.py", "DropConnect", x, lambda m, r, s: (weight(r, s.D, s.M),))
for OPTIONS in ({}, {"stride": 2, "pad": 1}):
    add("images.py", "Convolution", images, filters, **OPTIONS)
    add("images.py", "NaiveConvolution", images, filters, **OPTIONS)
add("images.py", "MaxPool", images)
add("images.py", "MaxPool", images, size=3, stride=2)
for NAME in ("MaxPoolOfMask", "AveragePool", "GlobalAveragePool", "Pad", "Upsample", "Flatten"):
    add("images.py", NAME, images)
add("images.py", "AveragePool", images, size=3, stride=2)
add("images.py", "MaxOverRow", x)
add("images.py", "Maxout", lambda r, s: (r.normal(size=(s.N, 6)),))
add("images.py", "Larger", lambda r, s: (r.normal(size=(s.N, s.D)), r.normal(size=(s.N, s.D))))
for NAME in ("Embedding", "EmbeddingInALoop"):
    add("sequences.py", NAME, ids, lambda m, r, s: (weight(r, 3, s.M),))
add("sequences.py", "RNN", sequence, lambda m, r, s: (weight(r, s.D, s.H), weight(r, s.H, s.H), weight(r, s.H)))
add("sequences.py", "RNNCell", state, lambda m, r, s: (weight(r, s.D, s.H), weight(r, s.H, s.H), weight(r, s.H)))
add(
    "sequences.py",
    "GRUCell",
    state,
    lambda m, r, s: tuple(weight(r, rows, s.H) for _ in range(3) for rows in (s.D, s.H)),
)
add(
    "sequences.py",
    "Attention",
    lambda r, s: (r.normal(size=(2, s.T, s.D)), r.normal(size=(2, s.N + 1, s.D)), r.normal(size=(2, s.N + 1, s.M))),
)
add(
    "sequences.py",
    "SelfAttention",
    lambda r, s: (r.normal(size=(s.N, s.D)),),
    lambda m, r, s: tuple(weight(r, s.D, s.H) for _ in range(3)),
)
add("sequences.py", "CumulativeSum", sequence)
pair("affine", lambda r, s: (r.normal(size=(s.N, s.D)), weight(r, s.D, s.M), weight(r, s.M)))
pair("relu", x)
pair("sigmoid", x)
pair(
    "affine_relu",
    lambda r, s: (r.normal(size=(s.N, s.D)), weight(r, s.D, s.M), weight(r, s.M)),
    ("relu_backward", "affine_backward"),
)
pair("batchnorm", lambda r, s: (r.normal(size=(s.N, s.D)), 1 + weight(r, s.D), weight(r, s.D)))
pair(
    "rnn_step",
    lambda r, s: (*state(r, s), weight(r, s.D, s.H), weight(r, s.H, s.H), weight(r, s.H)),
)
function("functional.py", "softmax_loss", labels)
function("functional.py", "svm_loss", labels)
add(
    "networks.py",
    "TwoLayerNet",
    lambda r, s: (r.normal(size=(s.N, s.D)), r.integers(s.M, size=s.N)),
    lambda m, r, s: (s.D, s.H, s.M),
)
add(
    "networks.py",
    "LogisticRegression",
    lambda r, s: (r.normal(size=(s.N, s.D)), r.integers(2, size=s.N)),
    lambda m, r, s: (s.D,),
)
add(
    "networks.py",
    "Ridge",
    lambda r, s: (r.normal(size=(s.N, s.D)), r.normal(size=(s.N, s.M))),
    lambda m, r, s: (s.D, s.M),
)
add(
    "networks.py",
    "DecayedLoss",
    lambda r, s: (r.normal(size=(s.N, s.D)), r.normal(size=(s.N, s.M))),
    lambda m, r, s: (weight(r, s.D, s.M),),
)
function(
    "networks.py",
    "ridge_loss",
    lambda r, s: (weight(r, s.D, s.M), r.normal(size=(s.N, s.D)), r.normal(size=(s.N, s.M)), 0.3),
)
function(
    "networks.py",
    "softmax_loss_with_decay",
    lambda r, s: (weight(r, s.D, s.M), r.normal(size=(s.N, s.D)), r.integers(s.M, size=s.N), 0.2),
)
for NAME in ("SelfUpdating", "SelfUpdatingTanh"):
    add("networks.py", NAME, x, Wb)
add("networks.py", "SelfUpdatingScale", x, gamma_beta)
add("networks.py", "SelfUpdatingEmbedding", ids, lambda m, r, s: (weight(r, 3, s.M),))
for NAME in ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus"):
    add("nn/activations.py", NAME, x)
add("nn/affine.py", "Affine", x, Wb)
for NAME in ("MulLayer", "AddLayer"):
    add("nn/arithmetic.py", NAME, two)
add("nn/losses.py", "SoftmaxWithLoss", labels)
add("nn/losses.py", "MeanSquaredError", regression)
add("nn/neuron.py", "Neuron", x, lambda m, r, s: (*Wb(m, r, s), __import__("backhand").Sigmoid))
