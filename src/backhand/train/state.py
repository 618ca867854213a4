"""A snapshot of everything that changes while training.

A snapshot is data alone: a table of nodes (what JSON can hold) and buffers (the memory of the arrays), so reading one
can't execute anything. ``restore`` takes it back into objects that the same code has built anew.

>>> import numpy as np
>>> snapshot = take({"W": np.array([1.0, 2.0]), "iteration": 3})
>>> snapshot.nodes[0]["keys"]
[['W', [1]], ['iteration', 3]]
>>> [buffer.view(float) for buffer in snapshot.buffers]
[array([1., 2.])]
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from backhand.train import memory, randomness
from backhand.train.memory import Array, Bytes
from backhand.train.objects import attributes, constant_name, has_attributes

Node = dict[str, Any]
"""One object. In a node a value is either a literal, standing for itself, or ``[index]``: the node of that index."""

LITERALS = (type(None), bool, int, float, str)


@dataclass
class Snapshot:
    """``nodes`` as JSON holds them, ``buffers`` of flat bytes; ``left_out``: the paths of what can't be kept."""

    nodes: list[Node] = field(default_factory=list)
    buffers: list[Bytes] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def take(root: dict[str, Any], unchanging: Sequence[Array] = ()) -> Snapshot:
    """A snapshot of all that can be reached from `root`.

    Taken are attributes and slots of instances, dicts, lists, deques, tuples, sets, numbers, strings, arrays, random
    generators, dtypes; one object or array at several places is one in the snapshot, and a view is a view.
    Code (functions, classes, modules) is only named. The arrays `unchanging` (the dataset) and views of them are not
    taken. The buffers are the living arrays' own memory: write them out before training goes on.
    """
    return _Taker(unchanging).take(root)


class _Taker:
    def __init__(self, unchanging: Sequence[Array]) -> None:
        self.unchanging = unchanging
        self.snapshot = Snapshot()
        # By id, each with the object itself: it stays alive, so its id stays its own.
        self.seen: dict[int, tuple[int, object]] = {}
        self.buffers: dict[int, tuple[int, object]] = {}
        self.pending: list[tuple[int, Any]] = []

    def take(self, root: dict[str, Any]) -> Snapshot:
        self.value(root, 0, "")
        while self.pending:  # no recursion: a chain of any length works
            self.fill(*self.pending.pop())
        return self.snapshot

    def value(self, value: object, parent: int, step: str) -> Any:
        """What stands for `value` in a node; `step` leads to it from the object whose node is `parent`."""
        if type(value) in LITERALS:
            return value
        if id(value) not in self.seen:
            index = len(self.snapshot.nodes)
            self.seen[id(value)] = index, value
            self.snapshot.nodes.append({"parent": parent, "step": step})
            self.pending.append((index, value))
        return [self.seen[id(value)][0]]

    def fill(self, index: int, value: Any) -> None:
        """Write what `value` is into its node."""
        node = self.snapshot.nodes[index]
        if memory.is_array(value):
            self.fill_array(index, value)
        elif isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
            node.update(kind="scalar", dtype=value.dtype.str, hex=value.tobytes().hex())
        elif kind := randomness.kind_of(value):
            node.update(kind="random", type=kind, state=randomness.state_of(value))
        elif isinstance(value, tuple):
            items = [self.value(v, index, f"[{i}]") for i, v in enumerate(value)]
            node.update(kind="tuple", type=type(value).__name__, items=items)
        elif type(value) in (set, frozenset) and all(type(v) in LITERALS for v in value):
            node.update(kind=type(value).__name__, items=list(value))
        elif type(value) in (bytes, bytearray):
            node.update(kind=type(value).__name__, hex=value.hex())
        elif type(value) is complex:
            node.update(kind="complex", items=[value.real, value.imag])
        elif isinstance(value, np.dtype) and value.kind in "biufcSU":
            node.update(kind="dtype", dtype=value.str)
        elif name := constant_name(value):
            node.update(kind="constant", type=name)
        elif isinstance(value, dict | list | deque) or (has_attributes(value) and not isinstance(value, _OPAQUE)):
            self.fill_object(index, value)
        else:
            self.leave_out(index, value)

    def fill_object(self, index: int, value: Any) -> None:
        node = self.snapshot.nodes[index]
        node.update(kind="object", type=type(value).__name__)
        if isinstance(value, dict):
            node["keys"] = [
                [key_node(k), self.value(v, index, f"[{k!r}]")] for k, v in value.items() if is_plain_key(k)
            ]
            self.snapshot.left_out += [
                f"{path_of(self.snapshot.nodes, index)}[{k!r}]" for k in value if not is_plain_key(k)
            ]
        elif isinstance(value, list | deque):
            node["items"] = [self.value(v, index, f"[{i}]") for i, v in enumerate(value)]
            node["maxlen"] = getattr(value, "maxlen", None)
        node["attributes"] = {name: self.value(v, index, f".{name}") for name, v in attributes(value).items()}

    def fill_array(self, index: int, array: Array) -> None:
        node, owner = self.snapshot.nodes[index], memory.owner(array)
        if any(np.may_share_memory(owner, data) for data in self.unchanging):
            node.update(kind="left out")
        elif (flat := memory.flat(owner)) is None:
            self.leave_out(index, array)
        else:
            if id(owner) not in self.buffers:
                self.buffers[id(owner)] = len(self.snapshot.buffers), owner
                self.snapshot.buffers.append(flat)
            node.update(kind="array", buffer=self.buffers[id(owner)][0], **memory.geometry(array))

    def leave_out(self, index: int, value: object) -> None:
        nodes = self.snapshot.nodes
        nodes[index].update(kind="left out")
        self.snapshot.left_out.append(f"{path_of(nodes, index)} ({type(value).__name__})")


def path_of(nodes: list[Node], index: int) -> str:
    """How code would reach a node's object: ``network.layers['Affine1'].W``; the middle of a long way is left out."""
    steps: list[str] = []
    while index:
        steps.append(nodes[index]["step"])
        index = nodes[index]["parent"]
    if len(steps) > 12:
        steps[6:-6] = ["..."]
    first, *others = reversed(steps)
    return first[2:-2] + "".join(others)  # the root is a dict: its keys are the names of what is kept


# They may have attributes, but these are not what they are made of.
_OPAQUE = (Enum, np.ndarray, set, frozenset, int, float, str, bytes)


def is_plain_key(key: object) -> bool:
    """Whether a dict's key is a literal, a NumPy scalar, or a tuple of such."""
    return type(key) in LITERALS or isinstance(key, np.generic) or (type(key) is tuple and all(map(is_plain_key, key)))


def key_node(key: Any) -> Any:
    """A plain key as JSON holds it: a tuple as a list, a NumPy scalar as a dict."""
    if type(key) in LITERALS:
        return key
    if type(key) is tuple:
        return [key_node(k) for k in key]
    return {"dtype": key.dtype.str, "hex": key.tobytes().hex()}


def key_value(node: Any) -> Any:
    """The way back from ``key_node``."""
    if isinstance(node, list):
        return tuple(map(key_value, node))
    return scalar_value(node) if isinstance(node, dict) else node


def scalar_value(node: Node) -> Any:
    """A NumPy scalar from its dtype and bytes."""
    return np.frombuffer(bytes.fromhex(node["hex"]), node["dtype"])[0]
