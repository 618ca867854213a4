"""Attributes and methods of traced arrays: ``x.sum(axis=0)``, ``x.T``, ``x.reshape(2, -1)``."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import Tracer, apply, describe, write
from backhand.graph.tracing.functions import HANDLERS
from backhand.graph.untyped import np

__all__ = ["attribute"]

_STATIC = ("shape", "ndim", "size", "dtype", "itemsize", "nbytes", "strides")
_FRESH = ("tolist", "tobytes", "imag", "searchsorted")  # what gives no way to write into a constant
_BY_FUNCTION: dict[str, Any] = {
    name: getattr(np, name)
    for name in (
        "sum", "mean", "max", "min", "argmax", "argmin", "prod", "var", "std", "any", "all", "cumsum", "cumprod",
        "clip", "dot", "trace", "diagonal", "squeeze", "swapaxes", "take", "repeat", "ravel", "argsort", "round",
        "nonzero",
    )
}  # fmt: skip
_INSTEAD = {
    "tolist": "Leave it an array",
    "tobytes": "Leave it an array",
    "flat": "Use .ravel(), .reshape(-1) or indices",
    "view": "Use .astype for another dtype, x[...] for another name",
    "resize": "Use .reshape, or np.concatenate with zeros",
    "imag": "Keep to real arrays",
    "put": "Write x[indices] = values",
    "partition": "Use .sort()",
    "setflags": "Set flags outside of the traced code",
    "setfield": "Write x[...] = values",
    "byteswap": "Do it outside of the traced code",
    "base": "Keep the base under a name of its own",
    "data": "Leave it an array",
    "ctypes": "Leave it an array",
}


def attribute(x: Tracer, name: str) -> Any:
    """What ``x.name`` is.

    Raises:
        AttributeError: an array has no such attribute either.
        TraceError: it has, but a graph can't hold it.
    """
    value = x.value
    if name.startswith("__") or not hasattr(value, name):
        raise AttributeError(f"{type(value).__name__!r} object has no attribute {name!r}")
    if name in _STATIC:
        return getattr(value, name)
    if name == "flags":
        return _Flags(x)
    if not isinstance(value, np.ndarray | np.generic):
        raise x.tape.refuse(f".{name} of {describe(x)} is asked for", "Use arithmetic and NumPy functions on it")
    if name in _BY_FUNCTION:
        return partial(HANDLERS[_BY_FUNCTION[name]], x.tape, x)
    if name in _OWN:
        return partial(_OWN[name], x)
    if name == "T":
        return np.transpose(x)
    if name == "mT":
        return np.swapaxes(x, -1, -2)
    if name in ("real", "conj", "conjugate") and value.dtype.kind != "c":
        return x if name == "real" else (lambda: x)
    if x.const and name in _FRESH:
        return getattr(value, name)
    raise x.tape.refuse(
        f".{name} of {describe(x)} can't be traced", _INSTEAD.get(name, "Use the operations of docs/graph.md")
    )


class _Flags:
    """An array's flags to read: setting one would set it on the user's own array."""

    def __init__(self, x: Tracer) -> None:
        self.__dict__["x"] = x

    def __getattr__(self, name: str) -> Any:
        return getattr(self.x.value.flags, name)

    def __getitem__(self, name: str) -> Any:
        return self.x.value.flags[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise self.x.tape.refuse(f".flags.{name} of {describe(self.x)} is set", "Set it outside of the traced code")

    __setitem__ = __setattr__


def _reshape(x: Tracer, *shape: Any, order: str = "C", copy: Any = None) -> Any:
    return HANDLERS[np.reshape](x.tape, x, shape[0] if len(shape) == 1 else shape, order)


def _transpose(x: Tracer, *axes: Any) -> Any:
    order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
    return HANDLERS[np.transpose](x.tape, x, order or None)


def _copy(x: Tracer, order: str = "C") -> Any:
    if not isinstance(x.value, np.ndarray):
        return x  # a NumPy scalar is immutable
    return apply(x.tape, TABLE["copy"], (x,), () if order == "K" else (("order", order),))


def _flatten(x: Tracer, order: str = "C") -> Any:
    return _reshape(_copy(x, order), -1, order=order)


def _astype(
    x: Tracer, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
) -> Any:
    dtype = np.dtype(dtype)
    if dtype.kind not in "biufc":
        raise x.tape.refuse(f"an array of dtype {dtype} is made of a traced array", "Keep to numbers and booleans")
    if dtype == x.value.dtype:
        return _copy(x, order) if copy else x
    return apply(x.tape, TABLE["astype"], (x,), (("dtype", dtype), *((("order", order),) if order != "K" else ())))


def _fill(x: Tracer, value: Any) -> None:
    x[...] = value


def _sort(x: Tracer, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
    write(x, HANDLERS[np.sort](x.tape, x, axis, kind))


def _item(x: Tracer, *args: Any) -> Any:
    return x.concrete("gives its .item()", "Leave it an array: drop the .item()").item(*args)


_OWN: dict[str, Callable[..., Any]] = {
    "reshape": _reshape,
    "transpose": _transpose,
    "copy": _copy,
    "flatten": _flatten,
    "astype": _astype,
    "fill": _fill,
    "sort": _sort,
    "item": _item,
}
