"""Functions of home-made frameworks, whose arrays are wrapped: DeZero's Variable, needle's Tensor."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

__all__ = ["class_of", "wrap"]

_NAMES = ("Variable", "Tensor")


def class_of(thing: Any) -> type | None:
    """The project's own Variable or Tensor: a class of that name that the thing's module, or its base's, knows."""
    for base in type(thing).__mro__:
        module = sys.modules.get(base.__module__)
        for name in _NAMES:
            found = getattr(module, name, None)
            if isinstance(found, type):
                return found
    return None


def wrap(thing: Any, value: Any) -> Any:
    """The value as the project's Tensor."""
    kind = class_of(thing)
    return value if kind is None else kind(np.asarray(value))
