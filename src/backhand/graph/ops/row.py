"""What a row of the op table holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Op", "Rule"]

Rule = Callable[..., Any]
"""``(g, y, *inputs, **params)`` -> the gradient of one input: ``g`` is the upstream gradient, ``y`` the op's result.

Plain NumPy, traced like user code, so that a derivative has a derivative. It may ignore broadcasting and dtype: where
its result is larger than the input, or of another dtype, `differentiate` sums and casts it.
"""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation: how to run it, how to differentiate it, how to draw, compile and export it.

    Attributes:
        name: what a node calls it.
        evaluate: ``(*inputs, **params)`` -> the result: the very NumPy function (or Python operator) that eager code
            runs, so that a replay gives the same bits.
        rules: the derivative by each input, None for one that has none (a mask, an index). Empty: the op is constant
            almost everywhere (comparisons, ``floor``, ``argmax``), its gradient is zero.
        variadic: for an op with any number of inputs: one rule ``(i, g, y, *inputs, **params)`` for all.
        symbol: what a drawing writes into the node; the name if empty.
        numpy: the NumPy functions that are recorded as this op when called with nothing but its inputs.
        elementwise: each element of the result depends on one element of each (broadcast) input.
        partial: its rules may give inf or NaN outside the op's domain (log, divide), even for a zero ``g``.
        view: the result may share memory with its first input, as NumPy decides.
        c: the C expression of an elementwise op, for values ``{0}``, ``{1}`` …, with the functions of
            ``compiling/c/elementwise.h`` without their prefix; empty if NumPy computes it in compiled programs too.
        onnx: the ONNX operator that does the same.
    """

    name: str
    evaluate: Callable[..., Any]
    rules: tuple[Rule | None, ...] = ()
    variadic: Rule | None = None
    symbol: str = ""
    numpy: tuple[Callable[..., Any], ...] = ()
    elementwise: bool = False
    partial: bool = False
    view: bool = False
    c: str = ""
    onnx: str = ""

    def rule(self, position: int) -> Rule | None:
        """The derivative by input ``position``, as ``(g, y, *inputs, **params)``; None if it is zero."""
        if self.variadic is not None:
            variadic = self.variadic
            return lambda g, y, *inputs, **params: variadic(position, g, y, *inputs, **params)
        return self.rules[position] if position < len(self.rules) else None
