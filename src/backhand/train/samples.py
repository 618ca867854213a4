"""A dataset as training meets it: batches, labels in the network's form, and what the data looks like."""

import hashlib
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from backhand.data import Dataset, one_hot, take
from backhand.errors import RunError
from backhand.train.memory import Array
from backhand.train.settings import Settings

EVALUATED_AT_ONCE = 1000
"""Rows: so many at a time go through ``predict``, that a dataset larger than memory can be evaluated."""


@dataclass(frozen=True)
class Look:
    """What the data looks like, for config.json: enough to notice other data, and to bring an image into its form.

    - ``shape``: of one sample; ``low, high``: the range of its values; ``light``: whether images have a light border;
    - ``sha256``: over the labels and 256 samples of each part.
    """

    train: int
    test: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    low: float
    high: float
    light: bool
    sha256: str

    def as_json(self) -> dict[str, Any]:
        """Each field by its name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> "Look":
        """The way back. Raises RunError for what ``as_json`` can't have written."""
        try:
            shape, classes = tuple(map(int, values["shape"])), tuple(map(str, values["classes"]))
            return cls(**{**values, "shape": shape, "classes": classes})
        except (TypeError, KeyError, ValueError) as error:
            raise RunError(f"config.json: its data are damaged ({error})") from error


def look(data: Dataset) -> Look:
    """What `data` looks like."""
    digest = hashlib.sha256()
    for t in (data.t_train, data.t_test):
        digest.update(np.ascontiguousarray(t, np.int64).tobytes())
    for x in (data.x_train, data.x_test):
        digest.update(x[_spread(len(x))].tobytes())
    values = take(data.x_train, _spread(len(data.x_train)), np.float64, flatten=False)
    low, high = float(values.min()), float(values.max())
    shape = data.x_train.shape[1:]
    size = image_size(shape)
    light = size is not None and float(np.median(_borders(values.reshape(-1, *size)))) > (low + high) / 2
    return Look(len(data.x_train), len(data.x_test), shape, data.classes, low, high, light, digest.hexdigest())


def _spread(count: int) -> Array:
    """256 indices at equal distances, or all that there are."""
    return np.linspace(0, count - 1, min(count, 256), dtype=np.int64)


def _borders(images: Array) -> Array:
    sides = images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]
    return np.concatenate([side.ravel() for side in sides])


def image_size(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """(height, width) if a sample of this shape is a grey image; a row is one if it is a square of 8 x 8 or more.

    >>> image_size((1, 28, 28)), image_size((784,)), image_size((4,))
    ((28, 28), (28, 28), None)
    """
    if len(shape) == 3 and shape[0] == 1:
        shape = shape[1:]
    if len(shape) == 2:
        return shape[0], shape[1]
    side = math.isqrt(shape[0]) if len(shape) == 1 else 0
    return (side, side) if side >= 8 and side * side == shape[0] else None


class Batches:
    """Samples and labels in the form that the network takes."""

    def __init__(self, data: Dataset, settings: Settings) -> None:
        self.data = data
        self.size = settings.batch
        self.dtype = np.dtype(settings.dtype)
        self.flatten = settings.flatten
        self.one_hot = settings.labels == "one-hot"

    @property
    def per_epoch(self) -> int:
        """Iterations in an epoch."""
        return max(len(self.data.x_train) // self.size, 1)

    def draw(self, rng: Generator, count: int) -> Array:
        """Which samples make the next `count` batches, drawn with replacement as in the notes: (count, size)."""
        return rng.integers(0, len(self.data.x_train), (count, self.size))

    def at(self, index: Array) -> tuple[Array, Array]:
        """The batch of those samples: x, and t in the network's form."""
        return self.samples(self.data.x_train, index), self.labels(self.data.t_train[index])

    def labels(self, t: Array) -> Array:
        """Labels in the network's form: one-hot, or integers."""
        return one_hot(t, len(self.data.classes), self.dtype) if self.one_hot else t.astype(np.int64)

    def samples(self, x: Array, index: Array | slice) -> Array:
        """The samples ``x[index]``."""
        return take(x, index, self.dtype, self.flatten)
