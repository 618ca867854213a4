"""Ufuncs, and their methods, called on traced arrays."""

from __future__ import annotations

from typing import Any

from backhand.graph.ops import BY_NUMPY, TABLE, Op
from backhand.graph.tracing.array import Tracer, apply, as_tracer, fit, write
from backhand.graph.tracing.masked import Masked
from backhand.graph.tracing.tape import Tape
from backhand.graph.untyped import np

__all__ = ["REFUSED_UFUNCS", "call_ufunc"]

REFUSED_UFUNCS: dict[Any, str] = {
    np.fmod: "use np.remainder (%), or x - y * np.trunc(x / y)",
    np.float_power: "use **, after .astype(np.float64) if that is what you want",
    np.gcd: "it is for integers: compute it outside of the traced code",
    np.lcm: "it is for integers: compute it outside of the traced code",
    np.ldexp: "write x * 2.0 ** i",
    np.frexp: "compute it outside of the traced code",
    np.modf: "write np.trunc(x) and x - np.trunc(x)",
    np.nextafter: "compute it outside of the traced code",
    np.spacing: "compute it outside of the traced code",
    np.copysign: "write np.abs(x) * np.sign(y)",
    np.isnat: "dates don't belong in a computation graph",
    np.conjugate: "complex arrays aren't differentiated; on real ones it does nothing",
    np.vecdot: "write np.sum(a * b, axis=-1)",
    np.bitwise_count: "it is for integers: compute it outside of the traced code",
}
for _name, _instead in (("matvec", "write A @ x"), ("vecmat", "write x @ A")):
    if hasattr(np, _name):  # NumPy 2.2
        REFUSED_UFUNCS[getattr(np, _name)] = _instead

_PYTHON = ("add", "subtract", "multiply", "divide", "floor_divide", "remainder", "power", "negative", "positive",
           "absolute", "greater", "greater_equal", "less", "less_equal", "equal", "not_equal", "invert",
           "bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift")  # fmt: skip


def call_ufunc(tape: Tape, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What NumPy calls for a ufunc with a tracer among its arguments.

    Raises:
        TraceError: the ufunc, its method or one of its options has no place in a graph.
    """
    masked = next((x for x in inputs if type(x) is Masked), None)
    if masked is not None:
        return masked.__array_ufunc__(ufunc, method, *inputs, **kwargs)
    row = TABLE["power"] if ufunc is np.power else BY_NUMPY.get(ufunc)
    if row is None and ufunc is not np.divmod:
        raise refuse_ufunc(tape, ufunc)
    if method == "reduce" or method == "accumulate":
        return _reduce(tape, ufunc, method, inputs, kwargs)
    if method == "at":
        return _at(tape, ufunc, inputs)
    if method == "outer":
        a, b = (as_tracer(tape, x) for x in inputs)
        shape = (*np.shape(a.value), *(1,) * np.ndim(b.value))
        return call_ufunc(tape, ufunc, "__call__", (np.reshape(a, shape), b), kwargs)
    if method != "__call__":
        raise tape.refuse(f"np.{ufunc.__name__}.{method} can't be traced", "Write it with slices and np.sum")
    out = kwargs.pop("out", None)
    kwargs = {k: v for k, v in kwargs.items() if (k, v) not in _HARMLESS_OPTIONS}
    if kwargs:
        option = next(iter(kwargs))
        instead = "np.where(condition, result, other)" if option == "where" else ".astype(...) on the inputs"
        raise tape.refuse(f"np.{ufunc.__name__}(…, {option}=…) can't be traced", f"Use {instead}")
    if ufunc is np.divmod:
        return inputs[0] // inputs[1], inputs[0] % inputs[1]
    assert row is not None
    made = _call(tape, row, ufunc, inputs)
    if out is None:
        return made
    return store(tape, out[0], made, ufunc.__name__)


_HARMLESS_OPTIONS = (("where", True), ("casting", "same_kind"), ("order", "K"), ("subok", True), ("dtype", None))


def _call(tape: Tape, row: Op, ufunc: Any, inputs: tuple[Any, ...]) -> Tracer:
    operands = tuple(as_tracer(tape, x) for x in inputs)
    if row.name in _PYTHON and not any(isinstance(t.value, np.ndarray) for t in operands):
        # The row's Python operator would keep plain numbers plain; the ufunc makes them NumPy's.
        operands = tuple(t if isinstance(t.value, np.generic) else apply(tape, TABLE["scalar"], (t,)) for t in operands)
        if row.name == "power":
            return apply(tape, row, operands, (("ufunc", True),))
    return apply(tape, row, operands)


def store(tape: Tape, out: Any, made: Tracer, name: str) -> Any:
    """``out=``: write what was computed into a traced array.

    Raises:
        TraceError: ``out`` is an array that the trace did not see being made.
    """
    if type(out) is not Tracer:
        raise tape.refuse(
            f"np.{name} writes into an array that was made where a trace can't see it",
            "Make it with np.zeros or np.empty_like, called as np.… inside the traced code, or pass it as an argument",
        )
    write(out, fit(out, made, name))
    return out


def _reduce(tape: Tape, ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    functions: dict[tuple[Any, str], Any] = {
        (np.add, "reduce"): np.sum,
        (np.multiply, "reduce"): np.prod,
        (np.maximum, "reduce"): np.max,
        (np.minimum, "reduce"): np.min,
        (np.logical_and, "reduce"): np.all,
        (np.logical_or, "reduce"): np.any,
        (np.add, "accumulate"): np.cumsum,
        (np.multiply, "accumulate"): np.cumprod,
    }
    function = functions.get((ufunc, method))
    if function is None:
        raise tape.refuse(f"np.{ufunc.__name__}.{method} can't be traced", "Write it as a loop over the axis")
    names = ("axis", "dtype", "out", "keepdims") if method == "reduce" else ("axis", "dtype", "out")
    given = dict(zip(names, inputs[1:], strict=False)) | kwargs
    given.setdefault("axis", 0)
    if given.get("out") is not None and isinstance(given["out"], tuple):
        given["out"] = given["out"][0]
    return function(inputs[0], **{k: v for k, v in given.items() if v is not None or k == "axis"})


def _at(tape: Tape, ufunc: Any, inputs: tuple[Any, ...]) -> None:
    from backhand.graph.tracing.index import parse_key

    if ufunc not in (np.add, np.subtract):
        raise tape.refuse(f"np.{ufunc.__name__}.at can't be traced", "Only np.add.at and np.subtract.at are")
    x, key, value = inputs
    if type(x) is not Tracer:
        store(tape, x, x, f"{ufunc.__name__}.at")
    parsed = parse_key(tape, key)
    if type(parsed) is Tracer:
        x[parsed] = x[parsed] + value if ufunc is np.add else x[parsed] - value
        return
    static, arrays = parsed
    value = as_tracer(tape, value)
    if ufunc is np.subtract:
        value = apply(tape, TABLE["negative"], (value,))
    write(x, apply(tape, TABLE["add_at"], (x, value, *arrays), (("key", static),)))


def refuse_ufunc(tape: Tape, ufunc: Any) -> Exception:
    """The refusal of a ufunc by name."""
    instead = REFUSED_UFUNCS.get(ufunc)
    if instead is None:  # not NumPy's: SciPy's expit, or one made by np.frompyfunc
        return tape.refuse(
            f"the ufunc {ufunc.__name__} is not one of NumPy's that backhand knows",
            "Write it out in NumPy: 1 / (1 + np.exp(-x)) for expit",
        )
    return tape.refuse(f"np.{ufunc.__name__} can't be traced", instead[0].upper() + instead[1:])
