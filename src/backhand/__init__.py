"""Backpropagation by hand: checked, drawn, and fast.

The public names, sorted by home, and nothing else. Each is loaded when it is first used, so that
``import backhand`` costs no more than ``import numpy``.

>>> import backhand
>>> layer = backhand.MulLayer()
>>> layer.forward(100, 2)
200
>>> layer.backward(1.1)
(2.2, 110.00000000000001)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backhand import errors as errors
    from backhand.checking.check import check as check
    from backhand.compiling import compile as compile
    from backhand.data import load_mnist as load_mnist
    from backhand.drawing import draw as draw
    from backhand.graph import (
        Graph as Graph,
        Run as Run,
        differentiate as differentiate,
        grad as grad,
        trace as trace,
    )
    from backhand.nn import (
        DNN as DNN,
        SGD as SGD,
        AdaGrad as AdaGrad,
        Adam as Adam,
        AdamW as AdamW,
        AddLayer as AddLayer,
        Affine as Affine,
        Identity as Identity,
        LeakyRelu as LeakyRelu,
        MeanSquaredError as MeanSquaredError,
        Momentum as Momentum,
        MulLayer as MulLayer,
        Nesterov as Nesterov,
        Network as Network,
        Neuron as Neuron,
        Relu as Relu,
        RMSprop as RMSprop,
        Sigmoid as Sigmoid,
        SoftmaxWithLoss as SoftmaxWithLoss,
        Softplus as Softplus,
        Tanh as Tanh,
        TwoLayerNet as TwoLayerNet,
        cross_entropy_error as cross_entropy_error,
        gradient_descent as gradient_descent,
        he_normal as he_normal,
        normal as normal,
        numerical_gradient as numerical_gradient,
        softmax as softmax,
        xavier_normal as xavier_normal,
    )

__version__ = "0.1.0"

_HOME = {
    "backhand.checking.check": ["check"],
    "backhand.compiling": ["compile"],
    "backhand.data": ["load_mnist"],
    "backhand.drawing": ["draw"],
    "backhand.graph": ["Graph", "Run", "differentiate", "grad", "trace"],
    "backhand.nn": [
        "AdaGrad",
        "Adam",
        "AdamW",
        "AddLayer",
        "Affine",
        "DNN",
        "Identity",
        "LeakyRelu",
        "MeanSquaredError",
        "Momentum",
        "MulLayer",
        "Nesterov",
        "Network",
        "Neuron",
        "RMSprop",
        "Relu",
        "SGD",
        "Sigmoid",
        "SoftmaxWithLoss",
        "Softplus",
        "Tanh",
        "TwoLayerNet",
        "cross_entropy_error",
        "gradient_descent",
        "he_normal",
        "normal",
        "numerical_gradient",
        "softmax",
        "xavier_normal",
    ],
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = ["errors", *_MODULE_OF]


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("backhand.errors")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'backhand' has no attribute {name!r}")
    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value  # the next look-up finds it without coming here
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
