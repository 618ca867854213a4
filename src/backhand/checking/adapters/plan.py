"""How one thing is called: which method is forward, which backward, with what, and where outputs are found."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from backhand.checking.adapters.naming import BACKWARD, FORWARD, is_label, is_upstream, methods_like, role_of

__all__ = [
    "Functions",
    "Plan",
    "arguments",
    "backward_calls",
    "forward_methods",
    "gives_nothing",
    "guessed",
    "is_callable",
    "leaves_no_doubt",
    "pairs",
]


@dataclass(frozen=True)
class Plan:
    """One reading of the code.

    Attributes:
        forward, backward: names of methods; ``backward`` is empty where forward returns the gradient, too.
        split: where the outputs are in what forward returns: ``all`` of it; all but the ``last``, which is the cache;
            the ``first``, and the rest is the cache; ``attribute``: it returns None and leaves them in the object.
        roles: what each argument of backward is: ``dout`` (``dout:1`` for the second output's, ``douts`` for a tuple of
            all), ``cache``, ``caches`` (its parts as arguments), ``input:x``, ``out``, ``lr``, ``optimizer``, ``node``.
        keywords: the same for arguments passed by name.
        then: methods that are called after backward, each with its roles: ``update(lr)``.
        certain: the names of backward and of its arguments leave no doubt, so that no other reading is looked for: what
            comes out is what was meant, right or wrong.
        tensors: the inputs are wrapped in the project's own Variable or Tensor, and forward is the call: ``inputs`` for
            these alone, ``both`` for dout, too; empty for plain arrays.
    """

    forward: str
    backward: str
    split: str
    roles: tuple[str, ...] = ()
    keywords: tuple[tuple[str, str], ...] = ()
    then: tuple[tuple[str, tuple[str, ...]], ...] = ()
    tensors: str = ""
    certain: bool = False

    @property
    def takes_dout(self) -> bool:
        """Whether backward is given the upstream gradient."""
        return any(role.startswith("dout") for role in (*self.roles, *(role for _, role in self.keywords)))


@dataclass(frozen=True)
class Functions:
    """A functional pair in the form of an object; without ``backward``, a function that returns its gradient, too."""

    forward: Callable[..., Any]
    backward: Callable[..., Any] | None


def arguments(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The positional parameters of a bound function; empty if Python doesn't know them."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter for parameter in parameters if parameter.kind in kinds]


def takes_any_number(function: Callable[..., Any]) -> bool:
    """Whether it has ``*args``."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)


def is_callable(thing: Any) -> bool:
    """Whether an object can be called: its class, or one that it derives from, has ``__call__``."""
    return any("__call__" in vars(kind) for kind in type(thing).__mro__)


def forward_methods(thing: Any, given: int) -> list[str]:
    """The methods that could be forward and take that many arguments."""
    found = []
    for name in methods_like(thing, FORWARD):
        if name == "__call__" and not is_callable(thing):
            continue
        method = getattr(thing, name)
        parameters = arguments(method)
        required = [p for p in parameters if p.default is p.empty and role_of(p.name) != "flag"]
        if len(required) <= given and (given <= len(parameters) or takes_any_number(method)):
            found.append(name)
    return found


def pairs(thing: Any, given: int) -> Iterator[tuple[str, str]]:
    """Forward and backward by name, the likeliest first."""
    forwards = forward_methods(thing, given)
    backwards = methods_like(thing, BACKWARD)
    if "gradient" in backwards and "loss" in forwards and given > 1:  # a network: loss(x, t), gradient(x, t)
        forwards = ["loss", *(name for name in forwards if name != "loss")]
        backwards = ["gradient", *(name for name in backwards if name != "gradient")]
    for backward in backwards:
        for forward in forwards:
            if forward != backward and not forward.endswith(backward):
                yield forward, backward


def backward_calls(
    function: Callable[..., Any], inputs: Sequence[str], outputs: int, limit: int = 24
) -> Iterator[tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]:
    """The ways to call backward, the likeliest first: the role of each positional argument, and of those by name."""
    parameters = arguments(function)
    required = [p.name for p in parameters if p.default is p.empty]
    optional = [p.name for p in parameters if p.default is not p.empty]
    upstream = any(role_of(name) == "dout" for name in required)
    if not upstream and any(is_label(name) and name not in inputs for name in required[1:]):
        return  # backprop(x, y) is the gradient of a cost(x, y), not of this forward(x)
    if not parameters and takes_any_number(function):
        many = tuple(f"dout:{i}" for i in range(outputs)) if outputs > 1 else ("dout",)
        yield from ((many, ()), (("douts",), ()), ((), ()))
        return
    keywords: list[tuple[str, str]] = []
    for name in optional:
        role = role_of(name)
        if name in inputs:
            keywords.append((name, f"input:{name}"))
        elif role in ("lr", "optimizer") or (role in ("dout", "one") and not required):
            keywords.append((name, "dout" if role == "one" else str(role)))
    if len(required) > 1 and set(required) <= set(inputs):  # gradient(y_true, y_pred): named as forward names them
        yield tuple(f"input:{name}" for name in required), tuple(keywords)
        return
    choices = [_roles(name, place, inputs, outputs, len(required)) for place, name in enumerate(required)]
    found = 0
    for roles in _by_likelihood(choices):
        if len(set(roles)) < len(roles) or found == limit:
            continue
        found += 1
        yield roles, tuple(keywords)
    if keywords and not any(role == "dout" for _, role in keywords):
        yield from ((roles, ()) for roles in list(_by_likelihood(choices))[:4])


def leaves_no_doubt(
    function: Callable[..., Any], roles: tuple[str, ...], keywords: tuple[tuple[str, str], ...], outputs: int
) -> bool:
    """Whether the names of backward's arguments say just this: an upstream gradient, a cache, a learning rate."""
    required = [p.name for p in arguments(function) if p.default is p.empty]
    called = dict(zip(required, roles, strict=False)) | dict(keywords)
    if outputs != 1 or not any(is_upstream(name) for name in called):
        return False
    return all(
        role == "dout" if is_upstream(name) else role in ("cache", "lr", "optimizer") and role_of(name) == role
        for name, role in called.items()
    )


def gives_nothing(function: Any) -> bool:
    """Whether a function, by its source, returns nothing but None and stores into no array but its own."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (TypeError, OSError, SyntaxError):
        return False
    nodes = list(ast.walk(tree))
    calls = [node for node in nodes if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)]
    own = {target.id for node in calls for target in node.targets if isinstance(target, ast.Name)}
    return not any(_gives(node, own) for node in nodes)


def _gives(node: ast.AST, own: set[str]) -> bool:
    """Whether something may leave a function here; ``own`` are its names for arrays that it has made itself."""
    match node:
        case ast.Return(value=value):
            return value is not None and ast.unparse(value) != "None"
        case ast.Attribute(ctx=ast.Store()):
            return True
        case ast.Subscript(value=base, ctx=ast.Store()):
            return not (isinstance(base, ast.Name) and base.id in own)  # dx = np.zeros(...); dx[...] = dout
        case ast.Expr(value=ast.Call()) | ast.keyword(arg="out"):
            return True
        case ast.Yield() | ast.YieldFrom() | ast.Lambda() | ast.Raise():
            return True
    return False


def guessed(thing: Any, plan: Plan, inputs: Sequence[str]) -> tuple[str, ...]:
    """The arguments of backward whose names don't say what they are."""
    if not plan.backward:
        return ()
    required = [p.name for p in arguments(getattr(thing, plan.backward)) if p.default is p.empty]
    return tuple(name for name in required if role_of(name) is None and name not in inputs and name != "_")


def _by_likelihood(choices: list[list[str]]) -> list[tuple[str, ...]]:
    ranked = product(*[list(enumerate(roles)) for roles in choices])
    ordered = sorted(ranked, key=lambda picks: (sum(rank for rank, _ in picks), [rank for rank, _ in picks]))
    return [tuple(role for _, role in picks) for picks in ordered]


def _roles(name: str, place: int, inputs: Sequence[str], outputs: int, count: int) -> list[str]:
    """What an argument of backward can be, the likeliest first."""
    again = [f"input:{each}" for each in inputs]
    douts = [f"dout:{place}"] if outputs > 1 and count >= outputs and place < outputs else []
    douts += ["douts", "dout"] if outputs > 1 else ["dout"]
    named: list[str] = []
    role = role_of(name)
    if name in inputs:
        named = [f"input:{name}"]
    elif role in ("lr", "optimizer", "node"):
        return [role]
    elif role == "cache":
        named = ["cache", "out"]
    elif role == "out":
        named = ["out"]
    elif role in ("dout", "one") or name == "_":
        named = douts
    elif role == "flag":
        return ["true"]
    rest = [*douts, "cache", *again, "out"] if place == 0 else ["cache", *again, "out", "caches", *douts, "lr"]
    return list(dict.fromkeys([*named, *rest]))
