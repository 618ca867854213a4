"""Is everything that a program was made for still in its place?

A program holds for the objects that were traced: the same layers in the same lists, the same arrays in the same
attributes, the same learning rate. User code may change any of them between two steps, and then the step must notice.
"""

from __future__ import annotations

import operator
import types
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from backhand.graph.tracing.lift import Place, World
from backhand.graph.tracing.program import Program

__all__ = ["ANYTHING", "Check", "all_hold", "build_of", "checks_of", "holds_state", "key_orders", "unstable"]

_CODE_PLACES = ("class", "global", "default", "partial")
_CODE = (types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, classmethod, staticmethod, property)
_NUMBERS = (int, float, bool, str)


ANYTHING = object()
"""May stand there."""


class Check(NamedTuple):
    """One thing that must be as it was.

    ``how`` is ``"dict"`` (the holder's items are ``value``, a tuple of keys and values, in order; a value may be
    ANYTHING), ``"list"`` (its items are those of the list ``value``, each the same object), ``"item"`` (``holder[key]
    is value``), ``"attribute"``, ``"length"`` (of the holder: ``value``), ``"set"`` (the holder equals the set
    ``value``), ``"order"`` (an OrderedDict's keys are those of the list ``value``), ``"absent"`` (there is no
    attribute ``key``) or ``"writeable"`` (an array).
    """

    how: str
    holder: Any
    key: Any
    value: Any

    def holds(self) -> bool:
        """Is it?"""
        how, holder, key, value = self
        try:
            if how == "dict":
                now, then = list(holder.items()), value
                return len(now) == len(then) and all(
                    key is was and (found is kept or kept is ANYTHING)
                    for (key, found), (was, kept) in zip(now, then, strict=True)
                )
            if how == "item":
                found = dict.get(holder, key, holder) if isinstance(holder, dict) else holder[key]
                return found is value
            if how == "attribute":
                return getattr(holder, key) is value
            if how == "length":
                return bool(len(holder) == value)
            if how == "order":
                return bool(list(holder) == value)
            if how == "absent":
                return not hasattr(holder, key)
            if how == "writeable":
                return bool(holder.flags.writeable)
            if how == "set":
                return bool(holder == value)
            return len(holder) == len(value) and all(map(operator.is_, holder, value))
        except (LookupError, AttributeError, ValueError):  # the last of an empty cell
            return False


def all_hold(checks: Iterable[Check]) -> bool:
    """Is everything as it was?"""
    return all(check.holds() for check in checks)


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


def checks_of(world: World, program: Program, arguments: Iterable[str], changing: set[str]) -> list[Check]:
    """What must hold as long as the objects are what ``world`` saw, as far as ``program`` depends on it.

    ``arguments`` are the paths of the arguments' own leaves, which come anew with each call; ``changing`` are places
    that each call changes.
    """
    watched: dict[tuple[int, Any], Check] = {}
    skipped = {*arguments, *(path for path in changing if not holds_state(path, program))}
    for place in world.places:
        if place.path not in skipped and _matters(place, program):
            check = _check(place)
            if check:
                watched[id(check.holder), check.key] = check
    checks = _holders(world, watched)  # takes away what it checks at once
    checks += watched.values()
    checks += [Check("absent", holder, name, None) for holder, name in world.unset]
    leaves = world.by_path
    checks += [Check("writeable", leaves[p], None, None) for p in program.in_place.difference(arguments) if p in leaves]
    return [check for check in checks if check.how != "attribute" or check.holds()]  # not what a descriptor hides


def _holders(world: World, watched: dict[tuple[int, Any], Check]) -> list[Check]:
    """A layer that was added or taken away or stands elsewhere, an attribute that hides one of the class: what each
    holder holds. A dict, and a list of which all is watched, is checked at once."""
    checks = []
    for _, holder, size in world.holders:
        if isinstance(holder, dict) and not isinstance(holder, OrderedDict):  # which has an order of its own
            kept = [watched.pop((id(holder), key), None) for key in holder]
            values = [ANYTHING if check is None else check.value for check in kept]
            checks.append(Check("dict", holder, None, tuple(zip(holder, values, strict=True))))
        elif type(holder) is list and all((id(holder), n) in watched for n in range(size)):
            for n in range(size):
                del watched[id(holder), n]
            checks.append(Check("list", holder, None, list(holder)))
        elif isinstance(holder, set):
            checks.append(Check("set", holder, None, set(holder)))
        elif isinstance(holder, OrderedDict):
            checks.append(Check("order", holder, None, list(holder)))
        else:
            checks.append(Check("length", holder, None, size))
    return checks


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


def _check(place: Place) -> Check | None:
    """The check of a place; None if it can't be read."""
    holder = place.holder[0] if isinstance(place.holder, tuple) else place.holder
    if place.kind in ("dict", "list", "global"):
        return Check("item", holder, place.key, place.value)
    if place.kind == "cell":
        return Check("attribute", holder, "cell_contents", place.value)
    return Check("attribute", holder, place.key, place.value) if place.kind in ("slot", "class") else None


def key_orders(world: World) -> dict[str, list[Any]]:
    """The keys of each dict, in their order: in that the code goes through its layers. (Not of objects' attributes.)"""
    return {
        path: list(holder)
        for path, holder, _ in world.holders
        if isinstance(holder, dict) and not path.endswith(".__dict__")
    }


def _is_leaf(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.generic) or type(value) in _NUMBERS
