"""Functions that are several steps in one, as those steps: a compiled loop then does them with what is around."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from backhand.compiling.rewrite.contractions import RULES as CONTRACTIONS
from backhand.compiling.rewrite.draft import Draft, Rule, sweep
from backhand.compiling.rewrite.keys import to_key
from backhand.graph import Constant, Graph, Node
from backhand.graph.ops.reduce import axes_of

__all__ = ["side_by_side", "spelled_out"]

FLOATS = (np.float32, np.float64)


def spelled_out(graph: Graph) -> Graph:
    """Write out what NumPy does in one call. To rounding: sums and products are added up in another order.

    - ``var`` is the mean of the squared distances from the mean, which it shares with ``x.mean``; ``std`` its root.
    - ``norm`` is the root of the sum of squares, or the sum of absolute values; ``trace`` a sum as well.
    - ``einsum``, ``tensordot`` and ``inner`` are a product of matrices, or an elementwise product and a sum.
    - ``pad`` is a write into a new array, ``tile`` and ``repeat`` a broadcast, ``roll`` a ``concatenate``, ``diag`` a
      choice, ``count_nonzero`` a sum. Exact.
    """
    return sweep(graph, lambda draft, node: _spell(draft, node, _RULES))


def side_by_side(graph: Graph) -> Graph:
    """``concatenate`` as writes into a new array, if ``reroll`` has found no loop in it. Exact."""
    return sweep(graph, lambda draft, node: _spell(draft, node, {"concatenate": _concatenate}))


def _spell(draft: Draft, node: Node, rules: dict[str, Rule]) -> int | None:
    rule = rules.get(node.op)
    if rule is None or 0 in node.shape or any(0 in draft.nodes[i].shape for i in node.inputs):
        return None
    return rule(draft, node)


def _is_float(draft: Draft, node: Node) -> bool:
    """Is it computed in its own dtype, float32 or float64, as all that it reads?"""
    return node.dtype in FLOATS and all(draft.nodes[i].dtype == node.dtype for i in node.inputs)


# -- reductions -------------------------------------------------------------------------------------------------------


def _var(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    axis, keepdims = node.param("axis"), bool(node.param("keepdims", False))
    count = math.prod(draft.nodes[x].shape) // max(1, math.prod(node.shape)) - node.param("ddof", 0)
    if not _is_float(draft, node) or node.param("dtype") is not None or count <= 0:
        return None
    distance = draft.add(node, "subtract", x, _mean(draft, node, x, axis))
    square = draft.add(node, "square", distance)
    total = draft.add(node, "sum", square, **_over(axis, keepdims))
    return draft.add(node, "divide", total, draft.constant(count))


def _mean(draft: Draft, node: Node, x: int, axis: Any) -> int:
    """The mean with its axes kept; from the one that the code has computed already, if it has."""
    rank = len(draft.nodes[x].shape)
    axes = axes_of(axis, rank)
    shape = tuple(1 if a in axes else n for a, n in enumerate(draft.nodes[x].shape))
    for position in range(x + 1, len(draft.nodes)):
        other = draft.nodes[position]
        same = other.op == "mean" and other.inputs == (x,) and other.dtype == node.dtype
        if same and sorted(axes_of(other.param("axis"), rank)) == sorted(axes):
            return position if other.shape == shape else draft.add(node, "reshape", position, shape=shape)
    return draft.add(node, "mean", x, **_over(axis, True))


def _over(axis: Any, keepdims: bool) -> dict[str, Any]:
    return {"axis": axis, "keepdims": keepdims} if keepdims else {"axis": axis}


def _std(draft: Draft, node: Node) -> int | None:
    var = _var(draft, node)
    return None if var is None else draft.add(node, "sqrt", var)


def _norm(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    if not _is_float(draft, node):
        return None
    over = _over(node.param("axis"), bool(node.param("keepdims", False)))
    if node.param("ord") == 1:
        return draft.add(node, "sum", draft.add(node, "absolute", x), **over)
    return draft.add(node, "sqrt", draft.add(node, "sum", draft.add(node, "square", x), **over))


def _trace(draft: Draft, node: Node) -> int | None:
    diagonal = draft.add(node, "diagonal", *node.inputs, **dict(node.params))
    return draft.add(node, "sum", diagonal, axis=-1)


def _count_nonzero(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    given = draft.nodes[x]
    hit = x if given.dtype.kind == "b" else draft.add(node, "not_equal", x, draft.constant(0))
    return draft.add(node, "sum", hit, **dict(node.params))


def _scan(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    if node.param("axis") is not None:
        return None
    flat = draft.add(node, "reshape", x, shape=(math.prod(draft.nodes[x].shape),))
    return draft.add(node, node.op, flat, **{**dict(node.params), "axis": 0})


# -- moving of data ---------------------------------------------------------------------------------------------------


def _put(draft: Draft, node: Node, into: int, place: tuple[range, ...], value: int) -> int:
    """What is there after ``into[place] = value``."""
    return draft.add(node, "put", into, value, key=to_key(place, node.shape))


def _concatenate(draft: Draft, node: Node) -> int | None:
    axis = node.param("axis") % len(node.shape)
    made, start = _new(draft, node, 0), 0
    for i in node.inputs:
        end = start + draft.nodes[i].shape[axis]
        made, start = _put(draft, node, made, _along(node.shape, axis, start, end), i), end
    return made


def _along(shape: tuple[int, ...], axis: int, start: int, end: int) -> tuple[range, ...]:
    return tuple(range(start, end) if a == axis else range(n) for a, n in enumerate(shape))


def _roll(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    shift, axis = node.param("shift"), node.param("axis")
    if axis is None and len(node.shape) != 1:
        flat = draft.add(node, "reshape", x, shape=(math.prod(node.shape),))
        return draft.add(node, "reshape", draft.add(node, "roll", flat, shift=shift, axis=0), shape=node.shape)
    if not isinstance(shift, int) or isinstance(axis, tuple):
        return None
    axis = (axis or 0) % len(node.shape)
    n = node.shape[axis]
    cuts = ((n - shift % n, n), (0, n - shift % n)) if shift % n else ((0, n),)
    keys = [to_key(_along(node.shape, axis, *cut), node.shape) for cut in cuts]
    return draft.add(node, "concatenate", *(draft.add(node, "getitem", x, key=key) for key in keys), axis=axis)


def _pad(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    width = node.param("width")
    place = tuple(range(before, before + n) for (before, _), n in zip(width, draft.nodes[x].shape, strict=True))
    return _put(draft, node, _new(draft, node, node.param("value").value), place, x)


def _new(draft: Draft, node: Node, value: Any) -> int:
    return draft.add(node, "full", dtype=node.dtype, order="C", shape=node.shape, value=Constant(value))


def _tile(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    shape = draft.nodes[x].shape
    shape = (1,) * (len(node.shape) - len(shape)) + shape
    apart = tuple(size for n in shape for size in (1, n))
    wide = tuple(size for whole, n in zip(node.shape, shape, strict=True) for size in (whole // n, n))
    return _repeated(draft, node, x, apart, wide)


def _repeat(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    times, axis, shape = node.param("repeats"), node.param("axis"), draft.nodes[x].shape
    if not isinstance(times, int):
        return None
    if axis is None:
        axis, shape = 0, (math.prod(shape),)
    before, after = shape[: axis % len(shape) + 1], shape[axis % len(shape) + 1 :]
    return _repeated(draft, node, x, (*before, 1, *after), (*before, times, *after))


def _repeated(draft: Draft, node: Node, x: int, apart: tuple[int, ...], wide: tuple[int, ...]) -> int:
    """A value given axes of length 1 that are then stretched, and joined to the axes of the node."""
    made = draft.add(node, "broadcast_to", draft.add(node, "reshape", x, shape=apart), shape=wide)
    return draft.add(node, "reshape", made, shape=node.shape)


def _diag(draft: Draft, node: Node) -> int | None:
    (x,) = node.inputs
    offset = node.param("k", 0)
    if len(draft.nodes[x].shape) == 2:
        return draft.add(node, "copy", draft.add(node, "diagonal", x, offset=offset))
    if offset:
        return None
    return draft.add(node, "where", draft.constant(np.eye(*node.shape, dtype=bool)), x, _new(draft, node, 0))


_RULES: dict[str, Rule] = {
    "var": _var,
    "std": _std,
    "norm": _norm,
    "trace": _trace,
    "count_nonzero": _count_nonzero,
    "cumsum": _scan,
    "cumprod": _scan,
    "pad": _pad,
    "roll": _roll,
    "tile": _tile,
    "repeat": _repeat,
    "diag": _diag,
    **CONTRACTIONS,
}
