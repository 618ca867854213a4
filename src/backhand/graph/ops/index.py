"""The op table, reading and writing by index. A static key is hashable: slices and array places have stand-ins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from backhand.graph.ops.row import Op
from backhand.graph.untyped import np

__all__ = ["ROWS", "Slice", "Slot", "copy_like", "is_basic", "unpack"]


class Slice(NamedTuple):
    """A slice in a static key (Python's own has no hash before 3.12)."""

    start: Any
    stop: Any
    step: Any


class Slot(NamedTuple):
    """The place of an index array in a static key: the op's ``number``-th array input; ``mask`` if it is boolean."""

    number: int
    mask: bool


def unpack(key: tuple[Any, ...], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The key as NumPy takes it."""
    items: list[Any] = []
    for item in key:
        if isinstance(item, Slice):
            items.append(slice(item.start, item.stop, item.step))
        elif isinstance(item, Slot):
            items.append(arrays[item.number])
        else:
            items.append(item)
    return tuple(items)


def is_basic(key: tuple[Any, ...]) -> bool:
    """True for a key of integers, slices, None and … alone, for which NumPy gives a view."""
    return not any(isinstance(item, Slot) for item in key)


def copy_like(x: Any) -> Any:
    """A writable copy with the same strides, gaps included, so that later views and products see the same layout."""
    copied = np.array(x, order="K")
    if copied.strides == x.strides or x.size == 0 or any(s <= 0 for s in x.strides):
        return copied
    extent = sum((n - 1) * s for n, s in zip(x.shape, x.strides, strict=True)) + x.itemsize
    spaced: Any = np.ndarray(x.shape, x.dtype, bytearray(extent), 0, x.strides)
    spaced[...] = x
    return spaced


def _getitem(x: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    return x[unpack(key, arrays)]


def _getitem_rule(i: int, g: Any, y: Any, x: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    """g at the places read, added up where one was read twice, 0 elsewhere"""
    dx = np.zeros_like(x)
    if is_basic(key):
        dx[unpack(key, arrays)] = g
    else:
        np.add.at(dx, unpack(key, arrays), g)
    return dx


def _put(x: Any, value: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    made = copy_like(x)
    made[unpack(key, arrays)] = value
    return made


def _put_rule(i: int, g: Any, y: Any, x: Any, value: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    """for x: g, but 0 at the places written; for the value: g at those places"""
    place = unpack(key, arrays)
    if i == 0:
        dx = np.copy(g)
        dx[place] = 0
        return dx
    dv = g[place]
    if any(isinstance(item, Slot) and not item.mask for item in key):
        # A place named twice keeps what was written last: only that one has a gradient.
        turn = np.arange(dv.size).reshape(dv.shape)
        last = np.zeros_like(x, dtype=np.int64)
        last[place] = turn
        return np.where(last[place] == turn, dv, 0)
    return dv


def _put_mask(x: Any, mask: Any, value: Any) -> Any:
    made = copy_like(x)
    np.copyto(made, value, where=mask, casting="unsafe")
    return made


def _add_at(x: Any, value: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    made = copy_like(x)
    np.add.at(made, unpack(key, arrays), value)
    return made


def _add_at_rule(i: int, g: Any, y: Any, x: Any, value: Any, *arrays: Any, key: tuple[Any, ...]) -> Any:
    """for x: g; for the value: g at those places"""
    return g if i == 0 else g[unpack(key, arrays)]


def _take(x: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    return np.take(x, indices, axis=axis, mode=mode)


def _take_rule(g: Any, y: Any, x: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Any:
    """g, added up at the places read"""
    if axis is None:
        flat = np.zeros_like(np.reshape(x, (-1,)))
        np.add.at(flat, (indices,), g)
        return np.reshape(flat, x.shape)
    dx = np.zeros_like(x)
    np.add.at(dx, (slice(None),) * (axis % x.ndim) + (indices,), g)
    return dx


def _unravel(index: Any, shape: tuple[int, ...], axis: int, order: str = "C") -> Any:
    return np.unravel_index(index, shape, order)[axis]


ROWS = (
    Op("getitem", _getitem, (), _getitem_rule, "[ ]", view=True, onnx="Gather"),
    Op("put", _put, (), _put_rule, "[ ]="),
    Op(
        "put_mask",
        _put_mask,
        (
            lambda g, y, x, mask, value: np.where(mask, 0, g),
            None,
            lambda g, y, x, mask, value: np.where(mask, g, 0),
        ),
        None,
        "[mask]=",
    ),
    Op("add_at", _add_at, (), _add_at_rule, "[ ]+="),
    Op("take", _take, (_take_rule,), None, "take", onnx="Gather"),
    Op("unravel_index", _unravel, (), None, "unravel"),
)
