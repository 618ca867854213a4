"""What must be the same of two calls' arguments for one program to serve both."""

from __future__ import annotations

from typing import Any

import numpy as np

from backhand.graph.structure import flatten, is_number

__all__ = ["HUGE", "are_arrays", "signature_of"]

HUGE = "an integer that only Python holds"


def signature_of(inputs: tuple[Any, ...]) -> Any:
    """What a program holds for: shapes and dtypes of arrays, the types of numbers, everything else as it is."""
    structure, leaves, _ = flatten(inputs, is_number)
    return structure, tuple(map(_kind, leaves))


def _kind(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        kind = np.ndarray if type(value) in (np.memmap, np.recarray) else type(value)
        return kind, value.shape, value.dtype
    return HUGE if type(value) is int and not -(2**63) <= value < 2**63 else type(value)


def are_arrays(inputs: tuple[Any, ...]) -> bool:
    """Plain arrays, whose shapes and dtypes the program itself looks at."""
    return all(type(value) is np.ndarray for value in inputs)
