"""One row an op: code that uses it (with `np` passed in, so that the oracle's NumPy can stand there) and inputs for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy

Maker = Callable[[numpy.random.Generator], Any]


@dataclass(frozen=True)
class Case:
    op: str
    code: Callable[..., Any]  # (np, *inputs)
    inputs: tuple[Maker, ...]
    wrt: tuple[int, ...]  # which inputs are differentiated
    oracle: bool = True  # does HIPS autograd know it?
    note: str = ""
    second: bool = True  # check the second order as well
    tol: float = 1e-6

    @property
    def id(self) -> str:
        return f"{self.op}{'-' + self.note if self.note else ''}"


def real(*shape: int, low: float = -2.0, high: float = 2.0) -> Maker:
    return lambda rng: rng.uniform(low, high, shape)


def apart(*shape: int) -> Maker:
    """Distinct values, none near zero or near another: away from every kink."""

    def make(rng: numpy.random.Generator) -> Any:
        size = int(numpy.prod(shape))
        values = (numpy.arange(size) + 0.5 - size // 2) * 0.37 + 0.05
        return rng.permutation(values).reshape(shape)

    return make


def pos(*shape: int) -> Maker:
    return real(*shape, low=0.3, high=2.0)


def unit(*shape: int) -> Maker:
    return real(*shape, low=-0.8, high=0.8)


def ints(high: int, *shape: int) -> Maker:
    return lambda rng: rng.integers(0, high, shape)


def bools(*shape: int) -> Maker:
    """Both true and false, half and half."""
    size = int(numpy.prod(shape))
    return lambda rng: rng.permutation(numpy.arange(size) % 2 == 0).reshape(shape)


def u(op: str, code: Callable[..., Any], make: Any = real, **more: Any) -> list[Case]:
    """A function of one array: on a matrix, a number, and an empty array."""
    return [
        Case(op, code, (make(3, 4),), (0,), note="matrix", **more),
        Case(op, code, (make(),), (0,), note="0-d", **more),
    ]


def b(op: str, code: Callable[..., Any], one: Any = real, two: Any = real, **more: Any) -> list[Case]:
    """A function of two arrays, broadcast in each direction."""
    return [
        Case(op, code, (one(3, 4), two(3, 4)), (0, 1), note="same", **more),
        Case(op, code, (one(3, 4), two(4)), (0, 1), note="row", **more),
        Case(op, code, (one(3, 1), two(2, 1, 4)), (0, 1), note="both", **more),
        Case(op, code, (one(), two(2, 3)), (0, 1), note="0-d", **more),
    ]


def c(op: str, note: str, code: Callable[..., Any], *inputs: Maker, wrt: Any = None, **more: Any) -> list[Case]:
    return [Case(op, code, inputs, tuple(range(len(inputs))) if wrt is None else wrt, note=note, **more)]


def assign(np: Any, x: Any, key: Any, value: Any) -> Any:
    out = np.copy(x)
    out[key] = value
    return out


def add_at(np: Any, x: Any, key: Any, value: Any) -> Any:
    out = np.copy(x)
    np.add.at(out, key, value)
    return out


rows: list[list[Case]] = [
    b("add", lambda np, x, y: x + y),
    b("subtract", lambda np, x, y: x - y),
    b("multiply", lambda np, x, y: x * y),
    b("divide", lambda np, x, y: x / y, real, pos),
    b("power", lambda np, x, y: x**y, pos, real),
    c("power", "square", lambda np, x: x**2, real(3, 4)),
    c("power", "cube of negatives", lambda np, x: x**3.0, real(3, 4)),
    b("remainder", lambda np, x, y: x % y, apart, lambda *s: real(*s, low=50.0, high=60.0)),
    u("negative", lambda np, x: -x),
    u("positive", lambda np, x: +x, oracle=False),
    u("absolute", lambda np, x: np.abs(x), apart),
    u("fabs", lambda np, x: np.fabs(x), apart),
    u("square", lambda np, x: np.square(x)),
    u("reciprocal", lambda np, x: np.reciprocal(x), pos),
    b("maximum", lambda np, x, y: np.maximum(x, y), apart, lambda *s: real(*s, low=0.06, high=0.1)),
    b("minimum", lambda np, x, y: np.minimum(x, y), apart, lambda *s: real(*s, low=0.06, high=0.1)),
    b("fmax", lambda np, x, y: np.fmax(x, y), apart, lambda *s: real(*s, low=0.06, high=0.1)),
    b("fmin", lambda np, x, y: np.fmin(x, y), apart, lambda *s: real(*s, low=0.06, high=0.1)),
    c("where", "all", lambda np, m, x, y: np.where(m, x, y), bools(3, 4), real(3, 4), real(3, 4), wrt=(1, 2)),
    c("where", "row", lambda np, m, x, y: np.where(m, x, y), bools(3, 1), real(4), real(3, 4), wrt=(1, 2),
      oracle=False),  # autograd forgets to sum
    c("clip", "numbers", lambda np, x: np.clip(x, -0.7, 0.8), apart(3, 4)),
    c("clip", "arrays", lambda np, x, a, z: np.clip(x, a, z), apart(3, 4), real(4, low=-0.75, high=-0.6),
      real(3, 1, low=0.7, high=0.9), oracle=False),
    u("exp", lambda np, x: np.exp(x)),
    u("exp2", lambda np, x: np.exp2(x)),
    u("expm1", lambda np, x: np.expm1(x)),
    u("log", lambda np, x: np.log(x), pos),
    u("log2", lambda np, x: np.log2(x), pos),
    u("log10", lambda np, x: np.log10(x), pos),
    u("log1p", lambda np, x: np.log1p(x), pos),
    u("sqrt", lambda np, x: np.sqrt(x), pos),
    u("cbrt", lambda np, x: np.cbrt(x), pos, oracle=False),
    u("sin", lambda np, x: np.sin(x)),
    u("cos", lambda np, x: np.cos(x)),
    u("tan", lambda np, x: np.tan(x), unit),
    u("arcsin", lambda np, x: np.arcsin(x), unit),
    u("arccos", lambda np, x: np.arccos(x), unit),
    u("arctan", lambda np, x: np.arctan(x)),
    u("sinh", lambda np, x: np.sinh(x)),
    u("cosh", lambda np, x: np.cosh(x)),
    u("tanh", lambda np, x: np.tanh(x)),
    u("arcsinh", lambda np, x: np.arcsinh(x)),
    u("arccosh", lambda np, x: np.arccosh(x), lambda *s: real(*s, low=1.5, high=3.0)),
    u("arctanh", lambda np, x: np.arctanh(x), unit),
    u("degrees", lambda np, x: np.sin(np.degrees(x) / 50)),
    u("rad2deg", lambda np, x: np.sin(np.rad2deg(x) / 50)),
    u("radians", lambda np, x: np.sin(50 * np.radians(x))),
    u("deg2rad", lambda np, x: np.sin(50 * np.deg2rad(x))),
    b("arctan2", lambda np, x, y: np.arctan2(x, y), pos, pos),
    b("hypot", lambda np, x, y: np.hypot(x, y), pos, pos, oracle=False),
    b("logaddexp", lambda np, x, y: np.logaddexp(x, y)),
    b("logaddexp2", lambda np, x, y: np.logaddexp2(x, y)),
]  # fmt: skip

for _op, _make in (("sum", real), ("mean", real), ("max", apart), ("min", apart), ("prod", pos), ("var", real),
                   ("std", real)):  # fmt: skip
    rows += [
        c(_op, "all", lambda np, x, f=_op: getattr(np, f)(x), _make(3, 4)),
        c(_op, "axis", lambda np, x, f=_op: getattr(np, f)(x, axis=1), _make(3, 4)),
        c(_op, "keepdims", lambda np, x, f=_op: getattr(np, f)(x, axis=0, keepdims=True), _make(3, 4)),
        c(_op, "negative axis", lambda np, x, f=_op: getattr(np, f)(x, axis=-2), _make(2, 3, 2)),
        c(_op, "axes", lambda np, x, f=_op: getattr(np, f)(x, axis=(0, 2)), _make(2, 3, 2), oracle=_op != "prod"),
        c(_op, "all keepdims", lambda np, x, f=_op: getattr(np, f)(x, keepdims=True), _make(2, 3)),
        c(_op, "number", lambda np, x, f=_op: getattr(np, f)(x), _make(), oracle=False, second=_op != "std"),
    ]

rows += [
    c("prod", "with a zero", lambda np, x: np.prod(x * np.array([1.0, 0.0, 1.0]), axis=1), pos(2, 3), oracle=False),
    c("prod", "two zeros", lambda np, x: np.prod(x * np.array([0.0, 0.0, 1.0]) + np.array([0.0, 0.0, 1.0]), axis=1),
      pos(2, 3), oracle=False),
    c("var", "ddof", lambda np, x: np.var(x, axis=0, ddof=1), real(4, 3)),
    c("std", "ddof", lambda np, x: np.std(x, axis=0, ddof=1), real(4, 3)),
    c("cumsum", "all", lambda np, x: np.cumsum(x), real(3, 4)),
    c("cumsum", "axis", lambda np, x: np.cumsum(x, axis=1), real(3, 4)),
    c("cumprod", "all", lambda np, x: np.cumprod(x), pos(2, 3), oracle=False),
    c("cumprod", "axis", lambda np, x: np.cumprod(x, axis=0), real(4, 2), oracle=False),
    c("norm", "vector", lambda np, x: np.linalg.norm(x), real(5)),
    c("norm", "matrix", lambda np, x: np.linalg.norm(x), real(3, 4)),
    c("norm", "axis", lambda np, x: np.linalg.norm(x, axis=1), real(3, 4)),
    c("norm", "keepdims", lambda np, x: np.linalg.norm(x, axis=1, keepdims=True), real(3, 4), oracle=False),
    c("norm", "ord 1", lambda np, x: np.linalg.norm(x, 1, axis=0), apart(3, 4), oracle=False),
    c("sort", "axis", lambda np, x: np.sort(x, axis=0), apart(4, 3), oracle=False),
    c("sort", "flat", lambda np, x: np.sort(x, axis=None), apart(4, 3), oracle=False),
    c("sort", "vector", lambda np, x: np.sort(x), apart(5)),
    # linear algebra
    c("matmul", "matrices", lambda np, x, y: x @ y, real(3, 4), real(4, 2)),
    c("matmul", "vectors", lambda np, x, y: x @ y, real(4), real(4)),
    c("matmul", "vector left", lambda np, x, y: x @ y, real(4), real(4, 2)),
    c("matmul", "vector right", lambda np, x, y: x @ y, real(3, 4), real(4)),
    c("matmul", "batch", lambda np, x, y: np.matmul(x, y), real(2, 3, 4), real(2, 4, 2)),
    c("matmul", "batch broadcast", lambda np, x, y: x @ y, real(5, 1, 3, 4), real(2, 4, 2)),
    c("matmul", "batch vector", lambda np, x, y: x @ y, real(2, 3, 4), real(4)),
    c("matmul", "vector batch", lambda np, x, y: x @ y, real(3), real(2, 3, 4)),
    c("matmul", "by np.dot", lambda np, x, y: np.dot(x, y), real(3, 4), real(4, 2)),
    c("dot", "cube and matrix", lambda np, x, y: np.dot(x, y), real(2, 3, 4), real(4, 2)),
    c("dot", "matrix and cube", lambda np, x, y: np.dot(x, y), real(3, 4), real(2, 4, 5)),
    c("dot", "cubes", lambda np, x, y: np.dot(x, y), real(2, 3, 4), real(5, 4, 2)),
    c("dot", "cube and vector", lambda np, x, y: np.dot(x, y), real(2, 3, 4), real(4)),
    c("dot", "vector and cube", lambda np, x, y: np.dot(x, y), real(4), real(2, 4, 3)),
    c("dot", "strided", lambda np, x, y: np.dot(x[:, ::2], y), real(3, 8), real(4, 2)),
    c("inner", "matrices", lambda np, x, y: np.inner(x, y), real(3, 4), real(2, 4)),
    c("inner", "vectors", lambda np, x, y: np.inner(x, y), real(4), real(4)),
    c("inner", "matrix and vector", lambda np, x, y: np.inner(x, y), real(3, 4), real(4)),
    c("inner", "vector and matrix", lambda np, x, y: np.inner(x, y), real(4), real(3, 4), oracle=False),
    c("inner", "number", lambda np, x, y: np.inner(x, y), real(), real(3)),
    c("tensordot", "one axis", lambda np, x, y: np.tensordot(x, y, 1), real(2, 3, 4), real(4, 5)),
    c("tensordot", "two axes", lambda np, x, y: np.tensordot(x, y, ((1, 2), (2, 0))), real(2, 3, 4), real(4, 5, 3)),
    c("tensordot", "no axes", lambda np, x, y: np.tensordot(x, y, 0), real(2), real(3)),
    c("einsum", "product", lambda np, x, y: np.einsum("ij,jk->ik", x, y), real(3, 4), real(4, 2)),
    c("einsum", "implicit", lambda np, x, y: np.einsum("ij,jk", x, y), real(3, 4), real(4, 2)),
    c("einsum", "batch", lambda np, x, y: np.einsum("...ij,...jk->...ik", x, y), real(2, 3, 4), real(4, 2)),
    c("einsum", "summed away", lambda np, x, y: np.einsum("ij,k->k", x, y), real(3, 4), real(2)),
    c("einsum", "three", lambda np, x, y, z: np.einsum("i,ij,j->", x, y, z), real(3), real(3, 4), real(4)),
    c("einsum", "transpose", lambda np, x: np.einsum("ijk->kji", x) * 1.0, real(2, 3, 4)),
    c("trace", "matrix", lambda np, x: np.trace(x), real(3, 4)),
    c("trace", "batch", lambda np, x: np.trace(x, offset=1, axis1=1, axis2=2), real(2, 3, 4), oracle=False),
    c("inv", "matrix", lambda np, x: np.linalg.inv(x + 3 * np.eye(3)), unit(3, 3)),
    c("inv", "batch", lambda np, x: np.linalg.inv(x + 3 * np.eye(3)), unit(2, 3, 3)),
    c("det", "matrix", lambda np, x: np.linalg.det(x + 3 * np.eye(3)), unit(3, 3)),
    c("det", "batch", lambda np, x: np.linalg.det(x + 3 * np.eye(3)), unit(2, 3, 3)),
    c("solve", "matrix", lambda np, x, y: np.linalg.solve(x + 3 * np.eye(3), y), unit(3, 3), real(3, 2)),
    c("solve", "vector", lambda np, x, y: np.linalg.solve(x + 3 * np.eye(3), y), unit(3, 3), real(3)),
    # indices
    c("getitem", "slices", lambda np, x: x[1:, ::-2], real(3, 4)),
    c("getitem", "integer and None", lambda np, x: x[..., None, 1], real(3, 4)),
    c("getitem", "repeated", lambda np, x: x[np.array([0, 2, 0, 0])], real(3, 4)),
    c("getitem", "pairs", lambda np, x, i: x[np.arange(3), i], real(3, 4), ints(4, 3), wrt=(0,)),
    c("getitem", "mask", lambda np, x: x[np.array([True, False, True])], real(3, 4)),
    c("getitem", "mixed", lambda np, x, i: x[i, :, 1], real(3, 2, 4), ints(3, 5), wrt=(0,)),
    c("getitem", "along", lambda np, x, i: np.take_along_axis(x, i, axis=1), real(3, 4), ints(4, 3, 2), wrt=(0,),
      oracle=False),
    c("take", "axis", lambda np, x, i: np.take(x, i, axis=1), real(3, 4), ints(4, 2, 3), wrt=(0,), oracle=False),
    c("take", "flat", lambda np, x, i: np.take(x, i), real(3, 4), ints(12, 5), wrt=(0,), oracle=False),
    c("put", "slice", lambda np, x, v: assign(np, x, np.s_[1:, ::2], v), real(3, 4), real(2, 2), oracle=False),
    c("put", "broadcast", lambda np, x, v: assign(np, x, np.s_[1:], v), real(3, 4), real(4), oracle=False),
    c("put", "number", lambda np, x, v: assign(np, x, np.s_[1:, 0], v), real(3, 4), real(), oracle=False),
    c("put", "pairs", lambda np, x, v: assign(np, x, (np.arange(3), np.array([1, 0, 1])), v), real(3, 4), real(3),
      oracle=False),
    c("put", "repeated", lambda np, x, v: assign(np, x, np.array([0, 2, 0]), v), real(3, 4), real(3, 4),
      oracle=False),
    c("put_mask", "number", lambda np, x, m, v: assign(np, x, m, v), real(3, 4), bools(3, 4), real(), wrt=(0, 2),
      oracle=False),
    c("put_mask", "rows", lambda np, x, m, v: assign(np, x, m, v), real(3, 4), bools(3), real(4), wrt=(0, 2),
      oracle=False),
    c("add_at", "repeated", lambda np, x, v: add_at(np, x, np.array([0, 2, 0]), v), real(3, 4), real(3, 4),
      oracle=False),
    c("add_at", "broadcast", lambda np, x, v: add_at(np, x, np.array([0, 2, 0]), v), real(3, 4), real(4),
      oracle=False),
    # shapes
    c("copy", "copy", lambda np, x: np.copy(x) * x, real(3, 4), oracle=False),
    c("astype", "32", lambda np, x: x.astype(np.float32).astype(np.float64), real(3), tol=1e-4, second=False,
      oracle=False),
    c("scalar", "number", lambda np, x: np.add(x, 1.5) * np.multiply(x, x), lambda rng: float(rng.random()) + 0.5,
      oracle=False),
    c("reshape", "C", lambda np, x: np.reshape(x, (2, 6)), real(3, 4)),
    c("reshape", "F", lambda np, x: np.reshape(x, (2, -1), order="F"), real(3, 4)),
    c("transpose", "T", lambda np, x: x.T, real(3, 4)),
    c("transpose", "axes", lambda np, x: np.transpose(x, (1, 2, 0)), real(2, 3, 4)),
    c("transpose", "moveaxis", lambda np, x: np.moveaxis(x, 0, -1), real(2, 3, 4)),
    c("transpose", "swapaxes", lambda np, x: np.swapaxes(x, 0, 2), real(2, 3, 4)),
    c("broadcast_to", "rows", lambda np, x: np.broadcast_to(x, (2, 3, 4)), real(3, 1), oracle=False),
    c("concatenate", "axis 0", lambda np, x, y: np.concatenate([x, y]), real(2, 3), real(1, 3)),
    c("concatenate", "axis 1", lambda np, x, y: np.concatenate([x, y, x], axis=1), real(2, 3), real(2, 1)),
    c("concatenate", "stack", lambda np, x, y: np.stack([x, y], axis=1), real(2, 3), real(2, 3)),
    c("concatenate", "hstack", lambda np, x, y: np.hstack([x, y]), real(2), real(3)),
    c("tile", "tile", lambda np, x: np.tile(x, (2, 3)), real(2, 3)),
    c("repeat", "axis", lambda np, x: np.repeat(x, 2, axis=1), real(2, 3)),
    c("repeat", "counts", lambda np, x: np.repeat(x, [1, 0, 2], axis=1), real(2, 3), oracle=False),
    c("repeat", "flat", lambda np, x: np.repeat(x, 2), real(2, 3), oracle=False),
    c("roll", "axis", lambda np, x: np.roll(x, 1, axis=1), real(2, 3)),
    c("roll", "flat", lambda np, x: np.roll(x, 2), real(2, 3)),
    c("diag", "vector", lambda np, x: np.diag(x, 1), real(3)),
    c("diagonal", "square", lambda np, x: np.diag(x), real(3, 3)),
    c("diagonal", "matrix", lambda np, x: np.diag(x), real(3, 4), oracle=False),  # autograd gives another shape
    c("diagonal", "batch", lambda np, x: np.diagonal(x, 1, 1, 2), real(2, 3, 4), oracle=False),
    c("delete", "one", lambda np, x: np.delete(x, 1, axis=0), real(3, 4), oracle=False),
    c("pad", "constant", lambda np, x: np.pad(x, ((1, 0), (0, 2)), "constant"), real(3, 4)),
    c("pad_copy", "edge", lambda np, x: np.pad(x, 1, mode="edge"), real(3, 4), oracle=False),
    c("pad_copy", "reflect", lambda np, x: np.pad(x, 2, mode="reflect"), real(3, 4), oracle=False),
    c("sliding_window_view", "2-D", lambda np, x: np.lib.stride_tricks.sliding_window_view(x, (2, 2)), real(3, 4),
      oracle=False),
    c("sliding_window_view", "axis", lambda np, x: np.lib.stride_tricks.sliding_window_view(x, 2, axis=1),
      real(3, 4), oracle=False),
]  # fmt: skip

CASES = [case for row in rows for case in row]
