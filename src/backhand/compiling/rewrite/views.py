"""Copies, casts and views that change nothing which a run lets anybody see."""

from __future__ import annotations

from typing import Any

import numpy as np

from backhand.compiling.rewrite.draft import Draft, Rule, sweep
from backhand.compiling.rewrite.keys import compose, covers_all, disjoint, expand, reaches_all, to_key
from backhand.graph import Graph, Node
from backhand.graph.ops.index import is_basic
from backhand.graph.ops.reduce import axes_of

__all__ = ["copies_and_views"]

REDUCTIONS = ("sum", "mean", "max", "min", "prod", "any", "all", "argmax", "argmin")


def copies_and_views(graph: Graph) -> Graph:
    """Drop copies, casts and views that change nothing. Exact; sums may round otherwise where a layout goes away.

    - A copy is its original: no node of a graph is ever written. (A result that would then be the caller's own array,
      or the same as another result, stays a copy.)
    - A reshape of a reshape, a transpose of a transpose, a slice of a slice is one; those that change nothing are none.
      A transpose that moves only axes of length 1 is a reshape.
    - A cast that loses nothing, before another cast, goes.
    - Reading what was just written gives what was written; reading beside it gives what was there.
    """
    return sweep(graph, lambda draft, node: _RULES[node.op](draft, node) if node.op in _RULES else None)


def _copy(draft: Draft, node: Node) -> int | None:
    return node.inputs[0]


def _astype(draft: Draft, node: Node) -> int | None:
    x = node.inputs[0]
    inner = draft.nodes[x]
    if draft.same(x, node):
        return x
    if inner.op == "astype" and _holds(inner.dtype, draft.nodes[inner.inputs[0]].dtype):
        origin = inner.inputs[0]
        if not draft.nodes[origin].weak:
            return origin if draft.same(origin, node) else draft.add(node, "astype", origin, dtype=node.dtype)
    return None


def _holds(wide: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    """Has every value of ``dtype`` a place of its own in ``wide``? (NumPy calls int64 to float64 safe; it isn't.)"""
    if dtype.kind in "iu" and wide.kind == "f":
        return np.iinfo(dtype).bits <= np.finfo(wide).nmant
    return np.can_cast(dtype, wide, "safe")


def _reshape(draft: Draft, node: Node) -> int | None:
    x = node.inputs[0]
    inner = draft.nodes[x]
    if draft.same(x, node) and node.param("order", "C") == "C":
        return x
    if inner.op in ("reshape", "full") and "F" not in (inner.param("order", "C"), node.param("order", "C")):
        if inner.op == "full":
            return _full(draft, node, inner)
        return draft.append(node._replace(inputs=inner.inputs))
    if inner.op in REDUCTIONS and draft.readers[x] == 1 and inner.param("axis") is not None:
        before = draft.nodes[inner.inputs[0]].shape
        over = axes_of(inner.param("axis"), len(before))
        if node.shape == tuple(1 if axis in over else n for axis, n in enumerate(before)):
            return draft.add(node, inner.op, *inner.inputs, **{**dict(inner.params), "keepdims": True})
    return None


def _transpose(draft: Draft, node: Node) -> int | None:
    x = node.inputs[0]
    axes = node.param("axes")
    inner = draft.nodes[x]
    if axes == tuple(range(len(axes))):
        return x
    if inner.op == "transpose":
        return draft.add(node, "transpose", inner.inputs[0], axes=tuple(inner.param("axes")[a] for a in axes))
    if inner.op == "full":
        return _full(draft, node, inner)
    long = [axis for axis in axes if inner.shape[axis] != 1]
    if long == sorted(long):
        return draft.add(node, "reshape", x, shape=node.shape)
    return None


def _full(draft: Draft, node: Node, inner: Node) -> int:
    """A view of an array that is one number everywhere is such an array; an element of it is the number."""
    if not node.shape:
        return draft.constant(inner.dtype.type(inner.param("value").value))
    return draft.add(node, "full", dtype=inner.dtype, shape=node.shape, value=inner.param("value"), order="C")


def _broadcast(draft: Draft, node: Node) -> int | None:
    x = node.inputs[0]
    inner = draft.nodes[x]
    if draft.same(x, node):
        return x
    if inner.op == "broadcast_to":
        return draft.append(node._replace(inputs=inner.inputs))
    return _full(draft, node, inner) if inner.op == "full" else None


def _pad(draft: Draft, node: Node) -> int | None:
    return node.inputs[0] if all(before == after == 0 for before, after in node.param("width")) else None


def _getitem(draft: Draft, node: Node) -> int | None:
    x = node.inputs[0]
    inner = draft.nodes[x]
    key = node.param("key")
    if not is_basic(key):
        return None
    if covers_all(key, inner.shape):
        return x
    if inner.op == "full":
        return _full(draft, node, inner)
    mine = expand(key, inner.shape)
    if inner.op == "getitem" and is_basic(inner.param("key")):
        origin = draft.nodes[inner.inputs[0]].shape
        whole = compose(expand(inner.param("key"), origin), mine)
        if whole is not None:
            return draft.add(node, "getitem", inner.inputs[0], key=to_key(whole, origin))
    if inner.op == "put" and is_basic(inner.param("key")):
        theirs = expand(inner.param("key"), inner.shape)
        if mine == theirs:
            return _written(draft, node, inner)
        if disjoint(mine, theirs):
            return draft.append(node._replace(inputs=(inner.inputs[0],)))
    if reaches_all(mine, inner.shape):
        return draft.add(node, "reshape", x, shape=node.shape)
    shortest = to_key(mine, inner.shape)
    return None if shortest == key else draft.add(node, "getitem", x, key=shortest)


def _written(draft: Draft, node: Node, put: Node) -> int | None:
    """What was written at the places that are read, in the array's dtype."""
    value = put.inputs[1]
    have = draft.nodes[value]
    if have.weak:
        return None
    if have.dtype != node.dtype:
        value = draft.add(node, "astype", value, dtype=node.dtype)
    if len(have.shape) > len(node.shape):  # NumPy takes a value with more axes of length 1 in front
        value = draft.add(node, "reshape", value, shape=have.shape[len(have.shape) - len(node.shape) :])
    if draft.nodes[value].shape != node.shape:
        value = draft.add(node, "broadcast_to", value, shape=node.shape)
    return value


_RULES: dict[str, Rule] = {
    "copy": _copy,
    "astype": _astype,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast,
    "getitem": _getitem,
    "pad": _pad,
}
