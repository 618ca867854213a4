"""Static keys of integers, slices, None and …: what they reach, written out axis by axis."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

from backhand.graph.ops.index import Slice

__all__ = ["Places", "Run", "compose", "covers_all", "disjoint", "expand", "pace", "reaches_all", "run_of", "to_key"]

Places = tuple["int | range | None", ...]
"""A key written out: for each axis of the array the place or the range of places, and None for each new axis."""


def expand(key: tuple[Any, ...], shape: tuple[int, ...]) -> Places:
    """A basic key as :data:`Places`: no …, no missing axis, nothing counted from the end."""
    given = sum(1 for item in key if item is not None and item is not Ellipsis)
    spare = (Slice(None, None, None),) * (len(shape) - given)
    at = key.index(Ellipsis) if any(item is Ellipsis for item in key) else len(key)
    items = (*key[:at], *spare, *key[at + 1 :])
    places: list[int | range | None] = []
    axes = iter(shape)
    for item in items:
        if item is None:
            places.append(None)
        elif isinstance(item, Slice):
            n = next(axes)
            places.append(range(n)[slice(*item)] or range(0))
        else:
            places.append(range(next(axes))[item])
    return tuple(places)


def to_key(places: Places, shape: tuple[int, ...]) -> tuple[Any, ...]:
    """The shortest key that says the same: whole axes are ``:``, and left out at the end."""
    axes = iter(shape)
    key: list[Any] = []
    for place in places:
        if place is None:
            key.append(None)
            continue
        n = next(axes)
        if isinstance(place, range):
            stop = place.stop if place.stop >= 0 else None
            key.append(Slice(None, None, None) if place == range(n) else Slice(place.start, stop, place.step))
        else:
            key.append(place)
    while key and key[-1] == Slice(None, None, None):
        key.pop()
    return tuple(key)


def covers_all(key: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    """Does the key read the whole array as it is?"""
    return expand(key, shape) == tuple(range(n) for n in shape)


def reaches_all(places: Places, shape: tuple[int, ...]) -> bool:
    """Does it reach every element, in order, so that only the shape may be another?"""
    own = [place for place in places if place is not None]
    return all(place == range(n) or (place == 0 and n == 1) for place, n in zip(own, shape, strict=True))


def disjoint(one: Places, two: Places) -> bool:
    """Do two keys surely reach no common element: along some axis, no common place?"""
    a = [place for place in one if place is not None]
    b = [place for place in two if place is not None]
    return any(_apart(p, q) for p, q in zip(a, b, strict=True))


def _apart(p: int | range, q: int | range) -> bool:
    if isinstance(p, int):
        return p != q if isinstance(q, int) else p not in q
    if isinstance(q, int):
        return q not in p
    if not p or not q:
        return True
    return max(p) < min(q) or max(q) < min(p) or (p.step == q.step and (p.start - q.start) % p.step != 0)


def compose(first: Places, then: Places) -> Places | None:
    """One key for reading by ``first`` and then, of what that gave, by ``then``; None if there is none."""
    made: list[int | range | None] = []
    outer = list(then)
    for place in first:
        if isinstance(place, int):
            made.append(place)
            continue
        while outer and outer[0] is None:
            made.append(outer.pop(0))
        item = outer.pop(0)
        if place is not None:
            assert item is not None
            made.append(place[item] if isinstance(item, int) else _within(place, item))
        elif item == range(1):
            made.append(None)
        elif item != 0:
            return None
    return (*made, *outer)


def _within(place: range, item: range) -> range:
    """The places of ``place`` at the positions ``item``."""
    if not item:
        return range(0)
    start, step = place[item[0]], place.step * item.step
    return range(start, start + len(item) * step, step)


class Run(NamedTuple):
    """Keys that are the same but for the item number ``item``, which begins with ``first`` and moves on by ``step``.

    ``turns`` is how many keys there are.
    """

    item: int
    first: int | range
    step: int
    turns: int

    def key(self, one: Places, places: range) -> Places:
        """One of the keys with other places for the item that moves."""
        return (*one[: self.item], places, *one[self.item + 1 :])


def pace(one: Places, two: Places) -> tuple[int, int] | None:
    """Which item of a key moves on to the next key, and by how much; None if it is not just one, or not as it is."""
    if len(one) != len(two):
        return None
    moved = [i for i, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    if len(moved) != 1:
        return None
    a, b = one[moved[0]], two[moved[0]]
    if isinstance(a, int) and isinstance(b, int):
        return moved[0], b - a
    if not isinstance(a, range) or not isinstance(b, range) or not a or len(a) != len(b):
        return None
    return (moved[0], b.start - a.start) if a.step == b.step or len(a) == 1 else None


def run_of(keys: Sequence[Places]) -> Run | None:
    """Two or more keys of which one item moves on at an even pace."""
    steps = [pace(one, two) for one, two in itertools.pairwise(keys)]
    if not steps or steps[0] is None or any(step != steps[0] for step in steps):
        return None
    item, step = steps[0]
    first = keys[0][item]
    assert first is not None
    return Run(item, first, step, len(keys))
