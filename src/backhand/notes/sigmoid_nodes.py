"""The Sigmoid as the five nodes that note 002 draws: x, -x, exp(-x), 1 + exp(-x), y."""

from collections.abc import Iterator

import numpy as np

from backhand.nn import AddLayer, MulLayer, Sigmoid
from backhand.notes.row import Row, formula, garbled


def sigmoid_nodes() -> Iterator[Row]:
    """Back through /, +, exp and times, one local derivative after the other: y(1 - y)."""
    x = np.array([-2.0, 0.5, 3.0])
    mul_layer = MulLayer()
    add_layer = AddLayer()

    negative = mul_layer.forward(x, -1.0)
    exponential = np.exp(negative)
    denominator = add_layer.forward(exponential, 1.0)
    y = 1 / denominator

    dy = np.ones(3)
    ddenominator = dy * -(y**2)
    dexponential, _ = add_layer.backward(ddenominator)
    dnegative = dexponential * exponential
    dx, _ = mul_layer.backward(dnegative)

    yield formula("002", "y at x = -2, 0.5, 3", "1 / (1 + exp(-x))", y, Sigmoid().forward(x))
    yield formula("000 002", "1: the / node, y = 1/x", "-1/x^2 = -y^2", ddenominator, -1 / denominator**2)
    yield formula("002", "2: the + node", "그대로 전달 (passed on as it is)", dexponential, ddenominator)
    yield formula("000 002", "3: the exp node, y = exp(x)", "exp(x)", dnegative / dexponential, np.exp(-x))
    yield formula("002", "4: the x node", "바꿔 곱함 (times the other input, -1)", dx, -dnegative)
    yield formula("002", "all together", "y^2 exp(-x) = y(1 - y)", dx, y * (1 - y))

    layer = Sigmoid()
    layer.forward(x)
    yield formula("002", "the Sigmoid layer", "dout * (1.0 - self.out)*self.out", layer.backward(dy), dx)
    yield garbled("002", "80 characters lost their encoding, as in its title", "오차 \ufffd전파법", "오차 역전파법")
