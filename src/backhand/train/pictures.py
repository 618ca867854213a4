"""Small images for the report, as data URIs."""

import base64
import io

import numpy as np
from numpy.typing import NDArray

from backhand.train.memory import Array

_NEGATIVE, _ZERO, _POSITIVE = np.array([33, 102, 172.0]), np.array([247, 247, 247.0]), np.array([178, 24, 43.0])


def grey(image: Array, low: float, high: float) -> str:
    """An image (H, W) with `low` black and `high` white."""
    scaled = (np.asarray(image, np.float64) - low) / ((high - low) or 1)
    return data_uri((255 * np.clip(scaled, 0, 1)).round().astype(np.uint8))


def signed(image: Array) -> str:
    """An image (H, W) of weights: red is positive, blue negative, white 0; the largest weight has the full colour."""
    image = np.asarray(image, np.float64)
    share = (image / (np.abs(image).max() or 1))[..., None]
    colour = _ZERO + np.where(share > 0, share * (_POSITIVE - _ZERO), -share * (_NEGATIVE - _ZERO))
    return data_uri(colour.round().astype(np.uint8))


def data_uri(pixels: NDArray[np.uint8]) -> str:
    """A PNG of pixels (H, W) or (H, W, 3) as the text of an ``src`` attribute.

    >>> data_uri(np.zeros((2, 2), np.uint8))[:22]
    'data:image/png;base64,'
    """
    from PIL import Image

    png = io.BytesIO()
    Image.fromarray(pixels).save(png, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")
