"""The op table: one op, one row. CONTRIBUTING.md says how to add one in five steps."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from backhand.errors import GraphError
from backhand.graph.constant import Constant
from backhand.graph.ops import elementwise, index, linear, reduce, shape
from backhand.graph.ops.row import Op

__all__ = ["BY_NUMPY", "TABLE", "Op", "Signature", "evaluator", "infer", "symbol"]

TABLE: dict[str, Op] = {
    row.name: row for rows in (elementwise.ROWS, reduce.ROWS, linear.ROWS, index.ROWS, shape.ROWS) for row in rows
}

BY_NUMPY: dict[Callable[..., Any], Op] = {function: row for row in TABLE.values() for function in row.numpy}
"""Which row records a call of a NumPy function. By identity, never by name: SciPy has ufuncs of the same names."""

Signature = tuple[tuple[int, ...], "np.dtype[Any]", bool]
"""What is known of a value before it is computed: shape, dtype, and whether it is a plain Python number."""


def symbol(op: str) -> str:
    """What a drawing writes into a node of that op.

    >>> symbol("multiply"), symbol("exp")
    ('×', 'exp')
    """
    return (TABLE[op].symbol or op) if op in TABLE else ""


def evaluator(op: str, params: tuple[tuple[str, Any], ...]) -> Callable[..., Any]:
    """The function that computes a node from the values of its inputs.

    Raises:
        GraphError: the table has no such op.
    """
    if op not in TABLE:
        raise GraphError(f"the op table has no row {op!r}")
    function = TABLE[op].evaluate
    return partial(function, **dict(params)) if params else function


def example(signature: Signature | Constant) -> Any:
    """A value of that signature, for asking NumPy what comes of it; a constant is its own.

    Zeros for integers, which may be indices; for floats ones, plus the identity so that a matrix has an inverse.
    """
    if isinstance(signature, Constant):
        return signature.value
    shape, dtype, weak = signature
    if weak:
        return {"f": 0.5625, "i": 1, "b": True, "c": 1 + 0j}[
            dtype.kind
        ]  # in the domain of the math module's log, asin …
    if dtype.kind in "iub":
        return np.zeros(shape, dtype)
    ones = np.ones(shape, dtype)
    return ones + np.eye(*shape[-2:], dtype=dtype) if len(shape) >= 2 else ones


def signature_of(value: Any) -> Signature:
    """Shape, dtype and weakness of a value."""
    if isinstance(value, np.ndarray | np.generic):
        return value.shape, value.dtype, False
    return (), np.dtype(type(value)), True


@lru_cache(maxsize=4096)
def infer(op: str, params: tuple[tuple[str, Any], ...], inputs: tuple[Signature | Constant, ...]) -> Signature:
    """Shape and dtype of an op's result, as NumPy itself finds them on example values."""
    if op == "random":
        given = dict(params)
        return given["shape"], given["dtype"], given["weak"]
    with np.errstate(all="ignore"):
        return signature_of(evaluator(op, params)(*(example(signature) for signature in inputs)))
