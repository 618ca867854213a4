"""One front door: a name or a path becomes a ``Dataset`` that training can draw batches from."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from backhand.data import fashion_mnist
from backhand.data.arrays import load_npy_folder, load_npz
from backhand.data.fashion_mnist import fashion_mnist_array
from backhand.data.images import load_image_folder
from backhand.data.mnist import mnist_array
from backhand.data.parts import Parts, checked
from backhand.data.tables import load_csv
from backhand.errors import DataError


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples and labels for training and testing, in memory or memory-mapped.

    - ``name``: what it was loaded from;
    - ``x_train``, ``x_test``: (N, ...), uint8 pixels 0..255 or floats, the sample shape the same in both;
      images are (N, channels, height, width); draw batches with ``backhand.data.take``;
    - ``t_train``, ``t_test``: (N,), integer labels 0..C-1;
    - ``classes``: the C class names; label i is ``classes[i]``.

    >>> data = load_dataset("mnist")
    >>> data.classes[data.t_train[0]]
    '5'
    """

    name: str
    x_train: NDArray[Any]
    t_train: NDArray[Any]
    x_test: NDArray[Any]
    t_test: NDArray[Any]
    classes: tuple[str, ...]


def load_dataset(source: str | os.PathLike[str]) -> Dataset:
    """The dataset that ``source`` names.

    - ``"mnist"``: comes with backhand; memory-mapped from the cache;
    - ``"fashion-mnist"``: Debian's ``dataset-fashion-mnist``, your own copy, or downloaded and cached;
    - ``FILE.npz``: arrays ``x_train, t_train, x_test, t_test`` (or ``y_train, y_test``);
    - ``FILE.csv``: a row a sample, the label in column ``label`` or else the first;
    - a folder of ``x_train.npy, t_train.npy, x_test.npy, t_test.npy``: memory-mapped, may be larger than memory;
    - a folder of PNG images, one subfolder a class, within ``train`` and ``test`` or not.

    Raises ``DataError``, naming the file, what is wrong with it, and what to do.

    >>> load_dataset("mnist").x_test.shape
    (10000, 1, 28, 28)
    """
    name = os.fspath(source)
    parts, classes = _read(name)
    parts = checked(name, parts)
    if classes is None:
        classes = _numbered(1 + max(int(parts.t_train.max()), int(parts.t_test.max())))
    return Dataset(name, *parts, classes)


def _read(name: str) -> tuple[Parts, tuple[str, ...] | None]:
    """The parts of a dataset, and its class names if it has any."""
    if name == "mnist":
        return _as_images(Parts(*map(mnist_array, Parts._fields))), _numbered(10)
    if name == "fashion-mnist":
        return _as_images(Parts(*map(fashion_mnist_array, Parts._fields))), fashion_mnist.CLASSES
    path = Path(name)
    if path.is_dir():
        if any(path.glob("[xty]_t*.npy")):
            return load_npy_folder(path), None
        return load_image_folder(path)
    if path.suffix.lower() == ".npz":
        return load_npz(path), None
    if path.suffix.lower() == ".csv":
        return load_csv(path), None
    raise DataError(
        f"{name}: is no dataset; give mnist, fashion-mnist, a .npz or .csv file, or a folder of .npy files or of PNG "
        "images by class"
    )


def _as_images(parts: Parts) -> Parts:
    """Images (N, height, width) as (N, 1, height, width)."""
    return parts._replace(x_train=parts.x_train[:, None], x_test=parts.x_test[:, None])


def _numbered(count: int) -> tuple[str, ...]:
    return tuple(map(str, range(count)))
