"""The network that is trained: the built-in one, or the user's own, checked for what training calls."""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from backhand.errors import NetworkError
from backhand.train.memory import Array

_METHODS = {"gradient": "gradient(x, t)", "loss": "loss(x, t)", "predict": "predict(x)"}


class Trainable(Protocol):
    """What training needs of a network: the notes' TwoLayerNet has it, and so can any class, without inheriting."""

    @property
    def params(self) -> Mapping[str, Array]:
        """The parameters by name; training changes them in place."""
        ...

    def gradient(self, x: Array, t: Array) -> Mapping[str, Array]:
        """The gradient of the loss by each parameter, under its name and in its shape."""
        ...

    def loss(self, x: Array, t: Array) -> Any:
        """One number."""
        ...

    def predict(self, x: Array) -> Array:
        """Scores or probabilities (N, classes)."""
        ...


def check(network: Any, name: str) -> None:
    """Raises NetworkError for a network that lacks something, with everything that it lacks."""
    faults = [f"{call} is missing" for method, call in _METHODS.items() if not callable(getattr(network, method, None))]
    params = getattr(network, "params", None)
    if params is None:
        faults.insert(0, "params is missing")
    elif not isinstance(params, Mapping):
        faults.append(f"params is a {type(params).__name__}, not a dict of arrays by name")
    elif not params:
        faults.append("params is empty")
    else:
        faults += [f"params[{key!r}] {fault}" for key, value in params.items() if (fault := _fault(value))]
    if faults:
        raise NetworkError(
            f"{name} can't be trained: {'; '.join(faults)}. Training needs params (a dict of float arrays), "
            "gradient(x, t) (a dict of arrays under the same keys), loss(x, t) (a number), predict(x) (scores)"
        )


def _fault(value: object) -> str | None:
    if not isinstance(value, np.ndarray):
        return f"is a {type(value).__name__}, not an array"
    if value.dtype not in (np.float16, np.float32, np.float64):
        return f"has dtype {value.dtype}; it needs float32 or float64"
    return None if value.flags.writeable else "is read-only; training changes it in place"


def check_gradients(grads: Any, params: Mapping[str, Array], name: str) -> None:
    """Raises NetworkError for gradients that don't fit the parameters, with every fault."""
    if not isinstance(grads, Mapping):
        raise NetworkError(
            f"{name}.gradient gives a {type(grads).__name__}; it needs to return a dict of arrays under the keys "
            f"of params: {', '.join(map(str, params))}"
        )
    faults = []
    for key, value in params.items():
        if key not in grads:
            faults.append(f"{key!r} is missing")
        elif np.shape(grads[key]) != value.shape:
            faults.append(f"{key!r} has shape {np.shape(grads[key])}; params[{key!r}] has {value.shape}")
        elif np.asarray(grads[key]).dtype.kind not in "fiu":
            faults.append(f"{key!r} is {grads[key]!r:.40}; it needs numbers")
    if faults:
        raise NetworkError(f"{name}.gradient: {'; '.join(faults)}")


def number(loss: Any, name: str) -> float:
    """The loss as a float. Raises NetworkError for more or less than one number."""
    array = np.asarray(loss)
    if array.size != 1 or array.dtype.kind not in "fiu":
        what = f"an array of shape {array.shape}" if array.dtype.kind in "fiu" else f"{loss!r:.40}"
        raise NetworkError(f"{name}.loss gives {what}; it needs to return one number, the mean over the batch")
    return float(array.item())


def check_scores(scores: Any, samples: int, classes: int, name: str) -> Array:
    """The scores as an array. Raises NetworkError for another shape than (samples, classes)."""
    array = np.asarray(scores)
    if array.shape != (samples, classes):
        raise NetworkError(
            f"{name}.predict gives shape {array.shape} for {samples} samples; it needs ({samples}, {classes}), "
            f"one score for each of the {classes} classes"
        )
    return array
