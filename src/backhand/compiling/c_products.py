"""Matrix products as C text: small ones in the program itself, large ones by the BLAS that NumPy brings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from backhand.compiling.c_loops import Loops
from backhand.compiling.c_names import c_type, literal
from backhand.compiling.expression import located
from backhand.compiling.plan import Plan

__all__ = ["Operand", "blas_fits", "flops", "is_small", "operand", "sizes", "write_product"]

SMALL = 2**17
"""Products of fewer multiplications are done in the program: calling BLAS and its packing would cost more."""
SMALL_PACK = 2**15
"""Bytes of the right operand that are packed on the stack at most."""


class Operand(NamedTuple):
    """A matrix in memory: the node whose memory it is, where it begins and its two strides, in elements."""

    owner: int
    offset: int
    strides: tuple[int, ...]


def operand(plan: Plan, position: int) -> Operand:
    """Where the value of a stored node or a view of one lies."""
    stored, place = located(plan.kinds, plan.strides, position)
    return Operand(plan.owner[plan.version(stored)], place[0], place[1:])


def sizes(plan: Plan, node: int) -> tuple[int, int, int]:
    """Rows, columns and inner length of a product."""
    fold = plan.folds.get(node)
    a, b = (plan.graph.nodes[i].shape for i in plan.graph.nodes[fold.product if fold else node].inputs)
    return a[0], b[1], a[1]


def is_small(plan: Plan, node: int) -> bool:
    """Is it done in the program itself?"""
    m, n, k = sizes(plan, node)
    itemsize = plan.graph.nodes[node].dtype.itemsize
    return m * n * k <= SMALL and k * (n + 16) * itemsize <= SMALL_PACK


def blas_fits(plan: Plan, node: int) -> bool:
    """Can BLAS read both operands where they lie: has each a unit stride?"""
    fold = plan.folds.get(node)
    for i in plan.graph.nodes[fold.product if fold else node].inputs:
        shape, strides = plan.graph.nodes[i].shape, operand(plan, i).strides
        if _layout(shape, strides) is None:
            return False
    return True


def _layout(shape: tuple[int, ...], strides: tuple[int, ...]) -> tuple[bool, int] | None:
    """Transposed or not, and the leading dimension."""
    (m, n), (s0, s1) = shape, strides
    if (s1 == 1 or n == 1) and s0 >= n:
        return False, s0
    if (s0 == 1 or m == 1) and s1 >= m:
        return True, s1
    return None


def write_product(plan: Plan, node: int, buffers: dict[int, str], slots: dict[int, str]) -> Loops:
    """The C text of a product; rows ``lo`` to ``hi`` of the result."""
    graph = plan.graph
    fold = plan.folds.get(node)
    a, b = graph.nodes[fold.product if fold else node].inputs
    m, n, k = sizes(plan, node)
    dtype = graph.nodes[node].dtype
    letter, real = dtype.char, c_type(dtype)
    alpha = _scale(plan, fold.alpha, slots, dtype) if fold else literal(1, dtype)
    beta = _scale(plan, fold.beta, slots, dtype) if fold else literal(0, dtype)
    left, right = operand(plan, a), operand(plan, b)
    C = buffers[plan.owner[node]]
    A = _at(buffers[left.owner], left.offset)
    B = _at(buffers[right.owner], right.offset)
    loops = Loops(extent=m)
    if fold and plan.owner[node] != plan.owner[fold.base]:
        loops.before.append(f"memcpy({C}, {buffers[plan.owner[fold.base]]}, {m * n} * sizeof({real}));")
    if is_small(plan, node):
        (a0, a1), (b0, b1) = left.strides, right.strides
        loops.body = [
            f"{real} pack[{k} * ({n} + BH_LANES_{letter})];",
            f"bh_product_{letter}(lo, hi, {n}, {k}, {alpha}, {A}, {a0}, {a1}, {B}, {b0}, {b1}, {beta}, {C}, {n}, pack);",
        ]
        return loops
    first, second = _layout((m, k), left.strides), _layout((k, n), right.strides)
    assert first is not None and second is not None
    start = f"lo * {1 if first[0] else first[1]}"
    loops.body = [
        f"p->gemm_{letter}(101, {112 if first[0] else 111}, {112 if second[0] else 111}, hi - lo, {n}, {k}, {alpha}, "
        f"{A} + {start}, {first[1]}, {B}, {second[1]}, {beta}, {C} + lo * {n}, {n});"
    ]
    return loops


def _at(buffer: str, offset: int) -> str:
    return f"{buffer} + {offset}" if offset else buffer


def _scale(plan: Plan, scale: tuple[int, tuple[int, ...]], slots: dict[int, str], dtype: np.dtype[np.generic]) -> str:
    sign, numbers = scale
    terms = []
    for position in numbers:
        node = plan.graph.nodes[position]
        if node.op == "constant":
            terms.append(literal(node.param("value").value, dtype))
        else:
            terms.append(f"({c_type(dtype)})p->{slots[position]}")
    text = " * ".join(terms) or literal(1, dtype)
    return f"-({text})" if sign < 0 else text


def flops(plan: Plan, node: int) -> int:
    """Multiplications and additions."""
    return 2 * math.prod(sizes(plan, node))
