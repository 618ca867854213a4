"""Values that stand in a program."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["Constant"]


class Constant:
    """A value that stands in the program itself: a read-only array, a NumPy scalar or a Python number.

    Two constants are equal when they are the same kind of value, of one dtype and shape, with the same bits:
    0.0 is not -0.0, 1 is not 1.0, and a NaN is itself.
    """

    __slots__ = ("_key", "value")

    def __init__(self, value: Any) -> None:
        if isinstance(value, np.ndarray):
            value = value.copy(order="K")
            value.flags.writeable = False
        self.value = value
        self._key: tuple[object, ...] | None = None

    @property
    def weak(self) -> bool:
        """True for a Python number, which in NumPy's promotion gives way to any array's dtype."""
        return type(self.value) in (bool, int, float, complex)

    def _bits(self) -> tuple[object, ...]:
        if self._key is None:
            value = self.value
            if not isinstance(value, np.ndarray | np.generic):
                self._key = (type(value).__name__, repr(value))
            else:
                kind = "array" if isinstance(value, np.ndarray) else "scalar"
                self._key = (kind, value.dtype.str, value.shape, value.tobytes())
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and self._bits() == other._bits()

    def __hash__(self) -> int:
        return hash(self._bits())

    def __repr__(self) -> str:
        value = self.value
        if isinstance(value, np.ndarray) and value.size > 8:
            return f"Constant({value.dtype}{list(value.shape)})"
        return f"Constant({value.tolist() if isinstance(value, np.ndarray) else value})"
