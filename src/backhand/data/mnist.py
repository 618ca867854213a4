"""MNIST, which comes with backhand: the four original files stand in ``mnist_files``, with their licence."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backhand.data.batches import one_hot, scaled
from backhand.data.cache import cached_array
from backhand.data.idx import read_idx

_FOLDER = Path(__file__).parent / "mnist_files"


class IdxFile(NamedTuple):
    """A gzipped IDX file of uint8 values: its name, its shape, and the SHA-256 of its uncompressed content."""

    name: str
    shape: tuple[int, ...]
    sha256: str


FILES = {
    "x_train": IdxFile(
        "train-images-idx3-ubyte.gz",
        (60000, 28, 28),
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "t_train": IdxFile(
        "train-labels-idx1-ubyte.gz", (60000,), "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "x_test": IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10000, 28, 28),
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "t_test": IdxFile(
        "t10k-labels-idx1-ubyte.gz", (10000,), "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}


def mnist_array(part: str) -> NDArray[np.uint8]:
    """One of ``x_train, t_train, x_test, t_test`` as it is stored: uint8, images (N, 28, 28), labels (N,)."""
    file = FILES[part]
    return cached_array(
        f"mnist-{part}-uint8.npy", file.shape, np.uint8, lambda: read_idx(_FOLDER / file.name, sha256=file.sha256)
    )


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[tuple[NDArray[Any], NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]:
    """MNIST as in the book: ``(x_train, t_train), (x_test, t_test)``, 60,000 and 10,000 samples.

    - ``normalize``: images are float32 from 0 to 1 (each pixel divided by 255), else uint8 from 0 to 255;
    - ``flatten``: images have shape (N, 784), else (N, 1, 28, 28);
    - ``one_hot_label``: labels are float64 rows (N, 10), else uint8 (N,).

    The first call decodes the files that come with backhand, verifies their SHA-256 and keeps the arrays in the cache
    folder (``backhand.data.cache_folder``); later calls map them into memory, copy-on-write: you may write into the
    arrays, and the next call returns the original values all the same. Raises ``DataError`` if the files are damaged.

    Source: K. Saitoh, *Deep Learning from Scratch*, chapter 3, ``load_mnist``;
    LeCun, Cortes, Burges, "The MNIST database of handwritten digits".

    >>> (x_train, t_train), (x_test, t_test) = load_mnist()
    >>> x_train.shape, x_train.dtype, t_train[:5]
    ((60000, 784), dtype('float32'), array([5, 0, 4, 1, 9], dtype=uint8))
    """

    def images(part: str) -> NDArray[Any]:
        x = _normalized(part) if normalize else mnist_array(part)
        return x.reshape(-1, 784) if flatten else x.reshape(-1, 1, 28, 28)

    def labels(part: str) -> NDArray[Any]:
        return one_hot(mnist_array(part), 10) if one_hot_label else mnist_array(part)

    return (images("x_train"), labels("t_train")), (images("x_test"), labels("t_test"))


def _normalized(part: str) -> NDArray[np.float32]:
    return cached_array(
        f"mnist-{part}-float32.npy", FILES[part].shape, np.float32, lambda: scaled(mnist_array(part), np.float32)
    )
