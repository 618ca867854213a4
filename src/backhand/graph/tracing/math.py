"""Functions of the math module on traced numbers: they keep a Python number a Python number."""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable
from typing import Any

from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import Tracer, apply
from backhand.graph.untyped import np

__all__ = ["MATH", "traced_math"]


def _wrap(function: Callable[..., Any]) -> Callable[..., Any]:
    row = TABLE[f"math.{function.__name__}"]

    @functools.wraps(function)
    def wrapped(x: Any, *more: Any) -> Any:
        if type(x) is Tracer and not more and np.ndim(x.value) == 0:
            return apply(x.tape, row, (x,))
        return function(x, *more)

    return wrapped


MATH: dict[Any, Callable[..., Any]] = {
    getattr(math, name.removeprefix("math.")): _wrap(getattr(math, name.removeprefix("math.")))
    for name in TABLE
    if name.startswith("math.")
}
"""Function of the math module -> what stands in its place during a trace: as an attribute of math, and as a global."""


def traced_math(value: Any) -> Any:
    """The function that stands for one of the math module's, or None."""
    return MATH.get(value) if isinstance(value, types.BuiltinFunctionType) else None
