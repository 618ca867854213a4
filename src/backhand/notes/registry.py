"""The experiments of the notes, by name, in the notes' order."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from backhand.errors import OptionError
from backhand.notes.affine import affine
from backhand.notes.apples import apples
from backhand.notes.chain_rule import chain_rule
from backhand.notes.dnn import dnn
from backhand.notes.gradient_check import gradient_check
from backhand.notes.mnist import mnist
from backhand.notes.oranges import oranges
from backhand.notes.relu import relu
from backhand.notes.row import Row
from backhand.notes.sigmoid import sigmoid
from backhand.notes.sigmoid_nodes import sigmoid_nodes
from backhand.notes.softmax_with_loss import softmax_with_loss


class Experiment(NamedTuple):
    """``rows()`` runs it; ``about`` is one line."""

    name: str
    about: str
    rows: Callable[[], Iterator[Row]]


EXPERIMENTS = [
    Experiment("apples", "two apples with tax: a product's backward swaps its inputs", apples),
    Experiment("oranges", "apples and oranges with tax: a sum's backward passes on", oranges),
    Experiment("chain_rule", "(x + y)^2 by the chain rule", chain_rule),
    Experiment("relu", "Relu and its mask", relu),
    Experiment("sigmoid", "Sigmoid, and y(1 - y)", sigmoid),
    Experiment("sigmoid_nodes", "Sigmoid as its five nodes, one local derivative after the other", sigmoid_nodes),
    Experiment("affine", "Affine, and its bias summed over the batch", affine),
    Experiment("softmax_with_loss", "Softmax-with-Loss, and y - t", softmax_with_loss),
    Experiment(
        "gradient_check", "TwoLayerNet against numerical differentiation, by parameter (a few seconds)", gradient_check
    ),
    Experiment("dnn", "the 100 losses of the DNN", dnn),
    Experiment("mnist", "TwoLayerNet on MNIST, 10,000 steps (a few seconds)", mnist),
]


def find(name: str) -> Experiment:
    """The experiment of this name. Raises OptionError, which lists the names.

    >>> find("apples").about
    "two apples with tax: a product's backward swaps its inputs"
    """
    for experiment in EXPERIMENTS:
        if experiment.name == name:
            return experiment
    names = ", ".join(experiment.name for experiment in EXPERIMENTS)
    raise OptionError(f"notes: there is no experiment {name!r}; there are {names}")
