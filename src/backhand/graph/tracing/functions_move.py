"""Moving, repeating, padding and dropping of elements: NumPy functions on traced arrays."""

from __future__ import annotations

from typing import Any

from backhand.graph.constant import Constant
from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import Tracer, apply, as_tracer
from backhand.graph.tracing.functions import axis_of, handles, params
from backhand.graph.tracing.functions_shape import ints, ravel, swapaxes
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__: list[str] = []


def _static(tape: Tape, value: Any, what: str) -> Any:
    """A static argument that may have been made with np.array in the traced code."""
    if type(value) is Tracer:
        value = value.concrete(f"says {what}", "Take it from shapes, or pass plain Python integers").tolist()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return tuple(_static(tape, item, what) for item in value) if isinstance(value, list | tuple) else value


@handles(np.tile)
def _tile(tape: Tape, A: Any, reps: Any) -> Any:
    return apply(tape, TABLE["tile"], (as_tracer(tape, A),), (("reps", _static(tape, reps, "how often to tile")),))


@handles(np.repeat)
def _repeat(tape: Tape, a: Any, repeats: Any, axis: Any = None) -> Any:
    x = as_tracer(tape, a)
    repeats = _static(tape, repeats, "how often to repeat")
    return apply(tape, TABLE["repeat"], (x,), params(axis=axis_of(axis, np.ndim(x.value)), repeats=repeats))


@handles(np.roll)
def _roll(tape: Tape, a: Any, shift: Any, axis: Any = None) -> Any:
    x = as_tracer(tape, a)
    shift = _static(tape, shift, "how far to roll")
    given = params(axis=axis_of(axis, np.ndim(x.value)))
    return apply(tape, TABLE["roll"], (x,), (*given, ("shift", shift)))


@handles(np.flip)
def _flip(tape: Tape, m: Any, axis: Any = None) -> Any:
    x = as_tracer(tape, m)
    axes = range(x.value.ndim) if axis is None else axis_of(ints(axis), x.value.ndim)
    return x[tuple(slice(None, None, -1) if i in axes else slice(None) for i in range(x.value.ndim))]


@handles(np.flipud)
def _flipud(tape: Tape, m: Any) -> Any:
    return _flip(tape, m, 0)


@handles(np.fliplr)
def _fliplr(tape: Tape, m: Any) -> Any:
    return _flip(tape, m, 1)


@handles(np.rot90)
def _rot90(tape: Tape, m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    x = as_tracer(tape, m)
    one, two = axis_of(tuple(axes), x.value.ndim)
    k %= 4
    if k == 0:
        return _flip(tape, x, ())
    if k == 2:
        return _flip(tape, _flip(tape, x, one), two)
    if k == 1:
        return swapaxes(tape, _flip(tape, x, two), one, two)
    return _flip(tape, swapaxes(tape, x, one, two), two)


@handles(np.pad)
def _pad(tape: Tape, array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    x = as_tracer(tape, array)
    ndim = x.value.ndim
    if isinstance(pad_width, dict):
        given: list[Any] = [pad_width.get(i, pad_width.get(i - ndim, 0)) for i in range(ndim)]
        pad_width = tuple((w, w) if isinstance(w, int) else tuple(w) for w in given)
    wide = np.broadcast_to(np.asarray(_static(tape, pad_width, "how wide to pad")), (ndim, 2))
    width = tuple((int(a), int(b)) for a, b in wide)
    if mode == "constant":
        value = options.pop("constant_values", 0)
        if type(value) in (int, float) and not options:
            return apply(tape, TABLE["pad"], (x,), (("value", Constant(value)), ("width", width)))
    elif mode in ("edge", "reflect", "symmetric", "wrap") and not options:
        return apply(tape, TABLE["pad_copy"], (x,), (("mode", mode), ("width", width)))
    raise tape.refuse(
        f"np.pad(…, mode={mode!r}) with these options can't be traced",
        "Pad with one number, or with mode 'edge', 'reflect', 'symmetric' or 'wrap'",
    )


@handles(np.diag)
def _diag(tape: Tape, v: Any, k: int = 0) -> Any:
    x = as_tracer(tape, v)
    if x.value.ndim == 2:
        return _diagonal(tape, x, k)
    return apply(tape, TABLE["diag"], (x,), params(k=k or None))


@handles(np.diagonal)
def _diagonal(tape: Tape, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    x = as_tracer(tape, a)
    one, two = axis_of((axis1, axis2), x.value.ndim)
    given = (("axis1", one), ("axis2", two), ("offset", offset))
    return apply(tape, TABLE["diagonal"], (x,), given)


@handles(np.diagflat)
def _diagflat(tape: Tape, v: Any, k: int = 0) -> Any:
    return _diag(tape, ravel(tape, v), k)


@handles(np.delete)
def _delete(tape: Tape, arr: Any, obj: Any, axis: Any = None) -> Any:
    x = as_tracer(tape, arr)
    if isinstance(obj, slice):
        size = x.value.size if axis is None else x.value.shape[axis]
        obj = tuple(range(*obj.indices(size)))
    given = params(axis=axis_of(axis, x.value.ndim))
    return apply(tape, TABLE["delete"], (x,), (*given, ("obj", _static(tape, obj, "what to delete"))))


@handles(np.lib.stride_tricks.sliding_window_view)
def _windows(
    tape: Tape, x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False, writeable: bool = False
) -> Any:
    x = as_tracer(tape, x)
    if writeable:
        raise tape.refuse("a writeable sliding_window_view can't be traced", "Write to the array itself, with slices")
    given = params(axis=axis_of(axis, x.value.ndim), window_shape=ints(window_shape))
    return apply(tape, TABLE["sliding_window_view"], (x,), given)
