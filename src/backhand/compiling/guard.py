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

__all__ = ["build_of", "guard_of", "unstable"]

_FUNCTION = """
def make({names}):
    def guard():
        try:
            return ({terms})
        except (LookupError, AttributeError):
            return False
    return guard
"""
_CODE_PLACES = ("class", "global", "default", "partial")
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, classmethod, staticmethod, property)
_NUMBERS = (int, float, bool, str)


def unstable(before: World, after: World) -> set[str]:
    """The places whose object a call replaces or makes: caches, which nothing needs to watch."""
    old = {place.path: place.value for place in before.places}
    now = {place.path: place.value for place in after.places}
    replaced = {path for path, value in old.items() if not _is_leaf(value) and now.get(path) is not value}
    return replaced | (now.keys() - old.keys())


def build_of(world: World, arguments: Iterable[str]) -> dict[str, Any]:
    """How the objects are built: for each place the type of what stands there, or which function.

    Objects that are built in the same way, with the same numbers and settings in them, run the same program.
    """
    skipped = set(arguments)
    return {
        place.path: place.value if isinstance(place.value, types.FunctionType) else type(place.value)
        for place in world.places
        if place.path not in skipped and not _is_code(place)
    }


def guard_of(world: World, program: Program, arguments: Iterable[str], changing: set[str]) -> Callable[[], bool]:
    """A function that says whether the objects still are what ``world`` saw, as far as ``program`` depends on it.

    ``arguments`` are the paths of the arguments' own leaves, which come anew with each call; ``changing`` are places
    that each call changes.
    """
    watched: dict[tuple[int, Any], tuple[Place, str]] = {}
    skipped = {*arguments, *(path for path in changing if not holds_state(path, program))}
    for place in world.places:
        if place.path not in skipped and _matters(place, program):
            text = _read(place)
            if text:
                watched[id(place.holder), place.key] = (place, text)
    holders: dict[int, str] = {}
    names: dict[str, Any] = {}
    whole = _whole_lists(world, watched)
    terms = [_term(p, text, holders, names) for p, text in watched.values() if id(p.holder) not in whole]
    for holder in whole.values():
        name, known = holders.setdefault(id(holder), f"h{len(holders)}"), f"v{len(names)}"
        names |= {name: holder, known: list(holder)}
        terms.append(f"{name} == {known}")
    terms += _sizes(world, holders, names)
    terms = [term for term in terms if eval(term, dict(names))]  # not what a descriptor hides
    code = _FUNCTION.format(names=", ".join(names), terms="\n                and ".join(terms) or "True")
    space: dict[str, Any] = {}
    exec(code, space)
    guard: Callable[[], bool] = space["make"](**names)
    return guard


def _whole_lists(world: World, watched: dict[tuple[int, Any], tuple[Place, str]]) -> dict[int, list[Any]]:
    """The lists whose every item is watched, and compares by identity: they are compared at once."""
    lists = {id(p.holder): p.holder for p, _ in watched.values() if p.kind == "list" and type(p.holder) is list}
    return {
        i: items
        for i, items in lists.items()
        if all(
            (i, n) in watched and type(item).__eq__ is object.__eq__  # type: ignore[comparison-overlap]
            for n, item in enumerate(items)
        )
    }


def _matters(place: Place, program: Program) -> bool:
    """Does the program depend on what stands in this place?"""
    value, path = place.value, place.path
    if isinstance(value, np.ndarray):
        return path in program.aliases or path in program.rebound
    if type(value) in _NUMBERS:
        return path in program.numbers or path in program.settings
    return not isinstance(value, np.generic) and not _is_code(place)


def _is_code(place: Place) -> bool:
    """Code that is replaced while it is in use isn't looked for."""
    return place.kind in ("default", "partial") or (isinstance(place.value, _CODE) and place.kind in _CODE_PLACES)


def holds_state(path: str, program: Program) -> bool:
    """Is there state of the program in what stands at a path?"""
    return any(p.startswith((f"{path}[", f"{path}.")) for p in program.aliases)


def _read(place: Place) -> str:
    """The expression that reads a place, with H for its holder and K for its key."""
    if place.kind in ("dict", "list", "global"):
        return "H[K]"
    if place.kind == "cell":
        return "H.cell_contents"
    return f"H.{place.key}" if place.kind in ("slot", "class") and place.key.isidentifier() else ""


def _term(place: Place, text: str, holders: dict[int, str], names: dict[str, Any]) -> str:
    holder = place.holder[0] if isinstance(place.holder, tuple) else place.holder
    name = holders.setdefault(id(holder), f"h{len(holders)}")
    names[name] = holder
    value = place.value
    if isinstance(place.key, str | int):
        text = text.replace("K", repr(place.key), 1)
    elif "K" in text:
        key = f"v{len(names)}"
        names[key] = place.key
        text = text.replace("K", key, 1)
    if value is None or value is True or value is False:
        return f"{text.replace('H', name, 1)} is {value}"
    known = f"v{len(names)}"
    names[known] = value
    return f"{text.replace('H', name, 1)} is {known}"


def _sizes(world: World, holders: dict[int, str], names: dict[str, Any]) -> list[str]:
    """A layer that was added or taken away, an attribute that hides one of the class: how much each holder holds."""
    terms = []
    for _, holder, size in world.holders:
        name = holders.setdefault(id(holder), f"h{len(holders)}")
        names[name] = holder
        if isinstance(holder, set):
            known = f"v{len(names)}"
            names[known] = set(holder)
            terms.append(f"{name} == {known}")
        else:
            terms.append(f"len({name}) == {size}")
    return terms


def _is_leaf(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) or type(value) in _NUMBERS
