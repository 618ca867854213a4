"""Make an object of the user's class: arguments that are objects themselves, and the methods that set it up."""

from __future__ import annotations

import ast
import copy
import inspect
import random
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.checking.adapters.guard import call
from backhand.checking.adapters.naming import BACKWARD, methods_like
from backhand.checking.discover import Thing
from backhand.checking.roles import Slot, slots, strings
from backhand.checking.worlds import World, candidates

__all__ = ["Maker", "objects", "setups", "written_calls"]

_SETUP = re.compile(
    r"_?(build|setup|set_?up|init(iali[sz]e)?(_?(params?|parameters|weights?|layer|network|model|variables))?|"
    r"reset_?parameters|create_?(params?|weights?)|make_?(params?|weights?)|set_?input_?shape|compile)",
    re.IGNORECASE,
)


_ACTIVATIONS = frozenset(
    [
        "relu",
        "sigmoid",
        "tanh",
        "softplus",
        "elu",
        "leaky_relu",
        "gelu",
        "swish",
        "linear",
        "identity",
        "softmax",
        "none",
    ]
)


@dataclass(frozen=True)
class Maker:
    """Makes the thing, the same at every call: the random numbers start anew each time.

    Attributes:
        thing: what is made.
        arguments: of its constructor, by name.
        setup: the methods to call on it then, in order.
        world: where their arguments come from.
    """

    thing: Thing
    arguments: tuple[tuple[str, Any], ...] = ()
    setup: tuple[str, ...] = ()
    world: World = field(default_factory=lambda: World("rows"))

    def __call__(self) -> Any:
        """A fresh one."""
        if self.thing.kind == "pair":
            return self.thing.parts
        if self.thing.kind == "both":
            return self.thing.parts[0]
        if self.thing.kind == "object":
            return copy.deepcopy(self.thing.parts[0])
        np.random.seed(0)
        random.seed(0)
        return call("make", self._make)

    def _make(self) -> Any:
        made = self.thing.parts[0](**{name: copy.deepcopy(value) for name, value in self.arguments})
        for name in self.setup:
            method = getattr(made, name)
            given = [candidates(slot, self.world) for slot in slots(method, constructor=True) if slot.required]
            method(*(copy.deepcopy(values[0]) for values in given))
        return made


def setups(kind: type) -> list[tuple[str, ...]]:
    """The ways to set an object up after it was made: each such method alone, then all, in the order of the class."""
    names = [
        name
        for base in reversed(kind.__mro__)
        for name, value in vars(base).items()
        if inspect.isfunction(value) and _SETUP.fullmatch(name)
    ]
    names = list(dict.fromkeys(names))
    ways: list[tuple[str, ...]] = [(name,) for name in names]
    return [*ways, tuple(names)] if len(names) > 1 else ways


def objects(slot: Slot, thing: Thing) -> list[Any]:
    """What an argument may be that is an object of the user's: an activation by name or as such, layers, a loss."""
    own = _own_classes(thing)
    if slot.role == "activation":
        return _activations(slot, thing, own)
    if slot.role == "activation_prime":
        return [_tanh_prime]
    if slot.role == "layers":
        return [[cls(), cls()] for cls in own if _is_layer(cls)][:1]
    if slot.role == "loss":
        return [cls() for cls in own if re.search("loss|entropy|cost|error", cls.__name__, re.IGNORECASE)]
    return []


def written_calls(kind: type) -> list[tuple[tuple[Slot, Any], ...]]:
    """The arguments of the calls ``Kind(784, 50, activation="relu")`` in the class's own file, if all are literals."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
        names = list(inspect.signature(kind).parameters)
    except (OSError, KeyError, TypeError, ValueError, SyntaxError):
        return []
    known = {slot.name: slot for slot in slots(vars(kind).get("__init__", kind), constructor=True, bound=True)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == kind.__name__:
            try:
                given = dict(zip(names, map(ast.literal_eval, node.args), strict=False))
                given |= {word.arg or "": ast.literal_eval(word.value) for word in node.keywords}
            except ValueError:
                continue
            if given and given.keys() <= known.keys():
                found.append(tuple((known[name], value) for name, value in given.items()))
    return found[:4]


def _activations(slot: Slot, thing: Thing, own: list[type]) -> list[Any]:
    """Names that the code speaks of, then objects and functions, then names that everybody knows."""
    if thing.kind == "class" and any(
        each.role == "activation_prime" for each in slots(thing.parts[0].__init__, constructor=True, bound=True)
    ):
        return [np.tanh]
    words = [word for word in strings(thing.parts[0]) if word.islower()]
    named = [word for word in words if word in _ACTIVATIONS]
    if isinstance(slot.default, str):
        return named
    made = [cls() for cls in own if _is_activation(cls)]
    return [*named, *made[:3], *_functions(thing), *(word for word in words if word not in named)][:9]


def _tanh_prime(x: Any) -> Any:
    return 1 - np.tanh(x) ** 2


def _functions(thing: Thing) -> list[Callable[..., Any]]:
    module = sys.modules.get(thing.parts[0].__module__)
    found = [getattr(module, name, None) for name in ("sigmoid", "tanh", "relu")]
    return [*(function for function in found if inspect.isfunction(function)), np.tanh]


def _own_classes(thing: Thing) -> list[type]:
    """The classes that the thing's module knows and that can be made without arguments, without the thing itself."""
    module = sys.modules.get(getattr(thing.parts[0], "__module__", ""))
    found = []
    for value in vars(module).values() if module is not None else ():
        if isinstance(value, type) and value is not thing.parts[0] and methods_like(value, BACKWARD):
            if issubclass(value, thing.parts[0]):
                continue
            try:
                value()
            except Exception:  # it needs arguments
                continue
            found.append(value)
    return found


def _is_activation(kind: type) -> bool:
    return bool(
        methods_like(kind, ("__call__", "activation", "activate", "forward", "function", "f"))
    ) and not re.search("loss|entropy|cost|pool|drop", kind.__name__, re.IGNORECASE)


def _is_layer(kind: type) -> bool:
    return bool(methods_like(kind, ("forward", "__call__", "forward_pass"))) and not re.search(
        "loss|entropy|cost|optim", kind.__name__, re.IGNORECASE
    )
