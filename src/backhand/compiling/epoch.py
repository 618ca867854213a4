"""Many steps in one call: each gathers its rows from arrays of samples."""

from __future__ import annotations

import ctypes
import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.compiling.native_engine import NativeEngine, aligned
from backhand.compiling.numpy_engine import NumpyEngine
from backhand.compiling.sparse import DENSEST, density
from backhand.errors import DTypeError, GraphError, ShapeError
from backhand.graph import Node

if TYPE_CHECKING:
    from backhand.compiling.program import Program

__all__ = ["run_epoch"]


def run_epoch(
    program: Program, engine: NativeEngine | NumpyEngine, data: Sequence[Any], order: Any, scale: float | None
) -> list[Any]:
    """See :meth:`backhand.compiling.program.Program.epoch`."""
    nodes = program.arguments
    if len(data) != len(nodes):
        raise GraphError(f"the program takes {len(nodes)} arrays of samples, got {len(data)}")
    outputs = [engine.graph.nodes[i] for i in engine.graph.outputs]
    if any(node.shape for node in outputs):
        raise GraphError("an epoch keeps one number for each result of a step, and a result is an array")
    order = np.ascontiguousarray(order)
    if order.ndim == 0 or order.dtype.kind not in "iu":
        raise ShapeError(
            f"order is {order.dtype} of shape {order.shape}; it needs integers, (steps, batch) or (steps,)"
        )
    samples = [_samples(node, np.asarray(x), order.shape[1:], scale) for node, x in zip(nodes, data, strict=True)]
    order = _checked(order.astype(np.int64, copy=False), [len(x) for x in samples])
    results = [np.empty(len(order), node.dtype) for node in outputs]
    if isinstance(engine, NativeEngine) and engine.whole and len(engine.source.feeds) == len(nodes):
        _native(program, engine, samples, order, scale, results)
    else:
        for number, row in enumerate(order):
            batch = [_gathered(node, x, row, scale) for node, x in zip(nodes, samples, strict=True)]
            for result, value in zip(results, program.run(batch), strict=True):
                result[number] = value
    return results


def _samples(node: Node, x: Any, batch: tuple[int, ...], scale: float | None) -> Any:
    """The samples as contiguous rows, if a batch of them fits the input."""
    if x.ndim == 0 or math.prod(batch) * math.prod(x.shape[1:]) != math.prod(node.shape):
        raise ShapeError(
            f"{node.name} has shape {node.shape}; {math.prod(batch)} samples a step, each of shape {x.shape[1:]}, "
            "don't fill it"
        )
    pixels = x.dtype == np.uint8 and scale is not None and node.dtype.char in "fd"
    if x.dtype != node.dtype and not pixels:
        raise DTypeError(
            f"{node.name} is {node.dtype}, and the samples are {x.dtype}: use .astype, or give the scale of pixels"
        )
    return np.ascontiguousarray(x)


def _checked(order: Any, lengths: list[int]) -> Any:
    least = min(lengths, default=0)
    if order.size and lengths and (order.min() < -least or order.max() >= least):
        raise IndexError(f"order holds places {order.min()} to {order.max()}; there are {least} samples")
    if order.size and order.min() < 0:
        if len(set(lengths)) > 1:
            raise IndexError("order counts from the end, and the arrays of samples have different lengths")
        order = np.where(order < 0, order + least, order)
    return order


def _gathered(node: Node, x: Any, row: Any, scale: float | None) -> Any:
    batch = x[row].reshape(node.shape)
    if batch.dtype == node.dtype:
        return batch
    batch = batch.astype(node.dtype)
    batch /= scale
    return batch


FEED = np.dtype(
    [(name, "i8") for name in ("data", "target", "row", "size", "batch", "shared", "kind")]
    + [("scale", "f8"), ("inverse", "f8")]
)
KEPT = np.dtype([("source", "i8"), ("target", "i8"), ("size", "i8")])


AT_A_TIME = 0.1
"""Seconds of steps without a look at signals (Ctrl-C), about."""


def _native(
    program: Program, engine: NativeEngine, samples: list[Any], order: Any, scale: float | None, results: list[Any]
) -> None:
    steps = len(order)
    batch = order.size // steps if steps else 0
    feeds, kept = np.zeros(len(samples), FEED), np.zeros(len(results), KEPT)
    places = engine.graph.inputs[: len(samples)]
    before = [engine.arrays[i] for i in places]
    for number, (node, x) in enumerate(zip(program.arguments, samples, strict=True)):
        target = program.staging(number)
        kind, inverse = 0, 0.0
        if x.dtype != node.dtype:
            assert scale is not None
            kind, inverse = {"f": (1, 0.0), "d": (2, 0.0)}[node.dtype.char]
            inverse = _exact_inverse(scale, node.dtype)
        row = math.prod(x.shape[1:])
        shared = bool(node.shape) and node.shape[0] == batch
        feeds[number] = (_address(x), _address(target), row, x.itemsize, batch, shared, kind, scale or 1.0, inverse)
    for number, (i, result) in enumerate(zip(engine.graph.outputs, results, strict=True)):
        kept[number] = (engine.where(i), _address(result), result.itemsize)
    plan = np.array([steps, batch, len(feeds), len(kept), _address(order), _address(feeds), _address(kept)], np.int64)
    run, where = engine.library.bh_epoch, ctypes.c_void_p(_address(plan))
    run.restype = ctypes.c_int64
    program.enter()
    done, most, known = 0, 1, False
    zeros = _without_zeros(engine, program, samples, scale)
    try:
        while done < steps:
            plan[0] = stop = min(steps, done + most)
            start = time.perf_counter()
            done = engine.call(run, where, ctypes.c_int64(done), ctypes.c_int64(known))
            if engine.block[engine.place["error", 0]]:
                engine.raise_error()
            known = done < stop
            if known:
                engine.python_numbers()
            took = time.perf_counter() - start
            most = min(2 * most, steps) if took < AT_A_TIME / 2 else max(1, most // 2) if took > AT_A_TIME else most
    finally:
        engine.block[engine.place["sparse", 0]] = 0
        for place, array in zip(places, before, strict=True):  # where single calls have their arguments
            engine.attach(place, array)
        program.leave()
    del zeros


def _without_zeros(engine: NativeEngine, program: Program, samples: list[Any], scale: float | None) -> list[Any]:
    """Where the samples of a first layer are mostly zeros, let the steps leave them out; gives the memory for that."""
    sparse = engine.source.sparse
    engine.density, engine.leaves_out_zeros = None, False
    if sparse is None:
        return []
    x = samples[list(engine.source.feeds).index(sparse.input)]
    engine.density = density(x)
    engine.leaves_out_zeros = engine.density <= DENSEST
    if not engine.leaves_out_zeros:
        return []
    dtype = engine.graph.nodes[sparse.input].dtype
    rows, columns, tasks = sparse.rows, sparse.columns, engine.source.tasks
    size = rows * columns + 16  # entries are stored a whole vector at a time
    index, value, entry = np.empty(size, np.int32), np.empty(size, dtype), np.empty(2 * size, dtype)
    length, begin = np.empty(rows, np.int32), np.empty(tasks * (columns + 2), np.int32)
    packed = aligned(tasks * rows * MOST_VECTORS)
    pixel = np.arange(256).astype(dtype)
    pixel /= scale or 1.0
    memory = [index, value, length, begin, entry, packed, pixel]
    *places, pixels = (_address(array) for array in memory)
    table = np.array([columns, tasks, *places, rows * MOST_VECTORS, pixels], np.int64)
    engine.block[engine.place["sparse", 0]] = _address(table)
    return [*memory, table]


MOST_VECTORS = 8 * 64
"""Bytes of a row that a sparse product keeps in registers."""


def _address(array: Any) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


def _exact_inverse(scale: float, dtype: np.dtype[Any]) -> float:
    """1 / scale, if a product with it and one correction divide every pixel exactly; else 0."""
    real = dtype.type
    pixels = np.arange(256).astype(dtype)
    divisor, inverse = real(scale), real(1) / real(scale)
    wide = np.longdouble
    q = pixels * inverse
    rest = (wide(pixels) - wide(q) * wide(divisor)).astype(dtype)
    made = (wide(q) + wide(rest) * wide(inverse)).astype(dtype)
    return float(inverse) if np.array_equal(made, pixels / divisor) else 0.0
