"""One stored value as a nest of loops: how far they run, which are summed over, what is computed and where it goes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from backhand.compiling.expression import Builder, Expression, Load, Pick, loads
from backhand.compiling.index import Affine, Index, combine, loop_index, row_major
from backhand.compiling.kinds import Kinds
from backhand.compiling.select import selection
from backhand.graph.ops.reduce import axes_of

__all__ = ["Nest", "arranged", "natural"]


@dataclass(frozen=True, slots=True, eq=False)
class Nest:
    """The loops that compute one node.

    ``order`` lists the node's axes longer than 1 from the outermost loop to the innermost, ``extents`` how far each
    runs, ``reduced`` over which a reduction goes. ``values`` are the element's expressions: one, or the two factors of
    a ``dot``.
    ``place`` is where the result goes, in elements of the node's memory; for a ``put`` index arrays add ``terms``.
    ``number`` is the index along the axis of an argmax, whose result it is, or of a scan.
    """

    node: int
    kind: str
    order: tuple[int, ...]
    extents: tuple[int, ...]
    reduced: tuple[bool, ...]
    values: tuple[Expression, ...]
    place: Affine
    terms: tuple[tuple[Expression, int, int], ...] = ()
    number: Affine = ()

    @property
    def reads(self) -> list[Load | Pick]:
        """Every place that it reads."""
        return list(loads(*self.values, *(index for index, _, _ in self.terms)))


def space(kinds: Kinds, position: int) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """The axes that a node's loops run over, in their natural order, and which are summed over."""
    node, kind = kinds.graph.nodes[position], kinds.kind[position]
    sources = [kinds.graph.nodes[i] for i in node.inputs]
    if kind == "reduce":
        axes = axes_of(node.param("axis"), len(sources[0].shape))
        return sources[0].shape, tuple(a in axes for a in range(len(sources[0].shape)))
    if kind == "dot":
        return (*node.shape, sources[0].shape[-1]), (*(False for _ in node.shape), True)
    if kind == "put":
        selected = selection(node, sources)
        assert selected is not None
        return selected.shape, (False,) * len(selected.shape)
    return node.shape, (False,) * len(node.shape)


def arranged(kinds: Kinds, strides: dict[int, tuple[int, ...]], position: int, fixed: bool) -> Nest:
    """The nest of a node with its loops in the best order: as the largest thing it reads lies in memory.

    Chooses the node's own strides on the way, along the loops, unless they are ``fixed``.
    """
    node, kind = kinds.graph.nodes[position], kinds.kind[position]
    shape, reduced = space(kinds, position)
    if not fixed:
        strides[position] = row_major(node.shape)
    order = tuple(axis for axis, extent in enumerate(shape) if extent > 1)
    order = _best(_build(kinds, strides, position, order), order)
    if node.op in ("argmax", "argmin"):  # its comparison runs in the order of the elements
        order = tuple(sorted(order, key=lambda axis: (reduced[axis], axis)))
    if not fixed and not kinds.row_major[position] and kind in ("map", "pick", "reduce", "scan", "dot"):
        strides[position] = _strides_along(kinds, position, order, reduced)
    return _build(kinds, strides, position, order)


def natural(kinds: Kinds, strides: dict[int, tuple[int, ...]], nest: Nest, builder: Builder) -> Nest:
    """The same nest, its expressions written by another builder, so that nests share what they have in common."""
    return _build(kinds, strides, nest.node, nest.order, builder)


def _best(nest: Nest, order: tuple[int, ...]) -> tuple[int, ...]:
    def runs(place: Affine) -> int:
        return math.prod(n for n, step in zip(nest.extents, place[1:], strict=True) if step)

    best = max((load.place for load in nest.reads), key=runs, default=nest.place)
    if nest.kind == "put":
        best = nest.place if not nest.terms else (0,) * len(nest.place)
    return tuple(sorted(order, key=lambda axis: -abs(best[order.index(axis) + 1])))


def _strides_along(kinds: Kinds, position: int, order: tuple[int, ...], reduced: tuple[bool, ...]) -> tuple[int, ...]:
    """Contiguous strides in which the node's axes follow each other as its loops do."""
    node = kinds.graph.nodes[position]
    kept = [a for a in range(len(reduced)) if not reduced[a]]
    own = {a: a if node.param("keepdims", False) else n for n, a in enumerate(kept)}
    strides, step = [1] * len(node.shape), 1
    for axis in reversed([a for a in order if a in own]):
        strides[own[axis]] = step
        step *= node.shape[own[axis]]
    return tuple(strides)


def _build(
    kinds: Kinds,
    strides: dict[int, tuple[int, ...]],
    position: int,
    order: tuple[int, ...],
    builder: Builder | None = None,
) -> Nest:
    shape, reduced = space(kinds, position)
    loops = len(order)
    builder = builder or Builder(kinds, strides, loops)
    none = (0,) * (loops + 1)
    index: Index = tuple(loop_index(loops, order.index(a)) if a in order else none for a in range(len(shape)))
    extents = tuple(shape[axis] for axis in order)
    flags = tuple(reduced[axis] for axis in order)
    node, kind = kinds.graph.nodes[position], kinds.kind[position]
    if kind == "reduce":
        value = builder.value(node.inputs[0], index)
        keep = node.param("keepdims", False)
        kept = tuple(
            (0,) * (loops + 1) if gone else i for i, gone in zip(index, reduced, strict=True) if keep or not gone
        )
        gone = [axis for axis in range(len(shape)) if reduced[axis]]
        number = combine(row_major([shape[a] for a in gone]), [index[a] for a in gone], 0, loops)
        return Nest(position, kind, order, extents, flags, (value,), builder.load(position, kept), (), number)
    if kind == "scan":
        value, number = builder.value(node.inputs[0], index), index[node.param("axis")]
        return Nest(position, kind, order, extents, flags, (value,), builder.load(position, index), (), number)
    if kind == "dot":
        a, b = node.inputs
        k = index[-1]
        rows = len(kinds.graph.nodes[a].shape) - 1
        left = builder.value(a, (*index[:rows], k))
        right = builder.value(b, (k, *index[rows:-1]))
        return Nest(position, kind, order, extents, flags, (left, right), builder.load(position, index[:-1]))
    if kind == "put":
        place, terms = builder.places(position, index, (0, *strides[position]))
        value = builder.broadcast(node.inputs[1], index)
        return Nest(position, kind, order, extents, flags, (value,), place, terms)
    return Nest(
        position, kind, order, extents, flags, (builder.computed(position, index),), builder.load(position, index)
    )
