"""The op table, reductions and scans."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backhand.graph.ops.row import Op

__all__ = ["ROWS", "spread"]


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that ``axis`` (None, a number, several) means, counted from 0."""
    if axis is None:
        return tuple(range(ndim))
    return tuple(a % ndim for a in (axis if isinstance(axis, tuple) else (axis,)))


def spread(v: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Give a reduction's result (or its gradient) its reduced axes back, with length 1: it then broadcasts with x."""
    if keepdims or axis is None:
        return v
    kept = list(x.shape)
    for a in axes_of(axis, x.ndim):
        kept[a] = 1
    return np.reshape(v, tuple(kept))


def _count(x: Any, axis: Any) -> int:
    return math.prod(x.shape[a] for a in axes_of(axis, x.ndim))


def _sum(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """g, repeated along the summed axes"""
    return np.broadcast_to(spread(g, x, axis, keepdims), x.shape)


def _mean(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """g / n, repeated along the averaged axes"""
    return np.broadcast_to(spread(g, x, axis, keepdims) / _count(x, axis), x.shape)


def _extreme(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """g where x is the extreme, shared evenly among ties"""
    hit = x == spread(y, x, axis, keepdims)
    ties = np.sum(hit, axis=axis, keepdims=True, dtype=x.dtype)
    if axis is None and not keepdims:
        ties = np.reshape(ties, ())
    return np.where(hit, spread(g, x, axis, keepdims) / ties, 0)


def _variance(
    g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, ddof: int = 0, dtype: Any = None
) -> Any:
    """g * 2 * (x - mean(x)) / (n - ddof)"""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    return spread(g, x, axis, keepdims) * 2 * centred / (_count(x, axis) - ddof)


def _deviation(
    g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, ddof: int = 0, dtype: Any = None
) -> Any:
    """g * (x - mean(x)) / ((n - ddof) * y), and 0 where y = 0"""
    centred = x - np.mean(x, axis=axis, keepdims=True)
    y = spread(y, x, axis, keepdims)
    return spread(g, x, axis, keepdims) * centred / ((_count(x, axis) - ddof) * np.where(y == 0, 1, y))


def _product(g: Any, y: Any, x: Any, axis: Any = None, keepdims: bool = False, dtype: Any = None) -> Any:
    """g * (the product of all other factors)"""
    axes = axes_of(axis, x.ndim)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    order = kept + axes
    rows = np.reshape(np.transpose(x, order), (*(x.shape[a] for a in kept), _count(x, axis)))
    one = np.ones_like(rows[..., :1])
    before = np.cumprod(np.concatenate([one, rows[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([one, rows[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    others = np.reshape(before * after, tuple(x.shape[a] for a in order))
    back = tuple(order.index(a) for a in range(x.ndim))
    return spread(g, x, axis, keepdims) * np.transpose(others, back)


def _flip(v: Any, axis: int) -> Any:
    return v[(slice(None),) * (axis % v.ndim) + (slice(None, None, -1),)]


def _cumsum(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """the sums of g from each place to the end"""
    if axis is None:
        return np.reshape(np.cumsum(g[::-1])[::-1], x.shape)
    return _flip(np.cumsum(_flip(g, axis), axis=axis), axis)


def _cumprod(g: Any, y: Any, x: Any, axis: Any = None, dtype: Any = None) -> Any:
    """for each factor the sum of g times the later products without it"""
    rows = np.reshape(x, (-1,)) if axis is None else np.moveaxis(x, axis, -1)
    up = g if axis is None else np.moveaxis(g, axis, -1)
    n = rows.shape[-1]
    own = np.eye(n, dtype=bool)  # row j: the factors without factor j
    without = np.cumprod(np.where(own, 1, np.expand_dims(rows, -2)), axis=-1)
    later = np.triu(np.ones((n, n), dtype=bool))
    dx = np.sum(np.where(later, np.expand_dims(up, -2) * without, 0), axis=-1)
    return np.reshape(dx, x.shape) if axis is None else np.moveaxis(dx, -1, axis)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis, keepdims)


def _norm_rule(g: Any, y: Any, x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """g * x / y, and 0 where y = 0 (g * sign(x) for ord=1)"""
    g = spread(g, x, axis, keepdims)
    if ord == 1:
        return g * np.sign(x)
    y = spread(y, x, axis, keepdims)
    return g * x / np.where(y == 0, 1, y)


def _sort_rule(g: Any, y: Any, x: Any, axis: Any = -1) -> Any:
    """g, put back where each value came from"""
    if axis is None:
        return np.reshape(g[np.argsort(np.argsort(np.reshape(x, (-1,))))], x.shape)
    return np.take_along_axis(g, np.argsort(np.argsort(x, axis=axis), axis=axis), axis=axis)


def _argsort(x: Any, axis: Any = -1, kind: Any = None) -> Any:
    return np.argsort(x, axis=axis, kind=kind)


ROWS = (
    Op("sum", np.sum, (_sum,), None, "Σ", onnx="ReduceSum"),
    Op("mean", np.mean, (_mean,), None, "mean", onnx="ReduceMean"),
    Op("max", np.max, (_extreme,), None, "max", onnx="ReduceMax"),
    Op("min", np.min, (_extreme,), None, "min", onnx="ReduceMin"),
    Op("prod", np.prod, (_product,), None, "∏", onnx="ReduceProd"),
    Op("var", np.var, (_variance,), None, "var"),
    Op("std", np.std, (_deviation,), None, "std"),
    Op("cumsum", np.cumsum, (_cumsum,), None, "cumsum", onnx="CumSum"),
    Op("cumprod", np.cumprod, (_cumprod,), None, "cumprod"),
    Op("norm", _norm, (_norm_rule,), None, "‖x‖"),
    Op("sort", np.sort, (_sort_rule,), None, "sort"),
    Op("argsort", _argsort, (), None, "argsort"),
    Op("argmax", np.argmax, (), None, "argmax", onnx="ArgMax"),
    Op("argmin", np.argmin, (), None, "argmin", onnx="ArgMin"),
    Op("any", np.any, (), None, "any"),
    Op("all", np.all, (), None, "all"),
    Op("count_nonzero", np.count_nonzero, (), None, "#"),
)
