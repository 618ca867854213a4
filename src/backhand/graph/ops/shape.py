"""The op table: making, copying, casting, reshaping and moving of data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backhand.graph.ops.row import Op, Rule
from backhand.graph.untyped import np

__all__ = ["ROWS"]


def _full(shape: tuple[int, ...], value: Any, dtype: Any, order: str = "C") -> Any:
    return np.full(shape, value.value, dtype, order)


def _random(**params: Any) -> Any:
    raise AssertionError("a random draw is run by evaluate, which holds the stream")


def _copy(x: Any, order: str = "K") -> Any:
    return np.copy(x, order=order)


def _astype(x: Any, dtype: Any, order: str = "K") -> Any:
    if isinstance(x, np.ndarray):
        return x.astype(dtype, order=order)
    return np.asarray(x).astype(dtype)[()]


def _scalar(x: Any) -> Any:
    return np.asarray(x)[()]


def _reshape(x: Any, shape: tuple[int, ...], order: str = "C") -> Any:
    return np.reshape(x, shape, order=order)


def _reshape_rule(g: Any, y: Any, x: Any, shape: tuple[int, ...], order: str = "C") -> Any:
    """g in the input's shape"""
    return np.reshape(g, x.shape, order=order)


def _transpose(x: Any, axes: tuple[int, ...]) -> Any:
    return np.transpose(x, axes)


def _transpose_rule(g: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """g, transposed back"""
    return np.transpose(g, tuple(axes.index(i) for i in range(len(axes))))


def _broadcast(x: Any, shape: tuple[int, ...]) -> Any:
    return np.broadcast_to(x, shape)


def _concatenate(*arrays: Any, axis: int) -> Any:
    return np.concatenate(arrays, axis=axis)


def _concatenate_rule(i: int, g: Any, y: Any, *arrays: Any, axis: int) -> Any:
    """the part of g that this input filled"""
    start = sum(a.shape[axis] for a in arrays[:i])
    return g[(slice(None),) * (axis % g.ndim) + (slice(start, start + arrays[i].shape[axis]),)]


def _moved(function: Callable[..., Any]) -> Rule:
    """The rule of an op that moves, repeats or drops elements: send numbered places through it, add g back there."""

    def rule(g: Any, y: Any, x: Any, **params: Any) -> Any:
        """g, added up where each element came from"""
        places = function(np.arange(1, x.size + 1).reshape(x.shape), **params)  # 0: a place that no element filled
        flat = np.zeros_like(x, shape=(x.size + 1,))
        np.add.at(flat, (places,), g)
        return np.reshape(flat[1:], x.shape)

    return rule


def _tile(x: Any, reps: Any) -> Any:
    return np.tile(x, reps)


def _repeat(x: Any, repeats: Any, axis: Any = None) -> Any:
    return np.repeat(x, repeats, axis)


def _roll(x: Any, shift: Any, axis: Any = None) -> Any:
    return np.roll(x, shift, axis)


def _diag(x: Any, k: int = 0) -> Any:
    return np.diag(x, k)


def _diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.diagonal(x, offset, axis1, axis2)


def _delete(x: Any, obj: Any, axis: Any = None) -> Any:
    return np.delete(x, obj if isinstance(obj, int) else list(obj), axis)


def _windows(x: Any, window_shape: Any, axis: Any = None) -> Any:
    return np.lib.stride_tricks.sliding_window_view(x, window_shape, axis=axis)


def _pad(x: Any, width: tuple[tuple[int, int], ...], value: Any) -> Any:
    return np.pad(x, width, mode="constant", constant_values=value.value)


def _pad_rule(g: Any, y: Any, x: Any, width: tuple[tuple[int, int], ...], value: Any) -> Any:
    """g without the border"""
    return g[tuple(slice(before, before + n) for (before, _), n in zip(width, x.shape, strict=True))]


def _pad_copy(x: Any, width: tuple[tuple[int, int], ...], mode: str) -> Any:
    return np.pad(x, width, mode=mode)


def _window_rule(g: Any, y: Any, x: Any, **params: Any) -> Any:
    """g, added up over all windows that see an element"""
    return _moved(_windows)(g, y, x, **params)


ROWS = (
    Op("full", _full, (), None, "const"),
    Op("random", _random, (), None, "🎲"),
    Op("copy", _copy, (lambda g, y, x, order="K": g,), None, "copy", onnx="Identity"),
    Op("astype", _astype, (lambda g, y, x, dtype, order="K": g,), None, "cast", onnx="Cast"),
    Op("scalar", _scalar, (lambda g, y, x: g,), None, "cast", onnx="Identity"),
    Op("reshape", _reshape, (_reshape_rule,), None, "reshape", view=True, onnx="Reshape"),
    Op("transpose", _transpose, (_transpose_rule,), None, "ᵀ", view=True, onnx="Transpose"),
    Op(
        "broadcast_to",
        _broadcast,
        (lambda g, y, x, shape: g,),
        None,
        "broadcast",
        view=True,
        onnx="Expand",
    ),
    Op("concatenate", _concatenate, (), _concatenate_rule, "concat", onnx="Concat"),
    Op("tile", _tile, (_moved(_tile),), None, "tile", onnx="Tile"),
    Op("repeat", _repeat, (_moved(_repeat),), None, "repeat"),
    Op("roll", _roll, (_moved(_roll),), None, "roll"),
    Op("diag", _diag, (_moved(_diag),), None, "diag"),
    Op("diagonal", _diagonal, (_moved(_diagonal),), None, "diagonal", view=True),
    Op("delete", _delete, (_moved(_delete),), None, "delete"),
    Op("pad", _pad, (_pad_rule,), None, "pad", onnx="Pad"),
    Op("pad_copy", _pad_copy, (_moved(_pad_copy),), None, "pad"),
    Op("sliding_window_view", _windows, (_window_rule,), None, "windows", view=True),
)
