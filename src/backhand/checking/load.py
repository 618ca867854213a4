"""Run a user's file as Python would, and say why if that fails."""

from __future__ import annotations

import importlib
import importlib.util
import os
import random
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

from backhand.errors import CheckError

__all__ = ["load", "too_old"]

_OLD_NUMPY = "module 'numpy' has no attribute"
_MOST_FOLDERS_UP = 4


def load(path: Path) -> ModuleType:
    """The file as a module: its folder is on ``sys.path``, what stands under ``if __name__ == "__main__"`` isn't run.

    A file in a package (or one that imports relatively) is imported as part of it, and a package of the project that
    lies in a folder above (``common.functions``) is found there.

    Raises:
        CheckError: there is no such file, or its code fails; old Python or NumPy is named as the reason.
    """
    path = path.resolve()
    if not path.is_file():
        raise CheckError(f"check: there is no file {path}")
    os.environ.setdefault("MPLBACKEND", "Agg")  # a plt.show() in the file must not wait for a window to be closed
    sys.argv = [str(path)]
    sys.path.insert(0, str(path.parent))
    np.random.seed(0)
    random.seed(0)
    for _ in range(_MOST_FOLDERS_UP):
        try:
            return _import(path)
        except ModuleNotFoundError as error:
            folder = _folder_with(error.name or "", path)
            if folder is None or str(folder) in sys.path:
                raise CheckError(_module_missing(path, error)) from error
            sys.path.insert(1, str(folder))
        except (Exception, SystemExit) as error:
            raise CheckError(_failure(path, error)) from error
    raise CheckError(f"check: {path.name} imports from more than {_MOST_FOLDERS_UP} folders above it")


def too_old(error: BaseException) -> str | None:
    """The reason in words if the code was written for a Python or NumPy that is gone."""
    if isinstance(error, SyntaxError):
        message = error.msg or ""
        old = "Missing parentheses in call to" in message or "multiple exception types" in message
        old = old or "leading zeros in decimal" in message or "invalid decimal literal" in message
        return f"it is written for Python 2 ({message}, line {error.lineno})" if old else None
    if isinstance(error, AttributeError) and _OLD_NUMPY in str(error):
        name = str(error).split("'")[3]
        return f"it is written for an older NumPy: np.{name} is gone; {_NUMPY_NOW.get(name, 'see its release notes')}"
    if isinstance(error, NameError) and error.name in ("xrange", "unicode", "raw_input", "reduce", "long"):
        return f"it is written for Python 2: there is no {error.name} any more"
    return None


_NUMPY_NOW = {
    "int": "write int",
    "float": "write float",
    "bool": "write bool",
    "object": "write object",
    "complex": "write complex",
    "Inf": "write np.inf",
    "Infinity": "write np.inf",
    "NaN": "write np.nan",
    "infty": "write np.inf",
    "float_": "write np.float64",
    "row_stack": "write np.vstack",
    "product": "write np.prod",
    "cumproduct": "write np.cumprod",
    "alltrue": "write np.all",
    "sometrue": "write np.any",
    "in1d": "write np.isin",
}


def _import(path: Path) -> ModuleType:
    top, parts = path.parent, [path.stem]
    while (top / "__init__.py").is_file() and top != top.parent:
        parts.insert(0, top.name)
        top = top.parent
    if len(parts) == 1 and _imports_relatively(path):
        parts.insert(0, path.parent.name)
        top = path.parent.parent
    if len(parts) > 1:
        if str(top) not in sys.path:
            sys.path.insert(1, str(top))
        return importlib.import_module(".".join(parts))
    # Under its own name, so that a sibling that imports it gets the same classes, unless that name is taken.
    name = path.stem if path.stem not in sys.modules else f"_checked_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise CheckError(f"check: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _imports_relatively(path: Path) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    return any(line.lstrip().startswith("from .") for line in text.splitlines())


def _folder_with(name: str, path: Path) -> Path | None:
    """The nearest folder above that holds a module or package of this name."""
    first = name.split(".")[0]
    if not first:
        return None
    for folder in list(path.parents)[1 : 1 + _MOST_FOLDERS_UP]:
        if (folder / first).is_dir() or (folder / f"{first}.py").is_file():
            return folder
    return None


def _module_missing(path: Path, error: ModuleNotFoundError) -> str:
    return (
        f"check: {path.name} imports {error.name!r}, which is neither installed nor beside it"
        f"{_line(path, error)}; install it, or give the layers a file of their own"
    )


def _failure(path: Path, error: BaseException) -> str:
    old = too_old(error)
    if old is not None:
        return f"check: {path.name} can't be run: {old}"
    if isinstance(error, SystemExit):
        return f"check: {path.name} ends Python while it is imported (exit code {error.code}){_line(path, error)}"
    where = f", line {error.lineno}" if isinstance(error, SyntaxError) else _line(path, error)
    return f"check: {path.name} fails when it is run: {type(error).__name__}: {error}{where}"


def _line(path: Path, error: BaseException) -> str:
    """The innermost line of the file that the error passed through."""
    found, trace = "", error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = f", line {trace.tb_lineno}"
        trace = trace.tb_next
    return found
