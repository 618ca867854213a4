"""What a user hands over, brought into the form of an object with methods."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from backhand.checking.adapters.plan import Functions, Plan
from backhand.errors import CheckError

__all__ = ["as_object", "name_of"]

_DERIVATIVE_FLAG = re.compile(r"deriv|prime|grad|diff|backward", re.IGNORECASE)


def as_object(thing: Any) -> tuple[Callable[[Any], Any], list[Plan] | None]:
    """How to make an object with methods of it, and its readings if they are already clear.

    Raises:
        CheckError: it is nothing that has a derivative.
    """
    if isinstance(thing, tuple | list):
        if len(thing) == 2 and all(map(callable, thing)):
            return (lambda pair: Functions(*pair)), None
        raise CheckError(f"check: a pair is (forward, backward), two functions; got {len(thing)} values")
    if isinstance(thing, type):
        return _instance, None
    if inspect.isfunction(thing) or inspect.isbuiltin(thing) or inspect.ismethod(thing):
        return _one_function(thing)
    return (lambda given: given), None


def _instance(kind: Any) -> Any:
    try:
        return kind()
    except TypeError as error:
        raise CheckError(
            f"check: {kind.__name__}() can't be made without arguments ({error}); pass an object: "
            f"check({kind.__name__}(...), x)"
        ) from error


def _one_function(function: Callable[..., Any]) -> tuple[Callable[[Any], Any], list[Plan]]:
    """``f(x, derivative=True)``, or a function that returns its value and its gradient."""
    parameters = list(inspect.signature(function).parameters.values())
    flags = [p.name for p in parameters if _DERIVATIVE_FLAG.search(p.name) and p.default in (False, None, 0)]
    if flags:
        names = [p.name for p in parameters if p.name != flags[0] and p.default is p.empty]

        def derivative(*given: Any) -> Any:
            return function(*given, **{flags[0]: True})

        roles = [tuple(f"input:{name}" for name in names), ("out", *(f"input:{name}" for name in names[1:]))]
        return (lambda f: Functions(f, derivative)), [Plan("forward", "backward", "all", each) for each in roles]
    return (lambda f: Functions(f, None)), [Plan("forward", "", "first")]


def name_of(thing: Any) -> str:
    """What a report calls it."""
    if isinstance(thing, tuple | list) and thing:
        return name_of(thing[0])
    if isinstance(thing, type) or inspect.isroutine(thing):
        return str(thing.__name__)
    return type(thing).__name__
