"""Where the gradients are after backward: in what it returned, kept on the object, or in how a parameter changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.checking.adapters.naming import gradients_among, stem
from backhand.checking.adapters.places import Leaf, Path, leaves
from backhand.checking.subject import Array

__all__ = ["Found", "Source", "in_result", "kept", "kept_outputs", "number_of", "read", "returned", "snapshot"]


@dataclass(frozen=True)
class Source:
    """Where one gradient is found.

    ``kind`` is ``return`` (``key`` is its place in what backward returned), ``kept`` (its path in the object),
    ``update`` (the parameter's path: the gradient is how far it moved by lr), ``local`` (returned, and the derivative
    entry by entry: it is multiplied by dout), ``method`` (a method of its own, its name).
    """

    kind: str
    key: Any


def number_of(value: Any) -> Array | None:
    """An array of numbers: of an array, a number, or the project's own Variable, Tensor or matrix."""
    if isinstance(value, np.ndarray | np.generic | float | int | complex) and not isinstance(value, bool):
        array = np.asarray(value)
        return array if array.dtype.kind in "fciub" else None
    for name in ("data", "value", "val", "cached_data"):
        inner = getattr(value, name, None)
        if isinstance(inner, np.ndarray | np.generic | float):
            return np.asarray(inner)
    if callable(getattr(value, "numpy", None)):
        return np.asarray(value.numpy())
    if isinstance(value, list) and value and all(isinstance(v, float | int | np.floating) for v in value):
        return np.asarray(value)
    return None


def returned(result: Any) -> list[tuple[Path, Array]]:
    """Every array in what backward returned, in order, with its way."""
    array = number_of(result)
    if array is not None:
        return [((), array)]
    items: Iterator[tuple[Any, Any]] | list[tuple[Any, Any]] = []
    if isinstance(result, Mapping):
        items = list(result.items())
    elif isinstance(result, list | tuple):
        items = list(enumerate(result))
    return [((("item", key), *path), found) for key, item in items for path, found in returned(item)]


Found = dict[str, Source]
"""Of each value's name, where its gradient is."""


def snapshot(thing: Any) -> dict[Path, Array]:
    """Copies of what an object keeps under the names of gradients."""
    held = leaves(thing)
    marked = gradients_among(path for path, _ in held)
    return {path: np.array(value) for path, value in held if path in marked}


def in_result(result: Any, inputs: Mapping[str, Array], parameters: Mapping[str, Array]) -> Found:
    """The gradients in what backward returned: by name in a dict, else by order where shapes allow it, or by shape."""
    found: Found = {}
    given = returned(result)
    if given:
        _match_returned(given, inputs, {**inputs, **parameters}, found)
    return found


def kept(
    thing: Any,
    inputs: Mapping[str, Array],
    parameters: Mapping[str, tuple[Sequence[Path], Array]],
    before: Mapping[Path, Array],
    changed: bool,
) -> Found:
    """The gradients that the object keeps; with ``changed`` only those that backward has just written. A parameter may
    stand in several places, ``self.W`` and ``self.params[0]``, and its gradient be named after any of them."""
    everything = leaves(thing)
    marked = gradients_among(path for path, _ in everything)
    held = [
        (path, value)
        for path, value in everything
        if path in marked and not (changed and path in before and np.array_equal(before[path], value, equal_nan=True))
    ]
    found: Found = {}
    for name, (paths, array) in parameters.items():
        place = next(filter(None, (_kept(path, array, held) for path in paths)), None)
        if place is not None:
            found[name] = Source("kept", place)
    for name, array in inputs.items():
        place = _kept_input(name, array, held)
        if place is not None:
            found[name] = Source("kept", place)
            held = [(path, value) for path, value in held if path != place]  # one gradient is by one input
    return found


def _match_returned(
    given: list[tuple[Path, Array]], inputs: Mapping[str, Array], values: Mapping[str, Array], found: dict[str, Source]
) -> None:
    """Say whose gradient each returned array is: by name in a dict, by order where shapes allow it, or by shape."""
    rest = []
    for path, array in given:
        keys = [key for _, key in path if isinstance(key, str)]
        name = _by_name(keys, values, found) if keys else None
        if name is not None:
            found[name] = Source("return", path)
        elif not keys or not (len(keys) and keys[-1] in ("loss", "cost")):
            rest.append((path, array))
    left = [name for name in values if name not in found]
    fits = [name for name in left if name in inputs] + [name for name in left if name not in inputs]
    if _in_order(rest, fits, values):
        pairs = list(zip(fits, rest, strict=False))
    else:
        pairs = list(_by_shape(rest, fits, values))
    for name, (path, _) in pairs:
        found[name] = Source("return", path)


def _by_name(keys: list[str], values: Mapping[str, Array], found: Mapping[str, Source]) -> str | None:
    path = tuple(("item", key) for key in keys)
    wanted = stem(path), stem(path, gradient=True)
    for name in values:
        own = stem((("item", name.rpartition(".")[2]),))
        if name not in found and own and any(each[-len(own) :] == own for each in wanted):
            return name
    return None


def _in_order(given: list[tuple[Path, Array]], names: list[str], values: Mapping[str, Array]) -> bool:
    if not given or len(given) > len(names):
        return False
    return all(array.shape == values[name].shape for name, (_, array) in zip(names, given, strict=False))


def _by_shape(
    given: list[tuple[Path, Array]], names: list[str], values: Mapping[str, Array]
) -> Iterator[tuple[str, tuple[Path, Array]]]:
    """Each array to the first value of its shape; what is left over, in order."""
    names, rest = list(names), []
    for path, array in given:
        same = [name for name in names if values[name].shape == array.shape]
        if same:
            names.remove(same[0])
            yield same[0], (path, array)
        else:
            rest.append((path, array))
    for name, pair in zip(list(names), rest, strict=False):
        if pair[1].size == values[name].size or len(given) <= len(values):
            yield name, pair


def _kept(path: Path, array: Array, held: Sequence[Leaf]) -> Path | None:
    """The place of a parameter's gradient: a gradient's name with the same stem, best in the same holder."""
    own = stem(path)
    best: tuple[int, Path] | None = None
    for place, value in held:
        if place == path or np.size(value) == 0:
            continue
        theirs = stem(place, gradient=True)
        if not theirs and place[:-1] == path[:-1] and np.shape(value) == array.shape:  # {"val": W, "grad": dW}
            theirs = own
        if not theirs or theirs[-1:] != own[-1:]:
            continue
        rank = 4 * (np.shape(value) != array.shape) + 2 * (place[:-1] != path[:-1]) + (theirs != own)
        if np.shape(value) == () and array.shape != () and not isinstance(value, np.ndarray | np.generic):
            continue  # dW = 0 or 1, set up in the constructor and never computed
        if best is None or rank < best[0]:
            best = (rank, place)
    return None if best is None else best[1]


def kept_outputs(thing: Any, before: Sequence[Leaf], inputs: Sequence[Any]) -> tuple[Path, ...]:
    """Where a forward that returns None leaves its output: an array that is new, best under a usual name."""
    old = {path for path, value in before if isinstance(value, np.ndarray)}
    given = [value for value in inputs if isinstance(value, np.ndarray)]
    new = [
        path
        for path, value in leaves(thing)
        if isinstance(value, np.ndarray | np.floating) and path not in old and not any(value is each for each in given)
    ]
    usual = [
        path for path in new if str(path[-1][1]).strip("_").lower() in ("output", "out", "y", "a", "loss", "result")
    ]
    return tuple((usual or new[-1:])[:1])


_DX = ("dinputs", "dinput", "dx", "d_x", "grad_input", "grad_inputs", "input_grad", "input_gradient", "dh", "delta")


def _kept_input(name: str, array: Array, held: Sequence[Leaf]) -> Path | None:
    """The place of an input's gradient, for a backward that returns nothing."""
    for place, value in held:
        last = str(place[-1][1]).strip("_").lower()
        usual = last in _DX or stem(place)[-1:] == stem((("item", name),))
        if np.shape(value) == array.shape and usual:
            return place
    return None


def read(source: Source, result: Any) -> Any:
    """A gradient from its place in what backward returned; None if it isn't there."""
    value = result
    for _, key in source.key:
        try:
            value = value[key]
        except (LookupError, TypeError):
            return None
    return value
