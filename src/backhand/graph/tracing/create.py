"""Functions that make arrays: recorded as constants, and replaced on the numpy module while a trace runs.

``col = np.zeros(...); col[...] = traced`` writes into a plain array, which no protocol of NumPy's would tell us. So
while a trace runs, for its thread alone, ``np.zeros`` makes a traced array; everyone else gets the original.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backhand.graph.graph import Constant
from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import Tracer, apply, as_tracer, depends_on_order
from backhand.graph.tracing.functions import handles
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__ = ["CREATORS", "ORIGINAL", "array"]


def _shape(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, tuple | list):
        return tuple(n.__index__() for n in shape)
    return (shape.__index__(),)


def full(tape: Tape, shape: Any, value: Any, dtype: Any = None, order: Any = "C") -> Tracer:
    """An array of one number, recorded without its elements."""
    shape = _shape(shape)
    order = order or "C"
    if type(value) is Tracer and not value.const:
        dtype = value.value.dtype if dtype is None else np.dtype(dtype)
        made = full(tape, shape, 0, dtype, order)
        made[...] = value
        return made
    if type(value) is Tracer:
        value = value.value
    dtype = np.dtype(dtype) if dtype is not None else np.asarray(value).dtype
    given = (("dtype", dtype), ("order", order), ("shape", shape), ("value", Constant(value)))
    return apply(tape, TABLE["full"], (), given)


def _like(original: Callable[..., Any], value: Any) -> Callable[..., Any]:
    def handler(
        tape: Tape, a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None, **options: Any
    ) -> Tracer:
        a = a.value if type(a) is Tracer else a
        return _same_layout(tape, original(a, dtype=dtype, order=order, shape=shape), value)

    handles(original)(handler)
    return handler


def _same_layout(tape: Tape, made: Any, value: Any) -> Tracer:
    if made.flags.c_contiguous:
        return full(tape, made.shape, value, made.dtype, "C")
    if made.flags.f_contiguous:
        return full(tape, made.shape, value, made.dtype, "F")
    made[...] = value
    return as_tracer(tape, made)


@handles(np.full_like)
def full_like(
    tape: Tape, a: Any, fill_value: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None,
    **options: Any,
) -> Tracer:  # fmt: skip
    made = _same_layout(tape, np.zeros_like(a.value if type(a) is Tracer else a, dtype, order, shape=shape), 0)
    if type(fill_value) in (int, float):
        order = "C" if made.value.flags.c_contiguous else "F"
        return full(tape, made.value.shape, fill_value, made.value.dtype, order)
    made[...] = fill_value
    return made


def array(
    tape: Tape, value: Any, dtype: Any = None, *, copy: Any = True, order: Any = "K", ndmin: int = 0, **options: Any
) -> Any:
    """``np.array``: a copy of a traced array, a stack of a list of them, a constant for anything else."""
    if type(value) is Tracer:
        return _convert(tape, value, dtype, order, bool(copy), ndmin)
    if not _holds_tracer(value):
        made = ORIGINAL["array"](value, dtype=dtype, order=order, ndmin=ndmin)
        if made.dtype.kind not in "biuf":
            return made
        return as_tracer(tape, made)
    whole = np.asarray(_plain(value))
    made = _stack(tape, value, whole.dtype if dtype is None else np.dtype(dtype))
    return _convert(tape, made, None, "K", False, ndmin)


def _convert(tape: Tape, x: Tracer, dtype: Any, order: Any, copy: bool, ndmin: int) -> Tracer:
    old = np.asarray(x.value).dtype
    dtype = old if dtype is None else np.dtype(dtype)
    if dtype.kind not in "biufc":
        raise tape.refuse(f"an array of dtype {dtype} is made of a traced array", "Keep to numbers and booleans")
    order = order or "K"
    right = order in ("K", "A") or (x.value.flags.c_contiguous if order == "C" else x.value.flags.f_contiguous)
    if dtype != old:
        x = apply(tape, TABLE["astype"], (x,), (("dtype", dtype),))
    elif copy or not right or not isinstance(x.value, np.ndarray):
        base = x
        x = apply(tape, TABLE["copy"], (x,), () if order in ("K", "A") else (("order", order),))
        if not copy:
            depends_on_order(base, x)
    elif order in ("C", "F"):
        depends_on_order(x)  # in another order it would have been copied
    if not isinstance(x.value, np.ndarray):
        x = apply(tape, TABLE["copy"], (x,))
    if ndmin > x.value.ndim:
        x = np.reshape(x, (1,) * (ndmin - x.value.ndim) + x.value.shape)
    return x


def _holds_tracer(value: Any) -> bool:
    return type(value) is Tracer or (isinstance(value, list | tuple) and any(_holds_tracer(v) for v in value))


def _plain(value: Any) -> Any:
    """The nest with example values for tracers: NumPy says what dtype comes of it."""
    if type(value) is Tracer:
        return value.value
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _stack(tape: Tape, value: Any, dtype: Any) -> Any:
    if isinstance(value, list | tuple):
        parts = [_stack(tape, item, dtype) for item in value]
        wide = [np.reshape(part, (1, *np.shape(part))) for part in parts]
        return np.concatenate(wide, axis=0)
    part = as_tracer(tape, value)
    return part if np.asarray(part.value).dtype == dtype else apply(tape, TABLE["astype"], (part,), (("dtype", dtype),))


def _as(order: str | None, at_least: int = 0) -> Callable[..., Any]:
    def handler(tape: Tape, a: Any, dtype: Any = None, order: Any = order, **options: Any) -> Any:
        if type(a) is Tracer:
            return _convert(tape, a, dtype, order, False, at_least)
        return array(tape, a, dtype, order=order or "K", ndmin=at_least)

    return handler


def _constant(name: str) -> Callable[..., Any]:
    def handler(tape: Tape, *args: Any, **kwargs: Any) -> Any:
        made = ORIGINAL[name](*args, **kwargs)
        return as_tracer(tape, made) if isinstance(made, np.ndarray) and made.dtype.kind in "biuf" else made

    return handler


CREATORS: dict[str, Callable[..., Any]] = {
    "zeros": lambda tape, shape, dtype=float, order="C", **options: full(tape, shape, 0, dtype, order),
    "empty": lambda tape, shape, dtype=float, order="C", **options: full(tape, shape, 0, dtype, order),
    "ones": lambda tape, shape, dtype=float, order="C", **options: full(tape, shape, 1, dtype or float, order),
    "full": lambda tape, shape, fill_value, dtype=None, order="C", **options: full(
        tape, shape, fill_value, dtype, order
    ),
    "zeros_like": _like(np.zeros_like, 0),
    "ones_like": _like(np.ones_like, 1),
    "empty_like": _like(np.empty_like, 0),
    "full_like": full_like,
    "array": array,
    "asarray": _as(None),
    "asanyarray": _as(None),
    "ascontiguousarray": _as("C", 1),
    "asfortranarray": _as("F", 1),
    **{name: _constant(name) for name in ("arange", "eye", "identity", "tri", "linspace", "logspace", "geomspace")},
}
ORIGINAL: dict[str, Any] = {name: getattr(np, name) for name in CREATORS}
