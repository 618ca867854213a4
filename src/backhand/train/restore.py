"""A snapshot's way back: into twins, the objects that the same code has built anew.

Nothing is constructed but plain containers, arrays and NumPy's generators; layers and functions are those that the
code itself built. So nothing read from disk is executed.

>>> import numpy as np
>>> from backhand.train.state import take
>>> old, new = {"W": np.array([1.0, 2.0])}, {"W": np.zeros(2)}
>>> old["alias"] = old["W"]
>>> restore(take(old), new)
>>> new["W"], new["alias"] is new["W"]
(array([1., 2.]), True)
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from backhand.errors import RunError
from backhand.train import memory, randomness
from backhand.train.memory import Array, Bytes
from backhand.train.objects import attributes, constant_name, delete_attribute, set_attribute
from backhand.train.state import Node, Snapshot, is_plain_key, key_value, path_of, scalar_value

_NEEDS_TWIN = ("constant", "object", "tuple")
_BUILT_HERE = ("dict", "OrderedDict", "list", "deque", "tuple")


class MissingTwinError(RunError):
    """The snapshot holds an object or a function that the newly built objects have not."""


def restore(snapshot: Snapshot, root: dict[str, Any]) -> None:
    """Fill `root`, built by the same code as the root that `snapshot` was taken of, with the values of then.

    An array is written in place where the twin has one of its dtype, shape and place in memory, so that every alias
    sees it. What was one array at several places is one again. What the twin lacks (lazily made arrays, dict entries,
    list items) is added; what it has too much is removed.
    Raises MissingTwinError, with nothing changed yet, for what only its own code can make.
    """
    _Restorer(snapshot, root).restore()


class _Restorer:
    def __init__(self, snapshot: Snapshot, root: dict[str, Any]) -> None:
        self.nodes, self.buffers, self.root = snapshot.nodes, snapshot.buffers, root
        self.twins: dict[int, Any] = {}  # node -> the living object that stands for it
        self.owners: dict[int, Array] = {}  # buffer -> the living array that stands for it
        # By id, and the objects are kept alive by `twins`:
        self.claimed: dict[int, object] = {}  # those that stand for a node
        self.buffer_of: dict[int, int] = {}  # owners, and the buffer that each stands for
        self.values: list[Any] = [None] * len(self.nodes)

    def restore(self) -> None:
        self.pair()
        self.require_twins()
        memories = [self.filled_memory(index) for index in range(len(self.buffers))]
        for index, node in enumerate(self.nodes):
            self.values[index] = self.value(node, self.twins.get(index), memories)
        for index in self.tuples_inner_first():
            self.values[index] = self.tuple_value(self.nodes[index], self.twins.get(index))
        for index, node in enumerate(self.nodes):
            if node["kind"] == "object":
                self.fill(self.values[index], node)

    def pair(self) -> None:
        """Walk through the snapshot and the living objects side by side, noting who stands for whom."""
        pending: list[tuple[Any, Any]] = [([0], self.root)]
        while pending:
            value, twin = pending.pop()
            if not isinstance(value, list) or value[0] in self.twins:
                continue
            node = self.nodes[value[0]]
            if self.fits(node, twin):
                self.twins[value[0]] = twin
                pending += _children(node, twin)

    def fits(self, node: Node, twin: Any) -> bool:
        kind = node["kind"]
        if kind == "constant":
            return bool(constant_name(twin) == node["type"])
        if id(twin) in self.claimed:  # stands for another node, with a value of its own
            return False
        if kind == "array":
            fit = memory.is_array(twin) and self.fits_array(node, twin)
        elif kind == "random":
            fit = randomness.kind_of(twin) == node["type"]
        elif kind == "tuple":
            fit = isinstance(twin, tuple) and type(twin).__name__ == node["type"]
        else:
            fit = kind == "object" and type(twin).__name__ == node["type"] and not constant_name(twin)
        if fit:
            self.claimed[id(twin)] = twin
        return fit

    def fits_array(self, node: Node, twin: Array) -> bool:
        owner, buffer = memory.owner(twin), int(node["buffer"])
        flat = memory.flat(owner)
        if flat is None or not flat.flags.writeable or flat.size != self.buffers[buffer].size:
            return False
        if any(node[key] != value for key, value in memory.geometry(twin).items()):
            return False
        if self.buffer_of.setdefault(id(owner), buffer) == buffer:
            self.owners.setdefault(buffer, owner)
        return self.owners.get(buffer) is owner

    def require_twins(self) -> None:
        missing = [
            f"{path_of(self.nodes, index)} ({node['type']})"
            for index, node in enumerate(self.nodes)
            if index not in self.twins and node["kind"] in _NEEDS_TWIN and node["type"] not in _BUILT_HERE
        ]
        if missing:
            raise MissingTwinError(
                f"the checkpoint holds {', '.join(missing[:3])}, which the newly built network has not; "
                "resume with the code that the run was started with"
            )

    def filled_memory(self, index: int) -> Bytes:
        """The memory of the living array that stands for a buffer, or new memory, filled with the buffer."""
        saved = self.buffers[index]
        flat = memory.flat(self.owners[index]) if index in self.owners else None
        if flat is None:
            return saved.copy()
        flat[...] = saved
        return flat

    def value(self, node: Node, twin: Any, memories: list[Bytes]) -> Any:
        """The object that a node becomes; containers are not filled yet, tuples not made."""
        match node["kind"]:
            case "array":
                return memory.view(memories[node["buffer"]], node) if twin is None else twin
            case "random":
                generator = randomness.new(node["type"]) if twin is None else twin
                randomness.set_state(generator, node["state"])
                return generator
            case "scalar":
                return scalar_value(node)
            case "dtype":
                return np.dtype(node["dtype"])
            case "set" | "frozenset" as kind:
                return set(node["items"]) if kind == "set" else frozenset(node["items"])
            case "bytes" | "bytearray" as kind:
                return (bytes if kind == "bytes" else bytearray).fromhex(node["hex"])
            case "complex":
                return complex(*node["items"])
            case "object" if twin is None:
                return _new_container(node)
            case _:
                return twin

    def tuples_inner_first(self) -> Iterator[int]:
        """The tuples, each after those that it holds: a tuple can't be filled later."""
        done: set[int] = set()
        for start, node in enumerate(self.nodes):
            pending = [start] if node["kind"] == "tuple" else []
            while pending:
                index = pending[-1]
                inner = [v[0] for v in self.nodes[index]["items"] if isinstance(v, list)]
                waiting = [i for i in inner if self.nodes[i]["kind"] == "tuple" and i not in done]
                pending += waiting
                if not waiting:
                    pending.pop()
                    if index not in done:
                        done.add(index)
                        yield index

    def tuple_value(self, node: Node, twin: Any) -> Any:
        old = twin or ()
        items = [self.resolved(v, old[i] if i < len(old) else None) for i, v in enumerate(node["items"])]
        if len(old) == len(items) and all(a is b for a, b in zip(items, old, strict=True)):
            return twin if twin is not None else ()
        return twin._make(items) if hasattr(twin, "_make") else tuple(items)

    def fill(self, value: Any, node: Node) -> None:
        old = attributes(value)
        for name, saved in node["attributes"].items():
            if not self.is_left_out(saved):
                set_attribute(value, name, self.resolved(saved, None))
        for name in old.keys() - node["attributes"].keys():
            delete_attribute(value, name)
        if "keys" in node:
            self.fill_dict(value, node)
        elif "items" in node:
            items = [self.resolved(v, value[i] if i < len(value) else None) for i, v in enumerate(node["items"])]
            value.clear()
            value.extend(items)

    def fill_dict(self, value: Any, node: Node) -> None:
        base = OrderedDict if isinstance(value, OrderedDict) else dict  # past a __setitem__ that does more than store
        items = {(key := key_value(k)): self.resolved(v, value.get(key)) for k, v in node["keys"]}
        items |= {key: v for key, v in value.items() if not is_plain_key(key)}
        base.clear(value)
        for key, item in items.items():
            base.__setitem__(value, key, item)

    def is_left_out(self, value: Any) -> bool:
        return isinstance(value, list) and self.nodes[value[0]]["kind"] == "left out"

    def resolved(self, value: Any, twin: Any) -> Any:
        """What a node's value stands for; for what was left out, what stands in its place now."""
        if not isinstance(value, list):
            return value
        return twin if self.is_left_out(value) else self.values[value[0]]


def _children(node: Node, twin: Any) -> Iterator[tuple[Any, Any]]:
    """Pairs of a node's values and what the twin has in their places."""
    if node["kind"] == "object":
        here = attributes(twin)
        yield from ((v, here[name]) for name, v in node["attributes"].items() if name in here)
    if "keys" in node and isinstance(twin, dict):
        yield from ((v, twin[key]) for k, v in node["keys"] if (key := key_value(k)) in twin)
    if "items" in node and isinstance(twin, tuple | list | deque):
        yield from zip(node["items"], twin, strict=False)


def _new_container(node: Node) -> Any:
    if node["type"] == "deque":
        return deque(maxlen=node["maxlen"])
    return {"dict": dict, "OrderedDict": OrderedDict, "list": list}[node["type"]]()
