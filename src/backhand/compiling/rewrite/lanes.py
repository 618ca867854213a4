"""The same computation several times, on one place after the other, as one computation on all of them.

Each time is a lane. A value that all lanes share stays as it is; one that differs gets an axis in front, a lane a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from backhand.compiling.rewrite.draft import Draft
from backhand.compiling.rewrite.keys import Places, Run, expand, run_of, to_key
from backhand.graph import Node
from backhand.graph.ops import TABLE
from backhand.graph.ops.index import Slice, is_basic
from backhand.graph.ops.reduce import axes_of

__all__ = ["Lanes", "merge"]

REDUCTIONS = ("sum", "mean", "max", "min", "prod", "any", "all")
LARGEST = 1000
"""At most so many different operations are looked at; a loop's body is seldom longer."""


class Lanes(NamedTuple):
    """A value of all lanes: ``position`` in the draft, with an axis in front if ``own``: each lane has its own."""

    position: int
    own: bool


def merge(draft: Draft, like: Node, values: Sequence[int]) -> Lanes | None:
    """The values as rows of one, if all are made in the same way from shared values and from places in a row."""
    done: dict[tuple[int, ...], Lanes] = {}
    stack = [tuple(values)]
    while stack:
        lanes = stack[-1]
        if lanes in done:
            stack.pop()
            continue
        if len(done) > LARGEST:
            return None
        first = draft.nodes[lanes[0]]
        if all(i == lanes[0] for i in lanes):
            done[lanes] = Lanes(lanes[0], False)
            continue
        if any(not _alike(first, draft.nodes[i]) for i in lanes):
            return None
        row = _row_of_places(draft, like, lanes)
        if row is not None:
            done[lanes] = row
            continue
        if any(draft.nodes[i].params != first.params for i in lanes) or first.op == "constant" or not first.inputs:
            return None
        parts = [tuple(draft.nodes[i].inputs[k] for i in lanes) for k in range(len(first.inputs))]
        missing = [part for part in parts if part not in done]
        if missing:
            stack += missing
            continue
        made = _merged(draft, like, first, [done[part] for part in parts], len(lanes))
        if made is None:
            return None
        done[lanes] = made
    return done[tuple(values)]


def _alike(one: Node, two: Node) -> bool:
    return one.op == two.op and one[3:6] == two[3:6] and len(one.inputs) == len(two.inputs)


def _row_of_places(draft: Draft, like: Node, lanes: tuple[int, ...]) -> Lanes | None:
    """``x[0], x[1], x[2]`` as rows of x; ``x[0:9], x[1:10], x[2:11]`` as rows of x's windows."""
    nodes = [draft.nodes[i] for i in lanes]
    first = nodes[0]
    if first.op != "getitem" or len(first.inputs) != 1 or any(node.inputs != first.inputs for node in nodes):
        return None
    x = first.inputs[0]
    shape = draft.nodes[x].shape
    keys = [expand(node.param("key"), shape) for node in nodes]
    run = run_of(keys)
    if run is None:
        return None
    at = sum(1 for place in keys[0][: run.item] if not isinstance(place, int))
    rank = len(first.shape)
    if isinstance(run.first, int):
        places = range(run.first, run.first + run.turns * run.step, run.step)
        read = draft.add(like, "getitem", x, key=to_key(run.key(keys[0], places), shape))
        axes = (at, *(axis for axis in range(rank + 1) if axis != at))
    elif run.step > 0 and run.first.step > 0:
        read = _windows(draft, like, x, keys[0], run, at)
        axes = (at, *(rank if axis == at else axis for axis in range(rank)))
    else:
        return None
    return Lanes(draft.add(like, "transpose", read, axes=axes) if axes != tuple(range(rank + 1)) else read, True)


def _windows(draft: Draft, like: Node, x: int, key: Places, run: Run, at: int) -> int:
    """Windows of x along the axis ``at`` of what the key reads: there the lanes, and behind all axes a lane's own."""
    window = run.first
    assert isinstance(window, range)
    length = (len(window) - 1) * window.step + 1
    reach = range(window.start, window.start + (run.turns - 1) * run.step + length)
    shape = draft.nodes[x].shape
    region = draft.add(like, "getitem", x, key=to_key(run.key(key, reach), shape))
    views = draft.add(like, "sliding_window_view", region, axis=at, window_shape=length)
    every = Slice(None, None, None)
    rank = len(draft.nodes[region].shape)
    each = (
        *(Slice(None, None, run.step) if axis == at else every for axis in range(rank)),
        Slice(None, None, window.step),
    )
    return draft.add(like, "getitem", views, key=each)


def _merged(draft: Draft, like: Node, node: Node, parts: list[Lanes], count: int) -> Lanes | None:
    """One node for the same op of all lanes: ``node`` is the first lane's."""
    given = dict(node.params)
    inputs = [part.position for part in parts]
    lane = draft.nodes[node.inputs[0]]
    if not any(part.own for part in parts):
        return Lanes(draft.add(like, node.op, *inputs, **given), False)
    if node.op in TABLE and TABLE[node.op].elementwise:
        inputs = [_aligned(draft, like, part, len(node.shape)) for part in parts]
    elif node.op in REDUCTIONS and lane.shape:
        given["axis"] = tuple(axis + 1 for axis in axes_of(given.get("axis"), len(lane.shape)))
    elif node.op == "reshape" and given.get("order", "C") == "C":
        given["shape"] = (count, *node.shape)
    elif node.op == "transpose":
        given["axes"] = (0, *(axis + 1 for axis in given["axes"]))
    elif node.op == "broadcast_to":
        inputs = [_aligned(draft, like, parts[0], len(node.shape))]
        given["shape"] = (count, *node.shape)
    elif node.op == "getitem" and is_basic(given["key"]):
        given["key"] = (Slice(None, None, None), *given["key"])
    elif node.op == "matmul":
        return _product(draft, like, node, parts)
    elif node.op == "sliding_window_view" and isinstance(given["axis"], int):
        given["axis"] = given["axis"] % len(lane.shape) + 1
    elif node.op not in ("astype", "copy"):
        return None
    return Lanes(draft.add(like, node.op, *inputs, **given), True)


def _aligned(draft: Draft, like: Node, part: Lanes, rank: int) -> int:
    """A value whose rows have ``rank`` axes, so that the lanes' axis is in front of all of them."""
    shape = draft.nodes[part.position].shape
    if not part.own or len(shape) == rank + 1:
        return part.position
    return draft.add(like, "reshape", part.position, shape=(shape[0], *(1,) * (rank + 1 - len(shape)), *shape[1:]))


def _product(draft: Draft, like: Node, node: Node, parts: list[Lanes]) -> Lanes | None:
    """Vectors of all lanes, times one matrix, are a matrix times a matrix."""
    a, b = parts
    lanes = [draft.nodes[i] for i in node.inputs]
    vectors = [len(lane.shape) == 1 for lane in lanes]
    if a.own and not b.own and (vectors[0] or not vectors[1]):
        return Lanes(draft.add(like, "matmul", a.position, b.position), True)
    if b.own and not a.own and vectors[1] and len(lanes[0].shape) <= 2:
        if vectors[0]:
            return Lanes(draft.add(like, "matmul", b.position, a.position), True)
        turned = draft.add(like, "transpose", a.position, axes=(1, 0))
        return Lanes(draft.add(like, "matmul", b.position, turned), True)
    if a.own and b.own and all(vectors):
        return Lanes(draft.add(like, "sum", draft.add(like, "multiply", a.position, b.position), axis=(1,)), True)
    return None
