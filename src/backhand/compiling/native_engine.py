"""A program that runs in C: the arguments of its calls, prepared once."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backhand.compiling.blas import find_blas, one_thread
from backhand.compiling.c_source import Source, headers, write_source
from backhand.compiling.call import Entry
from backhand.compiling.host import host_call
from backhand.compiling.memory import layout
from backhand.compiling.native import load
from backhand.compiling.plan import Plan, Stage
from backhand.graph.ops import evaluator

__all__ = ["NativeEngine"]

ALIGNED = 64
OUT_OF_RANGE = "an index of the step is out of range for the axis that it is used on"
MOST_THREADS = 64
"""Of one program: BH_MOST_WORKERS and the thread that runs the step."""


class NativeEngine:
    """The compiled form of a plan, and the memory that it works in.

    ``arrays`` has for each owner of memory the array, flat, that it is in now; ``streams`` the random generators.

    Raises:
        NativeError: it can't be compiled.
    """

    name = "native"

    def __init__(self, plan: Plan, threads: int | None = None) -> None:
        self.plan, self.graph = plan, plan.graph
        blas = find_blas()
        threads = min(threads or available_threads(), MOST_THREADS)
        self.blas = blas
        self.density: float | None = None  # of the samples of the last epoch,
        self.leaves_out_zeros = False  # and whether its products left out the zeros
        self.source: Source = write_source(plan, blas, threads)
        self.text = self.source.text
        self.calls_blas = "->gemm_" in self.text
        self.library = load(self.text, headers())
        self.block = np.zeros(len(self.source.fields), np.int64)
        self.floats = self.block.view(np.float64)
        self.address = ctypes.c_void_p(self.block.ctypes.data)
        self.place = {key: place for place, key in enumerate(self.source.fields)}
        self.arrays: dict[int, Any] = {}
        self.values: dict[int, Any] = {}  # what only calls of NumPy take from each other
        self.streams: Mapping[str, Any] = {}
        self._parts: list[Any] = []  # the tasks' parts of reductions
        places, size = layout(plan, self.source.groups)
        memory = aligned(size)
        for owner, place in places.items():
            node = self.graph.nodes[owner]
            count = int(np.prod(node.shape, dtype=np.int64))
            self.attach(owner, memory[place : place + count * node.dtype.itemsize].view(node.dtype))
        for position, node in enumerate(self.graph.nodes):
            if node.op == "constant" and plan.kinds.kind[position] == "memory":
                self.attach(position, np.array(node.param("value").value).reshape(-1))
        for owner, count in self.source.sizes.items():
            parts = aligned(count * self.graph.nodes[owner].dtype.itemsize)
            self.block[self.place["parts", owner]] = parts.ctypes.data
            self._parts.append(parts)
        if blas is not None:
            self.block[self.place["sgemm", 0]], self.block[self.place["dgemm", 0]] = blas[:2]
        self.block[self.place["threads", 0]] = self.source.threads
        self._error = self.place["error", 0]
        self._calls = [self._call(part) for part in self.source.parts]
        self._numbers, self._advance = self.library.bh_numbers, self.library.bh_advance
        self.whole = all(isinstance(part, int) for part in self.source.parts)

    def attach(self, owner: int, array: Any) -> None:
        """Say where the memory of an owner is: a contiguous array."""
        self.arrays[owner] = array
        place = self.place.get(("memory", owner))
        if place is not None:
            self.block[place] = array.__array_interface__["data"][0]

    def has_memory(self, position: int) -> bool:
        """Is it an array that C can hold?"""
        return ("memory", position) in self.place

    def keep(self, position: int, value: Any) -> None:
        """Take in an input that only calls of NumPy read."""
        self.values[position] = value

    def reader(self, position: int) -> Callable[[], Any]:
        """What gives a result, as the caller's own."""
        node, plan = self.graph.nodes[position], self.plan
        if node.op == "constant" and node.weak:
            return lambda: node.param("value").value
        if node.weak and plan.kinds.kind[position] == "number":
            return lambda: self.number(position)
        owner = plan.owner.get(plan.version(position), position)
        if owner not in self.arrays and not self.has_memory(owner):
            return lambda: self.values[position]
        if node.shape:
            return lambda: self.arrays[owner].reshape(node.shape).copy()
        if node.weak:
            return lambda: self.arrays[owner][0].item()
        return lambda: self.arrays[owner][0]

    def number(self, node: int) -> float | int:
        """The value of a Python number now."""
        numbers = self.floats if self.graph.nodes[node].dtype.kind == "f" else self.block
        value: float | int = numbers[self.place["number", node]].item()
        return value

    def set_number(self, node: int, value: float | int) -> None:
        """Raises OverflowError for an integer beyond 64 bits."""
        numbers = self.floats if self.graph.nodes[node].dtype.kind == "f" else self.block
        numbers[self.place["number", node]] = value

    def step(self) -> None:
        """Run once. Raises IndexError for an index out of range, and what Python's numbers raise."""
        if not self._numbers(self.address):
            self.python_numbers()
        self.finish()

    def call(self, function: Any, *arguments: Any) -> Any:
        """Call C on the step; if it calls BLAS, that works on one thread."""
        if not self.calls_blas:
            return function(self.address, *arguments)
        with one_thread(self.blas):
            return function(self.address, *arguments)

    def entry(self, arguments: Sequence[int], result: int) -> Entry | None:
        """How a call of the whole step gets in and out again; None if it needs anything of Python."""
        node, owner = self.graph.nodes[result], self.plan.owner.get(self.plan.version(result), result)
        numbers = any(kind == "number" for kind, _ in self.source.fields)
        if numbers or self.calls_blas or not self.whole or len(self._calls) != 1:
            return None
        if node.shape or node.weak or owner not in self.arrays or not all(map(self.has_memory, arguments)):
            return None
        arrays = [self.arrays[i].reshape(self.graph.nodes[i].shape) for i in arguments]
        return Entry(self.library.bh_part0, self.block, self._error, OUT_OF_RANGE, arrays, self.arrays[owner])

    def finish(self) -> None:
        """The step when its Python numbers are known."""
        for call in self._calls:
            call()
            if self.block[self._error]:
                self.raise_error()

    def advance(self) -> None:
        """Counters take their new values."""
        self._advance(self.address)

    def where(self, node: int) -> int:
        """The address of a result of one element."""
        owner = self.plan.owner.get(self.plan.version(node))
        if owner in self.arrays:
            address: int = self.arrays[owner].__array_interface__["data"][0]
            return address
        base: int = self.block.__array_interface__["data"][0]
        return base + 8 * self.place["number", node]

    def raise_error(self) -> None:
        """What an index out of range is in NumPy."""
        self.block[self._error] = 0
        raise IndexError(OUT_OF_RANGE)

    def python_numbers(self) -> None:
        """Compute the Python numbers in Python, which raises where C stopped."""
        graph, kinds = self.graph, self.plan.kinds
        values: dict[int, Any] = {}
        for position, node in enumerate(graph.nodes):
            if node.weak and kinds.kind[position] == "number":
                if node.op == "constant":
                    values[position] = node.param("value").value
                elif node.op == "input":
                    values[position] = self.number(position)
                else:
                    values[position] = evaluator(node.op, node.params)(*(values[i] for i in node.inputs))
                    self.set_number(position, values[position])

    def _call(self, part: int | Stage) -> Callable[[], Any]:
        if isinstance(part, int):
            function, address = self.library[f"bh_part{part}"], self.address
            if self.calls_blas:
                return lambda: self.call(function)
            return lambda: function(address)
        return host_call(self, part.nodes[0])


def available_threads() -> int:
    """How many processors this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def aligned(size: int) -> Any:
    """Bytes that begin at a cache line."""
    block = np.empty(size + ALIGNED, np.uint8)
    start = -block.ctypes.data % ALIGNED
    return block[start : start + size]
