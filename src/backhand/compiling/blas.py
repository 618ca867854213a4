"""The matrix products of the BLAS that NumPy brings, as C functions to call, and its number of threads."""

from __future__ import annotations

import ctypes
import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["Blas", "find_blas", "one_thread"]

PREFIXES = (("scipy_", "64_", 8), ("", "64_", 8), ("scipy_", "", 4), ("", "", 4))
"""How builds of OpenBLAS call their functions, and how many bytes their integers have."""


class Blas(NamedTuple):
    """Addresses of ``cblas_sgemm`` and ``cblas_dgemm``, the bytes of their integers, and who sets the threads."""

    sgemm: int
    dgemm: int
    integer: int
    get_threads: Any
    set_threads: Any


@lru_cache(maxsize=1)
def find_blas() -> Blas | None:
    """NumPy's BLAS; None if it isn't where a symbol can be found."""
    try:
        core = importlib.import_module("numpy._core._multiarray_umath")
        library = ctypes.CDLL(str(core.__file__))  # finds what it was linked with, too
    except (ImportError, OSError):
        return None
    for prefix, suffix, integer in PREFIXES:
        try:
            sgemm, dgemm = (getattr(library, f"{prefix}cblas_{c}gemm{suffix}") for c in "sd")
        except AttributeError:
            continue
        get = getattr(library, f"{prefix}openblas_get_num_threads{suffix}", None)
        put = getattr(library, f"{prefix}openblas_set_num_threads{suffix}", None)
        address, wide = (ctypes.cast(f, ctypes.c_void_p).value or 0 for f in (sgemm, dgemm))
        return Blas(address, wide, integer, get, put)
    return None


_lock = threading.Lock()
_users = 0
_before = 0


@contextmanager
def one_thread(blas: Blas | None) -> Iterator[None]:
    """BLAS works on one thread for the time of the block: the program's own workers share out the products.

    The setting is the whole process's: the first to enter sets it, the last to leave puts it back.
    """
    global _users, _before
    if blas is None or blas.set_threads is None:
        yield
        return
    entered = False
    try:
        with _lock:
            if _users == 0:
                _before = blas.get_threads()
            _users, entered = _users + 1, True  # before it is set: Ctrl-C may come at any call
            blas.set_threads(1)
        yield
    finally:
        if entered:
            with _lock:
                _users = max(0, _users - 1)  # a fork in the block has set it to 0
                if _users == 0:
                    blas.set_threads(_before)


def _forked() -> None:
    """In a new process the other threads are not there any more that would put the setting back."""
    global _lock, _users
    _lock = threading.Lock()
    blas = find_blas() if _users else None
    if blas is not None and blas.set_threads is not None:
        blas.set_threads(_before)
    _users = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
