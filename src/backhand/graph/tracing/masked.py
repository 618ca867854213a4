"""``x[mask]`` with a mask that depends on an input: how long it is only the values know, so it is kept at full size.

What is done to it element by element is done everywhere (on 1 where the mask is false), and ``out[mask] = …`` picks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from backhand.graph.ops import BY_NUMPY, TABLE, Op
from backhand.graph.tracing.array import Tracer, apply, as_tracer
from backhand.graph.tracing.tape import Tape

__all__ = ["MaskIndex", "Masked"]


class MaskIndex:
    """One axis of ``np.where(mask)`` or ``np.nonzero(mask)``: good for indexing, all axes together, nothing else."""

    def __init__(self, mask: Tracer, axis: int) -> None:
        self.mask = mask
        self.axis = axis

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise _refused(self.mask.tape, "the list of places where a condition holds is used as an array")

    def __len__(self) -> int:
        raise _refused(self.mask.tape, "the number of places where a condition holds is asked for")


class Masked:
    """The elements of an array where a mask holds, standing at full size."""

    def __init__(self, full: Any, mask: Tracer) -> None:
        self.full = full
        self.mask = mask
        self.node = mask.node  # the mask as it is now: a later write to it is another mask

    @classmethod
    def read(cls, x: Tracer, mask: Tracer) -> Masked:
        """``x[mask]``."""
        if mask.value.shape != x.value.shape[: mask.value.ndim]:
            raise IndexError(f"boolean index of shape {mask.value.shape} doesn't match an array of {x.value.shape}")
        spare = x.value.ndim - mask.value.ndim
        wide = mask
        if spare:
            wide = apply(x.tape, TABLE["reshape"], (mask,), (("shape", (*mask.value.shape, *(1,) * spare)),))
        one = x.value.dtype.type(1)
        return cls(apply(x.tape, TABLE["where"], (wide, x, one)), mask)

    def returned(self) -> Exception:
        """The refusal of masked values as a result."""
        return _refused(self.mask.tape, "values read through a mask are returned")

    def under(self, mask: Tracer) -> Tracer:
        """The full-size values, if they were read through this mask."""
        from backhand.graph.tracing.array import current

        if not _same(self.mask.tape, self.node, current(mask)):
            raise _refused(self.mask.tape, "values read through one mask meet another mask")
        return self.full  # type: ignore[no-any-return]

    def operate(self, row: Op, operands: tuple[Any, ...]) -> Any:
        """An elementwise op on masked values and numbers."""
        tape = self.mask.tape
        full = []
        for operand in operands:
            if type(operand) is Masked:
                if not _same(tape, self.node, operand.node):
                    raise _refused(tape, "values read through one mask meet values read through another")
                full.append(operand.full)
            elif np.ndim(operand.value if type(operand) is Tracer else operand) == 0:
                full.append(as_tracer(tape, operand))
            else:
                raise _refused(tape, "values read through a mask meet an array")
        if not row.elementwise:
            raise _refused(tape, f"{row.name} is asked of values read through a mask")
        return Masked(apply(tape, row, tuple(full)), self.mask)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        row = TABLE["power"] if ufunc is np.power else BY_NUMPY.get(ufunc)
        if row is None or method != "__call__" or kwargs:
            raise _refused(self.mask.tape, f"np.{ufunc.__name__} is asked of values read through a mask")
        return self.operate(row, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        raise _refused(self.mask.tape, f"np.{function.__name__} is asked of values read through a mask")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise _refused(self.mask.tape, "values read through a mask are turned into a plain array")

    def __getattr__(self, name: str) -> Any:
        if name == "dtype":
            return self.full.value.dtype
        if hasattr(np.ndarray, name):
            raise _refused(self.mask.tape, f".{name} of values read through a mask is asked for")
        raise AttributeError(name)

    def __getitem__(self, key: Any) -> Any:
        raise _refused(self.mask.tape, "values read through a mask are indexed")

    def __len__(self) -> int:
        raise _refused(self.mask.tape, "the number of values read through a mask is asked for")

    def __bool__(self) -> bool:
        raise _refused(self.mask.tape, "values read through a mask decide an if")


def _refused(tape: Tape, reason: str) -> Exception:
    return tape.refuse(
        f"{reason}, but the mask depends on an input, so how many there are is only known when the graph runs",
        "Use np.where(mask, x, 0), which keeps the full shape",
    )


def _same(tape: Tape, a: int, b: int) -> bool:
    """Do two nodes compute the same value? Compared by what they are made of, so ``x > 0`` twice is one mask."""
    stack = [(a, b)]
    steps = 0
    while stack:
        a, b = stack.pop()
        if a == b:
            continue
        steps += 1
        one, two = tape.records[a], tape.records[b]
        if one[0] in ("input", "random") or one[:6:2] != two[:6:2] or one[0] != two[0] or len(one[1]) != len(two[1]):
            return False
        if one[2] != two[2] or steps > 1000:
            return False
        stack += zip(one[1], two[1], strict=True)
    return True


def _binary(name: str, swap: bool) -> Any:
    row = TABLE[name]

    def method(self: Masked, other: Any) -> Any:
        return self.operate(row, (other, self) if swap else (self, other))

    return method


for _method, _op in (("add", "add"), ("sub", "subtract"), ("mul", "multiply"), ("truediv", "divide"), ("pow", "power")):
    setattr(Masked, f"__{_method}__", _binary(_op, False))
    setattr(Masked, f"__r{_method}__", _binary(_op, True))
    setattr(Masked, f"__i{_method}__", _binary(_op, False))
for _method, _op in (("neg", "negative"), ("abs", "absolute")):
    setattr(Masked, f"__{_method}__", lambda self, _row=TABLE[_op]: self.operate(_row, (self,)))
for _method, _op in (("lt", "less"), ("le", "less_equal"), ("gt", "greater"), ("ge", "greater_equal")):
    setattr(Masked, f"__{_method}__", _binary(_op, False))
