"""The op table, linear algebra."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from backhand.graph.ops.row import Op

__all__ = ["ROWS"]


def _t(x: Any) -> Any:
    """Swap the last two axes."""
    return np.swapaxes(x, -1, -2)


def _matmul_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """g @ b.T"""
    if a.ndim == 1 and b.ndim == 1:
        return g * b
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b
    if a.ndim == 1:
        return np.matmul(b, np.expand_dims(g, -1))[..., 0]
    return np.matmul(g, _t(b))


def _matmul_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """a.T @ g"""
    if a.ndim == 1 and b.ndim == 1:
        return g * a
    if b.ndim == 1:
        return np.matmul(np.expand_dims(g, -2), a)[..., 0, :]
    if a.ndim == 1:
        return np.expand_dims(a, -1) * np.expand_dims(g, -2)
    return np.matmul(_t(a), g)


def _dot_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """g . b.T"""
    if a.ndim == 0 or b.ndim == 0:
        return g * b
    if b.ndim <= 2 and a.ndim <= 2:
        return _matmul_left(g, y, a, b)
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b
    kept = tuple(range(a.ndim - 1, g.ndim))
    over = tuple(i for i in range(b.ndim) if i != b.ndim - 2)
    return np.tensordot(g, b, (kept, over))


def _dot_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """a.T . g"""
    if a.ndim == 0 or b.ndim == 0:
        return g * a
    if b.ndim <= 2 and a.ndim <= 2:
        return _matmul_right(g, y, a, b)
    lead = tuple(range(a.ndim - 1))
    product = np.tensordot(a, g, (lead, lead))  # contracted axis first, then b's other axes
    return product if b.ndim == 1 else np.moveaxis(product, 0, b.ndim - 2)


def _inner_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """g . b"""
    if a.ndim == 0 or b.ndim == 0:
        return g * b
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b
    return np.tensordot(g, b, (tuple(range(a.ndim - 1, g.ndim)), tuple(range(b.ndim - 1))))


def _inner_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """g.T . a"""
    if a.ndim == 0 or b.ndim == 0:
        return g * a
    lead = tuple(range(a.ndim - 1))
    return np.tensordot(g, a, (lead, lead))


def _tensordot(a: Any, b: Any, axes: Any) -> Any:
    return np.tensordot(a, b, axes)


def _tensordot_left(g: Any, y: Any, a: Any, b: Any, axes: Any) -> Any:
    """tensordot(g, b) over b's free axes"""
    of_a, of_b = axes
    free_a = [i for i in range(a.ndim) if i not in of_a]
    free_b = [i for i in range(b.ndim) if i not in of_b]
    product = np.tensordot(g, b, (tuple(range(len(free_a), g.ndim)), tuple(free_b)))
    order = free_a + [of_a[of_b.index(i)] for i in sorted(of_b)]
    return np.transpose(product, tuple(order.index(i) for i in range(a.ndim)))


def _tensordot_right(g: Any, y: Any, a: Any, b: Any, axes: Any) -> Any:
    """tensordot(a, g) over a's free axes"""
    of_a, of_b = axes
    free_a = [i for i in range(a.ndim) if i not in of_a]
    free_b = [i for i in range(b.ndim) if i not in of_b]
    product = np.tensordot(a, g, (tuple(free_a), tuple(range(len(free_a)))))
    order = [of_b[of_a.index(i)] for i in sorted(of_a)] + free_b
    return np.transpose(product, tuple(order.index(i) for i in range(b.ndim)))


def _einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum_rule(i: int, g: Any, y: Any, *operands: Any, subscripts: str, optimize: Any = False) -> Any:
    """einsum of g with the other operands"""
    # subscripts are explicit, without ellipsis and without a letter twice in one operand: the tracer sees to it
    left, out = subscripts.split("->")
    terms = left.split(",")
    mine, others = terms[i], [t for j, t in enumerate(terms) if j != i]
    rest = [o for j, o in enumerate(operands) if j != i]
    known = set(out).union(*others) if others else set(out)
    reach = "".join(letter for letter in mine if letter in known)
    made = np.einsum(",".join([out, *others]) + "->" + reach, g, *rest)
    # an index that only this operand has was summed over: its gradient is the same everywhere along it
    shape = tuple(operands[i].shape[mine.index(letter)] if letter in reach else 1 for letter in mine)
    return np.broadcast_to(np.reshape(made, shape), operands[i].shape)


def _trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.trace(x, offset, axis1, axis2)


def _trace_rule(g: Any, y: Any, x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """g on the diagonal"""
    n, m = x.shape[axis1], x.shape[axis2]
    mask = np.eye(n, m, offset, dtype=bool)
    up = np.expand_dims(np.expand_dims(g, -1), -1)
    return np.moveaxis(np.where(mask, up, 0), (-2, -1), (axis1, axis2))


def _inv_rule(g: Any, y: Any, x: Any) -> Any:
    """-y.T @ g @ y.T"""
    return -np.matmul(np.matmul(_t(y), g), _t(y))


def _det_rule(g: Any, y: Any, x: Any) -> Any:
    """g * y * inv(x).T"""
    return np.expand_dims(np.expand_dims(g * y, -1), -1) * _t(np.linalg.inv(x))


def _solve_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """-solve(a.T, g) y.T"""
    if b.ndim == 1:
        return -np.expand_dims(np.linalg.solve(_t(a), g), -1) * y
    return -np.matmul(np.linalg.solve(_t(a), g), _t(y))


def _solve_right(g: Any, y: Any, a: Any, b: Any) -> Any:
    """solve(a.T, g)"""
    return np.linalg.solve(_t(a), g)


ROWS = (
    Op("matmul", operator.matmul, (_matmul_left, _matmul_right), None, "@", (np.matmul,), onnx="MatMul"),
    Op("dot", np.dot, (_dot_left, _dot_right), None, "dot"),
    Op("inner", np.inner, (_inner_left, _inner_right), None, "inner"),
    Op("tensordot", _tensordot, (_tensordot_left, _tensordot_right), None, "tensordot"),
    Op("einsum", _einsum, (), _einsum_rule, "einsum", onnx="Einsum"),
    Op("trace", _trace, (_trace_rule,), None, "trace"),
    Op("inv", np.linalg.inv, (_inv_rule,), None, "inv", (np.linalg.inv,)),
    Op("det", np.linalg.det, (_det_rule,), None, "det", (np.linalg.det,)),
    Op("solve", np.linalg.solve, (_solve_left, _solve_right), None, "solve", (np.linalg.solve,)),
)
