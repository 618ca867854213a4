"""Writes into arrays, as arithmetic: what is written by a mask, everywhere, or at each row's label."""

from __future__ import annotations

import numpy as np

from backhand.compiling.rewrite.draft import Draft, sweep
from backhand.compiling.rewrite.keys import expand, reaches_all
from backhand.graph import Constant, Graph, Node
from backhand.graph.ops import TABLE
from backhand.graph.ops.index import Slot, is_basic

__all__ = ["labels", "puts"]


def puts(graph: Graph) -> Graph:
    """Write without writing. Exact.

    - ``out[mask] = v`` is ``where(mask, v, out)``.
    - ``out[...] = v`` is v, in out's shape and dtype; what ``out`` held doesn't matter.
    - Of two writes to the same place the first doesn't matter; writing what stands there is none.
    """
    return sweep(graph, lambda draft, node: _RULES[node.op](draft, node) if node.op in _RULES else None)


def _put_mask(draft: Draft, node: Node) -> int | None:
    x, mask, value = node.inputs
    fitting = _in_dtype(draft, node, value)
    return None if fitting is None else draft.add(node, "where", mask, fitting, x)


def _put(draft: Draft, node: Node) -> int | None:
    x, value, *arrays = node.inputs
    key = node.param("key")
    inner, written = draft.nodes[x], draft.nodes[value]
    read_there = written.op == "getitem" and written.inputs == (x, *arrays)
    if not is_basic(key):
        return x if read_there and written.params == node.params else None
    if read_there and expand(written.param("key"), node.shape) == expand(key, node.shape):
        return x
    if reaches_all(expand(key, node.shape), node.shape):
        return _everywhere(draft, node, value)
    overwritten = inner.op == "put" and is_basic(inner.param("key"))
    if overwritten and expand(key, node.shape) == expand(inner.param("key"), node.shape):
        return draft.append(node._replace(inputs=(inner.inputs[0], value)))
    return None


def _everywhere(draft: Draft, node: Node, value: int) -> int | None:
    """A value in the shape and dtype of the array that it fills."""
    fitting = _in_dtype(draft, node, value)
    if fitting is None or draft.same(fitting, node):
        return fitting
    number = draft.number(fitting)
    if number is not None:
        return draft.add(node, "full", dtype=node.dtype, shape=node.shape, value=Constant(number), order="C")
    places = expand(node.param("key"), node.shape)
    slot = tuple(1 if place is None else len(place) for place in places if not isinstance(place, int))
    shape = draft.nodes[fitting].shape
    if len(shape) > len(slot):  # NumPy takes a value with more axes of length 1 in front
        fitting = draft.add(node, "reshape", fitting, shape=shape[len(shape) - len(slot) :])
    if draft.nodes[fitting].shape != slot:
        fitting = draft.add(node, "broadcast_to", fitting, shape=slot)
    return fitting if slot == node.shape else draft.add(node, "reshape", fitting, shape=node.shape)


def _in_dtype(draft: Draft, node: Node, position: int) -> int | None:
    """A value in the dtype in which a write stores it; for a Python number a constant."""
    value = draft.nodes[position]
    if value.weak:
        number = draft.number(position)
        return None if number is None else draft.constant(np.asarray(number).astype(node.dtype)[()])
    return position if value.dtype == node.dtype else draft.add(node, "astype", position, dtype=node.dtype)


_RULES = {"put_mask": _put_mask, "put": _put}


def labels(graph: Graph) -> Graph:
    """``y[np.arange(n), t] -= 1`` as ``where(arange(classes) == t, y - 1, y)``, which joins the loops around it. Exact.

    Only where the labels are an ``argmax``, or are read as labels elsewhere (the loss): one out of range still raises.
    """
    written = {n.inputs[0] for n in graph.nodes if n.op == "put" and _is_by_row(graph, n)}
    checked = {
        (n.inputs[2], graph.nodes[n.inputs[0]].shape[1])
        for n in graph.nodes
        if n.op == "getitem" and n.inputs[0] not in written and _is_by_row(graph, n)
    }

    def rule(draft: Draft, node: Node) -> int | None:
        old = graph.nodes[draft.old]
        if node.op != "put" or not _is_by_row(graph, old):
            return None
        t, classes = old.inputs[3], node.shape[1]
        chosen = _is_argmax(graph, t, classes)
        if not chosen and (t, classes) not in checked:
            return None
        label = node.inputs[3]
        if not chosen and draft.nodes[label].dtype.kind == "i":  # as NumPy, count negative ones from the end
            wrapped = draft.add(node, "add", label, draft.constant(classes))
            label = draft.add(node, "where", draft.add(node, "less", label, draft.constant(0)), wrapped, label)
        column = draft.add(node, "reshape", label, shape=(node.shape[0], 1))
        mask = draft.add(node, "equal", draft.constant(np.arange(classes)), column)
        value = _in_dtype(draft, node, _at_every_place(draft, node))
        return None if value is None else draft.add(node, "where", mask, value, node.inputs[0])

    return sweep(graph, rule)


def _is_by_row(graph: Graph, node: Node) -> bool:
    """Does the key name one element of each row: ``[np.arange(n), t]``?"""
    x = graph.nodes[node.inputs[0]]
    if node.param("key") != (Slot(0, False), Slot(1, False)) or len(x.shape) != 2:
        return False
    rows, columns = (graph.nodes[i] for i in node.inputs[-2:])
    if rows.op != "constant" or columns.shape != x.shape[:1] or columns.dtype.kind not in "iu":
        return False
    return np.array_equal(rows.param("value").value, np.arange(x.shape[0]))


def _is_argmax(graph: Graph, position: int, classes: int) -> bool:
    """Is it surely in 0 … classes - 1?"""
    while graph.nodes[position].op in ("reshape", "copy", "transpose"):
        position = graph.nodes[position].inputs[0]
    node = graph.nodes[position]
    axis = node.param("axis")
    return node.op in ("argmax", "argmin") and axis is not None and graph.nodes[node.inputs[0]].shape[axis] <= classes


def _at_every_place(draft: Draft, node: Node) -> int:
    """The value that a write by rows would put at each place, if it wrote there."""
    x, value, *arrays = node.inputs
    here = Node("getitem", (x, *arrays), node.params, (), node.dtype)[:3]

    def spread(position: int) -> int:
        part = draft.nodes[position]
        if part[:3] == here:
            return x
        return draft.add(node, "reshape", position, shape=(*part.shape, 1)) if part.shape else position

    made = draft.nodes[value]
    if made.op in TABLE and TABLE[made.op].elementwise and any(draft.nodes[i][:3] == here for i in made.inputs):
        return draft.add(node, made.op, *(spread(i) for i in made.inputs), **dict(made.params))
    return spread(value)
