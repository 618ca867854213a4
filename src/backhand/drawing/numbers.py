"""How a value looks in a figure: a number, a small table, or a heat map, and how much room that takes."""

from __future__ import annotations

import base64
import io
import math
import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Picture", "heat_map", "number", "picture", "shape_text", "text_width"]

TABLE_ROWS, TABLE_COLUMNS = 3, 4
"""An array of at most this many rows and columns stands on an edge as numbers; a larger one is a heat map."""

HEAT_CELLS = 64
"""A heat map has at most this many cells in each direction; a larger array is thinned out evenly."""

_POSITIVE, _NEGATIVE, _NOT_FINITE = (217, 95, 2), (31, 120, 180), (200, 0, 200)


def number(value: Any, digits: int = 4) -> str:
    """A number with few digits and a true minus sign.

    >>> number(220.00000000000003), number(-0.5), number(650), number(True), number(1.5e-9)
    ('220', '−0.5', '650', 'True', '1.5e−9')
    """
    if isinstance(value, bool | np.bool):
        return str(bool(value))
    if isinstance(value, complex | np.complexfloating):
        return f"{number(value.real, digits)}{'' if value.imag < 0 else '+'}{number(value.imag, digits)}i"
    if isinstance(value, int | np.integer) and abs(int(value)) < 10**6:
        return str(int(value)).replace("-", "−")
    real = _as_float(value) + 0.0  # -0.0 becomes 0.0
    if not math.isfinite(real):
        return str(real).replace("-", "−").replace("inf", "∞")
    text = f"{real:.{digits}g}"
    if "e" in text:
        if 1e3 <= abs(real) < 1e6:
            text = f"{real:.0f}"
        else:
            mantissa, exponent = text.split("e")
            text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an int with more than 308 digits
        return math.inf if value > 0 else -math.inf


def shape_text(shape: tuple[int, ...]) -> str:
    """A shape as the notes write it.

    >>> shape_text((3,)), shape_text((2, 3))
    ('(3,)', '(2, 3)')
    """
    return str(tuple(int(n) for n in shape))


def text_width(text: str, size: float) -> float:
    """Width in px of monospaced text: 0.61 em a letter, twice that for Hangul and other wide letters."""
    letters = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text if not unicodedata.combining(c))
    return letters * size * 0.61


@dataclass(frozen=True, slots=True)
class Picture:
    """How one value stands on an edge: rows of numbers, or a heat map, under a line with the shape.

    ``rows`` is empty for a heat map, ``heat`` is empty for numbers, ``caption`` is empty for a single number.
    ``text`` says the same in words.
    """

    caption: str
    rows: tuple[tuple[str, ...], ...]
    heat: str
    heat_size: tuple[float, float]
    text: str


def picture(value: Any) -> Picture:
    """The picture of an array or number."""
    if np.ndim(value) == 0:
        shown = number(value if not isinstance(value, np.ndarray) else value[()])
        return Picture("", ((shown,),), "", (0, 0), shown)
    array = np.asarray(value)
    caption = shape_text(array.shape)
    if array.size == 0:
        return Picture(caption, (), "", (0, 0), f"empty array of shape {caption}")
    flat = array.reshape(-1, array.shape[-1])
    if array.ndim <= 2 and flat.shape[0] <= TABLE_ROWS and flat.shape[1] <= TABLE_COLUMNS:
        rows = tuple(tuple(number(cell, 3) for cell in row) for row in flat)
        return Picture(caption, rows, "", (0, 0), _table_text(caption, rows))
    height, width = flat.shape
    scale = max(1.0, height / 36, width / 64)
    size = (max(10.0, min(64.0, width / scale * _zoom(flat))), max(8.0, min(36.0, height / scale * _zoom(flat))))
    return Picture(caption, (), heat_map(array), size, f"array of shape {caption}, {spread(array)}")


def _zoom(flat: np.ndarray[Any, Any]) -> float:
    height, width = flat.shape
    return float(max(1.0, min(36 / height, 64 / width)))


def _table_text(caption: str, rows: tuple[tuple[str, ...], ...]) -> str:
    return f"array of shape {caption}: " + "; ".join(" ".join(row) for row in rows)


def spread(array: np.ndarray[Any, Any]) -> str:
    """The range of an array's values, in words."""
    if array.dtype.kind == "b":
        return f"{int(array.sum())} of {array.size} true"
    if array.dtype.kind == "c":
        array = np.abs(array)
    finite = array[np.isfinite(array)]
    if finite.size == 0:
        return "no finite value"
    text = f"{number(finite.min(), 3)} to {number(finite.max(), 3)}, mean {number(finite.mean(dtype=float), 3)}"
    return text if finite.size == array.size else f"{text}, {array.size - finite.size} not finite"


def heat_map(array: np.ndarray[Any, Any]) -> str:
    """A heat map of an array as a ``data:`` URL of a PNG: rows down, last axis across.

    Positive values are orange, negative blue, the stronger the farther from zero, and zero is transparent, so that it
    reads on light and dark ground; NaN and infinity are magenta.
    """
    from PIL import Image

    flat = array.reshape(-1, array.shape[-1])
    flat = flat[_even(flat.shape[0])][:, _even(flat.shape[1])]
    values = np.abs(flat) if flat.dtype.kind == "c" else flat.astype(float)
    finite = np.isfinite(values)
    peak = float(np.abs(values[finite]).max(initial=0.0)) or 1.0
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where((values > 0)[..., None], _POSITIVE, _NEGATIVE)
    strength = np.abs(np.where(finite, values, 0.0)) / peak
    pixels[..., 3] = np.round(255 * np.where(strength > 0, 0.06 + 0.94 * strength, 0))
    pixels[~finite] = (*_NOT_FINITE, 255)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode("ascii")


def _even(count: int) -> np.ndarray[Any, Any]:
    return np.linspace(0, count - 1, min(count, HEAT_CELLS)).round().astype(int)
