"""The op table, elementwise part: one row an op. ``g`` is the upstream gradient, ``y`` the result."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.graph.ops.row import Op, Rule

__all__ = ["ROWS"]

LN2 = 0.6931471805599453
LN10 = 2.302585092994046


def _power(a: Any, b: Any, ufunc: bool = False) -> Any:
    # On NumPy scalars ** and np.power differ in the last bit; on arrays they don't.
    return np.power(a, b) if ufunc else operator.pow(a, b)


def _power_left(g: Any, y: Any, a: Any, b: Any, ufunc: bool = False) -> Any:
    """g * b * a ** (b - 1), and 0 for b = 0 even where a = 0."""
    return g * b * a ** (b - 1 + (b == 0))


def _power_right(g: Any, y: Any, a: Any, b: Any, ufunc: bool = False) -> Any:
    """g * log(a) * a ** b, and 0 where a = 0"""
    return g * np.log(np.where(a == 0, 1, a)) * y


def _where(c: Any, a: Any, b: Any) -> Any:
    return np.where(c, a, b)


def _share(g: Any, mine: Any, other: Any) -> Any:
    """g where mine is the larger one, half of it at a tie."""
    return np.where(mine > other, g, np.where(mine == other, g / 2, 0))


def unary(
    name: str,
    function: Callable[..., Any],
    rule: Rule | None,
    symbol: str = "",
    c: str = "",
    onnx: str = "",
    ufunc: Callable[..., Any] | None = None,
    partial: bool = False,
) -> Op:
    rules = (rule,) if rule else ()
    return Op(name, function, rules, None, symbol, (ufunc or function,), True, partial, False, c, onnx)


def binary(
    name: str,
    function: Callable[..., Any],
    rules: tuple[Rule, ...],
    symbol: str = "",
    c: str = "",
    onnx: str = "",
    ufunc: Callable[..., Any] | None = None,
    partial: bool = False,
) -> Op:
    return Op(name, function, rules, None, symbol, (ufunc or function,), True, partial, False, c, onnx)


ARITHMETIC = (
    binary("add", operator.add, (lambda g, y, a, b: g, lambda g, y, a, b: g), "+", "{0} + {1}", "Add", np.add),
    binary(
        "subtract", operator.sub, (lambda g, y, a, b: g, lambda g, y, a, b: -g), "−", "{0} - {1}", "Sub", np.subtract
    ),
    binary(
        "multiply",
        operator.mul,
        (lambda g, y, a, b: g * b, lambda g, y, a, b: g * a),
        "×",
        "{0} * {1}",
        "Mul",
        np.multiply,
        True,
    ),
    binary(
        "divide",
        operator.truediv,
        (lambda g, y, a, b: g / b, lambda g, y, a, b: -g * y / b),
        "÷",
        "{0} / {1}",
        "Div",
        np.divide,
        True,
    ),
    Op("power", _power, (_power_left, _power_right), None, "^", (), True, True, False, "pow({0}, {1})", "Pow"),
    binary(
        "remainder",
        operator.mod,
        (lambda g, y, a, b: g, lambda g, y, a, b: -g * np.floor_divide(a, b)),
        "mod",
        "remainder({0}, {1})",
        "Mod",
        np.remainder,
        True,
    ),
    binary("floor_divide", operator.floordiv, (), "//", "floor_divide({0}, {1})", "", np.floor_divide),
    unary("negative", operator.neg, lambda g, y, x: -g, "−", "-{0}", "Neg", np.negative),
    unary("positive", operator.pos, lambda g, y, x: g, "+", "{0}", "Identity", np.positive),
    unary("absolute", operator.abs, lambda g, y, x: g * np.sign(x), "|x|", "abs({0})", "Abs", np.absolute),
    unary("fabs", np.fabs, lambda g, y, x: g * np.sign(x), "|x|", "abs({0})", "Abs"),
    unary("square", np.square, lambda g, y, x: g * 2 * x, "x²", "{0} * {0}", "", None, True),
    unary("reciprocal", np.reciprocal, lambda g, y, x: -g * y * y, "1/x", "1 / {0}", "Reciprocal", None, True),
    unary("sign", np.sign, None, "sign", "sign({0})", "Sign"),
)

CHOICES = (
    binary(
        "maximum",
        np.maximum,
        (lambda g, y, a, b: _share(g, a, b), lambda g, y, a, b: _share(g, b, a)),
        "max",
        "maximum({0}, {1})",
        "Max",
    ),
    binary(
        "minimum",
        np.minimum,
        (lambda g, y, a, b: _share(g, b, a), lambda g, y, a, b: _share(g, a, b)),
        "min",
        "minimum({0}, {1})",
        "Min",
    ),
    binary(
        "fmax",
        np.fmax,
        (lambda g, y, a, b: _share(g, a, b), lambda g, y, a, b: _share(g, b, a)),
        "max",
        "fmax({0}, {1})",
    ),
    binary(
        "fmin",
        np.fmin,
        (lambda g, y, a, b: _share(g, b, a), lambda g, y, a, b: _share(g, a, b)),
        "min",
        "fmin({0}, {1})",
    ),
    Op(
        "where",
        _where,
        (None, lambda g, y, c, a, b: np.where(c, g, 0), lambda g, y, c, a, b: np.where(c, 0, g)),
        None,
        "where",
        (),
        True,
        False,
        False,
        "{0} ? {1} : {2}",
        "Where",
    ),
    Op(
        "clip",
        np.clip,
        (
            lambda g, y, x, low, high: np.where((x >= low) & (x <= high), g, 0),
            lambda g, y, x, low, high: np.where((x < low) & (low < high), g, 0),
            lambda g, y, x, low, high: np.where((x > high) | (low >= high), g, 0),
        ),
        None,
        "clip",
        (),
        True,
        False,
        False,
        "clip({0}, {1}, {2})",
        "Clip",
    ),
)

CURVES = (
    unary("exp", np.exp, lambda g, y, x: g * y, "exp", "exp({0})", "Exp", None, True),
    unary("exp2", np.exp2, lambda g, y, x: g * y * LN2, "2^x", "exp2({0})", "", None, True),
    unary("expm1", np.expm1, lambda g, y, x: g * np.exp(x), "expm1", "expm1({0})", "", None, True),
    unary("log", np.log, lambda g, y, x: g / x, "log", "log({0})", "Log", None, True),
    unary("log2", np.log2, lambda g, y, x: g / (x * LN2), "log₂", "log2({0})", "", None, True),
    unary("log10", np.log10, lambda g, y, x: g / (x * LN10), "log₁₀", "log10({0})", "", None, True),
    unary("log1p", np.log1p, lambda g, y, x: g / (1 + x), "log1p", "log1p({0})", "", None, True),
    unary("sqrt", np.sqrt, lambda g, y, x: g / (2 * y), "√", "sqrt({0})", "Sqrt", None, True),
    unary("cbrt", np.cbrt, lambda g, y, x: g / (3 * y * y), "∛", "cbrt({0})", "", None, True),
    unary("sin", np.sin, lambda g, y, x: g * np.cos(x), "sin", "sin({0})", "Sin", None, True),
    unary("cos", np.cos, lambda g, y, x: -g * np.sin(x), "cos", "cos({0})", "Cos", None, True),
    unary("tan", np.tan, lambda g, y, x: g * (1 + y * y), "tan", "tan({0})", "Tan", None, True),
    unary("arcsin", np.arcsin, lambda g, y, x: g / np.sqrt(1 - x * x), "arcsin", "asin({0})", "Asin", None, True),
    unary("arccos", np.arccos, lambda g, y, x: -g / np.sqrt(1 - x * x), "arccos", "acos({0})", "Acos", None, True),
    unary("arctan", np.arctan, lambda g, y, x: g / (1 + x * x), "arctan", "atan({0})", "Atan", None, True),
    unary("sinh", np.sinh, lambda g, y, x: g * np.cosh(x), "sinh", "sinh({0})", "Sinh", None, True),
    unary("cosh", np.cosh, lambda g, y, x: g * np.sinh(x), "cosh", "cosh({0})", "Cosh", None, True),
    unary("tanh", np.tanh, lambda g, y, x: g * (1 - y * y), "tanh", "tanh({0})", "Tanh", None, True),
    unary("arcsinh", np.arcsinh, lambda g, y, x: g / np.sqrt(x * x + 1), "arcsinh", "asinh({0})", "Asinh", None, True),
    unary("arccosh", np.arccosh, lambda g, y, x: g / np.sqrt(x * x - 1), "arccosh", "acosh({0})", "Acosh", None, True),
    unary("arctanh", np.arctanh, lambda g, y, x: g / (1 - x * x), "arctanh", "atanh({0})", "Atanh", None, True),
    unary("degrees", np.degrees, lambda g, y, x: g * (180 / np.pi), "deg", "", "", None),
    unary("rad2deg", np.rad2deg, lambda g, y, x: g * (180 / np.pi), "deg", "", "", None),
    unary("radians", np.radians, lambda g, y, x: g * (np.pi / 180), "rad", "", "", None),
    unary("deg2rad", np.deg2rad, lambda g, y, x: g * (np.pi / 180), "rad", "", "", None),
    binary(
        "arctan2",
        np.arctan2,
        (lambda g, y, a, b: g * b / (a * a + b * b), lambda g, y, a, b: -g * a / (a * a + b * b)),
        "atan2",
        "atan2({0}, {1})",
        "",
        None,
        True,
    ),
    binary(
        "hypot",
        np.hypot,
        (lambda g, y, a, b: g * a / y, lambda g, y, a, b: g * b / y),
        "hypot",
        "hypot({0}, {1})",
        "",
        None,
        True,
    ),
    binary(
        "logaddexp",
        np.logaddexp,
        (lambda g, y, a, b: g * np.exp(a - y), lambda g, y, a, b: g * np.exp(b - y)),
        "logaddexp",
        "logaddexp({0}, {1})",
        "",
        None,
        True,
    ),
    binary(
        "logaddexp2",
        np.logaddexp2,
        (lambda g, y, a, b: g * np.exp2(a - y), lambda g, y, a, b: g * np.exp2(b - y)),
        "logaddexp2",
        "",
        "",
        None,
        True,
    ),
)

STEPS = (
    *(
        unary(f.__name__, f, None, s, c, o)
        for f, s, c, o in (
            (np.floor, "⌊x⌋", "floor({0})", "Floor"),
            (np.ceil, "⌈x⌉", "ceil({0})", "Ceil"),
            (np.trunc, "trunc", "trunc({0})", ""),
            (np.rint, "round", "rint({0})", "Round"),
            (np.isnan, "nan?", "isnan({0})", "IsNaN"),
            (np.isinf, "inf?", "isinf({0})", "IsInf"),
            (np.isfinite, "finite?", "isfinite({0})", ""),
            (np.signbit, "signbit", "signbit({0})", ""),
            (np.logical_not, "¬", "!{0}", "Not"),
        )
    ),
    unary("invert", operator.invert, None, "~", "", "", np.invert),
    *(
        binary(f.__name__, o, (), s, c, x, f)
        for f, o, s, c, x in (
            (np.greater, operator.gt, ">", "{0} > {1}", "Greater"),
            (np.greater_equal, operator.ge, "≥", "{0} >= {1}", "GreaterOrEqual"),
            (np.less, operator.lt, "<", "{0} < {1}", "Less"),
            (np.less_equal, operator.le, "≤", "{0} <= {1}", "LessOrEqual"),
            (np.equal, operator.eq, "=", "{0} == {1}", "Equal"),
            (np.not_equal, operator.ne, "≠", "{0} != {1}", ""),
            (np.logical_and, np.logical_and, "∧", "{0} && {1}", "And"),
            (np.logical_or, np.logical_or, "∨", "{0} || {1}", "Or"),
            (np.logical_xor, np.logical_xor, "xor", "!{0} != !{1}", "Xor"),
            (np.bitwise_and, operator.and_, "&", "{0} & {1}", ""),
            (np.bitwise_or, operator.or_, "|", "{0} | {1}", ""),
            (np.bitwise_xor, operator.xor, "^", "{0} ^ {1}", ""),
            (np.left_shift, operator.lshift, "<<", "", ""),
            (np.right_shift, operator.rshift, ">>", "", ""),
            (np.heaviside, np.heaviside, "step", "", ""),
        )
    ),
)

_MATH = {
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "atanh": "arctanh",
}
_CURVE = {row.name: row for row in CURVES}

# The math module's functions take and give Python numbers.
NUMBERS = tuple(
    Op(f"math.{name}", getattr(math, name), _CURVE[same].rules, None, _CURVE[same].symbol, (), True, True)
    for name, same in (
        *((name, name) for name in ("exp", "expm1", "log", "log2", "log10", "log1p", "sqrt", "sin", "cos", "tan")),
        *((name, name) for name in ("sinh", "cosh", "tanh", "degrees", "radians")),
        *_MATH.items(),
    )
)

ROWS = ARITHMETIC + CHOICES + CURVES + NUMBERS + STEPS
