"""Which of forward's arguments can be differentiated by, and which are labels, flags and sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.checking.adapters.naming import role_of
from backhand.checking.adapters.places import Path, leaves
from backhand.checking.adapters.plan import arguments
from backhand.checking.subject import Array

__all__ = ["Inputs", "sort_inputs"]


@dataclass
class Inputs:
    """Forward's arguments.

    Attributes:
        order: their names.
        values: those that hold real numbers.
        constants: the others.
        scalars: the names of values that are Python numbers.
        inside: of each array inside of a dict or list, the argument and the way to it.
    """

    order: tuple[str, ...] = ()
    values: dict[str, Array] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    scalars: frozenset[str] = frozenset()
    inside: dict[str, tuple[str, Path]] = field(default_factory=dict)


def sort_inputs(forward: Callable[..., Any], given: Sequence[Any]) -> Inputs:
    """Sort what forward is given. A missing training flag is True.

    Float arrays and floats can be differentiated by, and integers where all arguments are plain numbers. Other integers
    are labels, indices and sizes. A dict or list of float arrays holds weights, unless its name says settings
    (``bn_param``).
    """
    parameters = arguments(forward)
    names = [p.name for p in parameters][: len(given)]
    names += [f"x{number}" for number in range(len(names), len(given))]
    found = Inputs(tuple(names))
    scalars = set()
    for place, (name, value) in enumerate(zip(names, given, strict=True)):
        if isinstance(value, float | np.floating) or (type(value) is int and _counts(name, place, given)):
            found.values[name] = np.asarray(float(value))
            scalars.add(name)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            found.values[name] = np.array(value, dtype=np.float64)
        elif (isinstance(value, dict | list | tuple) and "param" not in name.rstrip("s")) or name == "params":
            _inside(found, name, value)
        else:
            found.constants[name] = value
    for parameter in parameters[len(given) :]:
        if parameter.default is parameter.empty and role_of(parameter.name) == "flag":
            found.order += (parameter.name,)
            found.constants[parameter.name] = "train" if parameter.name in ("mode", "phase") else True
    found.scalars = frozenset(scalars)
    return found


def _counts(name: str, place: int, given: Sequence[Any]) -> bool:
    """Is a Python integer a quantity (100 won, 2 apples), not a size or an axis: all arguments are plain numbers."""
    return all(type(value) in (int, float) for value in given) and name not in (
        "axis",
        "n",
        "N",
        "size",
        "stride",
        "pad",
    )


def _inside(found: Inputs, name: str, value: Any) -> None:
    """The arrays inside of an argument, under the names of their keys."""
    if isinstance(value, list) and value and all(isinstance(item, float | int) for item in value):
        found.values[name] = np.array(value, dtype=np.float64)
        return
    found.constants[name] = value
    for path, array in leaves(value):
        if isinstance(array, np.ndarray) and array.dtype.kind == "f":
            key = str(path[-1][1]) if isinstance(path[-1][1], str) else f"{name}[{path[-1][1]}]"
            key = key if key not in found.values else f"{name}.{key}"
            found.values[key] = np.array(array, dtype=np.float64)
            found.inside[key] = (name, path)
