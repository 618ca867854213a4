"""Fashion-MNIST: from Debian's package, from files of your own, or downloaded once; always the same verified bytes.

Source: H. Xiao, K. Rasul, R. Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning
Algorithms", arXiv:1708.07747; https://github.com/zalandoresearch/fashion-mnist, MIT licence.
"""

import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backhand.data.cache import cache_folder, cached_array
from backhand.data.idx import read_idx
from backhand.data.mnist import IdxFile
from backhand.errors import DataError

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where the package dataset-fashion-mnist puts the files

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",  # the authors' own; S3 sites have no https
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)

FILES = {
    "x_train": IdxFile(
        "train-images-idx3-ubyte.gz",
        (60000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "t_train": IdxFile(
        "train-labels-idx1-ubyte.gz", (60000,), "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
    ),
    "x_test": IdxFile(
        "t10k-images-idx3-ubyte.gz",
        (10000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "t_test": IdxFile(
        "t10k-labels-idx1-ubyte.gz", (10000,), "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
    ),
}

# As published, of the gzipped files. Debian's are the same data under another gzip header, so their MD5 differs; that
# is why a file found on disk is judged by the SHA-256 of its uncompressed content instead.
PUBLISHED_MD5 = {
    "x_train": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "t_train": "25c81989df183df01b3e8a0aad5dffbe",
    "x_test": "bef4ecab320f06d8554ea6380940ec79",
    "t_test": "bb300cfdad3c16e7a12a480ee83cd310",
}


def fashion_mnist_array(part: str) -> NDArray[np.uint8]:
    """One of ``x_train, t_train, x_test, t_test``: uint8, images (N, 28, 28), labels (N,).

    From the cache; else from Debian's package; else from ``fashion-mnist/`` in the cache folder; else downloaded.
    Raises ``DataError`` if all that fails, with each reason and what to install or where to put the files.
    """
    file = FILES[part]
    return cached_array(f"fashion-mnist-{part}-uint8.npy", file.shape, np.uint8, lambda: _found(part))


def _found(part: str) -> NDArray[np.uint8]:
    file = FILES[part]
    own = cache_folder()
    folders = [DEBIAN_FOLDER] if own is None else [DEBIAN_FOLDER, own / "fashion-mnist"]
    reasons = []
    for folder in folders:
        try:
            return read_idx(folder / file.name, sha256=file.sha256)
        except DataError as error:
            reasons.append(str(error))
    for mirror in MIRRORS:
        try:
            return _downloaded(mirror + file.name, part)
        except (OSError, ValueError) as error:  # no network, no such page, another checksum, no room on disk
            reasons.append(f"{mirror}{file.name}: {error}")
    raise DataError(
        f"fashion-mnist: {file.name} is neither on this machine nor can it be downloaded. Connect to the internet, or "
        f"install Debian's package dataset-fashion-mnist, or put the four .gz files into {folders[-1]}. Tried:\n  "
        + "\n  ".join(reasons)
    )


def _downloaded(url: str, part: str) -> NDArray[np.uint8]:
    import pooch  # type: ignore[import-untyped]

    with tempfile.TemporaryDirectory(prefix="backhand-") as folder:
        path = pooch.retrieve(
            url,
            known_hash=f"md5:{PUBLISHED_MD5[part]}",
            fname=FILES[part].name,
            path=folder,
            downloader=pooch.HTTPDownloader(timeout=30),
        )
        return read_idx(path, sha256=FILES[part].sha256)
