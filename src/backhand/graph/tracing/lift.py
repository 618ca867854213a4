"""Find every array and number that traced code can reach, put something else in its place, and put all back.

The walk goes through instances, classes, dicts, lists, tuples, closures, default arguments, and the globals that a
function names. It is breadth first, so that an array is known by its shortest name: ``params['W1']``, not
``layers['Affine1'].W``.
"""

from __future__ import annotations

import functools
import io
import random
import sys
import types
import weakref
from collections import ChainMap, OrderedDict, UserDict, UserList, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.random

from backhand.graph.tracing.array import Tracer
from backhand.graph.tracing.math import traced_math
from backhand.graph.tracing.streams import Running, progress, put_back, refuse_moved
from backhand.graph.tracing.tape import INTERNAL

__all__ = ["Place", "World", "substitute"]

_ATOMS = (str, bytes, bytearray, int, float, complex, bool, type(None), np.dtype, range, slice, type(Ellipsis))
_LIBRARY = frozenset(sys.stdlib_module_names) | {
    "numpy",
    "scipy",
    "matplotlib",
    "pytest",
    "_pytest",
    "hypothesis",
    "builtins",
}
_HOLDERS = (types.SimpleNamespace, UserDict, UserList, ChainMap)  # of the library, with the user's things in them
_STREAMS = (np.random.Generator, np.random.RandomState)
_MISSING = object()


@dataclass
class Place:
    """One assignable place: ``holder`` under ``key``; ``value`` is what was there. ``kind`` says how to assign."""

    kind: str
    holder: Any
    key: Any
    value: Any
    path: str

    def get(self) -> Any:
        """What stands there now."""
        if self.kind == "cell":
            return self.holder.cell_contents
        if self.kind in ("dict", "list", "global"):
            return self.holder[self.key]
        return getattr(self.holder, self.key)

    def set(self, value: Any) -> None:
        """Put a value there."""
        kind = self.kind
        if kind in ("dict", "global"):
            if isinstance(self.holder, OrderedDict):
                OrderedDict.__setitem__(self.holder, self.key, value)
            else:
                dict.__setitem__(self.holder, self.key, value)
        elif kind == "list":
            self.holder[self.key] = value
        elif kind == "cell":
            self.holder.cell_contents = value
        elif kind == "slot":
            object.__setattr__(self.holder, self.key, value)
        elif kind == "partial":
            self.holder.__setstate__((self.holder.func, value, self.holder.keywords, self.holder.__dict__))
        elif kind in ("class", "default"):
            setattr(self.holder, self.key, value)


def is_library(thing: Any) -> bool:
    """True for what belongs to Python or a library: it is not walked."""
    if isinstance(thing, types.FunctionType) and thing.__code__.co_filename.startswith(INTERNAL):
        return True
    module = str(getattr(thing, "__module__", None) or "")
    return module.partition(".")[0] in _LIBRARY or (isinstance(thing, type) and module.startswith("backhand.graph"))


class World:
    """What can be reached from some roots, as it is at one moment.

    ``places`` holds each assignable place, nearest first; ``leaves`` each array and number found, with its path;
    ``settings`` what else decides what the code does (None, bools, strings, functions, the classes of layers);
    ``holders`` each list, dict, set and instance, with how much it holds; ``running`` the generators and iterators,
    with how far each has run; ``randoms`` the streams of Python's own, with their states.
    """

    def __init__(self, roots: list[tuple[str, Any]]) -> None:
        self.places: list[Place] = []
        self.leaves: list[tuple[str, Any, Place | None]] = []
        self.settings: dict[str, Any] = {}
        self.holders: list[tuple[str, Any, int]] = []
        self.unset: list[tuple[Any, str]] = []  # slots with nothing in them
        self.running: list[Running] = []
        self.randoms: list[tuple[str, random.Random, Any]] = []
        self._seen: dict[int, Any] = {}  # by id, and kept, so that no id is used twice
        self._paths: dict[str, int] = {path: 1 for path, _ in roots}
        self._globals: dict[tuple[int, str], Any] = {}
        self._saved: list[tuple[str, Any, Any]] = []
        self._queue: deque[tuple[str, Any]] = deque()
        for path, value in roots:
            self._value(path, value, None)
        while self._queue:
            path, value = self._queue.popleft()
            self._visit(path, value)

    # -- walking ----------------------------------------------------------------------------------------------------

    def _place(self, kind: str, holder: Any, key: Any, value: Any, path: str) -> None:
        count = self._paths[path] = self._paths.get(path, 0) + 1
        if count > 1:  # two closures, each with its own W
            path = f"{path}#{count}"
        place = Place(kind, holder, key, value, path)
        self.places.append(place)
        self._value(path, value, place)

    def _value(self, path: str, value: Any, place: Place | None) -> None:
        objects = place is not None and isinstance(value, np.ndarray) and value.dtype.kind == "O"
        if not objects and (isinstance(value, np.ndarray | np.generic) or type(value) in (int, float, complex, Tracer)):
            self.leaves.append((path, value, place))
            return
        if place is not None and place.kind != "default" and not str(place.key).startswith("__"):
            self.settings.setdefault(path, _setting(value))
        if isinstance(value, tuple):
            for index, item in enumerate(value):
                self._value(f"{path}[{index}]", item, place)
        elif not isinstance(value, _ATOMS):
            self._queue.append((path, value))

    def _visit(self, path: str, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, dict | list) and not is_library(type(value)):
            self._instance(path, value)
        if isinstance(value, dict | list | deque | set):
            self.holders.append((path, value, len(value)))
        if isinstance(value, dict):
            self._saved.append(("dict", value, list(value.items())))
            for key, item in list(value.items()):
                self._place("dict", value, key, item, f"{path}[{key!r}]" if path else str(key))
        elif isinstance(value, set | frozenset):
            self._saved.append(("set", value, set(value)))
            for index, item in enumerate(value):
                if not isinstance(item, (*_ATOMS, tuple, np.generic)):
                    self._queue.append((f"{path}{{{index}}}", item))
        elif isinstance(value, list | deque):
            self._saved.append(("list", value, list(value)))
            for index, item in enumerate(list(value)):
                self._place("list", value, index, item, f"{path}[{index}]")
        elif isinstance(value, np.ndarray):  # of objects: each may be an array
            self._saved.append(("objects", value, value.copy()))
            for at, item in np.ndenumerate(value):
                self._place("list", value, at, item, f"{path}{list(at)}")
        elif type(value) is Tracer:
            return
        elif isinstance(value, types.FunctionType):
            self._function(path, value)
        elif isinstance(value, types.MethodType):
            self._value(path, value.__self__, None)
            self._value("", value.__func__, None)
        elif isinstance(value, types.GeneratorType) or _is_iterator(value):
            self.running.append((path, value, progress(value)))
        elif isinstance(value, random.Random):
            if not isinstance(value, random.SystemRandom):
                self.randoms.append((path, value, value.getstate()))
        elif isinstance(value, functools._lru_cache_wrapper):
            self._value(path, value.__wrapped__, None)
        elif isinstance(value, weakref.ref):
            self._value(f"{path}()", value(), None)
        elif isinstance(value, functools.partial):
            self._value(path, value.func, None)
            self._value(f"{path}.keywords", value.keywords, None)
            self._place("partial", value, "args", value.args, f"{path}.args")
        elif isinstance(value, staticmethod | classmethod):
            self._value(path, value.__func__, None)
        elif isinstance(value, property):
            for function in (value.fget, value.fset):
                self._value(path, function, None)
        elif isinstance(value, type):
            self._class(path, value)
        elif isinstance(value, _STREAMS):
            return
        elif isinstance(value, _HOLDERS) or not (isinstance(value, types.ModuleType) or is_library(type(value))):
            self._instance(path, value)

    def _instance(self, path: str, value: Any) -> None:
        dot = f"{path}." if path else ""
        content = getattr(value, "__dict__", None)
        if isinstance(content, dict):
            self._seen[id(content)] = content
            self.holders.append((f"{path}.__dict__", content, len(content)))
            self._saved.append(("dict", content, list(content.items())))
            for key, item in list(content.items()):
                self._place("dict", content, key, item, f"{dot}{key}")
        for cls in type(value).__mro__:
            slots = cls.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name in ("__dict__", "__weakref__"):
                    continue
                if name.startswith("__") and not name.endswith("__"):
                    name = f"_{cls.__name__.lstrip('_')}{name}"
                item = getattr(value, name, _MISSING)
                self._saved.append(("slot", (value, name), item))
                if item is _MISSING:
                    self.unset.append((value, name))
                else:
                    self._place("slot", value, name, item, f"{dot}{name}")
        self._queue.append((type(value).__name__, type(value)))

    def _class(self, path: str, cls: type) -> None:
        for base in cls.__mro__:
            if is_library(base) or base is object or (base is not cls and id(base) in self._seen):
                continue
            self._seen[id(base)] = base
            content = dict(base.__dict__)
            if not base.__module__.startswith("backhand."):  # to its own classes nobody adds anything
                self.holders.append((f"{base.__name__}.__dict__", base.__dict__, len(content)))
            self._saved.append(("class", base, content))
            for name, item in content.items():
                if isinstance(item, types.MemberDescriptorType | types.GetSetDescriptorType) or name == "__dict__":
                    continue
                if not name.startswith("__") or isinstance(item, types.FunctionType):
                    self._place("class", base, name, item, f"{base.__name__}.{name}")

    def _function(self, path: str, function: types.FunctionType) -> None:
        if is_library(function):
            return
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                value = cell.cell_contents
            except ValueError:  # not filled yet
                continue
            if isinstance(value, types.ModuleType):
                self._module(function, name, value)
            elif id(cell) not in self._seen:
                self._seen[id(cell)] = cell
                self._saved.append(("cell", cell, value))
                self._place("cell", cell, name, value, name)
        for name in ("__defaults__", "__kwdefaults__"):
            if getattr(function, name):
                self._place("default", function, name, getattr(function, name), f"{function.__qualname__}.{name}")
        content = function.__globals__
        for name in _named(function.__code__):
            value = content.get(name, _MISSING)
            if isinstance(value, types.ModuleType):
                self._module(function, name, value)
            elif (id(content), name) not in self._globals:
                self._globals[id(content), name] = content
                self._saved.append(("global", (content, name), value))
                if value is not _MISSING:
                    self._place("global", content, name, value, name)
        if function.__dict__:
            self._value(function.__name__, function.__dict__, None)

    def _module(self, function: types.FunctionType, alias: str, module: types.ModuleType) -> None:
        root = module.__name__.partition(".")[0]
        key = (id(function.__code__), module.__name__)
        if root in _LIBRARY or module.__name__.startswith("backhand.graph") or key in self._globals:
            return
        content = self._globals[key] = module.__dict__
        for name in _named(function.__code__):
            if isinstance(content.get(name), types.ModuleType):
                self._module(function, f"{alias}.{name}", content[name])
            elif name in content and (id(content), name) not in self._globals:
                self._globals[id(content), name] = content
                self._saved.append(("global", (content, name), content[name]))
                self._place("global", content, name, content[name], f"{alias}.{name}")

    @property
    def by_path(self) -> dict[str, Any]:
        """Each array and number by its path."""
        return {path: value for path, value, _ in reversed(self.leaves)}

    # -- changing and restoring -------------------------------------------------------------------------------------

    def replace(self, make: Callable[[str, Any], Any]) -> None:
        """Put ``make(path, leaf)`` in the place of every leaf; random generators are leaves here too."""
        for place in self.places:
            new = substitute(place.path, _stand_in(place.value), make)
            if new is not place.value:
                place.set(new)

    def check_generators(self) -> None:
        """Raise TraceError if a generator or an iterator was advanced, or a random stream of Python's own."""
        refuse_moved(self.running, self.randoms)

    def restore(self) -> None:
        """Make everything that was visited what it was, down to the order of dicts."""
        for kind, holder, saved in self._saved:
            if kind == "dict":
                _restore_dict(holder, saved)
            elif kind == "list":
                if len(holder) != len(saved) or any(a is not b for a, b in zip(holder, saved, strict=True)):
                    holder.clear()
                    holder.extend(saved)
            elif kind == "set":
                if holder != saved:
                    holder.clear()
                    holder.update(saved)
            elif kind == "objects":
                holder[...] = saved
            elif kind == "cell":
                holder.cell_contents = saved
            elif kind == "slot":
                obj, name = holder
                if saved is not _MISSING:
                    object.__setattr__(obj, name, saved)
                elif getattr(obj, name, _MISSING) is not _MISSING:
                    object.__delattr__(obj, name)
            elif kind == "class":
                _restore_class(holder, saved)
            elif kind == "global":
                content, name = holder
                if saved is _MISSING:
                    content.pop(name, None)
                elif content.get(name, _MISSING) is not saved:
                    content[name] = saved
        for place in self.places:
            if place.kind in ("default", "partial"):
                place.set(place.value)
        put_back(self.running, self.randoms)


def _setting(value: Any) -> Any:
    """What of a value must stay as it is for a program to hold: itself, if nobody can change it, or its class."""
    if isinstance(value, (*_ATOMS, type, types.BuiltinFunctionType, np.ufunc)):
        return value
    if isinstance(value, types.FunctionType | types.MethodType):
        return value.__code__
    if isinstance(value, dict | list | deque):
        held = [type(item) for item in (value.values() if isinstance(value, dict) else value)]
        return held if any(not is_library(kind) for kind in held) else type(value)
    if isinstance(value, set | frozenset):
        return {item for item in value if isinstance(item, _ATOMS)}
    return type(value)


def _is_iterator(value: Any) -> bool:
    """An iterator of Python's own: a list's, a zip, what itertools makes. A file is none."""
    return isinstance(value, Iterator) and is_library(type(value)) and not isinstance(value, io.IOBase)


def _named(code: types.CodeType) -> Iterator[str]:
    """Every global or attribute name in a function's code, its inner functions' included."""
    stack = [code]
    while stack:
        inner = stack.pop()
        yield from inner.co_names
        if {"getattr", "globals", "vars"}.intersection(inner.co_names):  # getattr(module, "rate")
            yield from (c for c in inner.co_consts if isinstance(c, str))
        stack += [c for c in inner.co_consts if isinstance(c, types.CodeType)]


def _stand_in(value: Any) -> Any:
    """What stands for a function: for one of math's a traced one, for a cached one the one without cache."""
    if isinstance(value, functools._lru_cache_wrapper):
        return value.__wrapped__  # neither a copy nor a tracer must stay in its cache
    return traced_math(value) or value


def substitute(path: str, value: Any, make: Callable[[str, Any], Any]) -> Any:
    """A value with every leaf in it, inside of tuples too, replaced by ``make(path, leaf)``."""
    if isinstance(value, np.ndarray | np.generic | np.random.Generator | np.random.RandomState) or type(value) in (
        int,
        float,
        complex,
    ):
        return make(path, value)
    if isinstance(value, tuple) and value:
        items = [substitute(f"{path}[{index}]", item, make) for index, item in enumerate(value)]
        if all(a is b for a, b in zip(items, value, strict=True)):
            return value
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    return value


def _restore_dict(holder: dict[Any, Any], saved: list[tuple[Any, Any]]) -> None:
    now = list(holder.items())
    if len(now) == len(saved) and all(a[0] is b[0] and a[1] is b[1] for a, b in zip(now, saved, strict=True)):
        return
    kind = OrderedDict if isinstance(holder, OrderedDict) else dict
    kind.clear(holder)
    for key, value in saved:
        kind.__setitem__(holder, key, value)


def _restore_class(cls: type, saved: dict[str, Any]) -> None:
    now = dict(cls.__dict__)
    for name, value in saved.items():
        if now.get(name, _MISSING) is not value and name not in ("__dict__", "__weakref__"):
            setattr(cls, name, value)
    for name in now:
        if name not in saved:
            delattr(cls, name)


def random_state() -> tuple[Any, Any]:
    """The states of NumPy's global random stream and of Python's."""
    return np.random.get_state(), random.getstate()


def set_random_state(state: tuple[Any, Any]) -> None:
    """Put both streams back."""
    np.random.set_state(state[0])
    random.setstate(state[1])


def same_state(a: tuple[Any, Any], b: tuple[Any, Any]) -> bool:
    """Are two states of the random streams the same?"""
    return a[1] == b[1] and all(np.array_equal(x, y) for x, y in zip(a[0], b[0], strict=True))
