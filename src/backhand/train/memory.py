"""Arrays as what they are in memory: an owner's bytes, and a view of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Bytes = NDArray[np.uint8]


def is_array(value: object) -> bool:
    """Whether `value` is an array of plain values: no subclass with a mind of its own, no Python objects in it."""
    return type(value) in (np.ndarray, np.memmap) and value.dtype.kind in "biufcSUmM"  # type: ignore[attr-defined]


def owner(array: Array) -> Array:
    """The array whose memory `array` is a view of: itself, if it is none.

    >>> W = np.zeros((2, 3))
    >>> owner(W.T[1:]) is W
    True
    """
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def flat(array: Array) -> Bytes | None:
    """The memory of an owner as flat bytes, as a view, whatever the order of its axes; None if it has gaps.

    >>> flat(np.array([[1, 2], [3, 4]], np.uint8).T)
    array([1, 2, 3, 4], dtype=uint8)
    """
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    dense = array.transpose(order)
    if not dense.flags.c_contiguous:
        return None
    return dense.view(np.ndarray).reshape(-1).view(np.uint8) if array.size else np.empty(0, np.uint8)


def geometry(array: Array) -> dict[str, Any]:
    """How `array` lies in its owner's memory: dtype, shape, strides and offset, in bytes."""
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "strides": list(array.strides),
        "offset": array.ctypes.data - owner(array).ctypes.data if array.size else 0,
    }


def view(memory: Bytes, node: dict[str, Any]) -> Array:
    """The array of this geometry in flat bytes: the way back from ``geometry``.

    >>> W = np.arange(6.0).reshape(2, 3)
    >>> view(flat(W), geometry(W.T[1:]))
    array([[1., 4.],
           [2., 5.]])
    """
    if np.dtype(node["dtype"]).hasobject:  # bytes taken for addresses of objects
        raise ValueError(f"a snapshot holds no arrays of {node['dtype']}")
    if not memory.size:
        return np.empty(node["shape"], node["dtype"])
    return np.ndarray(node["shape"], node["dtype"], memory, node["offset"], node["strides"])
