"""A picture of a digit, however it was drawn, in the form of the images that the network was trained on."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from backhand.errors import DataError
from backhand.train.memory import Array

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 40_000_000
"""A picture of more pixels is refused before it is decoded."""

_INK = 0.3
"""Where a pixel counts as ink: this share of the way from the background to the strongest pixel.

High enough that the grain of a photo and a shadow on the page are none: one false pixel would spoil the cropping.
"""

_FAINTEST = 16
"""A picture whose grey values (0 to 255) differ by less from the background than this is blank."""


def read(path: Path) -> Array:
    """The picture as float grey values 0 to 255, (height, width); what is transparent shows white.

    PNG and JPEG of every mode. Raises DataError for what can't be read or is too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a size that is refused below, and of odd metadata
            with Image.open(path, formats=["PNG", "JPEG"]) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise DataError(
                        f"{path}: has {image.width} x {image.height} pixels; make it smaller, "
                        f"{MAX_PIXELS:,} are the most"
                    )
                return _grey(ImageOps.exif_transpose(image))
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: is no PNG (or JPEG) image; save it as PNG") from error
    except Image.DecompressionBombError as error:
        raise DataError(f"{path}: has too many pixels; make it smaller, {MAX_PIXELS:,} are the most") from error
    except OSError as error:
        raise DataError(f"{path}: can't be read: {error.strerror or error}") from error
    except (ValueError, SyntaxError, EOFError, MemoryError) as error:  # what Pillow raises for damaged files
        raise DataError(f"{path}: is damaged ({error}); save it as PNG again") from error


def _grey(image: "Image") -> Array:

    if image.mode.startswith("I"):  # 16 bits
        return np.asarray(image, np.float64) / 257
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ink = np.asarray(image.convert("RGB").convert("L"), np.float64)
        cover = np.asarray(image.getchannel("A"), np.float64) / 255
        visible = ink[cover > 0.5]
        # On white paper, unless all that is drawn is light itself.
        paper = 0.0 if cover.min() < 0.5 and visible.size and visible.mean() > 127 else 255.0
        grey: Array = ink * cover + paper * (1 - cover)
        return grey
    return np.asarray(image.convert("L") if image.mode != "L" else image, np.float64)


def as_mnist(picture: Array, name: str) -> Array:
    """A picture as MNIST has its digits: white ink on black, 0 to 1, (28, 28).

    A picture of 28 x 28 is only inverted if its border is light. Any other is cropped to the ink, scaled to fit into
    20 x 20, and laid with its centre of mass into the middle of 28 x 28, as MNIST's were.
    Raises DataError if there is no ink.
    Source: LeCun, Cortes, Burges, "The MNIST database of handwritten digits".
    """
    ink = _ink(picture, name)
    if picture.shape == (28, 28):
        return (255 - picture if _border(picture) > 127 else picture) / 255
    ink = ink / ink.max()
    rows, columns = (np.flatnonzero((ink > _INK).any(axis=axis)) for axis in (1, 0))
    ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = fitted(ink, (20, 20))
    return _centred(small / small.max(), (28, 28))  # thin lines get faint when they are made small


def as_trained(picture: Array, size: tuple[int, int], light: bool, name: str) -> Array:
    """A picture for other data than MNIST: fitted into `size`, inverted if its border isn't as `light` as theirs.

    0 to 1. Raises DataError if it is blank.
    """
    _ink(picture, name)
    border = _border(picture)
    if (border > 127) != light:
        picture, border = 255 - picture, 255 - border
    if picture.shape == size:
        return picture / 255
    small = fitted(picture / 255, size)
    out = np.full(size, border / 255)
    top, left = (size[0] - small.shape[0]) // 2, (size[1] - small.shape[1]) // 2
    out[top : top + small.shape[0], left : left + small.shape[1]] = small
    return out


def fitted(picture: Array, size: tuple[int, int]) -> Array:
    """The picture scaled to fit into `size`, with the proportions that it has.

    >>> fitted(np.ones((100, 50)), (20, 20)).shape
    (20, 10)
    """
    from PIL import Image

    scale = min(size[0] / picture.shape[0], size[1] / picture.shape[1])
    height, width = (max(round(side * scale), 1) for side in picture.shape)
    # BOX is the mean over the area of a pixel, as MNIST's were made smaller; it would leave steps when growing.
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    small = Image.fromarray(picture.astype(np.float32)).resize((width, height), how)
    return np.clip(np.asarray(small, np.float64), 0, 1)


def _ink(picture: Array, name: str) -> Array:
    """How far each pixel is from the background, 0 to 255: towards dark or light, whichever goes further."""
    background = _border(picture)
    darker, lighter = background - picture.min(), picture.max() - background
    if max(darker, lighter) < _FAINTEST:
        raise DataError(
            f"{name}: is blank: nothing in it differs from its border; draw a digit, dark on light or light on dark"
        )
    ink: Array = np.maximum(background - picture if darker > lighter else picture - background, 0)
    return ink


def _border(picture: Array) -> float:
    sides = (picture[0], picture[-1], picture[:, 0], picture[:, -1])
    return float(np.median(np.concatenate(sides)))


def _centred(picture: Array, size: tuple[int, int]) -> Array:
    """The picture in a black one of `size`, its centre of mass in the middle as far as it fits."""
    out = np.zeros(size)
    corner = []
    for axis in (0, 1):
        weights = picture.sum(axis=1 - axis)
        mass = float(weights @ np.arange(len(weights))) / float(weights.sum())
        start = round(size[axis] / 2 - mass)  # index 14 of 0 to 27: MNIST's own images have their mean there
        corner.append(min(max(start, 0), size[axis] - picture.shape[axis]))
    top, left = corner
    out[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return out
