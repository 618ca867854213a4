"""Write the C text of the notes' networks anew: ``python tests/compile/make_golden.py``. A change is then a diff."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))
import book
import notes_code as notes

from backhand.compiling.program import build
from backhand.graph import record

GOLDEN = Path(__file__).parent / "golden"


def two_layer_net():
    """784-50-10 with a batch of 100, float32, and SGD, for two threads."""
    np.random.seed(0)
    net, optimizer = notes.TwoLayerNet(784, 50, 10), book.SGD(0.1)
    for name in ("W1", "b1", "W2", "b2"):
        net.params[name] = net.params[name].astype(np.float32)
    layers = net.layers["Affine1"], net.layers["Affine2"]
    for number, layer in enumerate(layers, 1):
        layer.W, layer.b = net.params[f"W{number}"], net.params[f"b{number}"]
    x, t = np.ones((100, 784), np.float32), np.eye(10, dtype=np.float32)[np.arange(100) % 10]

    def step(x, t):
        gradients = net.gradient(x, t)
        optimizer.update(net.params, gradients)
        return net.lastLayer.loss

    return build(record(step, x, t).graph, threads=2)


def dnn():
    """One sample through seven neurons, float64, gradient descent."""
    np.random.seed(0)
    network, loss = notes.DNN(5, 32, 10, 2, notes.Sigmoid3), notes.MeanSquaredError()
    graph = record(lambda x, y: notes.gradient_descent(network, x, y, loss), np.ones(10), np.ones(2)).graph
    return build(graph)


PROGRAMS = {"two_layer_net": two_layer_net, "dnn": dnn}

if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, make in PROGRAMS.items():
        (GOLDEN / f"{name}.c").write_text(make().source)
