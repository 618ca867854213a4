"""A dataset as a folder of grayscale PNG images, one folder a class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backhand.data.bounded import AS_NPY_FOLDER, MAX_BYTES
from backhand.data.parts import Parts, split_by_class
from backhand.errors import DataError


def load_image_folder(folder: Path) -> tuple[Parts, tuple[str, ...]]:
    """The images of ``folder/CLASS/*.png``, or of ``folder/train/CLASS/*.png`` and ``folder/test/CLASS/*.png``.

    Returns the parts, x uint8 (N, 1, height, width), and the class names: the folders' names, sorted, as numbers if
    all are numbers; label i is the i-th of them. Without train and test folders, ``split_by_class`` splits.
    All images are grayscale and of one size. Hidden files are passed over; anything else that is no PNG is an error.
    """
    names = {path.name for path in _entries(folder)}
    if not names & {"train", "test"}:
        classes = _class_names(folder)
        return split_by_class(str(folder), *_load(folder, classes)), classes
    if names != {"train", "test"}:
        raise DataError(f"{folder}: holds {sorted(names)}; beside 'train' and 'test' there can be nothing, and both")
    classes = _class_names(folder / "train")
    if unknown := set(_class_names(folder / "test")) - set(classes):
        raise DataError(f"{folder}/test: classes {sorted(unknown)} are not in {folder}/train; add images of them there")
    return Parts(*_load(folder / "train", classes), *_load(folder / "test", classes)), classes


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: can't be read ({error.strerror}); a folder is needed there") from error


def _class_names(folder: Path) -> tuple[str, ...]:
    names = [path.name for path in _entries(folder)]
    if not names:
        raise DataError(f"{folder}: is empty; it needs one folder of PNG images for each class, named after it")
    return tuple(sorted(names, key=int) if all(map(str.isdecimal, names)) else names)


def _load(folder: Path, classes: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    paths = [(path, label) for label, name in enumerate(classes) for path in _images(folder / name)]
    if not paths:
        raise DataError(f"{folder}: holds no PNG image")
    first = _read(paths[0][0])
    if len(paths) * first.size > MAX_BYTES:
        raise DataError(f"{folder}: its {len(paths)} images take more than {MAX_BYTES} bytes; {AS_NPY_FOLDER}")
    x = np.empty((len(paths), 1, *first.shape), np.uint8)
    for i, (path, _) in enumerate(paths):
        image = _read(path)
        if image.shape != first.shape:
            raise DataError(
                f"{path}: is {_size(image)} pixels, and {paths[0][0]} {_size(first)}; make all images one size"
            )
        x[i, 0] = image
    return x, np.array([label for _, label in paths])


def _images(folder: Path) -> list[Path]:
    if not folder.exists():  # a class that has no test images
        return []
    paths = _entries(folder)
    if other := [path for path in paths if path.suffix.lower() != ".png"]:
        raise DataError(f"{other[0]}: is not named .png; convert it to PNG, or move it out of the class folder")
    return paths


def _read(path: Path) -> NDArray[np.uint8]:
    """The pixels of one PNG, (height, width)."""
    from PIL import Image

    bomb = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=["PNG"]) as image:
            image.verify()  # the checksums, which decoding doesn't look at
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode not in ("L", "1"):
                raise DataError(f"{path}: is not 8-bit grayscale (its mode is {image.mode}); convert it to mode L")
            return np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError, *bomb) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: is no readable PNG ({error}); save it again") from error


def _size(image: NDArray[np.uint8]) -> str:
    return f"{image.shape[1]}x{image.shape[0]}"
