"""Which arrays share memory, and copies that share it in the same way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from backhand.graph.ops.index import copy_like
from backhand.graph.tracing.lift import World
from backhand.graph.untyped import np

__all__ = ["bounds", "copies", "overlaps", "owner", "share", "sharing"]


def copies(world: World) -> Callable[[str, Any], Any]:
    """A function that copies each array once, with its memory layout, so that views of one memory stay views of it."""
    arrays = {id(v): v for _, v, _ in world.leaves if isinstance(v, np.ndarray)}
    made: dict[int, Any] = {}
    for group in overlaps(list(arrays.values())):
        if len(group) == 1:
            made[id(group[0])] = _lock(copy_like(group[0]), group[0])
            continue
        low = min(bounds(a)[0] for a in group)
        memory = bytearray(max(bounds(a)[1] for a in group) - low)
        for a in group:
            offset = a.__array_interface__["data"][0] - low
            twin: Any = np.ndarray(a.shape, a.dtype, memory, offset, a.strides)
            twin[...] = a
            made[id(a)] = twin
    streams: dict[int, Any] = {}

    def make(path: str, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return made.get(id(value), value)
        if isinstance(value, np.random.Generator | np.random.RandomState):
            return streams.setdefault(id(value), copy.deepcopy(value))
        return value

    return make


def _lock(twin: Any, a: Any) -> Any:
    if not a.flags.writeable:
        twin.flags.writeable = False
    return twin


def bounds(a: Any) -> tuple[int, int]:
    """The first byte of an array's memory and the one after its last."""
    low: int = a.__array_interface__["data"][0]
    if a.size == 0:
        return low, low
    steps = [(n - 1) * s for n, s in zip(a.shape, a.strides, strict=True)]
    return low + sum(s for s in steps if s < 0), low + sum(s for s in steps if s > 0) + a.itemsize


def owner(a: Any) -> Any:
    """The object that holds an array's memory."""
    while isinstance(a, np.ndarray) and a.base is not None:
        a = a.base
    return a.obj if isinstance(a, memoryview) else a


def overlaps(arrays: list[Any]) -> list[list[Any]]:
    """The arrays in groups whose memory may overlap, by their byte bounds."""
    groups: list[list[Any]] = []
    end = -1
    for a in sorted(arrays, key=bounds):
        low, high = bounds(a)
        if groups and low < end:
            groups[-1].append(a)
        else:
            groups.append([a])
        end = max(end, high)
    return groups


def sharing(arrays: dict[str, Any]) -> list[Any]:
    """Which of the arrays, given by path, lie in one piece of memory, and where in it: the same for the same layout."""
    unique = {id(a): (path, a) for path, a in reversed(arrays.items()) if isinstance(a, np.ndarray)}
    found = []
    for group in overlaps([a for _, a in unique.values()]):
        if len(group) > 1:
            low = bounds(group[0])[0]
            found.append(sorted((unique[id(a)][0], bounds(a)[0] - low, a.strides) for a in group))
    return sorted(found)


def share(a: Any, b: Any) -> bool:
    """Do two arrays share a byte? Yes, if that is too hard to say."""
    try:
        return bool(np.shares_memory(a, b, max_work=100_000))
    except np.exceptions.TooHardError:
        return True
