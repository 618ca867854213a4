"""Products over any axes (einsum, tensordot, inner, dot, @ of stacks) as products of matrices or of elements."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from backhand.compiling.rewrite.draft import Draft
from backhand.graph import Node

__all__ = ["RULES"]

Labels = tuple[int, ...]
"""A label for each axis of an operand: equal ones are multiplied with each other, those not in the result summed."""


def _einsum(draft: Draft, node: Node) -> int | None:
    left, out = node.param("subscripts").split("->")
    terms = [tuple(map(ord, term)) for term in left.split(",")]
    return _contraction(draft, node, terms, tuple(map(ord, out)))


def _tensordot(draft: Draft, node: Node) -> int | None:
    a, b = (len(draft.nodes[i].shape) for i in node.inputs)
    of_a, of_b = node.param("axes")
    mine, other = list(range(a)), list(range(a, a + b))
    for one, two in zip(of_a, of_b, strict=True):
        other[two] = mine[one]
    out = [label for label in mine + other if not (label in mine and label in other)]
    return _contraction(draft, node, [tuple(mine), tuple(other)], tuple(out))


def _inner(draft: Draft, node: Node) -> int | None:
    a, b = (len(draft.nodes[i].shape) for i in node.inputs)
    if not a or not b:
        return draft.add(node, "multiply", *node.inputs)
    mine, other = tuple(range(a)), (*range(a, a + b - 1), a - 1)
    return _contraction(draft, node, [mine, other], mine[:-1] + other[:-1])


def _dot(draft: Draft, node: Node) -> int | None:
    a, b = (len(draft.nodes[i].shape) for i in node.inputs)
    if max(a, b) <= 2 or not a or not b:
        return None
    mine, other = tuple(range(a)), list(range(a, a + b))
    other[max(b - 2, 0)] = mine[-1]
    return _contraction(draft, node, [mine, tuple(other)], (*mine[:-1], *(n for n in other if n != mine[-1])))


def _matmul(draft: Draft, node: Node) -> int | None:
    """``@`` of a stack with one matrix or vector; two stacks stay as they are."""
    a, b = node.inputs
    left, right = draft.nodes[a].shape, draft.nodes[b].shape
    if node.dtype not in (np.float32, np.float64) or any(draft.nodes[i].dtype != node.dtype for i in node.inputs):
        return None
    if len(left) > 2 and len(right) <= 2:
        rows = draft.add(node, "reshape", a, shape=(math.prod(left[:-1]), left[-1]))
        return draft.add(node, "reshape", draft.add(node, "matmul", rows, b), shape=node.shape)
    if len(left) == 1 and len(right) > 2:
        column = draft.add(node, "reshape", a, shape=(left[0], 1))
        return draft.add(node, "sum", draft.add(node, "multiply", column, b), axis=-2)
    return None


RULES = {"einsum": _einsum, "tensordot": _tensordot, "inner": _inner, "dot": _dot, "matmul": _matmul}


def _contraction(draft: Draft, node: Node, terms: list[Labels], out: Labels) -> int | None:
    sizes: dict[int, int] = {}
    for i, term in zip(node.inputs, terms, strict=True):
        for label, size in zip(term, draft.nodes[i].shape, strict=True):
            if sizes.setdefault(label, size) != size:
                return None  # an axis of length 1 that is stretched
    if len(terms) > 2 or node.dtype not in (np.float32, np.float64):
        return None
    operands = []
    for number, i in enumerate(node.inputs):
        if draft.nodes[i].dtype != node.dtype:
            i = draft.add(node, "astype", i, dtype=node.dtype)
        others = {*out, *(label for term in terms[:number] + terms[number + 1 :] for label in term)}
        operands.append(_summed(draft, node, i, terms[number], [n for n in terms[number] if n not in others]))
    if len(operands) == 1:
        return _arranged(draft, node, *operands[0], out)
    return _product(draft, node, operands[0], operands[1], out, sizes)


def _product(
    draft: Draft, node: Node, one: tuple[int, Labels], two: tuple[int, Labels], out: Labels, sizes: dict[int, int]
) -> int:
    (a, mine), (b, other) = one, two
    over = tuple(label for label in mine if label not in out)
    both = tuple(label for label in mine if label in other and label in out)
    rows, columns = (tuple(n for n in term if n not in both + over) for term in (mine, other))
    if not over or ((not rows or not columns) and (both or not (rows or columns))):
        a, b = (_spread(draft, node, i, labels, out + over) for i, labels in (one, two))
        made = draft.add(node, "multiply", a, b)
        return draft.add(node, "sum", made, axis=tuple(range(len(out), len(out + over)))) if over else made
    a = _joined(draft, node, _arranged(draft, node, a, mine, both + rows + over), [*_each(both), rows, over], sizes)
    b = _joined(
        draft, node, _arranged(draft, node, b, other, both + over + columns), [*_each(both), over, columns], sizes
    )
    made = draft.add(node, "matmul", a, b)
    labels = both + rows + columns
    made = draft.add(node, "reshape", made, shape=tuple(sizes[n] for n in labels))
    return _arranged(draft, node, made, labels, out)


def _each(labels: Labels) -> list[Labels]:
    return [(label,) for label in labels]


def _summed(draft: Draft, node: Node, position: int, labels: Labels, gone: Sequence[int]) -> tuple[int, Labels]:
    """An operand without the axes that it alone has."""
    if not gone:
        return position, labels
    made = draft.add(node, "sum", position, axis=tuple(labels.index(n) for n in gone))
    return made, tuple(n for n in labels if n not in gone)


def _arranged(draft: Draft, node: Node, position: int, labels: Labels, order: Labels) -> int:
    """A value with its axes in another order."""
    axes = tuple(labels.index(n) for n in order)
    return position if axes == tuple(range(len(axes))) else draft.add(node, "transpose", position, axes=axes)


def _spread(draft: Draft, node: Node, position: int, labels: Labels, order: Labels) -> int:
    """A value with its axes in that order, and axes of length 1 for those that it hasn't."""
    made = _arranged(draft, node, position, labels, tuple(n for n in order if n in labels))
    lengths = iter(draft.nodes[made].shape)
    return draft.add(node, "reshape", made, shape=tuple(next(lengths) if n in labels else 1 for n in order))


def _joined(draft: Draft, node: Node, position: int, groups: list[Labels], sizes: dict[int, int]) -> int:
    """A value of which each group of neighbouring axes is one; an empty group is none."""
    shape = tuple(math.prod(sizes[n] for n in group) for group in groups if group)
    return draft.add(node, "reshape", position, shape=shape)
