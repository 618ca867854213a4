"""Networks: layers in a row with a loss at the end, and the notes' TwoLayerNet and DNN as two of them."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from backhand.errors import NetworkError, OptionError, ShapeError
from backhand.nn import numerical
from backhand.nn.activations import Relu, Sigmoid
from backhand.nn.affine import Affine
from backhand.nn.initializers import normal
from backhand.nn.losses import MeanSquaredError, SoftmaxWithLoss
from backhand.nn.neuron import Neuron
from backhand.nn.validate import Array, real, same_shape


class Parameters(Mapping[str, Array]):
    """The parameters of a network by name. Reading and writing goes to the layers themselves.

    So there is one truth: ``params["W1"] -= ...`` and ``params["W1"] = ...`` both reach the layer. (In a plain dict the
    second would change the dict alone, and the layer would go on with its old array.)
    """

    def __init__(self, places: dict[str, tuple[Any, str]]) -> None:
        self._places = places

    def __getitem__(self, key: str) -> Array:
        layer, attribute = self._places[key]
        value: Array = getattr(layer, attribute)
        return value

    def __setitem__(self, key: str, value: Array) -> None:
        """Rebinds the layer's parameter. Raises ShapeError, DTypeError, NotFiniteError, KeyError for another name."""
        where = f"params[{key!r}] = ..."
        value = real(where, "the value", value)
        same_shape(where, "the value", value, self[key].shape, "the shape that it has now")
        layer, attribute = self._places[key]
        setattr(layer, attribute, value)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class Network:
    """Layers in a row and a loss: forward through all, backward through all in reverse.

    ``layers`` is a sequence (named Affine1, Relu1, Affine2, ... as in the notes) or a mapping from names. Each layer
    has ``forward(x)`` and ``backward(dout) -> dx``, nothing to inherit; ``loss`` has ``forward(y, t)`` and
    ``backward(dout) -> dx``.
    A layer's parameters are the arrays that it was constructed with and has a gradient for: W beside dW, b beside db,
    gamma beside dgamma. They are ``params["W1"], params["b1"], params["W2"], ...``, numbered by layer.
    Raises NetworkError for what is no layer, and for one layer object in two places.
    Source: the TwoLayerNet of notes 000 and 001.

    >>> import numpy as np
    >>> net = Network([Affine(np.eye(2), np.zeros(2)), Relu()], MeanSquaredError())
    >>> net.predict(np.array([[1.0, -1.0]]))
    array([[1., 0.]])
    >>> net.gradient(np.array([[1.0, -1.0]]), np.array([[0.0, 0.0]]))["b1"]
    array([0.5, 0. ])
    """

    def __init__(self, layers: Sequence[Any] | Mapping[str, Any], loss: Any) -> None:
        if not isinstance(layers, Iterable):
            raise NetworkError(f"Network: layers is a {type(layers).__name__}; put the layers into a list")
        self.layers: OrderedDict[str, Any] = OrderedDict(layers if isinstance(layers, Mapping) else _named(layers))
        self.lastLayer = loss
        _check_layers(self.layers, loss)
        self._places = _places(self.layers.values())
        self.params: Any = Parameters(self._places)  # Any: a subclass in the notes' manner may put its own dict here

    def predict(self, x: Array) -> Array:
        """The output of the last layer before the loss: scores, (N, C) for a batch."""
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x: Array, t: Array) -> Any:
        """The loss of the batch x against the targets t: one number."""
        return self.lastLayer.forward(self.predict(x), t)

    def accuracy(self, x: Array, t: Array) -> float:
        """The share of samples whose largest score is the right class; t (N,) integer labels or (N, C) one-hot."""
        y = self.predict(x)
        t = np.asarray(t)
        if t.shape not in (y.shape, y.shape[:-1]) or y.size == 0:
            raise ShapeError(
                f"Network.accuracy: t has shape {t.shape}; for scores of shape {y.shape} it needs {y.shape} (one-hot) "
                f"or {y.shape[:-1]} (integer labels), of one sample at least"
            )
        if t.shape == y.shape:
            t = np.argmax(t, axis=-1)
        return float(np.mean(np.argmax(y, axis=-1) == t))

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """The gradient of the loss by each parameter, by backpropagation: names and shapes as in ``params``."""
        self.loss(x, t)
        dout = self.lastLayer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        return {key: getattr(layer, f"d{attribute}") for key, (layer, attribute) in self._places.items()}

    def numerical_gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """The same by central differences: slow, to verify ``gradient`` with. float64 only is accurate."""
        return {key: numerical.numerical_gradient(lambda _: self.loss(x, t), self.params[key]) for key in self.params}


class TwoLayerNet(Network):
    """Affine, Relu, Affine, SoftmaxWithLoss: the notes' network for MNIST.

    Weights are normal with standard deviation weight_init_std, biases 0. rng is a numpy Generator, or None for NumPy's
    global state, so that np.random.seed works as in the notes.
    Source: notes 000 and 001; Saitoh 5.7.2.

    >>> net = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
    >>> {key: value.shape for key, value in net.params.items()}
    {'W1': (784, 50), 'b1': (50,), 'W2': (50, 10), 'b2': (10,)}
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        *,
        rng: Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        W1 = normal((input_size, hidden_size), weight_init_std, rng=rng, dtype=dtype)
        W2 = normal((hidden_size, output_size), weight_init_std, rng=rng, dtype=dtype)
        b1, b2 = np.zeros(hidden_size, dtype), np.zeros(output_size, dtype)
        super().__init__([Affine(W1, b1), Relu(), Affine(W2, b2)], SoftmaxWithLoss())


class DNN(Network):
    """Neurons in a row: one from the input, hidden_depth between hidden ones, one to the output; mean squared error.

    ``sequence`` lists them. Trained with ``gradient_descent(dnn, x, y, MeanSquaredError())``.
    Source: note 003.

    >>> dnn = DNN(hidden_depth=5, num_neuron=32, input=10, output=2)
    >>> len(dnn.sequence), dnn.sequence[0].W.shape
    (7, (10, 32))
    """

    def __init__(
        self,
        hidden_depth: int,
        num_neuron: int,
        input: int,
        output: int,
        activation: Any = Sigmoid,
        *,
        rng: Generator | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        if not isinstance(hidden_depth, int | np.integer) or hidden_depth < 0:
            raise OptionError(f"DNN: hidden_depth is {hidden_depth!r}; it needs a whole number, 0 or more")
        sizes = [input, *[num_neuron] * (hidden_depth + 1), output]
        self.sequence = [
            Neuron(normal((i, o), rng=rng, dtype=dtype), np.zeros(o, dtype), activation) for i, o in pairwise(sizes)
        ]
        super().__init__(self.sequence, MeanSquaredError())

    def __call__(self, x: Array) -> Array:
        """The same as predict."""
        return self.predict(x)

    def calc_gradient(self, loss_obj: Any) -> None:
        """Backpropagation from a loss that was just called: leaves dW, db and dh (dL/d(input)) in each neuron."""
        loss_obj.dh = loss_obj.grad()
        dh = loss_obj.dh
        for neuron in reversed(self.sequence):
            dh = neuron.dh = neuron.backward(dh)


def gradient_descent(network: Any, x: Array, y: Array, loss_obj: Any, alpha: float = 0.01) -> Any:
    """One step of gradient descent on a DNN, ours or the notes' own; gives the loss before it.

    The network has a call, ``calc_gradient(loss_obj)`` and a ``sequence`` of layers with W, b, dW and db.
    Source: note 003.

    >>> import numpy as np
    >>> np.random.seed(0)
    >>> dnn, loss = DNN(1, 8, 3, 2), MeanSquaredError()
    >>> losses = [gradient_descent(dnn, np.ones(3), np.zeros(2), loss, alpha=0.1) for _ in range(9)]
    >>> bool(losses[-1] < losses[0])
    True
    """
    loss = loss_obj(network(x), y)
    network.calc_gradient(loss_obj)
    for layer in network.sequence:
        layer.W += -alpha * layer.dW
        layer.b += -alpha * layer.db
    return loss


def _named(layers: Sequence[Any]) -> Iterator[tuple[str, Any]]:
    """Each layer under its class's name and a number: Affine1, Relu1, Affine2."""
    count: dict[str, int] = {}
    for layer in layers:
        name = type(layer).__name__
        count[name] = count.get(name, 0) + 1
        yield f"{name}{count[name]}", layer


def _check_layers(layers: Mapping[str, Any], loss: Any) -> None:
    for name, layer in {**layers, "the loss": loss}.items():
        if isinstance(layer, type):
            raise NetworkError(
                f"Network: {name} is the class {layer.__name__}; put an object there, {layer.__name__}()"
            )
        if not callable(getattr(layer, "forward", None)) or not callable(getattr(layer, "backward", None)):
            raise NetworkError(f"Network: {name} is {layer!r}; a layer has forward and backward")
    # A layer keeps its x and its dW from the last call: a second place in the row would overwrite the first's.
    for (name, layer), (other, same) in combinations(layers.items(), 2):
        if layer is same:
            raise NetworkError(
                f"Network: {name} and {other} are one object; make a {type(layer).__name__} for each place"
            )


def _places(layers: Iterable[Any]) -> dict[str, tuple[Any, str]]:
    """Where each parameter lives: (layer, attribute) by its name W1, b1, W2, ..."""
    places: dict[str, tuple[Any, str]] = {}
    number = 0
    for layer in layers:
        held = vars(layer) if hasattr(layer, "__dict__") else {}
        names = [name for name, value in held.items() if isinstance(value, np.ndarray) and f"d{name}" in held]
        number += bool(names)
        places.update({f"{name}{number}": (layer, name) for name in names})
    return places
