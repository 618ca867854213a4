"""The arrays and numbers that an object holds, and the way to each: to read it, and to put another in its place."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator, MutableMapping, MutableSequence
from typing import Any

import numpy as np

__all__ = ["Leaf", "Path", "get", "inside", "leaves", "put", "spelled"]

Step = tuple[str, Any]
Path = tuple[Step, ...]
"""``(("attr", "params"), ("item", "W1"))`` is ``thing.params["W1"]``."""
Leaf = tuple[Path, Any]

_LIBRARY = frozenset(sys.stdlib_module_names) | {"numpy", "builtins", "torch", "jax", "pytest", "matplotlib"}
_HEAP_TYPE = 1 << 9  # set for every class that is made in Python
_LIMIT = 20_000  # holders looked at: a layer that holds a data set of objects is not walked to its end


def leaves(thing: Any) -> list[Leaf]:
    """Every float, integer and array that can be reached through attributes, dicts, lists and tuples, nearest first.

    An array in two places is listed twice.
    """
    found: list[Leaf] = []
    seen: dict[int, Any] = {}
    queue: deque[tuple[Path, Any]] = deque([((), thing)])
    while queue and len(seen) < _LIMIT:
        path, value = queue.popleft()
        if isinstance(value, np.ndarray | np.floating) or type(value) in (float, int):
            found.append((path, value))
        elif id(value) not in seen:
            seen[id(value)] = value
            queue.extend(((*path, step), item) for step, item in inside(value))
    return found


def inside(value: Any) -> Iterator[tuple[Step, Any]]:
    """One step further: the attributes of an object, the items of a dict, list or tuple; nothing of a library's."""
    if isinstance(value, dict):
        yield from ((("item", key), item) for key, item in value.items())
    elif isinstance(value, list | tuple | deque):
        yield from ((("item", index), item) for index, item in enumerate(value))
    if not _is_library(value):
        yield from ((("attr", name), item) for name, item in list(getattr(value, "__dict__", {}).items()))
        for slot in _slots(type(value)):
            if hasattr(value, slot):
                yield ("attr", slot), getattr(value, slot)


def _is_library(value: Any) -> bool:
    if isinstance(value, type):
        return True
    module = str(type(value).__module__).partition(".")[0]
    # Code that is run by exec has no module of its own: its classes claim to be built in.
    return module in _LIBRARY and not (module == "builtins" and type(value).__flags__ & _HEAP_TYPE)


def _slots(kind: type) -> Iterator[str]:
    for base in kind.__mro__:
        slots = base.__dict__.get("__slots__", ())
        yield from ((slots,) if isinstance(slots, str) else slots)


def get(thing: Any, path: Path) -> Any:
    """What stands at the end of the way; raises LookupError or AttributeError if it isn't there any more."""
    for kind, key in path:
        thing = getattr(thing, key) if kind == "attr" else thing[key]
    return thing


def put(thing: Any, path: Path, value: Any) -> None:
    """Put something in its place; where that can't be (a tuple), write into the array."""
    holder, (kind, key) = get(thing, path[:-1]), path[-1]
    if kind == "attr":
        object.__setattr__(holder, key, value)
    elif isinstance(holder, MutableMapping | MutableSequence):
        holder[key] = value
    else:
        holder[key][...] = value


def spelled(path: Path) -> str:
    """As the user would write it: ``params['W1']``, ``layers[0].W``."""
    text = ""
    for kind, key in path:
        text += f".{key}" if kind == "attr" else f"[{key!r}]"
    return text.removeprefix(".")
