"""How the loops of a reduction combine what they meet, as C text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Rule", "letter", "rule_of"]


class Rule(NamedTuple):
    """How a reduction combines: its OpenMP operator, and how it goes on from ``a`` with ``x``."""

    operator: str
    text: str

    def start(self, dtype: np.dtype[Any]) -> Any:
        """What to begin with."""
        if self.operator in ("max", "min"):
            least = self.operator == "max"
            if dtype.kind == "f":
                return -np.inf if least else np.inf
            limits = np.iinfo(dtype) if dtype.kind != "b" else None
            return (limits.min if least else limits.max) if limits else not least
        return {"+": 0, "*": 1, "|": 0, "&": 1}[self.operator]

    def join(self, a: str, x: str, dtype: np.dtype[Any]) -> str:
        """The C statement that puts two results together."""
        if self.operator in ("max", "min"):
            return f"{a} = bh_{self.operator}imum_{letter(dtype)}({a}, {x});"
        return f"{a} {self.operator}= {x};"

    def into(self, a: str, operands: Sequence[str], dtype: np.dtype[Any]) -> str:
        """The C statement that goes on in memory, where a NaN has no flag of its own."""
        if self.operator in ("max", "min"):
            return self.join(a, operands[0], dtype)
        return self.step(a, operands, dtype)

    def step(self, a: str, operands: Sequence[str], dtype: np.dtype[Any]) -> str:
        """The C statement."""
        text = self.text if len(operands) == 1 or self.operator != "+" else "{a} = bh_madd_{c}({x}, {y}, {a});"
        return text.format(a=a, x=operands[0], y=operands[-1], c=letter(dtype))


def rule_of(op: str) -> Rule:
    """How a reduction or a product with a vector combines."""
    if op in ("sum", "mean", "matmul"):
        return Rule("+", "{a} += {x};")
    if op == "prod":
        return Rule("*", "{a} *= {x};")
    if op in ("any", "all"):
        return Rule(*(("|", "{a} |= {x};") if op == "any" else ("&", "{a} &= {x};")))
    return Rule(op, "{a} = {x} > {a} ? {x} : {a};" if op == "max" else "{a} = {x} < {a} ? {x} : {a};")


def letter(dtype: np.dtype[Any]) -> str:
    """What the C library's functions for a dtype end in."""
    return {"q": "l", "Q": "L", "?": "B"}.get(dtype.char, dtype.char)
