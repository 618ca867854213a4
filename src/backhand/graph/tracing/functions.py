"""NumPy functions called on traced arrays: which are handled, which are harmless, which are refused, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import Tracer, apply, as_tracer
from backhand.graph.tracing.masked import Masked
from backhand.graph.tracing.tape import Tape

__all__ = ["HANDLERS", "HARMLESS", "REFUSED", "call_function", "handles", "params"]

Handler = Callable[..., Any]
HANDLERS: dict[Any, Handler] = {}
"""NumPy function -> what records it: ``(tape, *its arguments)``. The modules trace_functions_*.py fill it."""

HARMLESS: tuple[Any, ...] = (
    np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj, np.result_type, np.can_cast,
    np.common_type,
)  # fmt: skip
"""Functions of shapes and dtypes alone, which a trace knows: they run on the example values."""

_SIZE = "the size of its result depends on values; use np.where(mask, a, b), which keeps the shape"
_TEST = "its answer is a Python value that depends on values; ask outside of the traced code"
_IO = "read, write and print outside of the traced code"
_RARE = "write it with the operations of docs/graph.md, or compute it outside and pass it as an argument"
_INTEGER = "it is not differentiable: compute it outside and pass it as an argument"

REFUSED: dict[Any, str] = {}
"""NumPy function -> what to do instead."""


def refuse(instead: str, names: str, module: Any = np) -> None:
    """Enter functions into :data:`REFUSED`, those of them that this NumPy has."""
    for name in names.split():
        if hasattr(module, name):
            REFUSED[getattr(module, name)] = instead


refuse(_SIZE, "flatnonzero argwhere unique unique_all unique_counts unique_inverse unique_values compress "
       "extract trim_zeros setdiff1d setxor1d union1d intersect1d ediff1d place bincount")  # fmt: skip
refuse(_TEST, "array_equal array_equiv allclose iscomplex isreal isclose may_share_memory shares_memory isneginf "
       "isposinf is_busday isin min_scalar_type")  # fmt: skip
refuse(_IO, "save savez savez_compressed savetxt array_repr array_str array2string fromstring genfromtxt loadtxt "
       "fromfile datetime_as_string")  # fmt: skip
refuse(_INTEGER, "digitize searchsorted histogram histogram2d histogramdd histogram_bin_edges packbits unpackbits "
       "lexsort busday_count busday_offset ravel_multi_index mask_indices tril_indices_from triu_indices_from "
       "diag_indices_from")  # fmt: skip
refuse(_RARE, "angle apply_along_axis apply_over_axes argpartition asarray_chkfinite bmat block choose convolve "
       "correlate corrcoef cov cross cumulative_sum cumulative_prod einsum_path fill_diagonal fix fromfunction "
       "geomspace gradient i0 imag insert interp kron linspace logspace median nan_to_num nanargmax nanargmin "
       "nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar "
       "partition percentile piecewise poly polyadd polyder polydiv polyfit polyint polymul polysub polyval put "
       "putmask quantile real_if_close resize roots rollaxis select sinc sort_complex trapezoid trapz unstack unwrap "
       "vander in1d require asfarray row_stack bartlett blackman hamming hanning kaiser round_ "
       "from_dlpack frombuffer fromiter  vecdot astype argpartition")  # fmt: skip
refuse(_RARE, "cholesky cond cross diagonal eig eigh eigvals eigvalsh lstsq matmul matrix_norm matrix_power "
       "matrix_rank multi_dot outer pinv qr slogdet svd svdvals tensordot tensorinv tensorsolve "
       "trace vecdot vector_norm", np.linalg)  # fmt: skip
refuse(_RARE, "fft fft2 fftn fftfreq fftshift hfft ifft ifft2 ifftn ifftshift ihfft irfft irfft2 irfftn rfft rfft2 "
       "rfftfreq rfftn", np.fft)  # fmt: skip


for _module in (np.char, np.strings, np.lib.scimath):  # text, and functions that turn complex by value
    for _value in list(vars(_module).values()):  # not dir: what is deprecated warns when it is asked for
        if hasattr(_value, "_implementation"):
            REFUSED.setdefault(_value, "keep to NumPy's functions of real arrays")


def handles(*functions: Any) -> Callable[[Handler], Handler]:
    """Enter a handler for these NumPy functions."""

    def enter(handler: Handler) -> Handler:
        for function in functions:
            HANDLERS[function] = handler
        return handler

    return enter


def call_function(tape: Tape, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """What NumPy calls for a function with a tracer among its arguments.

    Raises:
        TraceError: the function has no place in a graph.
    """
    handler = HANDLERS.get(function)
    if handler is not None:
        return handler(tape, *args, **kwargs)
    if function in HARMLESS:
        return function(*(_example(a) for a in args), **kwargs)
    name = f"{getattr(function, '__module__', 'numpy')}.{function.__name__}".replace("numpy", "np", 1)
    instead = REFUSED.get(function, _RARE)
    raise tape.refuse(f"{name} can't be traced", instead[0].upper() + instead[1:])


def _example(value: Any) -> Any:
    if type(value) is Tracer:
        return value.value
    if isinstance(value, list | tuple):
        return type(value)(_example(item) for item in value)
    if type(value) is Masked:
        raise value.__array_function__(np.size, (), (), {})
    return value


def params(**given: Any) -> tuple[tuple[str, Any], ...]:
    """Static arguments as a node holds them: sorted, without those that are None or False."""
    return tuple(sorted((key, value) for key, value in given.items() if value is not None and value is not False))


def axis_of(axis: Any, ndim: int) -> Any:
    """An axis argument, counted from 0.

    Raises:
        numpy.exceptions.AxisError: there is no such axis.
    """
    if axis is None:
        return None
    if isinstance(axis, tuple | list):
        return tuple(axis_of(a, ndim) for a in axis)
    axis = axis.__index__()
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def unary(name: str) -> Handler:
    """A handler that records an op of one array without options."""
    return lambda tape, x: apply(tape, TABLE[name], (as_tracer(tape, x),))
