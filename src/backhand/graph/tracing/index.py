"""Reading and writing by index: what a key means, masks whose size only the values know, and writes in place."""

from __future__ import annotations

from typing import Any

from backhand.graph.ops import TABLE
from backhand.graph.ops.index import Slice, Slot, is_basic
from backhand.graph.tracing.array import Tracer, apply, as_tracer, write
from backhand.graph.tracing.masked import Masked, MaskIndex
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__ = ["get_item", "parse_key", "set_item"]


def parse_key(tape: Tape, key: Any) -> tuple[tuple[Any, ...], list[Tracer]] | Tracer:
    """A key as its static part and its index arrays, or the mask, if the key is a mask that depends on an input.

    Raises:
        TraceError: a slice bound depends on an input, or such a mask stands beside other indices.
    """
    items = key if type(key) is tuple else (key,)
    static: list[Any] = []
    arrays: list[Tracer] = []
    if items and all(type(item) is MaskIndex for item in items):
        mask = items[0].mask
        if all(item.mask is mask for item in items) and [i.axis for i in items] == list(range(mask.value.ndim)):
            return as_tracer(tape, mask)
    for item in items:
        if item is None or item is Ellipsis:
            static.append(item)
        elif isinstance(item, slice):
            static.append(Slice(*(_bound(tape, b) for b in (item.start, item.stop, item.step))))
        elif type(item) is int or (type(item) is not Tracer and isinstance(item, np.integer)):
            static.append(int(item))
        elif type(item) is MaskIndex:
            raise tape.refuse(
                "the places where a condition holds are used beside other indices",
                "Index with the condition itself, out[mask] = value, or use np.where(mask, a, b)",
            )
        else:
            array = as_tracer(tape, item)
            if array.const and not isinstance(array.value, np.ndarray) and array.value.dtype.kind in "iu":
                static.append(int(array.value))
                continue
            mask = array.value.dtype.kind == "b" if hasattr(array.value, "dtype") else type(array.value) is bool
            if mask and not array.const:
                if len(items) == 1:
                    return array
                raise tape.refuse(
                    "a mask that depends on an input stands beside other indices",
                    "Use the mask alone, out[mask] = value, or np.where(mask, a, b)",
                )
            if mask:  # how many places it chooses is part of the program
                array = as_tracer(tape, array.value)
            if isinstance(array.value, np.ndarray) and array.value.dtype.kind == "f":
                raise IndexError("arrays used as indices must be of integer (or boolean) type")
            static.append(Slot(len(arrays), mask))
            arrays.append(array)
    return tuple(static), arrays


def _bound(tape: Tape, bound: Any) -> Any:
    if bound is None or type(bound) is int:
        return bound
    return bound.__index__()


def get_item(x: Tracer, key: Any) -> Any:
    """``x[key]``."""
    parsed = parse_key(x.tape, key)
    if type(parsed) is Tracer:
        return Masked.read(x, parsed)
    static, arrays = parsed
    if not isinstance(x.value, np.ndarray):
        x.value[key]  # NumPy's own error for indexing a scalar
    return apply(x.tape, TABLE["getitem"], (x, *arrays), (("key", static),))


def set_item(x: Tracer, key: Any, value: Any) -> None:
    """``x[key] = value``."""
    tape = x.tape
    if not isinstance(x.value, np.ndarray):
        raise TypeError(f"'{type(x.value).__name__}' object does not support item assignment")
    parsed = parse_key(tape, key)
    if type(parsed) is Tracer:
        write(x, _put_mask(x, parsed, value))
        return
    static, arrays = parsed
    if type(value) is Masked:
        raise tape.refuse(
            "values read through a mask are written to a place without that mask",
            "Write them through the same mask, out[mask] = x[mask] * 2, or use np.where(mask, a, b)",
        )
    if type(value) is Tracer and value.parent is x and value.how is not None and is_basic(static):
        row, params, _, _ = value.how
        if row.name == "getitem" and params == (("key", static),):
            return  # ``x[key] += v`` ends by writing the view to where it already is
    write(x, apply(tape, TABLE["put"], (x, as_tracer(tape, value), *arrays), (("key", static),)))


def _put_mask(x: Tracer, mask: Tracer, value: Any) -> Tracer:
    tape = x.tape
    spare = x.value.ndim - mask.value.ndim
    if mask.value.shape != x.value.shape[: mask.value.ndim]:
        raise IndexError(f"boolean index of shape {mask.value.shape} did not match an array of shape {x.value.shape}")
    if type(value) is Masked:
        value = value.under(mask)
    else:
        value = as_tracer(tape, value)
        if np.ndim(value.value) > spare:
            raise tape.refuse(
                f"a value of shape {np.shape(value.value)} is written through a mask that depends on an input: how "
                "many elements that needs is only known when the graph runs",
                "Write a number, or use np.where(mask, a, b) with arrays of the full shape",
            )
    if spare:
        mask = apply(tape, TABLE["reshape"], (mask,), (("shape", (*mask.value.shape, *(1,) * spare)),))
    return apply(tape, TABLE["put_mask"], (x, mask, value))
