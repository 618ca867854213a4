"""Is everything that a program was made for still in its place? One generated function asks, in a microsecond.

A program holds for the objects that were traced: the same layers in the same lists, the same arrays in the same
attributes, the same learning rate. User code may change any of them between two steps, and then the step must notice.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from backhand.graph.tracing.lift import Place, World
from backhand.graph.tracing.program import Program

__all__ = ["guard_of", "unstable"]

_FUNCTION = """
def guard({defaults}):
    try:
        return ({terms})
    except (LookupError, AttributeError):
        return False
"""
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, classmethod, staticmethod, property)
_NUMBERS = (int, float, bool, str)


def unstable(before: World, after: World) -> set[str]:
    """The places whose object a call replaces: caches, which nothing needs to watch."""
    now = {place.path: place.value for place in after.places}
    return {p.path for p in before.places if not _is_leaf(p.value) and now.get(p.path) is not p.value}


def guard_of(world: World, program: Program, arguments: Iterable[str], changing: set[str]) -> Callable[[], bool]:
    """A function that says whether the objects still are what ``world`` saw, as far as ``program`` depends on it.

    ``arguments`` are the paths of the arguments' own leaves, which come anew with each call; ``changing`` are places
    that each call changes.
    """
    watched: dict[tuple[int, Any], tuple[Place, str]] = {}
    skipped = {*arguments, *changing}
    for place in world.places:
        if place.path not in skipped and _matters(place, program):
            text = _read(place)
            if text:
                watched[id(place.holder), place.key] = (place, text)
    holders: dict[int, str] = {}
    names: dict[str, Any] = {}
    terms = [_term(place, text, holders, names) for place, text in watched.values()]
    terms += _lengths(world, holders, names)
    terms = [term for term in terms if eval(term, dict(names))]  # not what a descriptor hides
    code = _FUNCTION.format(
        defaults=", ".join(f"{name}={name}" for name in names), terms="\n            and ".join(terms) or "True"
    )
    space = dict(names)
    exec(code, space)
    guard: Callable[[], bool] = space["guard"]
    return guard


def _matters(place: Place, program: Program) -> bool:
    """Does the program depend on what stands in this place?"""
    value, path = place.value, place.path
    if isinstance(value, np.ndarray):
        return path in program.aliases or path in program.rebound
    if type(value) in _NUMBERS:
        return path in program.numbers or path in program.settings
    if isinstance(value, _CODE) or place.kind in ("default", "partial"):
        return False  # code that is replaced while it is in use isn't looked for
    if isinstance(value, tuple):
        start = f"{path}["
        return any(p.startswith(start) for known in (program.aliases, program.numbers) for p in known)
    return not isinstance(value, np.generic)


def _read(place: Place) -> str:
    """The expression that reads a place, with H for its holder."""
    if place.kind in ("dict", "list", "global"):
        return f"H[{place.key!r}]" if isinstance(place.key, str | int) else ""
    if place.kind == "cell":
        return "H.cell_contents"
    return f"H.{place.key}" if place.kind in ("slot", "class") and place.key.isidentifier() else ""


def _term(place: Place, text: str, holders: dict[int, str], names: dict[str, Any]) -> str:
    holder = place.holder[0] if isinstance(place.holder, tuple) else place.holder
    name = holders.setdefault(id(holder), f"h{len(holders)}")
    names[name] = holder
    value = place.value
    if value is None or value is True or value is False:
        return f"{text.replace('H', name, 1)} is {value}"
    known = f"v{len(names)}"
    names[known] = value
    return f"{text.replace('H', name, 1)} is {known}"


def _lengths(world: World, holders: dict[int, str], names: dict[str, Any]) -> list[str]:
    """A layer that was added or taken away: the lengths of the lists and dicts that hold what is watched."""
    instances = {id(vars(p.value)) for p in world.places if hasattr(p.value, "__dict__")}
    terms = []
    for identity, name in list(holders.items()):
        holder = names[name]
        if isinstance(holder, dict | list) and identity not in instances and "__builtins__" not in holder:
            terms.append(f"len({name}) == {len(holder)}")
    return terms


def _is_leaf(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) or type(value) in _NUMBERS
