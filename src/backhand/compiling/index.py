"""Index arithmetic: which element a view's element is, and where an element lies, as affine functions of loop counters.

An affine function of n loops is a tuple (constant, coefficient of loop 0, ..., coefficient of loop n - 1).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backhand.graph import Node
from backhand.graph.ops import evaluator
from backhand.graph.ops.index import is_basic, unpack

__all__ = ["Affine", "Index", "combine", "is_view", "loop_index", "row_major", "view_index"]

Affine = tuple[int, ...]
Index = tuple[Affine, ...]
"""One affine function for each axis of a value."""

VIEWS = ("transpose", "broadcast_to", "diagonal", "sliding_window_view")


def combine(weights: Sequence[int], parts: Sequence[Affine], constant: int, loops: int) -> Affine:
    """constant + the sum of weight * part."""
    made = [constant] + [0] * loops
    for weight, part in zip(weights, parts, strict=True):
        if weight:
            for i, value in enumerate(part):
                made[i] += weight * value
    return tuple(made)


def loop_index(loops: int, number: int) -> Affine:
    """The counter of one loop."""
    return tuple(int(i == number + 1) for i in range(loops + 1))


def row_major(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides, in elements, of a C-contiguous array."""
    strides = [1] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * max(1, shape[axis + 1])
    return tuple(strides)


def is_view(node: Node, source: Node) -> bool:
    """Does every element of it stand at an affine place of its first input?

    A reshape does if it only puts in or takes out axes of length 1; any other needs its input in memory.
    """
    if node.op == "getitem":
        return is_basic(node.param("key"))
    if node.op == "reshape":
        return [n for n in node.shape if n != 1] == [n for n in source.shape if n != 1] and node.param("order") != "F"
    return node.op in VIEWS


def view_index(node: Node, source: Node, index: Index, loops: int) -> Index:
    """Where in its input the element ``index`` of a view stands."""
    if node.op == "reshape":
        own = [part for part, n in zip(index, node.shape, strict=True) if n != 1]
        return tuple((0,) * (loops + 1) if n == 1 else own.pop(0) for n in source.shape)
    made = []
    for axis in range(len(source.shape)):
        start, steps = _axis_of_view(node, source, axis)
        made.append(combine(steps, index, start, loops))
    return tuple(made)


def _axis_of_view(node: Node, source: Node, axis: int) -> tuple[int, tuple[int, ...]]:
    """How one axis of a view's input depends on the view's axes, asked of NumPy on an array that is never read."""
    strides = tuple(int(i == axis) for i in range(len(source.shape)))
    phantom = np.lib.stride_tricks.as_strided(np.zeros(1, np.int8), source.shape, strides, writeable=False)
    if node.op == "getitem":
        key = unpack(node.param("key"), ())
        view = phantom[key if Ellipsis in key else (*key, ...)]  # without ..., x[0, 1] would read
    else:
        view = evaluator(node.op, node.params)(phantom)
    return view.__array_interface__["data"][0] - phantom.__array_interface__["data"][0], view.strides
