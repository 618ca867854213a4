"""Reshaping, joining, moving, choosing: NumPy functions on traced arrays."""

from __future__ import annotations

import itertools
import math
from typing import Any

from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import Tracer, apply, as_tracer, depends_on_order, fit, write
from backhand.graph.tracing.functions import axis_of, handles, params
from backhand.graph.tracing.tape import Tape
from backhand.graph.tracing.ufuncs import store
from backhand.graph.untyped import np

__all__ = ["concatenate", "ints", "ravel", "reshape", "swapaxes", "transpose"]


def ints(value: Any) -> tuple[int, ...]:
    """A shape or axis argument as a tuple of Python integers."""
    if isinstance(value, tuple | list | np.ndarray):
        return tuple(item.__index__() for item in value)
    return (value.__index__(),)


@handles(np.reshape)
def reshape(tape: Tape, a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    """``np.reshape``, with -1 resolved."""
    x = as_tracer(tape, a)
    shape = ints(newshape if shape is None else shape)
    if -1 in shape:
        known = math.prod(n for n in shape if n != -1)
        size = np.size(x.value)
        if shape.count(-1) > 1 or known == 0 or size % known:
            np.reshape(x.value, shape)  # NumPy's own error
        shape = tuple(size // known if n == -1 else n for n in shape)
    given = (("shape", shape),) if order == "C" else (("order", order), ("shape", shape))
    return apply(tape, TABLE["reshape"], (x,), given)


@handles(np.ravel)
def ravel(tape: Tape, a: Any, order: str = "C") -> Any:
    """``np.ravel``."""
    x = as_tracer(tape, a)
    if order in ("K", "A") and isinstance(x.value, np.ndarray):
        if order == "K" and not (x.value.flags.c_contiguous or x.value.flags.f_contiguous):
            raise tape.refuse("np.ravel(…, order='K') of an array with gaps can't be traced", "Use order='C'")
        order = "F" if x.value.flags.f_contiguous and not x.value.flags.c_contiguous else "C"
    if isinstance(x.value, np.ndarray) and not (
        x.value.flags.c_contiguous if order == "C" else x.value.flags.f_contiguous
    ):
        base = x
        x = apply(tape, TABLE["copy"], (x,), (("order", order),))  # unlike reshape, ravel gives contiguous memory
        depends_on_order(base, x)
    return reshape(tape, x, (-1,), order)


@handles(np.transpose)
def transpose(tape: Tape, a: Any, axes: Any = None) -> Any:
    """``np.transpose``, with the axes spelled out."""
    x = as_tracer(tape, a)
    ndim = np.ndim(x.value)
    order = tuple(reversed(range(ndim))) if axes is None else axis_of(tuple(axes), ndim)
    return apply(tape, TABLE["transpose"], (x,), (("axes", order),))


@handles(np.swapaxes)
def swapaxes(tape: Tape, a: Any, axis1: int, axis2: int) -> Any:
    """``np.swapaxes``."""
    order = list(range(np.ndim(as_tracer(tape, a).value)))
    one, two = axis_of(axis1, len(order)), axis_of(axis2, len(order))
    order[one], order[two] = order[two], order[one]
    return transpose(tape, a, order)


@handles(np.moveaxis)
def _moveaxis(tape: Tape, a: Any, source: Any, destination: Any) -> Any:
    ndim = np.ndim(as_tracer(tape, a).value)
    sources, targets = axis_of(ints(source), ndim), axis_of(ints(destination), ndim)
    order = [n for n in range(ndim) if n not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return transpose(tape, a, order)


@handles(np.expand_dims)
def _expand_dims(tape: Tape, a: Any, axis: Any) -> Any:
    x = as_tracer(tape, a)
    axes = ints(axis)
    axes = axis_of(axes, np.ndim(x.value) + len(axes))
    left = iter(np.shape(x.value))
    return reshape(tape, x, tuple(1 if i in axes else next(left) for i in range(np.ndim(x.value) + len(axes))))


@handles(np.squeeze)
def _squeeze(tape: Tape, a: Any, axis: Any = None) -> Any:
    x = as_tracer(tape, a)
    return reshape(tape, x, np.squeeze(x.value, axis=axis).shape)


def _atleast(function: Any) -> None:
    @handles(function)
    def handler(tape: Tape, *arrays: Any) -> Any:
        made = []
        for a in arrays:
            x = as_tracer(tape, a)
            shape = function(x.value).shape
            made.append(x if isinstance(x.value, np.ndarray) and shape == x.value.shape else reshape(tape, x, shape))
        return made[0] if len(made) == 1 else tuple(made)


for _function in (np.atleast_1d, np.atleast_2d, np.atleast_3d):
    _atleast(_function)


@handles(np.broadcast_to)
def _broadcast_to(tape: Tape, array: Any, shape: Any, subok: bool = False) -> Any:
    return apply(tape, TABLE["broadcast_to"], (as_tracer(tape, array),), (("shape", ints(shape)),))


@handles(np.broadcast_arrays)
def _broadcast_arrays(tape: Tape, *arrays: Any, subok: bool = False) -> Any:
    traced = [as_tracer(tape, a) for a in arrays]
    shape = np.broadcast_shapes(*(np.shape(t.value) for t in traced))
    return tuple(_broadcast_to(tape, t, shape) for t in traced)


# -- joining and splitting ------------------------------------------------------------------------------------------


@handles(np.concatenate)
def concatenate(
    tape: Tape, arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """``np.concatenate``."""
    traced = [as_tracer(tape, a) for a in arrays]
    if axis is None:
        traced, axis = [ravel(tape, t) for t in traced], 0
    if dtype is not None:
        traced = [_astype(tape, t, dtype) for t in traced]
    axis = axis_of(axis, np.ndim(traced[0].value))
    made = apply(tape, TABLE["concatenate"], tuple(traced), (("axis", axis),))
    return made if out is None else store(tape, out, made, "concatenate")


def _astype(tape: Tape, x: Tracer, dtype: Any) -> Tracer:
    dtype = np.dtype(dtype)
    if isinstance(x.value, np.ndarray | np.generic) and x.value.dtype == dtype:
        return x
    return apply(tape, TABLE["astype"], (x,), (("dtype", dtype),))


@handles(np.stack)
def stack(
    tape: Tape, arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """``np.stack``."""
    traced = [as_tracer(tape, a) for a in arrays]
    axis = axis_of(axis, np.ndim(traced[0].value) + 1)
    key = (*(slice(None),) * axis, None)  # as np.stack does it: the layout of its result follows from it
    wide = [t[key] if isinstance(t.value, np.ndarray) else reshape(tape, t, (1,)) for t in traced]
    return concatenate(tape, wide, axis, out, dtype=dtype)


def _joins(function: Any, prepare: Any, axis: Any) -> None:
    @handles(function)
    def handler(tape: Tape, tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
        traced = [prepare(as_tracer(tape, a)) for a in tup]
        place = (0 if np.ndim(traced[0].value) == 1 else 1) if axis == "h" else axis
        return concatenate(tape, traced, place, dtype=dtype)


def _column(t: Any) -> Any:
    return t if np.ndim(t.value) >= 2 else np.transpose(np.atleast_2d(t))


_joins(np.hstack, np.atleast_1d, "h")
_joins(np.vstack, np.atleast_2d, 0)
_joins(np.dstack, np.atleast_3d, 2)


@handles(np.column_stack)
def _column_stack(tape: Tape, tup: Any) -> Any:
    return concatenate(tape, [_column(as_tracer(tape, a)) for a in tup], 1)


@handles(np.append)
def _append(tape: Tape, arr: Any, values: Any, axis: Any = None) -> Any:
    return concatenate(tape, (arr, values), axis)


@handles(np.array_split)
def _array_split(tape: Tape, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    x = as_tracer(tape, ary)
    axis = axis_of(axis, np.ndim(x.value))
    size = x.value.shape[axis]
    if isinstance(indices_or_sections, tuple | list | np.ndarray):
        ends = [0, *ints(indices_or_sections), size]
    else:
        parts = indices_or_sections.__index__()
        each, extra = divmod(size, parts)
        ends = [i * each + min(i, extra) for i in range(parts + 1)]
    before = (slice(None),) * axis
    return [x[(*before, slice(start, stop))] for start, stop in itertools.pairwise(ends)]


@handles(np.split)
def _split(tape: Tape, ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    size = as_tracer(tape, ary).value.shape[axis]
    if isinstance(indices_or_sections, int) and size % indices_or_sections:
        raise ValueError("array split does not result in an equal division")
    return _array_split(tape, ary, indices_or_sections, axis)


@handles(np.hsplit)
def _hsplit(tape: Tape, ary: Any, indices_or_sections: Any) -> Any:
    return _split(tape, ary, indices_or_sections, 0 if as_tracer(tape, ary).value.ndim == 1 else 1)


@handles(np.vsplit)
def _vsplit(tape: Tape, ary: Any, indices_or_sections: Any) -> Any:
    return _split(tape, ary, indices_or_sections, 0)


@handles(np.dsplit)
def _dsplit(tape: Tape, ary: Any, indices_or_sections: Any) -> Any:
    return _split(tape, ary, indices_or_sections, 2)


# -- copies, casts and choices
# ------------------------------------------------------------------------------------------


@handles(np.copy)
def _copy(tape: Tape, a: Any, order: str = "K", subok: bool = False) -> Any:
    return apply(tape, TABLE["copy"], (as_tracer(tape, a),), () if order == "K" else (("order", order),))


@handles(np.where)
def _where(tape: Tape, condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        from backhand.graph.tracing.masked import MaskIndex

        mask = as_tracer(tape, condition)
        if mask.const:
            return tuple(as_tracer(tape, i) for i in np.nonzero(mask.value))
        mask = mask if mask.value.dtype == bool else np.not_equal(mask, 0)
        return tuple(MaskIndex(mask, axis) for axis in range(mask.value.ndim))
    return apply(tape, TABLE["where"], tuple(as_tracer(tape, v) for v in (condition, x, y)))


@handles(np.nonzero)
def _nonzero(tape: Tape, a: Any) -> Any:
    return _where(tape, a)


@handles(np.clip)
def _clip(tape: Tape, a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **options: Any) -> Any:
    low, high = options.pop("min", a_min), options.pop("max", a_max)
    if options:
        raise tape.refuse("np.clip with these options can't be traced", "Give it the array and the two bounds alone")
    x = as_tracer(tape, a)
    if low is None and high is None:
        made = apply(tape, TABLE["positive"], (x,))
    elif low is None:
        made = np.minimum(x, high)  # as np.clip itself does it
    elif high is None:
        made = np.maximum(x, low)
    else:
        made = apply(tape, TABLE["clip"], (x, as_tracer(tape, low), as_tracer(tape, high)))
    return made if out is None else store(tape, out, made, "clip")


@handles(np.take)
def _take(tape: Tape, a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    x, indices = as_tracer(tape, a), as_tracer(tape, indices)
    given = params(axis=axis_of(axis, x.value.ndim), mode=None if mode == "raise" else mode)
    made = apply(tape, TABLE["take"], (x, indices), given)
    return made if out is None else store(tape, out, made, "take")


def _along(tape: Tape, x: Tracer, indices: Tracer, axis: Any) -> Any:
    axis = axis_of(axis, x.value.ndim)
    key: list[Any] = []
    for i in range(x.value.ndim):
        shape = [1] * x.value.ndim
        shape[i] = -1
        key.append(indices if i == axis else np.arange(indices.value.shape[i]).reshape(shape))
    return tuple(key)


@handles(np.take_along_axis)
def _take_along_axis(tape: Tape, arr: Any, indices: Any, axis: Any = -1) -> Any:
    x, indices = as_tracer(tape, arr), as_tracer(tape, indices)
    if axis is None:
        return ravel(tape, x)[indices]
    return x[_along(tape, x, indices, axis)]


@handles(np.put_along_axis)
def _put_along_axis(tape: Tape, arr: Any, indices: Any, values: Any, axis: Any) -> None:
    if type(arr) is not Tracer:
        store(tape, arr, arr, "put_along_axis")
    x, indices = arr, as_tracer(tape, indices)
    if axis is None:
        raise tape.refuse("np.put_along_axis(…, axis=None) can't be traced", "Give it an axis")
    x[_along(tape, x, indices, axis)] = values


@handles(np.copyto)
def _copyto(tape: Tape, dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if type(dst) is not Tracer:
        store(tape, dst, dst, "copyto")
    if where is True:
        dst[...] = fit(dst, np.broadcast_to(as_tracer(tape, src), dst.value.shape), "copyto")
        return
    src, where = as_tracer(tape, src), as_tracer(tape, where)
    write(dst, apply(tape, TABLE["put_mask"], (dst, where, src)))


def _triangles(function: Any) -> None:
    @handles(function)
    def handler(tape: Tape, m: Any, k: int = 0) -> Any:
        x = as_tracer(tape, m)
        mask = np.tri(*x.value.shape[-2:], k=k if function is np.tril else k - 1, dtype=bool)
        zero = np.zeros(1, x.value.dtype)
        pair = (x, zero) if function is np.tril else (zero, x)
        return apply(tape, TABLE["where"], (mask, *pair))


_triangles(np.tril)
_triangles(np.triu)


@handles(np.round, np.around)
def _round(tape: Tape, a: Any, decimals: int = 0, out: Any = None) -> Any:
    x = as_tracer(tape, a)
    if decimals:
        raise tape.refuse("np.round to decimals can't be traced", "Write np.rint(x * 100) / 100")
    made = x if np.asarray(x.value).dtype.kind in "iub" else apply(tape, TABLE["rint"], (x,))
    return made if out is None else store(tape, out, made, "round")


@handles(np.real)
def _real(tape: Tape, val: Any) -> Any:
    x = as_tracer(tape, val)
    if np.iscomplexobj(x.value):
        raise tape.refuse("the real part of a complex array can't be traced", "Keep to real arrays")
    return x


@handles(np.unravel_index)
def _unravel_index(tape: Tape, indices: Any, shape: Any, order: str = "C") -> Any:
    x = as_tracer(tape, indices)
    shape = ints(shape)
    extra = params(order=None if order == "C" else order)
    return tuple(
        apply(tape, TABLE["unravel_index"], (x,), (("axis", i), *extra, ("shape", shape))) for i in range(len(shape))
    )


@handles(np.meshgrid)
def _meshgrid(tape: Tape, *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    grids = np.meshgrid(*(np.arange(np.size(as_tracer(tape, x).value)) for x in xi), indexing=indexing, sparse=sparse)
    return tuple(ravel(tape, x)[grid] for x, grid in zip(xi, grids, strict=True))


@handles(np.ix_)
def _ix(tape: Tape, *args: Any) -> Any:
    arrays = [as_tracer(tape, a) for a in args]
    if any(a.value.dtype.kind == "b" for a in arrays):
        raise tape.refuse("np.ix_ of a mask can't be traced", "Use np.where, which keeps the full shape")
    return tuple(a.reshape([-1 if i == n else 1 for i in range(len(arrays))]) for n, a in enumerate(arrays))
