"""The line of a backward that makes a gradient: where it is assigned, or the return that gives it."""

from __future__ import annotations

import ast
import linecache
from collections.abc import Iterator
from typing import Any

from backhand.checking.subject import Subject
from backhand.graph.graph import Source

__all__ = ["line_of"]


def line_of(subject: Subject, gradient: str) -> Source | None:
    """The last assignment of a gradient in backward, else backward's own line; None if its text isn't known."""
    backward = subject.backward_source
    if backward is None:
        return None
    function = _function(backward)
    place = getattr(subject, "sources", {}).get(gradient)
    found = (
        _statement(function, place.kind, place.key, gradient) if function is not None and place is not None else None
    )
    if found is None:
        return backward
    return Source(
        backward.file, found.lineno, linecache.getline(backward.file, found.lineno).strip(), backward.function
    )


def _function(source: Source) -> ast.FunctionDef | None:
    """The definition that begins at a line, decorators included."""
    try:
        tree = ast.parse("".join(linecache.getlines(source.file)))
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and source.line in (
            node.lineno,
            *(decorator.lineno for decorator in node.decorator_list),
        ):
            return node
    return None


def _statement(function: ast.FunctionDef, kind: str, key: Any, gradient: str) -> ast.stmt | None:
    if kind in ("kept", "update"):
        return _assignment(function, key[-1][1])
    if kind not in ("return", "local"):
        return None
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    if not returns:
        return None
    last = max(returns, key=lambda node: node.lineno)
    value = last.value
    for _, part in key or ():
        if isinstance(value, ast.Tuple | ast.List) and isinstance(part, int) and part < len(value.elts):
            value = value.elts[part]
        elif isinstance(part, str):
            return _assignment(function, part) or last
    name = value.id if isinstance(value, ast.Name) else gradient
    return _assignment(function, name) or last


def _assignment(function: ast.FunctionDef, name: Any) -> ast.stmt | None:
    """The last statement that assigns to a name, an attribute of that name or an entry of that key."""
    found = None
    for node in ast.walk(function):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(_is_called(target, name) for each in targets for target in _flat(each)):
                found = node if found is None or node.lineno > found.lineno else found
    return found


def _flat(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            yield from _flat(each)
    else:
        yield target


def _is_called(target: ast.expr, name: Any) -> bool:
    if isinstance(target, ast.Name):
        return bool(target.id == name)
    if isinstance(target, ast.Attribute):
        return bool(target.attr == name)
    if isinstance(target, ast.Subscript):  # grads["W"] = ..., dx[mask] = ...
        key = target.slice.value if isinstance(target.slice, ast.Constant) else None
        return bool(key == name) or _is_called(target.value, name)
    return False
