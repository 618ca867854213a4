"""Layouts of arrays (rows, columns, images, sequences, ...) with their sizes, and what each role can be in them.

A world fixes all sizes at once, so that what the constructor gets fits what forward gets. Sizes that code could mix up
differ, so that a transposed or wrong-axis answer can't hide; images aren't square.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backhand.checking.adapters.optimizer import AnyOptimizer
from backhand.checking.roles import Slot, role_of

__all__ = ["World", "candidates", "worlds"]

Array = NDArray[Any]


@dataclass(frozen=True)
class World:
    """Sizes and a layout.

    Attributes:
        layout: ``rows`` (N, D), ``columns`` (D, N), ``column`` (D, 1), ``vector`` (D,), ``scalar``, ``scores`` (N,),
            ``sequence`` (N, T, D), ``ids`` (N, T) of whole numbers, ``nchw``, ``nhwc``, ``chw``, ``hwc``, ``hw``.
        out_first: weights are (M, D), as PyTorch has them; else (D, M).
        gates: how many gates lie side by side in a recurrent weight: 1, 4 (LSTM), 3 or 2 (GRU).
        steps: in a sequence, whether forward takes all steps at once; else one.
    """

    layout: str
    N: int = 3
    D: int = 7
    M: int = 2
    H: int = 5
    T: int = 4
    V: int = 11
    C: int = 4
    F: int = 2
    high: int = 7
    wide: int = 5
    k: int = 3
    out_first: bool = False
    gates: int = 1
    classes: int = 7

    @property
    def x(self) -> tuple[int, ...]:
        """The shape of an input."""
        return {
            "rows": (self.N, self.D),
            "columns": (self.D, self.N),
            "column": (self.D, 1),
            "vector": (self.D,),
            "scalar": (),
            "scores": (self.N,),
            "sequence": (self.N, self.T, self.D),
            "ids": (self.N, self.T),
            "nchw": (self.N, self.C, self.high, self.wide),
            "nhwc": (self.N, self.high, self.wide, self.C),
            "chw": (self.C, self.high, self.wide),
            "hwc": (self.high, self.wide, self.C),
            "hw": (self.high, self.wide),
        }[self.layout]

    @property
    def batch(self) -> int | None:
        """Which axis of an input counts the samples; None where there is a single one."""
        axes = {"rows": 0, "sequence": 0, "ids": 0, "scores": 0, "nchw": 0, "nhwc": 0, "columns": 1}
        return axes.get(self.layout) if self.N > 1 else None

    @property
    def image(self) -> bool:
        """Whether inputs are images."""
        return self.layout in ("nchw", "nhwc", "chw", "hwc", "hw")

    @property
    def entries(self) -> int:
        """How many values a sample has."""
        shape = self.x[1:] if self.layout in ("rows", "sequence", "nchw", "nhwc") else self.x
        return self.N if self.layout == "ids" else int(np.prod(shape))

    @property
    def inside(self) -> int:
        """The size that a layer's constructor calls its input's: features, or channels of an image."""
        return {"ids": self.V}.get(self.layout, self.C if self.image else self.D)

    @property
    def outside(self) -> int:
        """The size that it calls its output's: units, or filters."""
        return self.F if self.image else self.D if self.layout == "ids" else self.M

    def other(self) -> World:
        """The same layout in other sizes: what shrank grows, what was odd is even."""
        sizes: dict[str, Any] = {"N": 5, "D": 3, "M": 7, "H": 2, "T": 3, "V": 13, "C": 3, "F": 5}
        sizes |= {"high": 6, "wide": 4, "k": 2, "classes": 3 if self.classes == self.D else 7}
        if self.image:
            sizes["N"] = 2
        return replace(self, **sizes)


def worlds(hint: str, *, recurrent: bool, heads: bool, classes_are_outputs: bool) -> Iterator[World]:
    """All layouts; those that the words of ``hint`` speak of come first."""
    rows, sequence, images = World("rows"), World("sequence", N=3, D=5, H=7), World("nchw")
    if heads:
        rows, sequence = replace(rows, D=4), replace(sequence, D=4, T=5)
    flat = [rows, replace(rows, out_first=True), World("columns", out_first=True), World("column", N=1, out_first=True)]
    # Code that only runs where W is square comes before code for one sample without a batch.
    square = [replace(rows, M=rows.D, H=rows.D), replace(World("columns"), M=7, H=7)]
    scores = World("scores")
    single = [*square, scores, replace(rows, N=1), World("vector", out_first=True), World("vector"), World("scalar")]
    pictures = [images, World("nhwc"), World("chw"), World("hwc"), World("hw")]
    # Halves of an even image, for windows without overlap.
    pictures += [replace(world, high=6, wide=4, k=2) for world in pictures]
    ids = [World("ids", D=5)]
    order = [*flat, *pictures, sequence, *ids, *single]
    words = hint.lower()
    if any(word in words for word in ("conv", "pool", "image", "img", "flatten", "spatial", "2d", "pixel")):
        order = [*pictures, *flat, sequence, *ids, *single]
    elif "embed" in words or "vocab" in words:
        order = [*ids, *flat, sequence, *pictures, *single]
    elif any(word in words for word in ("time", "temporal", "seq", "attention", "transformer", "position")):
        order = [sequence, *flat, *ids, *pictures, *single]
    elif any(word in words for word in ("column", "a_prev", "dz", "da_")):
        order = [*flat[2:], *flat[:2], *pictures, sequence, *ids, *single]
    if any(word in words for word in ("sigmoid", "binary", "logistic", "bce")) and any(
        word in words for word in ("loss", "entropy", "cost")
    ):
        order = [scores, *order]
    if recurrent:
        order = [replace(world, gates=gates) for world in order for gates in (1, 4, 3, 2) if not world.image]
    for world in order:
        inside = world.x[1] if len(world.x) > 1 and world.layout in ("rows", "nchw") else world.D
        yield replace(world, classes=world.outside if classes_are_outputs else inside)


def candidates(slot: Slot, world: World) -> list[Any]:
    """What a slot may be given in a world, likeliest first; an empty list if nothing is known.

    Roles that are objects of the user's own (an activation, layers, a loss) aren't here: see construct.py.
    """
    if slot.keys:
        return [{key: _for_key(key, world) for key in slot.keys}]
    if slot.words and slot.role not in ("mode", "flag"):
        return list(slot.words)
    row = _VALUES.get(slot.role)
    return row(world, slot.name) if row is not None else []


_SETTINGS = ("mode", "stride", "pad", "pool_height", "pool_width", "eps", "momentum", "p", "seed")
"""What the dicts of homework hold (``bn_param``, ``conv_param``), where the function itself looks up no key."""


def _for_key(key: str, world: World) -> Any:
    """What to put under a string key of a dict: ``conv_param["stride"]``, ``inputs["x"]``."""
    role = role_of(key, constructor=True) or "x"
    if key.lower() in ("x", "y", "z", "a") or role in ("in_size", "unknown", "activation"):
        role = "x"
    if key == "mode":
        return "train"
    found = candidates(Slot(key, role), world)
    return found[0] if found else _normal(world, key, world.x)


def _random(world: World, name: str) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(name.encode()), *world.x, world.M, world.H])


def _normal(world: World, name: str, shape: Sequence[int], scale: float = 1.0) -> Array:
    """Normal numbers; the first one is positive, which no mask of zeros survives."""
    values = np.asarray(_random(world, name).normal(0, scale, tuple(shape)))
    values.flat[0] = abs(values.flat[0]) + 0.1 * scale
    return values


def _x(world: World, name: str) -> list[Any]:
    if world.layout == "ids":
        return _ids(world, name)
    # A sequence may be of single numbers, and what goes with it may be one for each sample.
    more = [(world.N, world.T), (world.N, world.D)] if world.layout == "sequence" else []
    return [_normal(world, name, shape) for shape in (world.x, *more)]


def _ids(world: World, name: str) -> list[Any]:
    random = _random(world, name)
    both = random.integers(0, world.V, (world.N, world.T))
    one = both[:, 0].copy()
    both[-1, -1], one[-1] = both[0, 0], one[0]  # one comes twice: its gradients are summed
    return [both, one]


def _weight(world: World, name: str) -> list[Any]:
    D, M, C, F, k = world.D, world.M, world.C, world.F, world.k
    if world.layout in ("nchw", "chw"):
        shapes: list[tuple[int, ...]] = [(F, C, k, k), (C, C, k, k), (C, F, k, k), (k, k, C, F)]
    elif world.layout in ("nhwc", "hwc"):
        shapes = [(k, k, C, F), (F, k, k, C), (F, C, k, k), (k, k, C)]
    elif world.layout == "hw":
        shapes = [(k, k), (F, k, k)]
    elif world.layout == "ids":
        shapes = [(world.V, D)]
    elif world.layout == "scalar":
        shapes = [()]
    else:
        shapes = [(M, D), (D, M)] if world.out_first else [(D, M), (M, D)]
        shapes += [(D,), (1, D)]
        if world.gates > 1:
            shapes = [(D, world.gates * world.H), (D + world.H, world.gates * world.H), *shapes]
    return [_normal(world, name, shape, 0.6) for shape in shapes]


def _bias(world: World, name: str) -> list[Any]:
    M, D, C, F = world.M, world.D, world.C, world.F
    if world.image:
        shapes: list[tuple[int, ...]] = [(F,), (F, 1), (1, F, 1, 1), (C,), (1, 1, 1, F), ()]
    elif world.layout == "scalar":
        shapes = [()]
    elif world.layout in ("columns", "column"):
        shapes = [(M, 1), (D, 1), (M,)]
    else:
        shapes = [(M,), (1, M), (D,), (1, D), ()]
    return [_normal(world, name, shape, 0.6) for shape in shapes]


def _recurrent_bias(world: World, name: str) -> list[Any]:
    size = world.gates * world.H
    shapes = [(size,), (1, size), (size, 1)] if world.gates == 1 else [(size,), (world.H,), (1, size), (size, 1)]
    return [_normal(world, name, shape, 0.6) for shape in shapes]


def _per_feature(world: World, name: str) -> list[Any]:
    C, D = world.C, world.D
    if world.image:
        shapes: list[tuple[int, ...]] = [(C,), (1, C, 1, 1), (1, 1, 1, C)]
    else:
        shapes = [(D, 1), (D,)] if world.layout in ("columns", "column") else [(D,), (1, D), ()]
    return [_normal(world, name, shape, 0.3) + 1.0 for shape in shapes]


def _recurrent(world: World, name: str, first: int) -> list[Any]:
    size = world.gates * world.H
    shapes = [(first, size), (size, first)] if world.gates == 1 else [(first, size), (first, world.H), (size, first)]
    return [_normal(world, name, shape, 0.5) for shape in (reversed(shapes) if world.out_first else shapes)]


def _state(world: World, name: str) -> list[Any]:
    if world.layout == "ids":
        return [_normal(world, name, (world.N, world.D)), _normal(world, name, (world.N, world.H))]
    if world.layout in ("rows", "sequence", "scores"):
        return [_normal(world, name, (world.N, world.H))]
    shape: tuple[int, ...] = {"vector": (world.H,), "scalar": ()}.get(world.layout, (world.H, world.N))
    return [_normal(world, name, shape)]


def _labels(world: World, name: str) -> list[Any]:
    """Whole numbers, one-hot, or an array like the input; never random numbers that forget to sum to one."""
    if world.layout == "scalar":
        return [1.0]
    if world.layout == "scores":
        both = _binary(world, name, world.x)
        both[:2] = 0, 1
        return [both.astype(int), both]
    if world.layout in ("vector", "column"):
        one_hot = np.eye(world.D)[1]
        return [one_hot, 1, _normal(world, name, world.x)] if world.layout == "vector" else [one_hot.reshape(-1, 1)]
    random = _random(world, name)
    shape = (world.N, world.T) if world.layout in ("sequence", "ids") else (world.N,)
    whole = random.integers(0, world.classes, shape)
    whole.flat[:2] = [world.classes - 1, 0]
    one_hot = np.eye(world.classes)[whole]
    if world.layout == "columns":
        return [one_hot.T.copy(), whole, whole.reshape(1, -1), _binary(world, name, (1, world.N))]
    likes = [_binary(world, name, world.x), _binary(world, name, (world.N, 1))]
    return [whole, one_hot, *likes, np.minimum(whole, 1)]


def _binary(world: World, name: str, shape: tuple[int, ...]) -> Array:
    return (_random(world, name).random(shape) < 0.5).astype(float)


def _prediction(world: World, name: str) -> list[Any]:
    """Probabilities that sum to one over the classes: fit for a logarithm, and for a squared error as well."""
    axis = {"columns": 0, "column": 0, "nchw": 1}.get(world.layout, -1)
    if world.layout == "scalar":
        return [0.3]
    if world.layout == "scores":
        return [_random(world, name).uniform(0.1, 0.9, world.N)]
    values = np.exp(_normal(world, name, world.x if world.layout != "ids" else (world.N, world.D), 0.7))
    return [values / values.sum(axis=axis, keepdims=True)]


def _in_shape(world: World, name: str) -> list[Any]:
    if world.layout in ("rows", "sequence", "nchw", "nhwc"):
        return [world.x[1:], world.x, list(world.x[1:])]
    return [world.x, list(world.x)]


def _in_size(world: World, name: str) -> list[Any]:
    sizes: list[Any] = [world.inside]
    if world.image and world.entries != world.inside:
        sizes.append(world.entries)
    return [*sizes, world.x[1:] or (world.inside,)] if "shape" in name else sizes


_VALUES: dict[str, Callable[[World, str], list[Any]]] = {
    "x": _x,
    "y": lambda w, name: [*_x(w, name), *_labels(w, name)],
    "second": lambda w, name: [*_x(w, name), *_bias(w, name)],  # b beside a, where there is no weight
    "ids": _ids,
    "labels": _labels,
    "prediction": lambda w, name: [*_prediction(w, name), *_x(w, name)],
    "state": _state,
    "first_state": lambda w, name: [*(_x(w, name) if w.layout != "ids" else []), *_state(w, name)],
    "states": lambda w, name: [_normal(w, name, (w.N, w.T, w.H)), *_x(w, name)],
    "query": _x,
    "key": _x,
    "mask": lambda w, name: [
        _binary(w, name, shape) for shape in (w.x[:2] if w.layout in ("sequence", "ids") else w.x, (w.N,))
    ],
    "several": lambda w, name: [[_normal(w, "first", w.x), _normal(w, "second", w.x)]],
    "weight": _weight,
    "bias": _bias,
    "recurrent_bias": _recurrent_bias,
    "w_input": lambda w, name: [*_recurrent(w, name, w.D), *_weight(w, name)],
    "w_hidden": lambda w, name: _recurrent(w, name, w.H),
    "settings": lambda w, name: [{key: _for_key(key, w) for key in _SETTINGS}],
    "groups": lambda w, name: [2],
    "gamma": _per_feature,
    "beta": lambda w, name: [value - 0.8 for value in _per_feature(w, name)],
    "in_size": _in_size,
    "out_size": lambda w, name: [w.outside],
    "hidden": lambda w, name: [w.H],
    "hidden_list": lambda w, name: [[w.H]],
    "size_list": lambda w, name: [[w.D, w.H, w.M]],
    "vocab": lambda w, name: [w.V],
    "in_shape": _in_shape,
    "out_shape": lambda w, name: [(w.entries, 1), (w.N, w.entries), (w.entries,)],
    "kernel": lambda w, name: [w.k, (w.k, w.k)],
    "stride": lambda w, name: [1],
    "pad": lambda w, name: [0],
    "rate": lambda w, name: [0.3],
    "keep": lambda w, name: [0.6],
    "lr": lambda w, name: [0.01],
    "reg": lambda w, name: [0.1],
    "eps": lambda w, name: [1e-5],
    "momentum": lambda w, name: [0.9],
    "slope": lambda w, name: [0.1],
    "power": lambda w, name: [3],
    "delta": lambda w, name: [1.0],
    "axis": lambda w, name: [1],
    "seed": lambda w, name: [0],
    "rng": lambda w, name: [np.random.default_rng(0)],
    "heads": lambda w, name: [2],
    "time": lambda w, name: [w.T],
    "batch": lambda w, name: [w.N],
    "flag": lambda w, name: [not name.lower().endswith("test")],
    "mode": lambda w, name: ["train"],
    "optimizer": lambda w, name: [AnyOptimizer()],
    "unknown": lambda w, name: [w.inside, *_weight(w, name)[:2], 0.5],
}
