"""The parameters of an object: which arrays it holds, which of them moved, and which have no gradient anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.checking.adapters.harvest import Found, Source, number_of
from backhand.checking.adapters.naming import gradients_among, is_gradient, role_of, stem, value_name
from backhand.checking.adapters.optimizer import LEARNING_RATE
from backhand.checking.adapters.places import Path, get, leaves, put, spelled
from backhand.checking.adapters.plan import Plan, arguments
from backhand.checking.subject import Array, UserCodeError
from backhand.errors import CheckError

__all__ = [
    "Held",
    "current",
    "held_parameters",
    "inputs_unaccounted",
    "learning_rate",
    "moved",
    "own_methods",
    "still_there",
    "unaccounted",
    "with_parameters",
]

_USUAL = re.compile(r"^(?:w|b|gamma|beta|u|v|theta)(?:[a-z]{0,2})\d*$")


@dataclass(frozen=True)
class Held:
    """An array or number that could be a parameter, and all places where this one object stands."""

    array: Any
    paths: tuple[Path, ...]


def held_parameters(thing: Any, subject: Any) -> dict[str, Held]:
    """Everything real that an object holds before forward, under a short name of its own."""
    places: dict[int, list[Path]] = {}
    arrays: dict[int, Any] = {}
    chosen = subject.example.params
    everything = leaves(thing)
    marked = gradients_among(path for path, _ in everything)
    for path, value in everything:
        real = isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f" and value.size > 0
        if not real and type(value) is not float:
            continue
        if path in marked or (type(value) is float and role_of(str(path[-1][1])) == "lr"):
            continue
        key = id(value) if isinstance(value, np.ndarray) else id(path)
        arrays[key] = value
        places.setdefault(key, []).append(path)
    found: dict[str, Held] = {}
    names = _names([paths[0] for paths in places.values()])
    for name, (key, paths) in zip(names, places.items(), strict=True):
        if name in found:
            name = spelled(paths[0])
        if name in subject.values or name in subject.constants:
            name = f"self.{name}"
        if chosen is None or name in chosen or spelled(paths[0]) in chosen:
            found[name] = Held(arrays[key], tuple(paths))
    return found


def _names(paths: list[Path]) -> list[str]:
    """Short names; where several holders have a W, they are W1, W2, ... by holder, as in the notes' networks."""
    short = [value_name(path) for path in paths]
    holders: dict[Path, int] = {}
    for name, path in zip(short, paths, strict=True):
        if short.count(name) > 1:
            holders.setdefault(path[:-1], len(holders) + 1)
    return [
        f"{name}{holders[path[:-1]]}" if short.count(name) > 1 else name
        for name, path in zip(short, paths, strict=True)
    ]


def with_parameters(make: Callable[[], Any], values: Mapping[str, Any]) -> Callable[[], Any]:
    """A maker whose things hold these parameters.

    Raises:
        CheckError: the thing has no such parameter.
    """

    def made() -> Any:
        thing = make()
        thing = thing() if isinstance(thing, type) else thing
        for name, value in values.items():
            places = [path for path, _ in leaves(thing) if name in (spelled(path), value_name(path))]
            if not places:
                has = ", ".join(dict.fromkeys(spelled(path) for path, _ in leaves(thing)))
                raise CheckError(f"check: {type(thing).__name__} has no parameter {name!r}; it has {has or 'none'}")
            array = np.array(value, dtype=np.float64)
            for path in places:
                put(thing, path, array if array.ndim else float(array))
        return thing

    return made


def learning_rate(thing: Any, plan: Plan) -> float:
    """What an update is divided by: the lr that we pass, or the one that the object holds."""
    roles = (*plan.roles, *(role for _, role in plan.keywords))
    if "lr" in roles or "optimizer" in roles:
        return LEARNING_RATE
    for path, value in leaves(thing):
        if type(value) in (float, int) and role_of(str(path[-1][1])) == "lr" and value:
            return float(value)
    for parameter in arguments(getattr(thing, plan.backward or plan.forward)):
        if role_of(parameter.name) == "lr" and isinstance(parameter.default, float):
            return parameter.default
    return LEARNING_RATE


def current(thing: Any, held: Mapping[str, Held]) -> dict[str, Array]:
    """Copies of what now stands in the parameters' places."""
    found = {}
    for name, each in held.items():
        try:
            found[name] = np.array(get(thing, each.paths[0]))
        except (AttributeError, LookupError, TypeError):
            continue
    return found


def still_there(thing: Any, held: Held) -> bool:
    """Whether forward has left it where it was: what forward itself puts in its place is a cache, not a parameter."""
    try:
        return get(thing, held.paths[0]) is held.array or not isinstance(held.array, np.ndarray)
    except (AttributeError, LookupError, TypeError):
        return False


def moved(before: Mapping[str, Array], after: Mapping[str, Array], held: Mapping[str, Held]) -> Found:
    """The parameters that backward itself has updated."""
    found = {}
    for name, now in after.items():
        old = before.get(name)
        if old is None or now.shape != old.shape or now.dtype.kind != "f":
            continue
        if not np.array_equal(now, old, equal_nan=True):
            found[name] = Source("update", held[name].paths[0])
    return found


def own_methods(thing: Any, held: Mapping[str, Held], douts: Sequence[Array], plan: Plan) -> Found:
    """Parameters whose gradient has a method of its own, such as ``grad_W(dout)``."""
    found = {}
    for name, each in held.items():
        for method in dir(thing):
            path = (("attr", method),)
            if method.startswith("__") or method == plan.backward or not is_gradient(path):
                continue
            if stem(path)[-1:] != stem(each.paths[0])[-1:] or not callable(getattr(thing, method, None)):
                continue
            try:
                given = number_of(getattr(thing, method)(*[np.array(dout) for dout in douts]))
            except Exception:
                continue
            if given is not None:
                found[name] = Source("method", method)
                break
    return found


def unaccounted(subject: Any, held: Mapping[str, Held], known: Mapping[str, Source]) -> list[str]:
    """Parameters without any gradient: named as parameters are, and forward depends on them."""
    return [
        name
        for name, each in held.items()
        if name not in known
        and isinstance(each.array, np.ndarray)
        and _USUAL.match((stem(each.paths[0]) or ("",))[-1])
        and depends(subject, each)
    ]


def inputs_unaccounted(subject: Any, known: Mapping[str, Source]) -> list[str]:
    """Inputs without any gradient, where backward is sure to be what should give it; of a loss, the first alone.

    Weights of a functional pair are inputs, too; numbers, and what stands in a dict, may be settings.
    """
    if not subject.plan.certain:
        return []
    try:
        plain = subject.start().forward()
    except UserCodeError:
        return []
    names = [name for name in subject.inputs if subject.values[name].ndim and name not in subject.inside]
    if len(plain) == 1 and plain[0].size == 1:
        names = [] if any(name in known for name in names) else names[:1]
    missing = []
    for name in names:
        if name not in known:
            changed = subject.start().forward({name: subject.values[name] * 1.125 + 0.0625})
            if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(plain, changed, strict=True)):
                missing.append(name)
    return missing


def depends(subject: Any, held: Held) -> bool:
    """Whether forward's output changes with a parameter."""
    try:
        plain = subject.start().forward()
        session = subject.start()
        array = get(session.thing, held.paths[0])
        array += 0.125 * np.abs(array) + 0.0625
        changed = session.forward()
    except (UserCodeError, ValueError, TypeError, AttributeError, LookupError):
        return False
    return any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(plain, changed, strict=True))
