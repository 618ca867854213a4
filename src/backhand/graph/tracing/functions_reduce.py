"""Reductions, scans, sorting: NumPy functions on traced arrays."""

from __future__ import annotations

from typing import Any

from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import apply, as_tracer
from backhand.graph.tracing.functions import axis_of, handles, params
from backhand.graph.tracing.tape import Tape
from backhand.graph.tracing.ufuncs import store
from backhand.graph.untyped import np

__all__: list[str] = []

_UNSET: Any = np._NoValue


def _options(tape: Tape, name: str, given: dict[str, Any]) -> None:
    for option, value in given.items():
        if value is not _UNSET and value is not None and not (option == "where" and value is True):
            raise tape.refuse(
                f"np.{name}(…, {option}=…) can't be traced",
                "Use np.where on the input" if option == "where" else "Write it out",
            )


def _reduce(
    tape: Tape, name: str, x: Any, axis: Any, keepdims: Any, out: Any, dtype: Any = None, ddof: Any = None
) -> Any:
    x = as_tracer(tape, x)
    axis = axis_of(axis, np.ndim(x.value))
    keepdims = keepdims is not _UNSET and bool(keepdims)
    dtype = None if dtype is None or dtype is _UNSET else np.dtype(dtype)
    given = params(axis=axis, keepdims=keepdims, dtype=dtype, ddof=ddof or None)
    made = apply(tape, TABLE[name], (x,), given)
    return made if out is None else store(tape, out, made, name)


def _sums(function: Any, name: str) -> None:
    @handles(function)
    def handler(
        tape: Tape, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET,
        initial: Any = _UNSET, where: Any = _UNSET,
    ) -> Any:  # fmt: skip
        _options(tape, name, {"initial": initial, "where": where})
        return _reduce(tape, name, a, axis, keepdims, out, dtype)


def _extremes(function: Any, name: str) -> None:
    @handles(function)
    def handler(
        tape: Tape, a: Any, axis: Any = None, out: Any = None, keepdims: Any = _UNSET, initial: Any = _UNSET,
        where: Any = _UNSET,
    ) -> Any:  # fmt: skip
        _options(tape, name, {"initial": initial, "where": where})
        return _reduce(tape, name, a, axis, keepdims, out)


def _spreads(function: Any, name: str) -> None:
    @handles(function)
    def handler(
        tape: Tape, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
        keepdims: Any = _UNSET, *, where: Any = _UNSET, mean: Any = _UNSET, correction: Any = _UNSET,
    ) -> Any:  # fmt: skip
        _options(tape, name, {"where": where, "mean": mean})
        if correction is not _UNSET:
            ddof = correction
        return _reduce(tape, name, a, axis, keepdims, out, dtype, ddof)


def _scans(function: Any, name: str) -> None:
    @handles(function)
    def handler(tape: Tape, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        return _reduce(tape, name, a, axis, _UNSET, out, dtype)


def _places(function: Any, name: str) -> None:
    @handles(function)
    def handler(tape: Tape, a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = _UNSET) -> Any:
        return _reduce(tape, name, a, axis, keepdims, out)


_sums(np.sum, "sum")
_sums(np.prod, "prod")
_extremes(np.max, "max")
_extremes(np.amax, "max")
_extremes(np.min, "min")
_extremes(np.amin, "min")
_extremes(np.any, "any")
_extremes(np.all, "all")
_spreads(np.var, "var")
_spreads(np.std, "std")
_scans(np.cumsum, "cumsum")
_scans(np.cumprod, "cumprod")
_places(np.argmax, "argmax")
_places(np.argmin, "argmin")


@handles(np.mean)
def _mean(
    tape: Tape, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = _UNSET, *,
    where: Any = _UNSET,
) -> Any:  # fmt: skip
    _options(tape, "mean", {"where": where})
    return _reduce(tape, "mean", a, axis, keepdims, out, dtype)


@handles(np.count_nonzero)
def _count_nonzero(tape: Tape, a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return _reduce(tape, "count_nonzero", a, axis, keepdims, None)


@handles(np.average)
def _average(
    tape: Tape, a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = _UNSET
) -> Any:
    if returned:
        raise tape.refuse("np.average(…, returned=True) can't be traced", "Compute the sum of weights beside it")
    if weights is None:
        return _reduce(tape, "mean", a, axis, keepdims, None)
    a, weights = as_tracer(tape, a), as_tracer(tape, weights)
    if np.shape(a.value) != np.shape(weights.value) or keepdims is not _UNSET:
        raise tape.refuse("np.average with weights of another shape can't be traced", "Write np.sum(a * w) / np.sum(w)")
    total = np.sum(weights, axis=axis, dtype=np.result_type(a.value, weights.value))
    return np.sum(np.multiply(a, weights), axis=axis) / total


@handles(np.ptp)
def _ptp(tape: Tape, a: Any, axis: Any = None, out: Any = None, keepdims: Any = _UNSET) -> Any:
    made = _reduce(tape, "max", a, axis, keepdims, None) - _reduce(tape, "min", a, axis, keepdims, None)
    return made if out is None else store(tape, out, made, "ptp")


@handles(np.linalg.norm)
def _norm(tape: Tape, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Any:
    x = as_tracer(tape, x)
    axis = axis_of(axis, x.value.ndim)
    vector = isinstance(axis, int) or (axis is None and x.value.ndim == 1)
    if not (ord is None or (ord in (1, 2) and vector) or (ord == "fro" and not vector)):
        raise tape.refuse(f"np.linalg.norm(…, ord={ord!r}) can't be traced", "ord=None, 1, 2 for vectors and 'fro' can")
    if isinstance(axis, tuple) and len(axis) == 1:
        axis = axis[0]
    return apply(tape, TABLE["norm"], (x,), params(ord=ord, axis=axis, keepdims=bool(keepdims)))


@handles(np.sort)
def _sort(tape: Tape, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    x = as_tracer(tape, a)
    return apply(tape, TABLE["sort"], (x,), (("axis", axis_of(axis, x.value.ndim)),))


@handles(np.argsort)
def _argsort(tape: Tape, a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    x = as_tracer(tape, a)
    kind = "stable" if stable else kind
    given = (("axis", axis_of(axis, x.value.ndim)), *params(kind=kind))
    return apply(tape, TABLE["argsort"], (x,), given)


@handles(np.diff)
def _diff(tape: Tape, a: Any, n: int = 1, axis: int = -1, prepend: Any = _UNSET, append: Any = _UNSET) -> Any:
    _options(tape, "diff", {"prepend": prepend, "append": append})
    x = as_tracer(tape, a)
    axis = axis_of(axis, x.value.ndim)
    before: tuple[Any, ...] = (slice(None),) * axis
    for _ in range(n):
        late, early = x[(*before, slice(1, None))], x[(*before, slice(None, -1))]
        x = np.not_equal(late, early) if x.value.dtype == bool else np.subtract(late, early)
    return x
