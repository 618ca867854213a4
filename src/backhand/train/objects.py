"""Looking into objects that somebody else wrote: their attributes and slots, without calling any of their code."""

import re
import types
from pathlib import PurePath
from typing import Any

import numpy as np

_CODE = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.MethodDescriptorType,
    np.ufunc,
    property,
    staticmethod,
    classmethod,
)
_FROZEN = (range, slice, types.EllipsisType, types.NotImplementedType, types.GenericAlias)
_FROZEN_BY_CLASS = (np.dtype, PurePath, re.Pattern)


def constant_name(value: object) -> str | None:
    """A name for what never changes: code by its name, frozen values by their repr; None for anything else.

    >>> constant_name(np.tanh), constant_name(range(3)), constant_name([])
    ('numpy tanh', 'range(0, 3)', None)
    """
    if isinstance(value, _CODE):
        module = getattr(value, "__module__", None) or type(value).__module__
        return f"{module} {getattr(value, '__qualname__', getattr(value, '__name__', type(value).__name__))}"
    if isinstance(value, _FROZEN_BY_CLASS) or type(value) in _FROZEN:
        return repr(value)
    return None


def has_attributes(value: object) -> bool:
    """Whether `value` keeps attributes in a ``__dict__`` or in slots."""
    return hasattr(value, "__dict__") or any("__slots__" in vars(cls) for cls in type(value).__mro__)


def attributes(value: object) -> dict[str, Any]:
    """The instance's own attributes and filled slots; no property is called.

    >>> class Layer:
    ...     __slots__ = ("W", "dW")
    >>> layer = Layer()
    >>> layer.W = 3
    >>> attributes(layer)
    {'W': 3}
    """
    found = dict(getattr(value, "__dict__", {}))
    for name, descriptor in _slots(value).items():
        try:
            found[name] = descriptor.__get__(value)
        except AttributeError:  # an empty slot
            continue
    return found


def set_attribute(value: object, name: str, new: Any) -> None:
    """Store an attribute, past a ``__setattr__`` that may refuse (frozen dataclasses) or do more than store."""
    slot = _slots(value).get(name)
    if slot is None:
        vars(value)[name] = new
    else:
        slot.__set__(value, new)


def delete_attribute(value: object, name: str) -> None:
    """Remove an attribute."""
    slot = _slots(value).get(name)
    if slot is None:
        del vars(value)[name]
    else:
        slot.__delete__(value)


def _slots(value: object) -> dict[str, Any]:
    """The slots of all base classes: private names come mangled, as the class's own dict has them."""
    found: dict[str, Any] = {}
    for cls in reversed(type(value).__mro__):
        if "__slots__" in vars(cls):
            found |= {n: d for n, d in vars(cls).items() if isinstance(d, types.MemberDescriptorType)}
    return found
