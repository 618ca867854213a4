"""An expression such as ``apple * apple_num * tax`` as a graph. It is parsed, never run as Python.

Only arithmetic, comparisons, the names that were given values and functions of the op table are known; every other
piece of Python's syntax is refused by name. All numbers are floats, so no power can grow without bound.
"""

from __future__ import annotations

import ast
import json
import math
import unicodedata
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from backhand.errors import OptionError
from backhand.graph.graph import Constant, Graph, Node, Source
from backhand.graph.ops import TABLE, infer, signature_of
from backhand.graph.structure import LEAF, Structure

__all__ = ["FUNCTIONS", "expression_graph", "parse_assignments", "parse_value"]

LONGEST, DEEPEST = 2000, 100
"""An expression has at most this many characters, and parentheses and operators nested at most this deep."""

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
    ast.MatMult: "matmul",
    ast.Mod: "remainder",
    ast.FloorDiv: "floor_divide",
}
_UNARY: dict[type[ast.unaryop], str] = {ast.USub: "negative", ast.UAdd: "positive"}
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Lt: "less",
    ast.LtE: "less_equal",
    ast.Gt: "greater",
    ast.GtE: "greater_equal",
    ast.Eq: "equal",
    ast.NotEq: "not_equal",
}
_REDUCTIONS = ("sum", "mean", "max", "min", "prod", "var", "std")
_OF_ARRAYS = (*_REDUCTIONS, "dot", "matmul")
_FOR_INTEGERS = ("bitwise_and", "bitwise_or", "bitwise_xor", "invert", "left_shift", "right_shift")
FUNCTIONS: dict[str, str] = {
    **{n: n for n, op in TABLE.items() if op.elementwise and n.isidentifier() and n not in _FOR_INTEGERS},
    **{name: name for name in _OF_ARRAYS},
    "abs": "absolute",
}
"""The functions an expression may call, with their rows of the op table."""

_NAMES: dict[type[ast.AST], str] = {
    ast.Constant: "a string, True, None or a complex number",
    ast.Attribute: "an attribute (write exp(x), not np.exp(x))",
    ast.Subscript: "an index",
    ast.Lambda: "a lambda",
    ast.IfExp: "if … else (write where(condition, a, b))",
    ast.BoolOp: "and/or (write logical_and(a, b))",
    ast.Tuple: "a tuple",
    ast.List: "a list (give it a name: x='[1, 2]')",
    ast.JoinedStr: "a string",
    ast.NamedExpr: "an assignment",
    ast.Starred: "a star",
}


def expression_graph(text: str, values: Mapping[str, Any]) -> Graph:
    """The graph of an expression of these names; its inputs are the names in the order in which they are given.

    Args:
        text: such as ``apple * apple_num * tax`` or ``1 / (1 + exp(-x))``.
        values: an example value for each name: a float or an array of floats.

    Raises:
        OptionError: the text is no such expression; the message says which piece, and what may stand there.

    >>> graph = expression_graph("(x + y) ** 2", {"x": 3.0, "y": 1.0})
    >>> [node.op for node in graph.nodes], graph(3.0, 1.0)
    (['input', 'input', 'add', 'constant', 'power'], 16.0)
    """
    return _Builder(text, values).build(_parse(text))


def parse_assignments(texts: list[str]) -> dict[str, Any]:
    """``["apple=100", "x=[1, 2]"]`` as names and values.

    Raises:
        OptionError: one is not ``name=value``, or a name comes twice.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())
        if not equals or not name.isidentifier():
            raise OptionError(f"{text[:60]!r} gives no value to a name; write name=number, such as apple=100")
        if name in values:
            raise OptionError(f"{name} is given twice")
        values[name] = parse_value(name, value)
    return values


def parse_value(name: str, text: str) -> Any:
    """A number, or an array written as JSON: ``100``, ``[[1, -0.5], [-2, 3]]``. Numbers become floats.

    Raises:
        OptionError: it is neither, or holds NaN or infinity.
    """
    if len(text) > 100_000:
        raise OptionError(f"{name} has {len(text)} characters; an array this large belongs in a file FILE.py:NAME")
    try:
        array = np.array(json.loads(text), dtype=float)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise OptionError(f"{name}={text[:60]} is no number and no array; write {name}=2 or {name}='[1, 2]'") from error
    if not np.isfinite(array).all():
        raise OptionError(f"{name}={text[:60]} holds NaN or infinity")
    return array if array.ndim else float(array)


def _parse(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise OptionError(f"the expression has {len(text)} characters; {LONGEST} is the most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise OptionError(f"{text[:80]!r} is no expression: {getattr(error, 'msg', error)}") from error
    except (RecursionError, MemoryError) as error:
        raise OptionError(f"the expression is nested more than {DEEPEST} deep") from error
    level: list[ast.AST] = [tree]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    if level:
        raise OptionError(f"the expression is nested more than {DEEPEST} deep")
    return tree


def _arity(op: str) -> int:
    """How many inputs an op has: as many as derivatives, or, without any, as its NumPy function takes."""
    row = TABLE[op]
    return len(row.rules) or getattr(row.numpy[0], "nin", 1)


class _Builder:
    """Appends one node for each piece of the expression, innermost first."""

    def __init__(self, text: str, values: Mapping[str, Any]) -> None:
        self.text = text.strip()
        self.nodes: list[Node] = []
        self.inputs = {name: self._append("input", (), (), signature_of(value), name) for name, value in values.items()}
        self.constants: dict[float, int] = {}

    def build(self, tree: ast.expr) -> Graph:
        result = self._visit(tree)
        unused = [name for name, i in self.inputs.items() if not self._is_read(i) and i != result]
        if unused:
            raise OptionError(f"{unused[0]} has a value, but the expression does not use it")
        arguments = Structure("tuple", tuple(LEAF for _ in self.inputs), tuple)
        return Graph(tuple(self.nodes), tuple(self.inputs.values()), (result,), arguments, LEAF)

    def _is_read(self, position: int) -> bool:
        return any(position in node.inputs for node in self.nodes)

    def _append(self, op: str, inputs: tuple[int, ...], params: Any, signature: Any, name: str | None) -> int:
        shape, dtype, weak = signature
        source = Source("<expression>", 1, self.text, "", None) if inputs else None
        self.nodes.append(Node(op, inputs, params, shape, dtype, weak, source=source, name=name))
        return len(self.nodes) - 1

    def _visit(self, tree: ast.expr) -> int:
        match tree:
            case ast.Constant(value=float() | int() as value) if not isinstance(value, bool):
                return self._number(tree, value)
            case ast.Name(id=name):
                return self._name(name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return self._op(tree, _BINARY[type(op)], [left, right])
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=float() | int() as value)) if (
                value is not True and value is not False
            ):
                return self._number(tree, -value)
            case ast.UnaryOp(op=unary, operand=operand) if type(unary) in _UNARY:
                return self._op(tree, _UNARY[type(unary)], [operand])
            case ast.Compare(left=left, ops=[compare], comparators=[right]) if type(compare) in _COMPARE:
                return self._op(tree, _COMPARE[type(compare)], [left, right])
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
                if name not in FUNCTIONS:
                    raise self._refused(tree, f"there is no function {name}; there are {', '.join(sorted(FUNCTIONS))}")
                return self._op(tree, FUNCTIONS[name], arguments, dict(self._keywords(name, keywords)))
            case ast.Call(func=function):
                raise self._refused(function, f"{_NAMES.get(type(function), 'this')} can't be called")
        raise self._refused(tree, f"{_NAMES.get(type(tree), type(tree).__name__)} can't stand in it")

    def _refused(self, tree: ast.AST, why: str) -> OptionError:
        piece = ast.get_source_segment(self.text, tree) or self.text
        return OptionError(f"{piece[:60]!r} is not part of such an expression: {why}")

    def _name(self, name: str) -> int:
        if name not in self.inputs:
            known = ", ".join(self.inputs) or "no names"
            raise OptionError(f"{name} has no value; give it one with {name}=NUMBER (known so far: {known})")
        return self.inputs[name]

    def _number(self, tree: ast.expr, value: float) -> int:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self._refused(tree, "the number is too large")
        if number not in self.constants:
            params = (("value", Constant(number)),)
            self.constants[number] = self._append("constant", (), params, signature_of(number), None)
        return self.constants[number]

    def _keywords(self, name: str, keywords: list[ast.keyword]) -> Iterator[tuple[str, Any]]:
        for keyword in keywords:
            allowed = {"axis": int, "keepdims": bool} if name in _REDUCTIONS else {}
            try:
                value = ast.literal_eval(keyword.value)
            except (ValueError, TypeError, SyntaxError):
                value = None
            if keyword.arg not in allowed or type(value) is not allowed[keyword.arg]:
                raise self._refused(
                    keyword.value, f"{name} takes {' and '.join(allowed) or 'no keyword'}, as a plain value"
                )
            yield keyword.arg, value

    def _op(self, tree: ast.expr, op: str, operands: list[ast.expr], keywords: dict[str, Any] | None = None) -> int:
        if len(operands) != _arity(op):
            raise self._refused(tree, f"{op} takes {_arity(op)} value{'s' * (_arity(op) > 1)}, not {len(operands)}")
        inputs = tuple(self._visit(operand) for operand in operands)
        if op in _OF_ARRAYS and not all(self.nodes[i].shape for i in inputs):
            raise self._refused(tree, f"{op} takes arrays, such as x='[1, 2]'")
        params = tuple(sorted((keywords or {}).items()))
        read = tuple((self.nodes[i].shape, self.nodes[i].dtype, self.nodes[i].weak) for i in inputs)
        try:
            signature = infer(op, params, read)
        except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise self._refused(tree, str(error)) from error
        if signature[1].kind not in "fb":
            raise self._refused(tree, f"it would be {signature[1]}, not a real number")
        piece = ast.get_source_segment(self.text, tree) or ""
        if isinstance(tree, ast.BinOp | ast.Compare):
            piece = f"({piece})"
        return self._append(op, inputs, params, signature, piece if 0 < len(piece) <= 24 else None)
