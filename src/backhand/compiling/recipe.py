"""How an elementwise op is written in C: the row's C expression, and the dtype in which NumPy computes it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from backhand.graph import Graph, Node
from backhand.graph.ops import TABLE

__all__ = ["C_TYPES", "Recipe", "in_c", "recipe"]

C_TYPES = {
    "?": "_Bool", "b": "int8_t", "h": "int16_t", "i": "int32_t", "l": "int64_t", "q": "int64_t",
    "B": "uint8_t", "H": "uint16_t", "I": "uint32_t", "L": "uint64_t", "Q": "uint64_t", "f": "float", "d": "double",
}  # fmt: skip
"""The C type of a NumPy dtype, by its character. Others (float16, complex, swapped bytes) are left to NumPy."""

COMPARISONS = {"greater", "greater_equal", "less", "less_equal", "equal", "not_equal"}
OWN = {"logical_and", "logical_or", "logical_xor", "logical_not", "isnan", "isinf", "isfinite", "signbit"}
CASTS = {"copy", "astype", "scalar", "positive"}
FLOATS_ONLY = {
    "reciprocal", "sign", "remainder", "floor_divide", "isnan", "isinf", "isfinite", "signbit", "floor", "ceil",
    "trunc", "rint", "power", "absolute", "fabs",
}  # fmt: skip
OF_BOOLS = {
    "add": "{0} || {1}", "multiply": "{0} && {1}", "maximum": "{0} || {1}", "minimum": "{0} && {1}",
    "fmax": "{0} || {1}", "fmin": "{0} && {1}", "bitwise_and": "{0} && {1}", "bitwise_or": "{0} || {1}",
    "bitwise_xor": "{0} != {1}", "invert": "!{0}",
}  # fmt: skip
CHEAP = {
    "add", "subtract", "multiply", "negative", "absolute", "fabs", "square", "maximum", "minimum", "fmax", "fmin",
    "clip", "where", "put_mask", "full",
} | COMPARISONS | OWN | CASTS  # fmt: skip


def in_c(dtype: np.dtype[Any]) -> bool:
    """Has C such values?"""
    return dtype.char in C_TYPES and dtype.isnative


class Recipe(NamedTuple):
    """A C expression for values ``{0}``, ``{1}``…, the dtype that each is cast to first, and whether it is cheap."""

    text: str
    operands: tuple[np.dtype[Any], ...]
    cheap: bool


def recipe(graph: Graph, node: Node) -> Recipe | None:
    """The recipe of an elementwise node; None if C doesn't have it, or not as NumPy computes it."""
    sources = [graph.nodes[i] for i in node.inputs]
    if node.weak or not all(in_c(n.dtype) for n in (node, *sources)):
        return None
    text = _text(node, sources)
    dtypes = _operands(node, sources) if text else None
    return Recipe(text, dtypes, node.op in CHEAP) if dtypes is not None else None


def _text(node: Node, sources: list[Node]) -> str:
    if node.op in CASTS:
        return "{0}"
    if node.op == "full":
        return "{0}"
    if node.op == "put_mask":
        return "{1} ? {2} : {0}"
    row = TABLE[node.op]
    if not row.elementwise:
        return ""
    real = [s.dtype.kind == "f" for s in sources]
    if node.dtype.kind == "b" and node.op not in COMPARISONS | OWN | {"where"}:
        return OF_BOOLS.get(node.op, "")
    if node.op in FLOATS_ONLY and not (all(real) if node.dtype.kind == "b" else node.dtype.kind == "f"):
        return ""
    if node.op in ("bitwise_and", "bitwise_or", "bitwise_xor", "invert"):
        return {"bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}", "bitwise_xor": "{0} ^ {1}"}.get(node.op, "~{0}")
    return row.c


def _operands(node: Node, sources: list[Node]) -> tuple[np.dtype[Any], ...] | None:
    if node.op in CASTS:
        return (sources[0].dtype,)
    if node.op in OWN:
        return tuple(s.dtype for s in sources)
    if node.op == "where":
        return (sources[0].dtype, node.dtype, node.dtype)
    if node.op == "put_mask":
        return (node.dtype, sources[1].dtype, node.dtype)
    if node.op in COMPARISONS:
        common = np.result_type(*(_promoting(s) for s in sources))
        kinds = {s.dtype.kind for s in sources if not s.weak}
        mixed = common.kind == "f" and {"i", "u"} <= kinds and "f" not in kinds
        exact = mixed or not in_c(common) or not all(_holds(common, s) for s in sources)  # NumPy compares those exactly
        return None if exact else (common, common)
    if node.op == "clip" and not all(_holds(node.dtype, s) for s in sources):
        return None  # NumPy takes a bound that the dtype hasn't for none
    return (node.dtype,) * len(sources)


def _holds(dtype: np.dtype[Any], number: Node) -> bool:
    """Has the dtype every value that a Python integer may have? (Of others NumPy says so before.)"""
    if not number.weak or number.dtype.kind != "i" or dtype.kind not in "iu":
        return True
    limits = np.iinfo(dtype)
    if number.op != "constant":
        return dtype == np.int64
    return bool(limits.min <= number.param("value").value <= limits.max)


def _promoting(node: Node) -> Any:
    """What stands for a value in NumPy's promotion: a Python number gives way to any dtype of its kind."""
    return {"f": 0.5, "i": 1, "b": True}[node.dtype.kind] if node.weak else node.dtype
