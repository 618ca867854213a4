"""Which elements a key of indices means: ``x[key]``, ``x[key] = v``, ``np.add.at(x, key, v)``, ``np.take``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from backhand.graph import Node
from backhand.graph.ops.index import Slice, Slot

__all__ = ["Part", "Selection", "selection"]


class Part(NamedTuple):
    """Where along one axis of the array: at ``start + step * (the result's axis)``, or where an index array says.

    ``axis`` is the result's axis that a slice runs along, None for a fixed place. ``slot`` is the number of the index
    array, whose axes are the result's axes ``axes``.
    """

    start: int = 0
    step: int = 0
    axis: int | None = None
    slot: int | None = None
    axes: tuple[int, ...] = ()


class Selection(NamedTuple):
    """The shape of what a key selects, and for each axis of the array where its elements stand."""

    shape: tuple[int, ...]
    parts: tuple[Part, ...]


def selection(node: Node, sources: Sequence[Node]) -> Selection | None:
    """What the key of a ``getitem``, ``put``, ``add_at`` or ``take`` selects; None if it is left to NumPy."""
    x = sources[0]
    if node.op == "take":
        axis = node.param("axis")
        if node.param("mode", "raise") != "raise" or (axis is None and len(x.shape) != 1) or sources[1].weak:
            return None
        key = (Slice(None, None, None),) * ((axis or 0) % len(x.shape)) + (Slot(0, False),)
        arrays = sources[1:]
    else:
        key = node.param("key")
        arrays = sources[1:] if node.op == "getitem" else sources[2:]
    if any(isinstance(item, Slot) and item.mask for item in key):
        return None
    if any(a.dtype.kind not in "iu" or a.dtype.char in "LQ" or a.weak for a in arrays):
        return None
    return _selection(_whole(key, len(x.shape)), x.shape, [a.shape for a in arrays])


def _whole(key: tuple[object, ...], ndim: int) -> list[object]:
    """The key with ... and what is missing at its end written out."""
    items: list[object] = []
    missing = ndim - sum(1 for item in key if item is not None and item is not Ellipsis)
    fill = [Slice(None, None, None)] * missing
    for item in key:
        items += fill if item is Ellipsis else [item]
    return items if Ellipsis in key else items + fill


def _selection(key: list[object], shape: tuple[int, ...], arrays: list[tuple[int, ...]]) -> Selection:
    advanced = any(isinstance(item, Slot) for item in key)
    places = [n for n, item in enumerate(key) if isinstance(item, Slot) or (advanced and isinstance(item, int))]
    common = np.broadcast_shapes(*arrays) if advanced else ()
    together = advanced and places == list(range(places[0], places[-1] + 1))
    made: list[int] = [] if together or not advanced else list(common)
    first = 0
    parts: list[Part] = []
    slots: list[int] = []
    axis = 0
    for number, item in enumerate(key):
        if together and number == places[0]:
            first = len(made)
            made += common
        if item is None:
            made.append(1)
            continue
        if isinstance(item, Slice):
            start, stop, step = slice(item.start, item.stop, item.step).indices(shape[axis])
            parts.append(Part(start, step, len(made)))
            made.append(len(range(start, stop, step)))
        elif isinstance(item, Slot):
            slots.append(len(parts))
            parts.append(Part(slot=item.number))
        else:
            assert isinstance(item, int)
            parts.append(Part(item % shape[axis]))
        axis += 1
    for place in slots:
        own = arrays[parts[place].slot or 0]
        axes = tuple(first + len(common) - len(own) + n for n in range(len(own)))
        parts[place] = Part(slot=parts[place].slot, axes=axes)
    return Selection(tuple(made), tuple(parts))
