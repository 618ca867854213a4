"""Layers, losses, networks, initializers and optimizers: plain NumPy, with the notes' names.

``from backhand.nn import *`` stands in for the book's ``from common.layers import *``.
"""

from backhand.nn.activations import Identity, LeakyRelu, Relu, Sigmoid, Softplus, Tanh
from backhand.nn.affine import Affine
from backhand.nn.arithmetic import AddLayer, MulLayer
from backhand.nn.initializers import he_normal, normal, xavier_normal
from backhand.nn.losses import MeanSquaredError, SoftmaxWithLoss, cross_entropy_error, softmax
from backhand.nn.network import DNN, Network, TwoLayerNet, gradient_descent
from backhand.nn.neuron import Neuron
from backhand.nn.numerical import numerical_gradient
from backhand.nn.optimizers import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop

__all__ = [
    "DNN",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "AddLayer",
    "Affine",
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
]
