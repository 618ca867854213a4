"""What is computed for one element: a value written as loads, numbers and operations, at an index of loop counters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.compiling.index import Affine, Index, combine, loop_index, view_index
from backhand.compiling.kinds import Kinds
from backhand.compiling.select import selection

__all__ = ["Apply", "Builder", "Expression", "Load", "Number", "Pick", "Slot", "loads", "located"]


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number that stands in the program."""

    value: Any
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Slot:
    """A Python number that is known when the step runs."""

    node: int
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """The element of a stored node at an affine place, counted in elements from its beginning."""

    node: int
    place: Affine
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """The element of a stored node at a place that index arrays add to: ``(index, extent, stride)`` each."""

    source: int  # the stored node
    node: int  # the node that picks
    place: Affine
    terms: tuple[tuple[Expression, int, int], ...]
    dtype: np.dtype[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Apply:
    """One operation on values."""

    node: int
    arguments: tuple[Expression, ...]
    dtype: np.dtype[Any]


Expression = Number | Slot | Load | Pick | Apply


def loads(*roots: Expression) -> Iterator[Load | Pick]:
    """Every place in memory that expressions read, each expression once."""
    seen: set[int] = set()
    stack: list[Expression] = list(roots)
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Load | Pick):
            yield item
        if isinstance(item, Pick):
            stack += [index for index, _, _ in item.terms]
        elif isinstance(item, Apply):
            stack += item.arguments


def located(kinds: Kinds, strides: dict[int, tuple[int, ...]], position: int) -> tuple[int, Affine]:
    """Where the value of a stored node or a view of one lies: the stored node, and the place of an element in it as an
    affine function of the element's index.
    """
    loops = len(kinds.graph.nodes[position].shape)
    index: Index = tuple(loop_index(loops, axis) for axis in range(loops))
    while kinds.kind[position] == "view":
        node = kinds.graph.nodes[position]
        index = view_index(node, kinds.graph.nodes[node.inputs[0]], index, loops)
        position = node.inputs[0]
    return position, combine(strides[position], index, 0, loops)


class Builder:
    """Writes values of nodes as expressions of ``loops`` counters; equal questions get the same object.

    ``strides`` says how each stored node lies in memory.
    """

    def __init__(self, kinds: Kinds, strides: dict[int, tuple[int, ...]], loops: int) -> None:
        self.kinds, self.graph, self.strides, self.loops = kinds, kinds.graph, strides, loops
        self._made: dict[tuple[int, Index], Expression] = {}

    def load(self, position: int, index: Index) -> Affine:
        """The place of an element of a stored node."""
        return combine(self.strides[position], index, 0, self.loops)

    def value(self, position: int, index: Index) -> Expression:
        """The element ``index`` of a node: loaded if the node is stored, else computed."""
        if self.kinds.stored[position] and self.kinds.kind[position] not in ("view",):
            return self._stored(position, index)
        return self.computed(position, index)

    def _stored(self, position: int, index: Index) -> Expression:
        key = (position, index)
        if key not in self._made:
            node = self.graph.nodes[position]
            index = tuple((0,) * (self.loops + 1) if n == 1 else i for n, i in zip(node.shape, index, strict=True))
            self._made[key] = Load(position, self.load(position, index), node.dtype)
        return self._made[key]

    def computed(self, position: int, index: Index) -> Expression:
        """The same, computed from its inputs even if the node is stored."""
        key = (~position, index)  # not what loads it
        if key not in self._made:
            self._made[key] = self._computed(position, index)
        return self._made[key]

    def _computed(self, position: int, index: Index) -> Expression:
        node, kind = self.graph.nodes[position], self.kinds.kind[position]
        if node.op == "constant" and kind == "number":
            value = node.param("value").value
            return Number(value.reshape(()).item() if isinstance(value, np.ndarray) else value, node.dtype)
        if kind == "number" or node.weak:
            return Slot(position, node.dtype)
        if kind == "view":
            source = node.inputs[0]
            return self.value(source, view_index(node, self.graph.nodes[source], index, self.loops))
        if kind == "pick":
            return self.pick(position, index)
        assert kind == "map", kind
        if node.op == "full":
            number = Number(node.param("value").value, node.dtype)
            return Apply(position, (number,), node.dtype)
        return Apply(position, tuple(self.broadcast(i, index) for i in node.inputs), node.dtype)

    def broadcast(self, position: int, index: Index) -> Expression:
        """The element of a node that meets ``index`` of a larger shape."""
        shape = self.graph.nodes[position].shape
        own = index[len(index) - len(shape) :]
        none = (0,) * (self.loops + 1)
        return self.value(position, tuple(none if n == 1 else i for n, i in zip(shape, own, strict=True)))

    def pick(self, position: int, index: Index) -> Pick:
        """An element at a place that index arrays say."""
        node = self.graph.nodes[position]
        source, place = located(self.kinds, self.strides, node.inputs[0])
        place, terms = self.places(position, index, place)
        return Pick(source, position, place, terms, node.dtype)

    def places(
        self, position: int, index: Index, memory: Affine
    ) -> tuple[Affine, tuple[tuple[Expression, int, int], ...]]:
        """Where in ``memory``, where an array lies, the element ``index`` of a key's selection from it stands."""
        node = self.graph.nodes[position]
        sources = [self.graph.nodes[i] for i in node.inputs]
        selected = selection(node, sources)
        assert selected is not None
        slots = node.inputs[1:] if node.op in ("getitem", "take") else node.inputs[2:]
        constant, *strides = memory
        weights, parts = [], []
        terms: list[tuple[Expression, int, int]] = []
        for axis, part in enumerate(selected.parts):
            constant += part.start * strides[axis]
            if part.axis is not None:
                weights.append(part.step * strides[axis])
                parts.append(index[part.axis])
            elif part.slot is not None:
                array = slots[part.slot]
                own = tuple(index[a] for a in part.axes)
                terms.append((self.broadcast(array, own), sources[0].shape[axis], strides[axis]))
        return combine(weights, parts, constant, self.loops), tuple(terms)
