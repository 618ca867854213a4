"""Find what can be checked in a user's file: classes with two halves, pairs of functions, functions that are both, and
networks whose loss gives the gradients as well."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

from backhand.checking.adapters.naming import BACKWARD, FORWARD, is_gradient, methods_like
from backhand.errors import CheckError

__all__ = ["Thing", "find", "has_own", "loss_with_gradients"]

_BACKWARD_WORDS = frozenset(
    [
        "backward",
        "backwards",
        "bwd",
        "back",
        "backprop",
        "backpropagate",
        "bprop",
        "backpropagation",
        "grad",
        "grads",
        "gradient",
        "gradients",
        "prime",
        "derivative",
        "derivate",
        "deriv",
        "der",
        "dervivative",
        "d",
        "df",
        "vjp",
        "delta",
    ]
)
_FORWARD_WORDS = frozenset(["forward", "fwd", "fprop", "forwards", "forwardprop"])
_BOTH = frozenset(["pass", "prop", "propagation", "propagate"])  # forward_pass, backward_propagation
_SWITCH = re.compile(r"(is_?)?(d|df|deriv\w*|prime|grad|gradient|backward|back|diff)$", re.IGNORECASE)
_LOSS = re.compile(r"loss|cost|error|objective|energy|^j$|^l$|mse|entropy|hinge|huber", re.IGNORECASE)
_GRADIENT = re.compile(r"grad|^d_?[a-zA-Z]{1,3}\d?$|^d[A-Z_]|^dscores|^dlogits|nabla|deriv")
_NEVER = re.compile(r"numerical|check|update|clip|accuracy|plot")


@dataclass(frozen=True)
class Thing:
    """One thing to check.

    Attributes:
        name: how the report calls it.
        line: where it begins in the file.
        kind: ``class``, ``pair`` (of functions), ``both`` (a function that returns loss and gradient), ``object``.
        parts: the class; the two functions; the one function; the object.
    """

    name: str
    line: int
    kind: str
    parts: tuple[Any, ...]


def find(module: ModuleType, names: Iterable[str] = ()) -> list[Thing]:
    """Everything in the module's own code that can be checked, in the order of the file; or what is named.

    Raises:
        CheckError: a name isn't there, or is nothing that has a backward.
    """
    things = _distinct(sorted([*_classes(module), *_functions(module)], key=lambda thing: thing.line))
    wanted = list(names)
    if not wanted:
        return things
    return [thing for name in wanted for thing in _named(module, things, name)]


def _distinct(things: list[Thing]) -> list[Thing]:
    """Two backwards of one function, ``relu_prime`` and ``relu_backward``, are told apart by both names."""
    names = [thing.name for thing in things]
    return [
        replace(thing, name=" and ".join(_names_of(thing))) if names.count(thing.name) > 1 else thing
        for thing in things
    ]


def _named(module: ModuleType, things: list[Thing], name: str) -> list[Thing]:
    found = [thing for thing in things if name in (thing.name, *_names_of(thing))]
    if found:
        return found
    value = getattr(module, name, None)
    if value is None:
        known = ", ".join(thing.name for thing in things) or "nothing"
        raise CheckError(f"check: {module.__name__} has no {name!r}; it has {known} to check")
    if isinstance(value, type):
        if methods_like(value, BACKWARD):
            return [Thing(name, _line(value), "class", (value,))]
        raise CheckError(f"check: {name} has no method that could be its backward; it has {_public(value)}")
    if not inspect.isroutine(value) and methods_like(value, BACKWARD):
        return [Thing(name, 0, "object", (value,))]
    raise CheckError(
        f"check: {name} is a {type(value).__name__} without a second half; "
        f"give backhand.check the pair: backhand.check(({name}, its_backward), x)"
    )


def _names_of(thing: Thing) -> list[str]:
    return [getattr(part, "__name__", "") for part in thing.parts]


def _public(kind: type) -> str:
    return ", ".join(name for name in vars(kind) if not name.startswith("_")) or "no methods"


def _line(value: Any) -> int:
    try:
        return inspect.getsourcelines(value)[1]
    except (OSError, TypeError):
        return 0


# -- classes --------------------------------------------------------------------------------------------------------


def _classes(module: ModuleType) -> Iterator[Thing]:
    for name, value in list(vars(module).items()):
        own = isinstance(value, type) and value.__module__ == module.__name__ and value.__name__ == name
        if own and (_has_two_halves(value) or loss_with_gradients(value)):
            yield Thing(name, _line(value), "class", (value,))


def _has_two_halves(kind: type) -> bool:
    backwards = [method for method in methods_like(kind, BACKWARD) if not _is_stub(getattr(kind, method))]
    forwards = [method for method in methods_like(kind, FORWARD) if has_own(kind, method)]
    # Where the likeliest forward is for others to write, it is a base class.
    return bool(backwards) and bool(forwards) and not _is_stub(getattr(kind, forwards[0]))


def loss_with_gradients(kind: type) -> str:
    """The method that gives a loss and its gradients, as ``loss(X, y)``, where there is no backward; or nothing."""
    if methods_like(kind, BACKWARD):
        return ""
    for method in methods_like(kind, FORWARD):
        if has_own(kind, method):
            for first, *others in _tuples(getattr(kind, method)):
                loss = _LOSS.search(method) or _LOSS.search(_spelled(first))
                if loss and any(is_gradient((("attr", name),)) for other in others for name in _names_in(other)):
                    return method
    return ""


def has_own(kind: type, method: str) -> bool:
    """Whether a class has the method itself: every class has a ``__call__``, its metaclass's."""
    return any(method in vars(base) for base in kind.__mro__)


def _is_stub(function: Any) -> bool:
    """Whether there is nothing in it: ``pass``, a docstring, ``raise NotImplementedError``."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    body = getattr(tree.body[0], "body", [])
    return all(
        isinstance(node, ast.Pass)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        or (isinstance(node, ast.Raise) and "NotImplemented" in ast.dump(node))
        or (isinstance(node, ast.Return) and (node.value is None or "NotImplemented" in ast.dump(node)))
        for node in body
    )


# -- functions ------------------------------------------------------------------------------------------------------


def _functions(module: ModuleType) -> Iterator[Thing]:
    own: dict[str, Callable[..., Any]] = {
        name: value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not _NEVER.search(name)
    }
    own = {name: value for name, value in own.items() if not _is_stub(value)}
    paired: set[str] = set()
    for backward, function in own.items():
        forward = _forward_of(backward, own)
        if forward is not None:
            paired |= {forward, backward}
            yield Thing(forward, _line(own[forward]), "pair", (own[forward], function))
    for name, function in own.items():
        switch = _switch(function)
        if switch is not None:
            yield Thing(name, _line(function), "pair", (function, partial(function, **{switch: True})))
        elif name not in paired and _gives_both(name, function) and not _is_half(name):
            yield Thing(name, _line(function), "both", (function,))


def _words(name: str) -> list[str]:
    """``affine_forward``, ``affineForward`` -> ``["affine", "forward"]``."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)]


def _forward_of(backward: str, own: dict[str, Callable[..., Any]]) -> str | None:
    """The name of the function that this one is the backward of; None if it is no backward."""
    words = _words(backward)
    if not _BACKWARD_WORDS & set(words):
        plain = backward[1:] if backward[0] == "d" else ""
        return plain if plain in own else None
    stem = [word for word in words if word not in _BACKWARD_WORDS | _BOTH]
    halves = []
    for name in own:
        theirs = _words(name)
        same = [word for word in theirs if word not in _FORWARD_WORDS | _BOTH] == stem
        if name != backward and same and not _BACKWARD_WORDS & set(theirs):
            halves.append(name)
    halves.sort(key=lambda name: not _FORWARD_WORDS & set(_words(name)))
    return halves[0] if halves else None


def _switch(function: Callable[..., Any]) -> str | None:
    """The parameter of ``f(x, derivative=False)`` that turns it into its derivative."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.default is False and _SWITCH.match(parameter.name):
            return parameter.name
    return None


def _is_half(name: str) -> bool:
    """Whether it is called a backward, of a forward that isn't here; ``loss_and_grad`` is both."""
    return bool(_BACKWARD_WORDS & set(_words(name))) and not _LOSS.search(name) and "and" not in _words(name)


def _gives_both(name: str, function: Callable[..., Any]) -> bool:
    """Whether it returns a loss and its gradient, by the names in its return."""
    for items in _tuples(function):
        first, *others = map(_spelled, items)
        told = _LOSS.search(name) or _LOSS.search(first) or any(_GRADIENT.search(other) for other in others)
        if told and "cache" not in others:
            return True
    return False


def _tuples(function: Any) -> Iterator[list[ast.expr]]:
    """What stands in each ``return a, b`` of a function."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) >= 2:
            yield node.value.elts


def _spelled(node: ast.expr) -> str:
    """The first name in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            return part.id
    return ""


def _names_in(node: ast.expr) -> Iterator[str]:
    """The names and attributes in an expression."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
