"""Gradient verification of TwoLayerNet, parameter by parameter: notes 001 and 002."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from backhand.data import load_mnist
from backhand.nn import TwoLayerNet, numerical_gradient, softmax
from backhand.nn.validate import Array
from backhand.notes.row import Row, garbled, near, slip

BELOW = 1e-9  # what every mean absolute difference has to stay below; note 001 printed 1.4e-07


def gradient_check() -> Iterator[Row]:
    """Mean absolute difference between backpropagation and numerical differentiation, first 3 images, float64."""
    (x_train, t_train), _ = load_mnist(normalize=True, one_hot_label=True)
    network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10, rng=np.random.default_rng(0))

    x_batch = x_train[:3]
    t_batch = t_train[:3]

    grad_numerical = network.numerical_gradient(x_batch, t_batch)
    grad_backprop = network.gradient(x_batch, t_batch)

    for key in grad_numerical:
        ours = np.average(np.abs(grad_backprop[key] - grad_numerical[key]))
        yield near("001 002", f"{key}: below {BELOW:g}", "about 0 (not printed)", ours, tolerance=BELOW)

    # The book's log(y + 1e-7) makes its gradient smaller than y - t by the factor 1 - 1e-7/y, y of the right class. At
    # the start every y is about 0.1 and the three labels differ: in b2, 1e-6 (3 * 0.7/3 + 7 * 0.1) / 10 = 1.4e-7.
    def books_loss(_: Array) -> Any:
        y = softmax(network.predict(x_batch))
        return -np.sum(t_batch * np.log(y + 1e-7)) / len(y)

    books_gradient = numerical_gradient(books_loss, network.params["b2"])
    diff = np.average(np.abs(grad_backprop["b2"] - books_gradient))
    yield near("001", "b2, with the book's log(y + 1e-7)", "b2:1.3963533344881862e-07", diff, tolerance=5e-9)
    yield slip(
        "001",
        "where the 1.4e-07 of b2 comes from",
        "b2:1.3963533344881862e-07",
        f"b2:{ours}",
        "the 1.4e-07 of b2 is no error of backpropagation: the book's loss adds 1e-7 inside the log, "
        "and its gradient leaves that out",
    )
    yield garbled("001", "the one difference left of four", "21.3963533344881862e-07", "b2:1.3963533344881862e-07")
    yield garbled(
        "001", "TwoLayerNet: = read as -, y as v", "self.lavers - OrderedDict()", "self.layers = OrderedDict()"
    )
    yield garbled(
        "001", "TwoLayerNet: * read as -", "weight_init_std - np.random.randn", "weight_init_std * np.random.randn"
    )
    yield garbled("001", "TwoLayerNet: , read as .", "def predict(self. x):", "def predict(self, x):")
    yield garbled("001", "TwoLayerNet: : read as ;", "def gradient(self, x, t);", "def gradient(self, x, t):")
    yield garbled("001", "TwoLayerNet: grads = {} lost, or", "orada - {}", "grads = {}")
    yield garbled("001", "TwoLayerNet: the import", "from common.layers import .", "from common.layers import *")
