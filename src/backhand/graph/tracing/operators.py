"""The operators of traced arrays: ``x * 2``, ``x += y``, ``x > 0``. Importing this module gives them to the tracer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backhand.graph.ops import TABLE, Op
from backhand.graph.tracing.array import Tracer, apply, as_tracer, fit, write
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__: list[str] = []


def _operate(tape: Tape, row: Op, operands: tuple[Any, ...]) -> Any:
    for operand in operands:
        if type(operand) is not Tracer and not isinstance(
            operand, np.ndarray | np.generic | int | float | complex | list | tuple
        ):
            return NotImplemented
        if isinstance(operand, list | tuple):
            operands = tuple(as_tracer(tape, o) if isinstance(o, list | tuple) else o for o in operands)
    return apply(tape, row, operands)


def _binary(row: Op) -> tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any], Callable[[Any, Any], Any]]:
    evaluate, name = row.evaluate, row.name

    def forward(self: Tracer, other: Any) -> Any:
        kind = type(other)
        if (kind is float or kind is int) and self.root is None:  # the common case, kept short
            tape = self.tape
            if (self.const and tape.fold) or not tape.open:
                return apply(tape, row, (self, other))
            number = tape.numbers[kind].get(other)
            if number is None:
                number = tape.constant(other)
            made = evaluate(self.value, other)
            return Tracer(tape, tape.record(name, (self.node, number), (), made), made, self.const)
        if kind is Tracer or not hasattr(kind, "__array_ufunc__") or isinstance(other, np.ndarray | np.generic):
            return _operate(self.tape, row, (self, other))
        return NotImplemented

    def backward(self: Tracer, other: Any) -> Any:
        return _operate(self.tape, row, (other, self))

    def inplace(self: Tracer, other: Any) -> Any:
        if not isinstance(self.value, np.ndarray):
            return forward(self, other)
        made = _operate(self.tape, row, (self, other))
        if made is NotImplemented:
            return made
        write(self, fit(self, made, row.name))
        return self

    return forward, backward, inplace


def _compare(row: Op) -> Callable[[Any, Any], Any]:
    return lambda self, other: _operate(self.tape, row, (self, other))


def _unary(row: Op) -> Callable[[Any], Any]:
    return lambda self: apply(self.tape, row, (self,))


_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "power",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
}
_COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}

for _name, _op in _BINARY.items():
    _forward, _backward, _inplace = _binary(TABLE[_op])
    setattr(Tracer, f"__{_name}__", _forward)
    setattr(Tracer, f"__r{_name}__", _backward)
    setattr(Tracer, f"__i{_name}__", _inplace)
for _name, _op in _COMPARISONS.items():
    setattr(Tracer, f"__{_name}__", _compare(TABLE[_op]))
for _name, _op in _UNARY.items():
    setattr(Tracer, f"__{_name}__", _unary(TABLE[_op]))
