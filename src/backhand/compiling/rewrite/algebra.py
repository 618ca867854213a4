"""Arithmetic that needs not be done: identities that hold in floating point, bit for bit, also for NaN and -0.0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backhand.compiling.rewrite.draft import Draft, Rule, sweep
from backhand.graph import Graph, Node
from backhand.graph.ops import TABLE

__all__ = ["algebra", "narrow"]

MIRRORED = {"less": "greater", "less_equal": "greater_equal", "greater": "less", "greater_equal": "less_equal"}
NEVER_MINUS_ZERO = {"exp", "exp2", "square", "absolute", "fabs"}


def algebra(graph: Graph) -> Graph:
    """Drop arithmetic that changes nothing, and write what is left in one form. Exact.

    - ``x * 1``, ``x / 1``, ``x ** 1``, ``x - 0``, ``+x``, ``-(-x)`` are x; ``x + 0`` only where x can't be -0.0.
    - Signs go into the neighbour: ``a + (-b)`` is ``a - b``; ``a + (-0.1) * b`` is ``a - 0.1 * b``; ``-(0.1 * x)`` is
      ``(-0.1) * x``.
    - ``x * x`` and ``x ** 2`` are ``square(x)``, ``x ** 0.5`` is ``sqrt(x)`` and ``x ** -1`` is ``1 / x``, as in NumPy.
    - Division by a power of two is multiplication. The constant of a product stands first, that of a comparison last.
    - ``mean`` is ``sum / n``, which is how NumPy computes it; the sum, product, maximum of one number is the number.
    - An operand that is one number everywhere (``np.ones_like(x)``), or one broadcast already, is that number or array.
    """
    return sweep(graph, _apply)


def _apply(draft: Draft, node: Node) -> int | None:
    if node.dtype.kind not in "fiub":
        return None
    rule = _RULES.get(node.op)
    found = rule(draft, node) if rule is not None else None
    if found is None and len(node.inputs) > 1 and TABLE[node.op].elementwise:
        found = _narrow_operands(draft, node)
    return found


def _narrow_operands(draft: Draft, node: Node) -> int | None:
    """Replace operands that are broadcast beforehand by what they were made of, which NumPy broadcasts anyway."""
    made = list(node.inputs)
    for number, i in enumerate(node.inputs):
        operand = draft.nodes[i]
        if operand.op == "broadcast_to":
            made[number] = operand.inputs[0]
        elif operand.op == "full":
            made[number] = draft.constant(operand.dtype.type(operand.param("value").value))
        elif operand.op == "reshape":
            inner = draft.nodes[operand.inputs[0]].shape
            if operand.shape == (1,) * (len(operand.shape) - len(inner)) + inner:
                made[number] = operand.inputs[0]
    if made == list(node.inputs) or np.broadcast_shapes(*(draft.nodes[i].shape for i in made)) != node.shape:
        return None
    return draft.append(node._replace(inputs=tuple(made)))


def _add(draft: Draft, node: Node) -> int | None:
    a, b = node.inputs
    for x, other in ((a, b), (b, a)):
        zero = draft.number(other)
        if zero == 0 and ((math.copysign(1, zero) < 0 and node.dtype.kind == "f") or _never_minus_zero(draft, x)):
            return draft.cast(x, node)
    for x, other in ((a, b), (b, a)):
        flipped = _without_sign(draft, other)
        if flipped is not None:
            return draft.add(node, "subtract", x, flipped)
    return None


def _subtract(draft: Draft, node: Node) -> int | None:
    a, b = node.inputs
    zero = draft.number(b)
    if zero == 0 and math.copysign(1, zero) > 0:
        return draft.cast(a, node)
    flipped = _without_sign(draft, b)
    return None if flipped is None else draft.add(node, "add", a, flipped)


def _without_sign(draft: Draft, position: int) -> int | None:
    """-x for a value that is written as the negative of something: ``-x``, ``(-0.1) * x``."""
    node = draft.nodes[position]
    if node.weak or node.dtype.kind != "f":
        return None
    if node.op == "negative":
        return node.inputs[0]
    if node.op != "multiply" or draft.readers[position] != 1:
        return None
    factor, x = node.inputs
    if _has_sign(draft, factor) and draft.number(factor) < 0:
        return draft.append(node._replace(inputs=(_negated(draft, factor), x), name=None))
    return None


def _has_sign(draft: Draft, position: int) -> bool:
    """Is it a known number whose negative says all: not an unsigned integer, nor the integer 0, which has no -0?"""
    number, node = draft.number(position), draft.nodes[position]
    return bool(number) and (node.dtype.kind == "f" or (node.weak and node.dtype.kind == "i"))


def _negated(draft: Draft, position: int) -> int:
    return draft.constant(-draft.nodes[position].params[0][1].value)


def _multiply(draft: Draft, node: Node) -> int | None:
    a, b = node.inputs
    if a == b and node.dtype.kind in "fiu" and not node.weak:
        return draft.add(node, "square", a)
    for x, other in ((b, a), (a, b)):
        factor = draft.number(other)
        if factor == 1:
            return draft.cast(x, node)
        if draft.nodes[x].op == "negative" and draft.nodes[x].dtype.kind == "f" and _has_sign(draft, other):
            return draft.append(node._replace(inputs=(_negated(draft, other), draft.nodes[x].inputs[0])))
    if draft.number(b) is not None and draft.number(a) is None:
        return draft.append(node._replace(inputs=(b, a)))
    return None


def _divide(draft: Draft, node: Node) -> int | None:
    x, by = node.inputs
    divisor = draft.number(by)
    if divisor is None or node.dtype.kind != "f" or node.weak:
        return None
    if divisor == 1:
        return draft.cast(x, node)
    if _is_power_of_two(divisor, node.dtype):
        like = draft.nodes[by]
        inverse = 1.0 / divisor if like.weak or like.dtype.kind != "f" else like.dtype.type(1.0 / divisor)
        return draft.add(node, "multiply", draft.constant(inverse), x)
    if draft.nodes[x].op == "negative" and draft.nodes[x].dtype.kind == "f" and _has_sign(draft, by):
        return draft.append(node._replace(inputs=(draft.nodes[x].inputs[0], _negated(draft, by))))
    return None


def _is_power_of_two(value: Any, dtype: np.dtype[Any]) -> bool:
    """Is multiplying by 1 / value the same as dividing by value, in this dtype?"""
    if not value or not math.isfinite(value) or math.frexp(abs(value))[0] != 0.5:
        return False
    limits = np.finfo(dtype)
    return bool(limits.tiny <= abs(value) <= limits.max and limits.tiny <= abs(1.0 / value) <= limits.max)


def _negative(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    inner = draft.nodes[x]
    if inner.op == "negative":
        return inner.inputs[0]
    if inner.op in ("multiply", "divide") and node.dtype.kind == "f" and draft.readers[x] == 1:
        a, b = inner.inputs
        if inner.op == "multiply" and _has_sign(draft, a):
            return draft.append(inner._replace(inputs=(_negated(draft, a), b), name=None))
        if inner.op == "divide" and _has_sign(draft, b):
            return draft.append(inner._replace(inputs=(a, _negated(draft, b)), name=None))
    return None


def _power(draft: Draft, node: Node) -> int | None:
    x, exponent = node.inputs
    # On arrays NumPy itself computes these powers so; on its scalars the last bit may differ, hence the shape.
    if not node.shape or node.dtype not in (np.float32, np.float64) or not draft.same(x, node):
        return None
    op = {1: "", 2: "square", 0.5: "sqrt", -1: "reciprocal"}.get(draft.number(exponent))
    if op is None:
        return None
    return draft.add(node, op, x) if op else x


def _positive(draft: Draft, node: Node) -> int | None:
    return node.inputs[0]


def _absolute(draft: Draft, node: Node) -> int | None:
    inner = draft.nodes[node.inputs[0]]
    if inner.op in ("absolute", "fabs"):
        return node.inputs[0]
    if inner.op == "negative" and node.dtype.kind == "f":
        return draft.add(node, node.op, inner.inputs[0])
    return None


def _where(draft: Draft, node: Node) -> int | None:
    condition, a, b = node.inputs
    if a == b:
        return draft.cast(a, node)
    inner = draft.nodes[condition]
    if inner.op in ("logical_not", "invert") and draft.nodes[inner.inputs[0]].dtype.kind == "b":
        return draft.append(node._replace(inputs=(inner.inputs[0], b, a)))
    return None


def _comparison(draft: Draft, node: Node) -> int | None:
    a, b = node.inputs
    if draft.number(a) is None or draft.number(b) is not None:
        return None
    return draft.append(node._replace(op=MIRRORED[node.op], inputs=(b, a)))


def _mean(draft: Draft, node: Node) -> int | None:
    x = draft.nodes[node.inputs[0]]
    count = math.prod(x.shape) // max(1, math.prod(node.shape))
    exact = {"float64": 2**53, "float32": 2**24}.get(str(node.dtype), 0)
    if x.dtype != node.dtype or not 0 < count <= exact or node.param("dtype") is not None:
        return None  # NumPy adds integers and float16 in a wider dtype
    params = {key: value for key, value in node.params if key != "dtype"}
    return draft.add(node, "divide", draft.add(node, "sum", node.inputs[0], **params), draft.constant(count))


def _over_nothing(draft: Draft, node: Node) -> int | None:
    x = node.inputs[0]
    if draft.nodes[x].shape or node.shape or not draft.same(x, node):
        return None
    if node.op == "sum" and not _never_minus_zero(draft, x):
        return draft.add(node, "add", x, draft.constant(0.0))  # the sum of -0.0 is 0.0
    return x


def _never_minus_zero(draft: Draft, position: int) -> bool:
    node = draft.nodes[position]
    return node.dtype.kind in "iub" or node.op in NEVER_MINUS_ZERO


_RULES: dict[str, Rule] = {
    "add": _add,
    "subtract": _subtract,
    "multiply": _multiply,
    "divide": _divide,
    "negative": _negative,
    "positive": _positive,
    "power": _power,
    "absolute": _absolute,
    "fabs": _absolute,
    "where": _where,
    **dict.fromkeys(MIRRORED, _comparison),
    "mean": _mean,
    "sum": _over_nothing,
    "prod": _over_nothing,
    "max": _over_nothing,
    "min": _over_nothing,
}


def narrow(graph: Graph) -> Graph:
    """Compute in float32 what is widened to float64 for one operation and then narrowed again. Exact.

    One +, -, *, / or square root of float32 values, rounded to float64 and then to float32, is what float32
    arithmetic gives: 53 bits are at least 2 * 24 + 2 (Figueroa, "When is double rounding innocuous?", 1995). Code that
    multiplies by a NumPy number, ``x * np.float64(1)``, comes to it.
    """
    return sweep(graph, _narrow)


def _narrow(draft: Draft, node: Node) -> int | None:
    if node.op != "astype" or node.dtype != np.float32:
        return None
    inner = draft.nodes[node.inputs[0]]
    if inner.dtype != np.float64 or inner.op not in ("add", "subtract", "multiply", "divide", "sqrt", "negative"):
        return None
    operands = [_as_float32(draft, i) for i in inner.inputs]
    if None in operands or all(draft.nodes[i].op == "constant" for i in operands if i is not None):
        return None
    return draft.add(node, inner.op, *(i for i in operands if i is not None))


def _as_float32(draft: Draft, position: int) -> int | None:
    """The float32 value (or number) that was widened to what stands at ``position``, if it was."""
    node = draft.nodes[position]
    if node.op == "astype" and draft.nodes[node.inputs[0]].dtype == np.float32:
        return node.inputs[0]
    if node.dtype == np.float32 and not node.weak:
        return position
    number = draft.number(position)
    if number is not None and float(np.float32(number)) == number:
        return draft.constant(np.float32(number))
    return None
