"""Linear algebra: NumPy functions on traced arrays."""

from __future__ import annotations

from typing import Any

from backhand.graph.ops import TABLE
from backhand.graph.tracing.array import apply, as_tracer
from backhand.graph.tracing.functions import axis_of, handles, unary
from backhand.graph.tracing.tape import Tape
from backhand.graph.tracing.ufuncs import store
from backhand.graph.untyped import np

__all__: list[str] = []


def _blas(value: Any) -> bool:
    return value.ndim in (1, 2) and bool(value.flags.c_contiguous or value.flags.f_contiguous)


@handles(np.dot)
def dot(tape: Tape, a: Any, b: Any, out: Any = None) -> Any:
    x, y = as_tracer(tape, a), as_tracer(tape, b)
    if np.ndim(x.value) == 0 or np.ndim(y.value) == 0:
        made = np.multiply(x, y)
    else:
        # On contiguous matrices and vectors np.dot and @ are one product, bit for bit; on others not always.
        name = "matmul" if _blas(x.value) and _blas(y.value) else "dot"
        made = apply(tape, TABLE[name], (x, y))
    return made if out is None else store(tape, out, made, "dot")


@handles(np.vdot)
def _vdot(tape: Tape, a: Any, b: Any) -> Any:
    return dot(tape, np.ravel(as_tracer(tape, a)), np.ravel(as_tracer(tape, b)))


@handles(np.inner)
def _inner(tape: Tape, a: Any, b: Any) -> Any:
    x, y = as_tracer(tape, a), as_tracer(tape, b)
    return apply(tape, TABLE["inner"], (x, y))


@handles(np.outer)
def _outer(tape: Tape, a: Any, b: Any, out: Any = None) -> Any:
    x, y = np.ravel(as_tracer(tape, a)), np.ravel(as_tracer(tape, b))
    made = np.multiply(x[:, None], y[None, :])  # as np.outer itself does it
    return made if out is None else store(tape, out, made, "outer")


@handles(np.tensordot)
def _tensordot(tape: Tape, a: Any, b: Any, axes: Any = 2) -> Any:
    x, y = as_tracer(tape, a), as_tracer(tape, b)
    if isinstance(axes, int):
        of_a: Any = tuple(range(x.value.ndim - axes, x.value.ndim))
        of_b: Any = tuple(range(axes))
    else:
        of_a, of_b = (tuple(i) if isinstance(i, tuple | list) else (i,) for i in axes)
    pair = (axis_of(of_a, x.value.ndim), axis_of(of_b, y.value.ndim))
    return apply(tape, TABLE["tensordot"], (x, y), (("axes", pair),))


@handles(np.einsum)
def _einsum(tape: Tape, *operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    if options or not isinstance(operands[0], str):
        raise tape.refuse("this form of np.einsum can't be traced", "Write np.einsum('ij,jk->ik', a, b)")
    arrays = tuple(as_tracer(tape, o) for o in operands[1:])
    subscripts = _spell_out(tape, operands[0].replace(" ", ""), [np.ndim(a.value) for a in arrays])
    optimize = "greedy" if optimize is True else optimize
    if optimize and not isinstance(optimize, str):
        raise tape.refuse("np.einsum with a path of its own can't be traced", "Write optimize=True")
    given = (("optimize", optimize), ("subscripts", subscripts)) if optimize else (("subscripts", subscripts),)
    made = apply(tape, TABLE["einsum"], arrays, given)
    return made if out is None else store(tape, out, made, "einsum")


def _spell_out(tape: Tape, subscripts: str, ndims: list[int]) -> str:
    """The subscripts with an explicit output and letters for every ellipsis."""
    left, arrow, right = subscripts.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"np.einsum: {len(terms)} terms in {subscripts!r} for {len(ndims)} arrays")
    free = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in subscripts]
    longest = max((n - len(t.replace("...", "")) for t, n in zip(terms, ndims, strict=True) if "..." in t), default=0)
    dots = "".join(free[:longest])
    spelled = []
    for term, ndim in zip(terms, ndims, strict=True):
        width = ndim - len(term.replace("...", ""))
        spelled.append(term.replace("...", dots[longest - width :] if width else ""))
    if arrow:
        output = right.replace("...", dots)
    else:
        letters = [c for c in "".join(terms) if c != "."]
        output = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    if any(len(set(term)) != len(term) for term in spelled):
        raise tape.refuse(
            f"np.einsum({subscripts!r}) takes a diagonal", "Take it first, np.diagonal(x), or use np.trace"
        )
    return ",".join(spelled) + "->" + output


@handles(np.trace)
def _trace(
    tape: Tape, a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> Any:
    x = as_tracer(tape, a)
    if dtype is not None:
        raise tape.refuse("np.trace(…, dtype=…) can't be traced", "Use .astype on the input")
    one, two = axis_of((axis1, axis2), x.value.ndim)
    made = apply(tape, TABLE["trace"], (x,), (("axis1", one), ("axis2", two), ("offset", offset)))
    return made if out is None else store(tape, out, made, "trace")


handles(np.linalg.inv)(unary("inv"))
handles(np.linalg.det)(unary("det"))


@handles(np.linalg.solve)
def _solve(tape: Tape, a: Any, b: Any) -> Any:
    return apply(tape, TABLE["solve"], (as_tracer(tape, a), as_tracer(tape, b)))


@handles(np.matrix_transpose, np.linalg.matrix_transpose)
def _matrix_transpose(tape: Tape, x: Any) -> Any:
    return np.swapaxes(as_tracer(tape, x), -1, -2)
