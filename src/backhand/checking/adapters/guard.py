"""Calling the user's code: quietly, with the same random numbers each time, and with its own line when it raises."""

from __future__ import annotations

import io
import linecache
import random
import sys
import sysconfig
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from backhand.checking.subject import UserCodeError
from backhand.graph.graph import Source

__all__ = ["call", "defined", "innermost", "quiet", "seeded"]

_HERE = str(Path(__file__).parents[1])
_GRAPH = str(Path(__file__).parents[2] / "graph")
_STANDARD = sysconfig.get_paths()["stdlib"]
_SITE = ("site-packages", "dist-packages")


def call(phase: str, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call it; what it raises becomes a UserCodeError with the user's line.

    Raises:
        UserCodeError: it raised anything but a KeyboardInterrupt.
    """
    try:
        return function(*arguments, **named)
    except (Exception, SystemExit) as error:
        raise UserCodeError(error, phase, innermost(error.__traceback__)) from error


def innermost(traceback: TracebackType | None) -> Source | None:
    """The last line of a traceback that is the user's own."""
    found = None
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if _is_users(code.co_filename):
            found = _source(code.co_filename, traceback.tb_lineno, code.co_name)
        traceback = traceback.tb_next
    return found


def _is_users(file: str) -> bool:
    if file.startswith((_HERE, _GRAPH, "<frozen", "<__array")):
        return False
    return not any(part in file for part in _SITE) and not file.startswith(_STANDARD)


def _source(file: str, line: int, function: str) -> Source:
    return Source(file, line, linecache.getline(file, line).strip(), function)


def defined(thing: Any) -> Source | None:
    """Where a function, a method or a class is written."""
    thing = getattr(thing, "__func__", thing)
    code = getattr(thing, "__code__", None)
    if code is not None:
        return _source(code.co_filename, code.co_firstlineno, code.co_name)
    if isinstance(thing, type):
        for method in vars(thing).values():
            code = getattr(getattr(method, "__func__", method), "__code__", None)
            if code is not None and code.co_filename:
                line = _class_line(code.co_filename, thing.__name__, code.co_firstlineno)
                return _source(code.co_filename, line, thing.__name__)
    return None


def _class_line(file: str, name: str, before: int) -> int:
    """The line ``class Name`` above a method of it; the method's own if the text isn't known."""
    lines = linecache.getlines(file)
    for number in range(min(before, len(lines)), 0, -1):
        if lines[number - 1].lstrip().startswith(f"class {name}"):
            return number
    return before


@contextmanager
def quiet() -> Iterator[None]:
    """No prints, no warnings, no new random state outside; only a complex number that loses its half is an error."""
    state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with redirect_stdout(io.StringIO()), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


def seeded(stream: int = 0) -> None:
    """The same random numbers before each call of forward: a dropout mask is then part of the function."""
    random.seed(stream)
    np.random.seed(stream)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(stream)
