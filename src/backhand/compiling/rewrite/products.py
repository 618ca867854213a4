"""Matrix products with as little as possible around them."""

from __future__ import annotations

import math

import numpy as np

from backhand.compiling.rewrite.draft import Draft, sweep
from backhand.graph import Graph, Node

__all__ = ["factors", "products"]


def products(graph: Graph) -> Graph:
    """Scale the smaller thing: a factor along a product's axis moves from the matrix to the vector. To rounding.

    - ``(W * g) @ d`` is ``W @ (g * d)``, and ``d @ (g[:, None] * W)`` is ``(d * g) @ W``: each term of the sum is a
      product of the same three numbers (only where the product of two of them is too large or small for its dtype is
      the result another).
    - ``(g[:, None] * W) @ d`` is ``g * (W @ d)``.
    - A column times a row, ``x[:, None] @ d[None, :]``, is their elementwise product (a zero's sign may change).
    """
    return sweep(graph, lambda draft, node: _matmul(draft, node) if node.op == "matmul" else None)


def _matmul(draft: Draft, node: Node) -> int | None:
    a, b = node.inputs
    if node.dtype.kind != "f" or draft.nodes[a].dtype != node.dtype or draft.nodes[b].dtype != node.dtype:
        return None
    left, right = draft.nodes[a].shape, draft.nodes[b].shape
    if len(left) == len(right) == 2 and left[1] == right[0] == 1:
        return draft.add(node, "multiply", a, b)
    if len(left) == 2 and math.prod(right) < math.prod(left):
        return _scaled(draft, node, a, b, matrix=0)
    if len(right) == 2 and math.prod(left) < math.prod(right):
        return _scaled(draft, node, b, a, matrix=1)
    return None


def _scaled(draft: Draft, node: Node, scaled: int, other: int, matrix: int) -> int | None:
    """Take a factor out of the matrix, which is the product's operand number ``matrix``."""
    inner = draft.nodes[scaled]
    if inner.op != "multiply" or draft.readers[scaled] != 1:
        return None
    n, m = inner.shape
    summed, shape = (n if matrix else m), draft.nodes[other].shape
    for W, g in (inner.inputs, inner.inputs[::-1]):
        factor = draft.nodes[g].shape
        if draft.nodes[W].shape != inner.shape or draft.nodes[g].dtype != node.dtype:
            continue
        along_columns = factor in ((m,), (1, m))
        along_rows = factor == (n, 1)
        if (along_columns, along_rows)[matrix]:  # along the axis that the product sums over
            sizes: tuple[int, ...] = (summed,) if len(shape) == 1 else (1, summed) if matrix else (summed, 1)
            moved = draft.add(node, "multiply", _shaped(draft, node, g, sizes), other)
            return draft.add(node, "matmul", *((W, moved) if matrix == 0 else (moved, W)))
        if (along_rows, along_columns)[matrix]:  # along an axis that stays
            made = draft.add(node, "matmul", *((W, other) if matrix == 0 else (other, W)))
            sizes = factor if len(shape) == 2 else (math.prod(factor),)
            return draft.add(node, "multiply", _shaped(draft, node, g, sizes), made)
    return None


def _shaped(draft: Draft, node: Node, position: int, shape: tuple[int, ...]) -> int:
    return position if draft.nodes[position].shape == shape else draft.add(node, "reshape", position, shape=shape)


def factors(graph: Graph) -> Graph:
    """Constant factors meet, and go to where there is less to scale. To rounding.

    - Two of them are one: ``0.1 * (x / 100)`` is ``0.001 * x``.
    - ``0.1 * (x[:, None] * d)`` is ``x[:, None] * (0.1 * d)``: the vector is scaled, not the matrix.

    Not where a value between could leave the dtype's range: the constants are between 1e-12 and 1e12.
    """
    return sweep(graph, _factors)


def _factors(draft: Draft, node: Node) -> int | None:
    outer = _factor(draft, node)
    if outer is None or node.dtype not in (np.float32, np.float64):
        return None
    inner = draft.nodes[outer[1]]
    if draft.readers[outer[1]] != 1 or inner.dtype != node.dtype:
        return None
    found = _factor(draft, inner)
    if found is not None and not draft.nodes[found[1]].weak:
        return _times(draft, node, outer[0] * found[0], found[1])
    if inner.op != "multiply":
        return None
    # Of two vectors the one that isn't turned: the same product with the factor may be needed elsewhere.
    small, large = sorted(inner.inputs, key=lambda i: (math.prod(draft.nodes[i].shape), draft.nodes[i].op == "reshape"))
    if math.prod(draft.nodes[small].shape) == math.prod(node.shape) or draft.nodes[small].dtype != node.dtype:
        return None
    return draft.add(node, "multiply", _times(draft, node, outer[0], small), large)


def _times(draft: Draft, node: Node, factor: float, position: int) -> int:
    """``factor`` times a value, in the dtype of ``node``."""
    same = draft.nodes[position].dtype == node.dtype
    return draft.add(node, "multiply", draft.constant(factor if same else node.dtype.type(factor)), position)


def _factor(draft: Draft, node: Node) -> tuple[float, int] | None:
    """``c * x`` or ``x / c`` as a factor and x."""
    if node.op == "multiply":
        factor, x = draft.number(node.inputs[0]), node.inputs[1]
    elif node.op == "divide":
        divisor, x = draft.number(node.inputs[1]), node.inputs[0]
        factor = 1 / divisor if divisor else None
    else:
        return None
    return (float(factor), x) if factor is not None and 1e-12 < abs(factor) < 1e12 else None
