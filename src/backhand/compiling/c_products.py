"""Matrix products as C text: small ones in the program itself, large ones by the BLAS that NumPy brings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from backhand.compiling.c_loops import COUNTERS, Access, Loops
from backhand.compiling.c_names import c_type, literal
from backhand.compiling.expression import located
from backhand.compiling.index import row_major
from backhand.compiling.plan import Plan

__all__ = ["Operand", "blas_fits", "factors", "flops", "is_small", "operand", "scales", "sizes", "write_product"]

SMALL = 2**17
"""Products of fewer multiplications are done in the program: calling BLAS and its packing would cost more."""
WIDE = 256
"""A product with more columns than rows, and as many as this, is shared out by columns: each task packs its own."""
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
    """Rows, columns and inner length of a product, or of each of a stack of them."""
    a, b = (plan.graph.nodes[i].shape for i in factors(plan, node))
    return a[-2], b[-1], a[-1]


def factors(plan: Plan, node: int) -> tuple[int, ...]:
    """The two operands of a product."""
    fold = plan.folds.get(node)
    return plan.graph.nodes[fold.product if fold else node].inputs


def is_small(plan: Plan, node: int) -> bool:
    """Is it done in the program itself?"""
    m, n, k = sizes(plan, node)
    itemsize = plan.graph.nodes[node].dtype.itemsize
    return m * n * k <= SMALL and k * (n + 16) * itemsize <= SMALL_PACK


def blas_fits(plan: Plan, node: int) -> bool:
    """Can BLAS read both operands where they lie: has each a unit stride?"""
    for i in factors(plan, node):
        shape, strides = plan.graph.nodes[i].shape, operand(plan, i).strides
        if _layout(shape[-2:], strides[-2:]) is None:
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


def write_product(
    plan: Plan, node: int, buffers: dict[int, str], slots: dict[int, str], by_rows: bool = False
) -> Loops:
    """The C text of a product: rows ``lo`` to ``hi`` of the result, or columns where better and not ``by_rows``.

    Of a stack of products ``lo`` to ``hi`` run along its first axis.
    """
    graph, fold = plan.graph, plan.folds.get(node)
    shape, dtype = graph.nodes[node].shape, graph.nodes[node].dtype
    m, n, k = sizes(plan, node)
    letter, real = dtype.char, c_type(dtype)
    alpha, beta = scales(plan, node, slots)
    left, right = (operand(plan, i) for i in factors(plan, node))
    stack, small = _stack(plan, node), is_small(plan, node)
    by_columns = not stack and not small and n > m and n >= WIDE and not by_rows
    extent = stack[0].extent if stack else n if by_columns else m
    loops = Loops(extent=extent, apart=by_columns, work=math.prod(shape) * k / 8)
    own = None if by_columns else math.prod(shape) // extent
    loops.accesses = [
        Access(left.owner, None if by_columns else _rows(left, stack, 0, (m, k)), False),
        Access(right.owner, _rows(right, stack, 1, (k, n)) if stack else None, False),
        Access(plan.owner[node], own, True),
    ]
    A, B = _at(buffers[left.owner], left.offset), _at(buffers[right.owner], right.offset)
    C = buffers[plan.owner[node]]
    if fold:
        base = plan.owner[fold.base]
        loops.accesses.append(Access(base, own, False))
        if plan.owner[node] != base:
            loops.before.append(f"memcpy({C}, {buffers[base]}, {math.prod(shape)} * sizeof({real}));")
    for depth, axis in enumerate(stack):
        c = COUNTERS[depth]
        span = f"{c} = 0; {c} < {axis.extent}" if depth else f"{c} = lo; {c} < hi"
        loops.body.append(f"{'    ' * depth}for (int64_t {span}; {c}++)")
        A, B, C = (f"{text} + {step} * {c}" if step else text for text, step in zip((A, B, C), axis.steps, strict=True))
    if small:
        name, text = _small(letter, real, n, k, left.strides[-2:], right.strides[-2:])
        loops.helpers[name] = text
        rows = f"0, {m}" if stack else "lo, hi"
        call = f"{name}({rows}, {alpha}, {A}, {B}, {beta}, {C});"
    else:
        first, second = _layout((m, k), left.strides[-2:]), _layout((k, n), right.strides[-2:])
        assert first is not None
        assert second is not None
        rows, columns = str(m), str(n)
        if by_columns:
            columns, B, C = "hi - lo", f"{B} + lo * {second[1] if second[0] else 1}", f"{C} + lo"
        elif not stack:
            rows, A, C = "hi - lo", f"{A} + lo * {1 if first[0] else first[1]}", f"{C} + lo * {n}"
        call = (
            f"p->gemm_{letter}(101, {112 if first[0] else 111}, {112 if second[0] else 111}, {rows}, {columns}, {k}, "
            f"{alpha}, {A}, {first[1]}, {B}, {second[1]}, {beta}, {C}, {n});"
        )
    loops.body.append("    " * len(stack) + call)
    return loops


class _Axis(NamedTuple):
    """An axis of a stack of products: how long it is, and how far apart along it the matrices A, B and C lie."""

    extent: int
    steps: tuple[int, ...]


def _stack(plan: Plan, node: int) -> list[_Axis]:
    """The axes of a stack, without those of length 1, and neighbours that run through memory as one merged."""
    shape = plan.graph.nodes[node].shape
    operands = [(plan.graph.nodes[i].shape, operand(plan, i).strides) for i in factors(plan, node)]
    operands.append((shape, row_major(shape)))
    axes: list[_Axis] = []
    for back in range(-len(shape), -2):
        steps = (strides[back] if -back <= len(own) and own[back] > 1 else 0 for own, strides in operands)
        axis = _Axis(shape[back], tuple(steps))
        if axes and all(outer == inner * axis.extent for outer, inner in zip(axes[-1].steps, axis.steps, strict=True)):
            axes[-1] = axis._replace(extent=axes[-1].extent * axis.extent)
        elif axis.extent > 1:
            axes.append(axis)
    return axes


def _rows(place: Operand, stack: list[_Axis], number: int, shape: tuple[int, int]) -> int | None:
    """How many elements of an operand belong to one turn of the loop, if each turn keeps to its own."""
    along = [(axis.extent, axis.steps[number]) for axis in stack] + list(zip(shape, place.strides[-2:], strict=True))
    step, inner = along[0][1], [(extent - 1) * stride for extent, stride in along[1:]]
    low, high = place.offset + sum(min(0, n) for n in inner), place.offset + sum(max(0, n) for n in inner)
    return step if low >= 0 and high < step else None


def _small(letter: str, real: str, n: int, k: int, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[str, str]:
    """The function for all small products of one shape: compiling its registers' worth of loops takes a while."""
    (a0, a1), (b0, b1) = left, right
    name = f"product_{letter}_{n}_{k}_{a0}_{a1}_{b0}_{b1}".replace("-", "m")
    sizes = f"int64_t lo, int64_t hi, {real} alpha, const {real} *a, const {real} *b, {real} beta, {real} *c"
    lines = [
        "BH_CONTRACT",
        f"static void {name}({sizes}) {{",
        f"    {real} pack[{k} * ({n} + BH_LANES_{letter})];",
        f"    bh_product_{letter}(lo, hi, {n}, {k}, alpha, a, {a0}, {a1}, b, {b0}, {b1}, beta, c, {n}, pack);",
        "}",
        "BH_PLAIN",
        "",
    ]
    return name, "\n".join(lines)


def _at(buffer: str, offset: int) -> str:
    return f"{buffer} + {offset}" if offset else buffer


def scales(plan: Plan, node: int, slots: dict[int, str]) -> tuple[str, str]:
    """alpha and beta of C = alpha A B + beta C."""
    fold, dtype = plan.folds.get(node), plan.graph.nodes[node].dtype
    if fold is None:
        return literal(1, dtype), literal(0, dtype)
    return _scale(plan, fold.alpha, slots, dtype), _scale(plan, fold.beta, slots, dtype)


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
    return 2 * math.prod(plan.graph.nodes[node].shape) * sizes(plan, node)[2]
