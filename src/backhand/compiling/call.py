"""The way from Python into a native program and back, for small steps: what it costs is what the step costs.

A guard in Python takes a microsecond for a network of a few layers, and handing over two arrays takes another; the
notes' DNN is done in less. So both are in C (``call.c``), as one function that Python calls like any built-in one.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np

from backhand.compiling.guard import ANYTHING, Check, all_hold
from backhand.compiling.native import NativeError, load

__all__ = ["MISS", "Calls", "Entry"]

MISS = object()
"""What ``Calls.run`` gives if it did nothing: something has changed, or the arguments need a longer look."""


class Entry(NamedTuple):
    """A native program that needs nothing of Python: each call is one of ``function`` on ``block``.

    ``error`` is where it leaves an error, and ``message`` what an IndexError then says. ``arguments`` are the arrays,
    in the shape of the arguments, that it reads; ``result`` is an array whose first element is what it gives.
    """

    function: Any
    block: Any
    error: int
    message: str
    arguments: Sequence[Any]
    result: Any


class Calls:
    """The guard of a program, ``holds()``, and its whole call, ``run(*inputs)``, if there is an entry for that.

    ``native`` is for programs that needed a C compiler anyway. ``owners`` hold memory that the program writes:
    arguments that look into it take the long way.
    """

    def __init__(
        self, checks: list[Check], native: bool, entry: Entry | None = None, owners: Iterable[Any] = ()
    ) -> None:
        self.holds: Callable[[], bool] = lambda: all_hold(checks)
        self.run: Callable[..., Any] | None = None
        library = _library() if native else None
        if library is None:
            return
        items = [_items(check) for check in checks]
        table = (_Check * len(checks))(*map(_check, checks, items))
        call = _Call(checks=len(checks), check=ctypes.addressof(table), miss=id(MISS))
        self._kept = [checks, items, table, call, entry]
        if entry is not None and all(x.ndim <= MOST_AXES for x in entry.arguments):
            arguments = (_Argument * len(entry.arguments))(*map(_argument, entry.arguments))
            message = ctypes.create_string_buffer(entry.message.encode())
            call.arguments, call.argument = len(arguments), ctypes.addressof(arguments)
            call.step = ctypes.cast(entry.function, ctypes.c_void_p).value
            call.block = entry.block.ctypes.data
            call.error = entry.block[entry.error :].ctypes.data
            call.message, call.result = ctypes.addressof(message), id(entry.result)
            written = (ctypes.c_void_p * len(held := list(owners)))(*map(id, held))
            call.owners, call.owner = len(held), ctypes.addressof(written)
            self._kept += [arguments, message, written, held]
            self.run = library.bh_run(_bytes(call))
        self.holds = library.bh_guard(_bytes(call))


MOST_AXES = 8
HOW = ("dict", "list", "item", "attribute", "length", "set", "order", "absent", "writeable")
"""How a thing is checked, in the order of the enum in call.c."""


class _Check(ctypes.Structure):
    _fields_ = (
        ("how", ctypes.c_int64),
        ("holder", ctypes.c_void_p),
        ("key", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("length", ctypes.c_ssize_t),
        ("items", ctypes.c_void_p),
    )


class _Argument(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_void_p),
        ("dtype", ctypes.c_void_p),
        ("target", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("dimensions", ctypes.c_int64),
        ("shape", ctypes.c_int64 * MOST_AXES),
    )


class _Call(ctypes.Structure):
    _fields_ = (
        ("checks", ctypes.c_int64),
        ("arguments", ctypes.c_int64),
        *((name, ctypes.c_void_p) for name in ("check", "argument", "step", "block", "error", "message")),
        *((name, ctypes.c_void_p) for name in ("result", "miss")),
        ("owners", ctypes.c_int64),
        ("owner", ctypes.c_void_p),
    )


def _check(check: Check, items: Any) -> _Check:
    """``items`` are a dict's keys and values, as addresses."""
    how, holder, key, value = check
    length = value if how == "length" else len(value) if how in ("dict", "list") else 0
    return _Check(HOW.index(how), id(holder), id(key), id(value), length, ctypes.addressof(items))


def _items(check: Check) -> Any:
    pairs = check.value if check.how == "dict" else ()
    found = [None if part is ANYTHING else id(part) for pair in pairs for part in pair]
    return (ctypes.c_void_p * len(found))(*found)


def _argument(x: Any) -> _Argument:
    shape = (ctypes.c_int64 * MOST_AXES)(*x.shape)
    return _Argument(id(np.ndarray), id(x.dtype), x.ctypes.data, x.nbytes, x.ndim, shape)


def _bytes(structure: Any) -> Any:
    """An array whose memory is the structure's."""
    return np.frombuffer(structure, np.uint8)


@lru_cache(maxsize=1)
def _library() -> ctypes.PyDLL | None:
    """``call.c``; None where it can't be compiled or where objects lie otherwise than it takes for granted."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return None
    try:
        text = files("backhand.compiling").joinpath("c", "call.c").read_text(encoding="utf-8")
        loaded = load(text, {})
        library = ctypes.PyDLL(loaded._name, handle=loaded._handle)
    except (NativeError, OSError):
        return None
    for function in (library.bh_run, library.bh_guard):
        function.argtypes, function.restype = [ctypes.py_object], ctypes.py_object
    sees = library.bh_sees
    sees.argtypes = [*[ctypes.py_object] * 3, ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    x = np.zeros((3, 5), np.float32)
    return library if sees(x, np.ndarray, x.dtype, x.ctypes.data, x.ndim, *x.shape) else None
