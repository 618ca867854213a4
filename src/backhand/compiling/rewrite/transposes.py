"""Transposes moved to where they cost nothing: out of elementwise chains and sums, under products, which take them."""

from __future__ import annotations

from backhand.compiling.rewrite.draft import Draft, sweep
from backhand.graph import Graph, Node
from backhand.graph.ops import TABLE
from backhand.graph.ops.reduce import axes_of

__all__ = ["transposes"]

Axes = tuple[int, ...]
REDUCTIONS = ("sum", "mean", "max", "min", "prod", "any", "all", "argmax", "argmin")


def transposes(graph: Graph) -> Graph:
    """Move transposes towards each other, where they cancel, and under products. Exact, but for the order of sums.

    - ``f(a.T, b.T)`` of an elementwise f is ``f(a, b).T``; a vector or a number beside ``a.T`` is reshaped instead.
    - ``f(a, b).T`` is ``f(a.T, b.T)`` where no operand then needs a transpose any more.
    - ``a.T.sum(axis=0)`` is ``a.sum(axis=1)``.
    - ``(a @ b).T`` is ``b.T @ a.T``: a transpose directly under a product is only a flag of it.
    - ``a.T.reshape(…).T`` moves data once, at the end, where the reshape joins whole axes.
    """

    def rule(draft: Draft, node: Node) -> int | None:
        if node.op == "transpose":
            return _into(draft, node)
        if node.op in REDUCTIONS:
            return _reduced(draft, node)
        if node.op in TABLE and TABLE[node.op].elementwise and len(node.shape) > 1:
            return _out_of(draft, node)
        return None

    return sweep(graph, rule)


def _inverse(axes: Axes) -> Axes:
    return tuple(axes.index(axis) for axis in range(len(axes)))


def _turned(draft: Draft, node: Node, position: int, axes: Axes) -> int | None:
    """An operand of an elementwise op, transposed by ``axes``, if that takes no transpose."""
    operand = draft.nodes[position]
    if not operand.shape:
        return position
    if operand.op == "transpose" and len(operand.shape) == len(axes):
        whole = tuple(operand.param("axes")[axis] for axis in axes)
        if whole == tuple(range(len(axes))):
            return operand.inputs[0]
    wide = (1,) * (len(axes) - len(operand.shape)) + operand.shape
    long = [axis for axis in axes if wide[axis] != 1]
    if long != sorted(long):
        return None
    shape = tuple(wide[axis] for axis in axes)
    while len(shape) > 1 and shape[0] == 1:
        shape = shape[1:]
    return position if shape == operand.shape else draft.add(node, "reshape", position, shape=shape)


def _out_of(draft: Draft, node: Node) -> int | None:
    """``f(a.T, b.T)`` -> ``f(a, b).T``."""
    rank = len(node.shape)
    operands = [draft.nodes[i] for i in node.inputs]
    axes = next((o.param("axes") for o in operands if o.op == "transpose" and len(o.shape) == rank), None)
    if axes is None:
        return None
    back = _inverse(axes)
    inputs = [_turned(draft, node, i, back) for i in node.inputs]
    if None in inputs:
        return None
    made = draft.add(node, node.op, *(i for i in inputs if i is not None), **dict(node.params))
    if draft.nodes[made].shape != tuple(node.shape[axis] for axis in back):
        return None  # without the transpose an axis of length 1 isn't stretched
    draft.rename(made, node.name)
    return draft.add(node, "transpose", made, axes=axes)


def _into(draft: Draft, node: Node) -> int | None:
    """``f(a, b).T`` -> ``f(a.T, b.T)``, and ``(a @ b).T`` -> ``b.T @ a.T``."""
    inner = draft.nodes[node.inputs[0]]
    axes = node.param("axes")
    if draft.readers[node.inputs[0]] != 1:
        return None
    if inner.op == "matmul" and axes == (1, 0) and all(len(draft.nodes[i].shape) == 2 for i in inner.inputs):
        a, b = (draft.add(node, "transpose", i, axes=axes) for i in inner.inputs)
        return draft.add(node, "matmul", b, a)
    if inner.op == "reshape":
        return _behind_reshape(draft, node, inner)
    if inner.op not in TABLE or not TABLE[inner.op].elementwise:
        return None
    inputs = [_turned(draft, node, i, axes) for i in inner.inputs]
    left = [i for i, turned in zip(inner.inputs, inputs, strict=True) if turned is None]
    if left:  # one operand may take the transpose on if another loses one
        gone = any(draft.nodes[i].op == "transpose" and i != now for i, now in zip(inner.inputs, inputs, strict=True))
        if len(left) > 1 or not gone or draft.nodes[left[0]].shape != inner.shape:
            return None
        inputs = [draft.add(node, "transpose", left[0], axes=axes) if i is None else i for i in inputs]
    made = draft.add(node, inner.op, *(i for i in inputs if i is not None), **dict(inner.params))
    draft.rename(made, inner.name)
    return made


def _behind_reshape(draft: Draft, node: Node, inner: Node) -> int | None:
    """``a.T.reshape(…).T`` -> ``a.T.T.reshape(…)``, where the reshape joins neighbouring axes."""
    first = draft.nodes[inner.inputs[0]]
    groups = _joined(first.shape, inner.shape)
    if first.op != "transpose" or groups is None or inner.param("order", "C") != "C":
        return None
    axes = tuple(axis for group in node.param("axes") for axis in groups[group])
    return draft.add(node, "reshape", draft.add(node, "transpose", inner.inputs[0], axes=axes), shape=node.shape)


def _joined(shape: tuple[int, ...], made: tuple[int, ...]) -> list[list[int]] | None:
    """For each axis of a reshape's result the axes that it joins; None if one is split."""
    groups: list[list[int]] = []
    axis = 0
    for length in made:
        group: list[int] = []
        size = 1
        while axis < len(shape) and (size < length or shape[axis] == 1):
            size *= shape[axis]
            group.append(axis)
            axis += 1
        if size != length:
            return None
        groups.append(group)
    return groups if axis == len(shape) else None


def _reduced(draft: Draft, node: Node) -> int | None:
    """``a.T.sum(axis=0)`` -> ``a.sum(axis=1)``; the axes that are left are transposed if they stand otherwise."""
    inner = draft.nodes[node.inputs[0]]
    given = dict(node.params)
    if inner.op != "transpose" or (given.get("axis") is None and node.op.startswith("arg")):
        return None
    axes = inner.param("axes")
    rank = len(axes)
    over = tuple(axes[axis] for axis in axes_of(given.get("axis"), rank))
    if given.get("axis") is not None:
        given["axis"] = over[0] if isinstance(given["axis"], int) else tuple(sorted(over))
    made = draft.add(node, node.op, inner.inputs[0], **given)
    if given.get("keepdims"):
        return draft.add(node, "transpose", made, axes=axes)
    left = [axis for axis in axes if axis not in over]
    if left == sorted(left):
        return made
    return draft.add(node, "transpose", made, axes=tuple(sorted(left).index(axis) for axis in left))
