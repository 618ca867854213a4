"""Iterators, and Python's own random streams, that traced code can reach: what it takes from them no graph can hold."""

from __future__ import annotations

import random
import types
from collections.abc import Iterable
from typing import Any

from backhand.errors import TraceError

__all__ = ["Running", "progress", "put_back", "refuse_moved"]

Running = tuple[str, Any, "int | None"]
"""The path of an iterator, itself, and how far it has run."""
LISTED: tuple[Any, ...] = tuple(type(i) for i in (iter([]), iter(()), iter(range(0)), reversed([])))
"""The iterators that can be set back."""


def progress(iterator: Any) -> int | None:
    """How far a generator or iterator has run. None: it doesn't tell."""
    if isinstance(iterator, types.GeneratorType):
        return -2 if iterator.gi_frame is None else iterator.gi_frame.f_lasti
    if isinstance(iterator, LISTED):
        state: Any = iterator.__reduce__()
        return int(state[2]) if len(state) > 2 else -1  # -1: nothing is left
    return None


def refuse_moved(running: Iterable[Running], randoms: Iterable[tuple[str, random.Random, Any]]) -> None:
    """Raise TraceError if one was advanced, or if nobody can tell."""
    for path, iterator, before in running:
        now = progress(iterator)
        if now is None:
            raise TraceError(
                f"{path} is a {type(iterator).__name__}: a graph can't hold what the code takes from an iterator, and "
                "nobody can see whether it does. Take the values outside of the traced code and pass them as "
                "arguments, or keep a list and a place in it"
            )
        if now != before:
            listed = isinstance(iterator, LISTED)
            kind, lost = ("an iterator", "") if listed else ("a generator", ", and tracing has now taken some")
            raise TraceError(
                f"{path} is {kind}, and the code takes values from it: a graph can't hold that{lost}. Take the values "
                "outside of the traced code and pass them as arguments"
            )
    for path, stream, state in randoms:
        if stream.getstate() != state:
            raise TraceError(
                f"the code draws random numbers from {path}, a random.Random: a graph can't hold that. Draw them with "
                "np.random.… in a layer's method, or draw outside and pass them as an argument"
            )


def put_back(running: Iterable[Running], randoms: Iterable[tuple[str, random.Random, Any]]) -> None:
    """Make them what they were, as far as that can be."""
    for _, iterator, before in running:
        if isinstance(iterator, LISTED) and progress(iterator) != before:
            iterator.__setstate__(before)
    for _, stream, state in randoms:
        stream.setstate(state)
