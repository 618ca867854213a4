"""What the rewriting passes make of the training steps that are to be fast: nodes after each pass, and time without it.

    python benchmarks/passes.py [--speed] [--only TARGET ...]

The first table counts a graph's nodes: as traced, after each pass of the first round in which it finds something, and
at the end. With ``--speed`` each target's step is compiled once with all passes and once without each that changes its
graph; they alternate in one process. The table gives the step's CPU time by epoch on one thread, which other work on
the machine hardly touches, and the ratio to it without each pass.
"""

from __future__ import annotations

import argparse
import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy is loaded

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import backhand
from backhand.compiling import rewrite
from backhand.compiling.program import build
from backhand.compiling.rewrite import PASSES as ALL, simplify
from backhand.graph import Graph, record
from backhand.graph.evaluate import bind

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "graph"))
import book
import notes_code as notes

REPETITIONS = 25


# -- what is compiled -------------------------------------------------------------------------------------------------


def classifier(net: Any, optimizer: Any, batch: int, dtype: Any, labels: bool = False) -> Graph:
    """A step of a network that takes rows of 784 pixels and gives 10 scores."""
    rng = np.random.default_rng(0)
    x = rng.random((batch, 784)).astype(dtype)
    t = rng.integers(0, 10, batch)
    t = t if labels else np.eye(10, dtype=dtype)[t]

    def step(x: Any, t: Any) -> Any:
        optimizer.update(net.params, net.gradient(x, t))
        return net.lastLayer.loss

    step(x, t)  # makes the optimizer's moments
    return record(step, x, t).graph


def two_layers(optimizer: Any, labels: bool = False) -> Graph:
    net = backhand.TwoLayerNet(784, 50, 10, rng=np.random.default_rng(0), dtype=np.float32)
    return classifier(net, optimizer, 100, np.float32, labels)


def wide(optimizer: Any) -> Graph:
    rng = np.random.default_rng(0)
    layers: list[Any] = []
    for n, m in ((784, 1024), (1024, 1024), (1024, 10)):
        W = (rng.standard_normal((n, m)) * (2 / n) ** 0.5).astype(np.float32)
        layers += [backhand.Affine(W, np.zeros(m, np.float32)), backhand.Relu()]
    net = backhand.nn.Network(layers[:-1], backhand.SoftmaxWithLoss())
    return classifier(net, optimizer, 256, np.float32)


def dnn() -> Graph:
    np.random.seed(0)
    net, loss = notes.DNN(5, 32, 10, 2), notes.MeanSquaredError()
    x, y = np.random.standard_normal(10), np.random.standard_normal(2)
    return record(lambda x, y: notes.gradient_descent(net, x, y, loss), x, y).graph


class ConvNet:
    """The book's: convolution, ReLU, max pooling, Affine, softmax."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        shapes = {"W1": (8, 1, 5, 5), "b1": (8,), "W2": (8 * 12 * 12, 10), "b2": (10,)}
        self.params = {name: 0.01 * rng.standard_normal(shape) for name, shape in shapes.items()}
        p = self.params
        self.conv, self.relu, self.pool = book.Convolution(p["W1"], p["b1"]), notes.Relu(), book.Pooling(2, 2)
        self.affine, self.lastLayer = notes.Affine(p["W2"], p["b2"]), notes.SoftmaxWithLoss()

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        h = self.pool.forward(self.relu.forward(self.conv.forward(x.reshape(-1, 1, 28, 28))))
        self.lastLayer.forward(self.affine.forward(h.reshape(h.shape[0], -1)), t)
        dout = self.affine.backward(self.lastLayer.backward()).reshape(h.shape)
        self.conv.backward(self.relu.backward(self.pool.backward(dout)))
        return {"W1": self.conv.dW, "b1": self.conv.db, "W2": self.affine.dW, "b2": self.affine.db}


def printed() -> Graph:
    np.random.seed(0)
    return classifier(notes.TwoLayerNet(784, 50, 10), book.SGD(), 100, np.float64)


TARGETS: dict[str, Callable[[], Graph]] = {
    "notes": printed,
    "ours": lambda: two_layers(backhand.SGD()),
    "labels": lambda: two_layers(backhand.SGD(), labels=True),
    "DNN": dnn,
    "wide": lambda: wide(backhand.SGD()),
    "Adam": lambda: wide(backhand.Adam()),
    "book Adam": lambda: wide(book.Adam()),
    "ConvNet": lambda: classifier(ConvNet(), book.SGD(), 20, np.float64),
}


# -- nodes ------------------------------------------------------------------------------------------------------------


def nodes_table(graphs: dict[str, Graph]) -> None:
    rows: dict[str, list[str]] = {one.__name__: [] for one in ALL}
    first: list[str] = []
    last, took = [], []
    for graph in graphs.values():
        first.append(str(len(graph)))
        after = graph
        for one in ALL:
            before, after = after, one(after)
            change = len(after) - len(before)
            rows[one.__name__].append(f"{change:+d}" if change else "~" if after is not before else "")
        start = time.perf_counter()
        last.append(str(len(simplify(graph))))
        took.append(f"{(time.perf_counter() - start) * 1e3:.0f}")
    print("\nnodes (~: rewritten, as many as before)")
    line("", list(graphs))
    line("as traced", first)
    for name, cells in rows.items():
        line(name, cells)
    line("until nothing changes", last)
    line("ms for all", took)


def line(name: str, cells: list[str]) -> None:
    print(f"{name:24}" + "".join(f"{cell:>11}" for cell in cells))


# -- time -------------------------------------------------------------------------------------------------------------


def ready(graph: Graph, passes: tuple[Callable[[Graph], Graph], ...]) -> Callable[[int], Any]:
    """A call that runs so many steps, compiled with these passes alone."""
    rng = np.random.default_rng(1)
    given = []
    for i in graph.inputs[: graph.arguments.leaves]:
        node = graph.nodes[i]
        drawn = rng.random(node.shape) if node.dtype.kind == "f" else rng.integers(0, 10, node.shape)
        given.append(drawn.astype(node.dtype))
    values = dict(zip(graph.inputs, bind(graph, tuple(given), None), strict=True))
    rewrite.PASSES = passes
    try:
        program = build(graph, "native", threads=1)
    finally:
        rewrite.PASSES = ALL
    if program.engine != "native":
        raise SystemExit(program.note)
    own = {s.name: values[s.input] for s in graph.state if not s.argument}
    program.bind({name: np.array(v) if isinstance(v, np.ndarray) else v for name, v in own.items()})
    if given[0].ndim == 1:  # one sample a step
        return lambda steps: program.epoch([x[None] for x in given], np.zeros(steps, np.int64))
    order = np.arange(len(given[0]))
    return lambda steps: program.epoch(given, np.tile(order, (steps, 1)))


def time_table(graphs: dict[str, Graph]) -> None:
    choices = {one.__name__: tuple(other for other in ALL if other is not one) for one in ALL}
    choices = {"all passes": ALL, "no passes": (), **choices}
    rows: dict[str, list[str]] = {name: [] for name in choices}
    for graph in graphs.values():
        best = simplified(graph, ALL).nodes
        used = {n: p for n, p in choices.items() if p is ALL or simplified(graph, p).nodes != best}
        steps = {name: ready(graph, passes) for name, passes in used.items()}
        times: dict[str, list[float]] = {name: [] for name in steps}
        for step in steps.values():
            timed(step, 3)
        count = max(1, int(20e-3 / timed(steps["all passes"], 3)))
        for _ in range(REPETITIONS):
            for name, step in steps.items():
                times[name].append(timed(step, count))
        base = times["all passes"]
        rows["all passes"].append(f"{statistics.median(base) * 1e6:.1f}")
        for name in list(rows)[1:]:
            ratios = [b / a for a, b in zip(base, times.get(name, base), strict=True)]
            rows[name].append(f"{statistics.median(ratios):.2f}" if name in times else "")
    print("\nCPU us a step; and how many times as long without a pass (blank: the same graph)")
    line("", list(graphs))
    for name, cells in rows.items():
        line(name, cells)


def simplified(graph: Graph, passes: tuple[Callable[[Graph], Graph], ...]) -> Graph:
    """The graph after these passes alone."""
    rewrite.PASSES = passes
    try:
        return simplify(graph)
    finally:
        rewrite.PASSES = ALL


def timed(epoch: Callable[[int], Any], steps: int) -> float:
    start = time.process_time()
    epoch(steps)
    return (time.process_time() - start) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(TARGETS), default=list(TARGETS))
    options = parser.parse_args()
    graphs = {name: TARGETS[name]() for name in options.only}
    nodes_table(graphs)
    if options.speed:
        time_table(graphs)


if __name__ == "__main__":
    main()
