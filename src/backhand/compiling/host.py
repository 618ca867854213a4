"""Stages that NumPy does in the middle of a native program."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from backhand.compiling.c_products import operand
from backhand.compiling.plan import Plan
from backhand.graph.evaluate import draw
from backhand.graph.ops import evaluator

__all__ = ["Memory", "host_call"]


class Memory(Protocol):
    """Where the values of a plan are while it runs."""

    plan: Plan
    arrays: dict[int, Any]
    values: dict[int, Any]
    streams: Mapping[str, Any]

    def number(self, node: int) -> float | int:
        """The value of a Python number."""
        ...


def host_call(memory: Memory, node: int) -> Callable[[], None]:
    """A function that computes a node, or a product with the update folded into it, with NumPy."""
    plan = memory.plan
    if node in plan.folds:
        return lambda: _folded(memory, node)
    made = plan.graph.nodes[node]
    function = evaluator(made.op, made.params)

    def call() -> None:
        if made.op == "random":
            value = draw(made, memory.streams)
        else:
            value = function(*(_read(memory, i) for i in made.inputs))
        owner = plan.owner[node]
        if owner in memory.arrays:
            memory.arrays[owner].reshape(made.shape)[...] = value
        else:
            memory.values[node] = value

    return call


def _read(memory: Memory, position: int) -> Any:
    """The value of a node as NumPy takes it: an array that looks into the program's memory, or a number."""
    plan = memory.plan
    node = plan.graph.nodes[position]
    if position in memory.values:
        return memory.values[position]
    if node.op == "constant":
        return node.param("value").value
    if plan.kinds.kind[position] == "number":
        return memory.number(position)
    if plan.kinds.kind[plan.version(position)] == "number":  # np.array([i, j]) of Python numbers
        return evaluator(node.op, node.params)(*(_read(memory, i) for i in node.inputs))
    place = operand(plan, position)
    if place.owner not in memory.arrays:  # a view of what only NumPy holds
        return evaluator(node.op, node.params)(*(_read(memory, i) for i in node.inputs))
    flat = memory.arrays[place.owner]
    strides = tuple(s * flat.itemsize for s in place.strides)
    view = np.lib.stride_tricks.as_strided(flat[place.offset :], node.shape, strides, writeable=False)
    return view[()].item() if node.weak else view if node.shape else view[()]


def _folded(memory: Memory, node: int) -> None:
    plan = memory.plan
    fold = plan.folds[node]
    a, b = (_read(memory, i) for i in plan.graph.nodes[fold.product].inputs)
    target = memory.arrays[plan.owner[node]].reshape(plan.graph.nodes[node].shape)
    base = _scaled(memory, fold.beta, _read(memory, fold.base))
    target[...] = base + _scaled(memory, fold.alpha, np.matmul(a, b))


def _scaled(memory: Memory, scale: tuple[int, tuple[int, ...]], value: Any) -> Any:
    sign, numbers = scale
    for position in numbers:
        value = _read(memory, position) * value
    return -value if sign < 0 else value
