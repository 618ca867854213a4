"""How the arguments and results of a call are taken apart into arrays and numbers, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.errors import GraphError

__all__ = ["Structure", "flatten", "unflatten"]


@dataclass(frozen=True, slots=True)
class Structure:
    """The shape of a nest of tuples, lists and dicts.

    ``kind`` is ``"leaf"`` (an array or number), ``"tuple"``, ``"list"``, ``"dict"``, or ``"static"`` for anything
    else: None, True, a string, an object. ``value`` holds a dict's keys, a named tuple's class, or the static value.
    """

    kind: str
    children: tuple[Structure, ...] = ()
    value: Any = None

    @property
    def leaves(self) -> int:
        """How many arrays and numbers it holds."""
        return sum(1 for _ in _walk(self) if _.kind == "leaf")


LEAF = Structure("leaf")


def _walk(structure: Structure) -> Iterator[Structure]:
    stack = [structure]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(reversed(item.children))


def is_number(value: object) -> bool:
    """True for what becomes a node: a real array, a NumPy scalar, an int or a float; not for a bool or a string."""
    return type(value) in (int, float, complex) or isinstance(value, np.ndarray | np.number | np.bool)


def flatten(
    value: Any, is_leaf: Callable[[object], bool] = is_number, path: str = ""
) -> tuple[Structure, list[Any], list[str]]:
    """Take a nest apart: its structure, its leaves in order, and for each leaf where it was: ``['W1']``, ``[0]``."""
    if is_leaf(value):
        return LEAF, [value], [path]
    if isinstance(value, dict) and all(isinstance(key, str | int) for key in value):
        items, keys = list(value.values()), tuple(value)
        parts = [flatten(item, is_leaf, f"{path}[{key!r}]") for key, item in zip(keys, items, strict=True)]
        kind, extra = "dict", (keys, type(value))
    elif isinstance(value, tuple | list):
        parts = [flatten(item, is_leaf, f"{path}[{index}]") for index, item in enumerate(value)]
        kind = "tuple" if isinstance(value, tuple) else "list"
        extra = type(value)  # type: ignore[assignment]
    else:
        return Structure("static", (), value), [], []
    leaves = [leaf for part in parts for leaf in part[1]]
    paths = [text for part in parts for text in part[2]]
    return Structure(kind, tuple(part[0] for part in parts), extra), leaves, paths


def unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    """Put a nest together from its leaves in order."""
    if structure.kind == "leaf":
        return next(leaves)
    if structure.kind == "static":
        return structure.value
    children = [unflatten(child, leaves) for child in structure.children]
    if structure.kind == "dict":
        keys, cls = structure.value
        made = dict(zip(keys, children, strict=True))
        return made if cls is dict else _rebuild(cls, made)
    cls = structure.value
    if cls in (list, tuple):
        return cls(children)
    return cls(*children) if hasattr(cls, "_fields") else cls(children)


def _rebuild(cls: type, made: dict[Any, Any]) -> Any:
    try:
        return cls(made)
    except TypeError:  # a defaultdict takes its factory first; a plain dict holds the same values
        return made


def match(structure: Structure, value: Any, what: str) -> list[Any]:
    """The leaves of another nest that must have this structure.

    Raises:
        GraphError: it has not.
    """
    if structure.kind == "leaf":
        return [value]
    if structure.kind == "static":
        same = value is structure.value
        if not same and isinstance(value, str | bool | bytes | type(None)):
            same = type(value) is type(structure.value) and value == structure.value
        if not same and not isinstance(structure.value, str | bool | bytes | type(None)):
            same = type(value) is type(structure.value)  # an object: its arrays are state, taken from the graph
        if not same:
            raise GraphError(f"{what} is {value!r}; the graph was traced for {structure.value!r}: trace it again")
        return []
    if structure.kind == "dict":
        keys = structure.value[0]
        if not isinstance(value, dict) or set(value) != set(keys):
            raise GraphError(f"{what} must be a dict with the keys {list(keys)}")
        items = [value[key] for key in keys]
        names = [f"{what}[{key!r}]" for key in keys]
    else:
        if not isinstance(value, tuple | list) or len(value) != len(structure.children):
            raise GraphError(f"{what} must be a {structure.kind} of {len(structure.children)} items")
        items = list(value)
        names = [f"{what}[{index}]" for index in range(len(items))]
    found: list[Any] = []
    for child, item, name in zip(structure.children, items, names, strict=True):
        found += match(child, item, name)
    return found
