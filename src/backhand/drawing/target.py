"""What ``backhand draw`` draws: an expression, or a function or object of a Python file, run on the given inputs."""

from __future__ import annotations

import contextlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from backhand.drawing.expression import expression_graph
from backhand.errors import BackhandError, DTypeError, OptionError
from backhand.graph.evaluate import Run
from backhand.graph.graph import Graph

__all__ = ["is_target", "run_expression", "run_target"]

_TARGET = re.compile(r"^(?P<file>.+\.py):(?P<name>[^\W\d]\w*(\.[^\W\d]\w*)*)$", re.DOTALL)


def is_target(text: str) -> bool:
    """Whether it is ``FILE.py:NAME``, not an expression."""
    return _TARGET.match(text) is not None


def run_expression(text: str, values: Mapping[str, Any]) -> Run:
    """An expression's graph with its values, and its gradients if it has any.

    Raises:
        OptionError: it is no such expression, or has no finite value.

    >>> run_expression("apple * apple_num * tax", {"apple": 100.0, "apple_num": 2.0, "tax": 1.1}).result
    220.00000000000003
    """
    graph = expression_graph(text, values)
    try:
        with np.errstate(all="ignore"):
            run = graph.run(*values.values())
            result = run.values[graph.outputs[0]]
            if np.iscomplexobj(result) or not np.isfinite(result).all():
                raise OptionError(f"{text[:60]!r} is {result} for these values; give it others")
            return _with_gradients(run)
    except ArithmeticError as error:
        raise OptionError(f"{text[:60]!r} has no value here: {error.args[-1]}") from error


def run_target(text: str, values: Mapping[str, Any]) -> Run:
    """Something from a Python file, with its values and gradients.

    ``NAME`` may be a function, an object with ``forward`` (or that can be called), a class of such objects that takes
    no argument, a method (``net.loss``), or a Graph or Run that the file has made. A function gets the values by its
    parameters' names. The file is run as a module, so what stands under ``if __name__ == "__main__"`` is not.

    Raises:
        OptionError: the file or the name does not exist, the inputs don't fit, or the file's code fails.
        TraceError: the code does something that a graph can't hold.
    """
    match = _TARGET.match(text)
    if match is None:
        raise OptionError(f"{text!r} is not FILE.py:NAME")
    found = _look_up(_load(Path(match["file"])), match["name"], text)
    if isinstance(found, Run):
        return found
    if isinstance(found, Graph):
        inputs = _fit(text, [found.nodes[i].name or "" for i in found.inputs[: found.arguments.leaves]], [], values)
        return _with_gradients(_guard(text, lambda: found.run(*inputs)))
    function = _callable(text, found)
    names, optional = _parameters(text, function)
    inputs = _fit(text, names, optional, values)
    from backhand.graph.trace import trace

    return _with_gradients(_guard(text, lambda: trace(function, *inputs).run(*inputs)))


def _with_gradients(run: Run) -> Run:
    """The same run after ``backward``, unless it ends in something without a derivative (labels, a comparison)."""
    with contextlib.suppress(DTypeError):
        run.backward(1)
    return run


def _load(path: Path) -> Any:
    if not path.is_file():
        raise OptionError(f"draw: there is no file {path}")
    name = f"_backhand_draw_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise OptionError(f"draw: {path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look their module up by name
    sys.path.insert(0, str(path.resolve().parent))
    try:
        loader = spec.loader
        _guard(str(path), lambda: loader.exec_module(module))
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _guard(what: str, action: Callable[[], Any]) -> Any:
    """Run the user's code; say in one line how it failed."""
    try:
        return action()
    except BackhandError:
        raise
    except (Exception, SystemExit) as error:
        raise OptionError(f"draw: {what} fails: {type(error).__name__}: {error}") from error


def _look_up(found: Any, name: str, text: str) -> Any:
    for part in name.split("."):
        if not hasattr(found, part):
            known = (
                ", ".join(key for key in vars(found) if not key.startswith("_")) if hasattr(found, "__dict__") else ""
            )
            raise OptionError(f"draw: {text} has no {part!r}; there are {known or 'no names'}")
        found = getattr(found, part)
    return found


def _callable(text: str, found: Any) -> Callable[..., Any]:
    if inspect.isclass(found):
        made = _guard(text, found)
        return _callable(text, made)
    if hasattr(found, "forward") and callable(found.forward):
        return found.forward  # type: ignore[no-any-return]
    if callable(found):
        return found  # type: ignore[no-any-return]
    raise OptionError(f"draw: {text} is a {type(found).__name__}; it needs a function, a layer, a Graph or a Run")


def _parameters(text: str, function: Callable[..., Any]) -> tuple[list[str], list[str]]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise OptionError(f"draw: {text} does not tell its parameters; wrap it in a function of your own") from error
    plain = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [p.name for p in plain], [p.name for p in plain if p.default is not p.empty]


def _fit(text: str, names: list[str], optional: list[str], values: Mapping[str, Any]) -> list[Any]:
    """The values in the order of the parameters; those with a default may be left out from the end."""
    wanted = [name for name in names if name in values or name not in optional]
    missing = [name for name in wanted if name not in values]
    unknown = [name for name in values if name not in names]
    skipped = [name for name in names[: len(wanted)] if name not in values]
    if missing or unknown or skipped:
        what = f"needs {', '.join(missing or skipped)}" if missing or skipped else f"has no input {unknown[0]}"
        raise OptionError(f"draw: {text} {what}; give each of {', '.join(names) or 'none'} as NAME=VALUE")
    return [values[name] for name in wanted]
