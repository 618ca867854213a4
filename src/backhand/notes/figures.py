"""The figures of the lecture notes, drawn from running code: each as an SVG and as a page to step through."""

# ruff: noqa: RET504  (the last variable's name stands on the figure)

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from backhand.drawing import draw
from backhand.errors import OptionError
from backhand.graph.evaluate import Run
from backhand.graph.trace import trace
from backhand.nn import Affine, Relu, Sigmoid, SoftmaxWithLoss, TwoLayerNet

__all__ = ["FIGURES", "Figure", "write_figures"]


class Figure(NamedTuple):
    """``run()`` gives the graph with its values and gradients; ``level`` is how the notes draw it."""

    name: str
    title: str
    run: Callable[[], Run]
    level: str = "op"


def apples() -> Run:
    """Two apples at 100, with 10 % tax: note 001, figure 16."""

    def price(apple: Any, apple_num: Any, tax: Any) -> Any:
        apple_price = apple * apple_num
        price = apple_price * tax
        return price

    return _run(price, 100, 2, 1.1)


def oranges() -> Run:
    """Two apples at 100 and three oranges at 150, with 10 % tax: note 001, figure 17."""

    def price(apple: Any, apple_num: Any, orange: Any, orange_num: Any, tax: Any) -> Any:
        apple_price = apple * apple_num
        orange_price = orange * orange_num
        all_price = apple_price + orange_price
        price = all_price * tax
        return price

    return _run(price, 100, 2, 150, 3, 1.1)


def chain_rule() -> Run:
    """z = t^2, t = x + y: note 001, figures 6 to 8."""

    def square_of_sum(x: Any, y: Any) -> Any:
        t = x + y
        z = t**2
        return z

    return _run(square_of_sum, 3.0, 1.0)


def add() -> Run:
    """z = x + y passes the gradient on to both: note 001."""

    def add(x: Any, y: Any) -> Any:
        z = x + y
        return z

    return _run(add, 10.0, 5.0, dout=1.3)


def multiply() -> Run:
    """z = x y passes it on times the other input: note 001."""

    def multiply(x: Any, y: Any) -> Any:
        z = x * y
        return z

    return _run(multiply, 10.0, 5.0, dout=1.3)


def relu() -> Run:
    """The gradient passes where x > 0: notes 001 and 002, with the x of 002."""
    layer = Relu()

    def forward(x: Any) -> Any:
        return layer.forward(x)

    return _run(forward, np.array([[1.0, -0.5], [-2.0, 3.0]]))


def sigmoid() -> Run:
    """The Sigmoid layer: notes 001 and 002."""
    layer = Sigmoid()

    def forward(x: Any) -> Any:
        return layer.forward(x)

    return _run(forward, np.array([-2.0, 0.5, 3.0]))


def sigmoid_nodes() -> Run:
    """The Sigmoid node by node: times -1, exp, plus 1, divide: note 002."""

    def sigmoid(x: Any) -> Any:
        negative = x * -1.0
        exponential = np.exp(negative)
        denominator = exponential + 1.0
        y = 1.0 / denominator
        return y

    return _run(sigmoid, 0.5)


def affine() -> Run:
    """One sample through X . W + B: notes 000 and 001."""
    layer = Affine(np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([1.0, 2.0, 3.0]))

    def forward(X: Any) -> Any:
        return layer.forward(X)

    return _run(forward, np.array([1.0, 0.5]))


def affine_batch() -> Run:
    """A batch of two: the gradient of B is summed over the batch: notes 000 and 001."""
    layer = Affine(np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([1.0, 2.0, 3.0]))

    def forward(X: Any) -> Any:
        return layer.forward(X)

    return _run(forward, np.array([[1.0, 0.5], [-0.5, 2.0]]), dout=np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]))


def softmax_with_loss() -> Run:
    """Scores to loss, and y - t back: notes 000 and 001; Saitoh, appendix A."""
    layer = SoftmaxWithLoss()

    def forward(a: Any, t: Any) -> Any:
        return layer.forward(a, t)

    return _run(forward, np.array([[0.3, 2.9, 4.0]]), np.array([[0.0, 0.0, 1.0]]))


def two_layer_net() -> Run:
    """Affine, Relu, Affine, Softmax-with-Loss: notes 000, 001 and 002."""
    generator = np.random.default_rng(0)
    net = TwoLayerNet(12, 8, 3)
    for name, value in net.params.items():
        net.params[name] = generator.normal(0, 0.5, value.shape)

    def loss(x: Any, t: Any) -> Any:
        return net.loss(x, t)

    return _run(loss, generator.normal(size=(6, 12)), np.eye(3)[[0, 1, 2, 0, 1, 2]])


def _run(function: Callable[..., Any], *inputs: Any, dout: Any = 1) -> Run:
    run = trace(function, *inputs).run(*inputs)
    run.backward(dout)
    return run


FIGURES = [
    Figure("apples", "Two apples, with tax", apples),
    Figure("oranges", "Apples and oranges, with tax", oranges),
    Figure("chain_rule", "z = (x + y)² by the chain rule", chain_rule),
    Figure("add", "The addition node", add),
    Figure("multiply", "The multiplication node", multiply),
    Figure("relu", "The Relu layer", relu, "layer"),
    Figure("sigmoid", "The Sigmoid layer", sigmoid, "layer"),
    Figure("sigmoid_nodes", "The Sigmoid, node by node", sigmoid_nodes),
    Figure("affine", "The Affine layer", affine),
    Figure("affine_batch", "The Affine layer on a batch", affine_batch),
    Figure("softmax_with_loss", "The Softmax-with-Loss layer", softmax_with_loss),
    Figure("two_layer_net", "TwoLayerNet", two_layer_net, "layer"),
]


def write_figures(folder: str | Path) -> list[Path]:
    """Write every figure of the notes into a folder, as ``NAME.svg`` and as ``NAME.html``; it is made if need be.

    Returns:
        The files, in the notes' order.

    Raises:
        OptionError: the folder can't be written.

    >>> import tempfile
    >>> [path.name for path in write_figures(tempfile.mkdtemp())][:2]
    ['apples.svg', 'apples.html']
    """
    folder = Path(folder)
    written = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for figure in FIGURES:
            run = figure.run()
            for ending in ("svg", "html"):
                path = folder / f"{figure.name}.{ending}"
                draw(run, path, level=figure.level, title=figure.title)
                written.append(path)
    except OSError as error:
        raise OptionError(f"notes: the figures can't be written to {folder}: {error.strerror or error}") from error
    return written
