"""Loops that the trace unrolled, rolled up again: ``for j in range(n): grad[:, j] = dh[j] * x`` as one product."""

from __future__ import annotations

from backhand.compiling.rewrite.draft import Draft, sweep
from backhand.compiling.rewrite.keys import Places, Run, expand, pace, run_of, to_key
from backhand.compiling.rewrite.lanes import Lanes, merge
from backhand.graph import Graph, Node
from backhand.graph.ops.index import is_basic

__all__ = ["reroll"]

FEWEST = 2
"""A loop of fewer turns is none."""


def reroll(graph: Graph) -> Graph:
    """Do at once what a loop did place by place.

    - Writes to one place after the other, ``grad[:, j] = dh[j] * x`` for all j: one write of ``dh[:, None] * x``.
    - Values put together one by one, ``np.array([f(x[0]), f(x[1]), f(x[2])])``: f of x's rows.
    - Numbers added up one by one, ``loss += f(x[i])``: one sum.

    Each turn of the loop must do the same to places at an even pace, and read nothing that another turn wrote.
    Exact, but for the order in which products and sums of several turns add.
    """

    def rule(draft: Draft, node: Node) -> int | None:
        if node.op == "put" and is_basic(node.param("key")):
            readers = graph.consumers[draft.old]
            if len(readers) == 1 and graph.nodes[readers[0]].op == "put":
                return None  # not the last write of the loop
            return _writes(draft, node)
        if node.op == "concatenate" and len(node.inputs) >= FEWEST:
            return _parts(draft, node)
        if node.op == "add" and not node.shape:
            readers = graph.consumers[draft.old]
            if len(readers) == 1 and graph.nodes[readers[0]].op == "add":
                return None  # not the last term
            return _terms(draft, node)
        return None

    return sweep(graph, rule)


def _writes(draft: Draft, node: Node) -> int | None:
    """Roll up each run of writes to places at an even pace; the last write of a chain is ``node``."""
    chain = [node]
    while draft.nodes[chain[-1].inputs[0]].op == "put" and draft.readers[chain[-1].inputs[0]] == 1:
        before = draft.nodes[chain[-1].inputs[0]]
        if not is_basic(before.param("key")):
            break
        chain.append(before)
    chain.reverse()
    keys = [expand(put.param("key"), node.shape) for put in chain]
    forms = [_form(draft, put.inputs[1]) for put in chain]
    array = chain[0].inputs[0]
    changed = False
    start = 0
    while start < len(chain):
        stop = _end_of_run(keys, forms, start)
        rolled = _write(draft, node, array, chain[start:stop], keys[start:stop]) if stop - start >= FEWEST else None
        if rolled is None:
            for put in chain[start:stop]:
                array = draft.append(put._replace(inputs=(array, put.inputs[1])))
        else:
            array, changed = rolled, True
        start = stop
    return array if changed else None


def _end_of_run(keys: list[Places], forms: list[list[str]], start: int) -> int:
    """Where a run of writes to places at an even pace, of values of one form, ends."""
    stop = start + 1
    step = pace(keys[start], keys[stop]) if stop < len(keys) else None
    while step is not None and stop < len(keys) and forms[stop] == forms[start]:
        if pace(keys[stop - 1], keys[stop]) != step:
            break
        stop += 1
    return stop


def _form(draft: Draft, position: int) -> list[str]:
    """What a value is made by, and its inputs: enough to tell one loop from the next."""
    node = draft.nodes[position]
    return [node.op, *(draft.nodes[i].op for i in node.inputs)]


def _write(draft: Draft, node: Node, array: int, puts: list[Node], keys: list[Places]) -> int | None:
    """One write into ``array`` in place of several."""
    if (moving := pace(keys[0], keys[1])) is not None and moving[1] < 0:
        puts, keys = puts[::-1], keys[::-1]
    run = run_of(keys)
    if run is None or not (isinstance(run.first, int) or _is_tile(run.first, run)):
        return None
    lanes = merge(draft, node, [put.inputs[1] for put in puts])
    if lanes is None:
        return None
    at = sum(1 for place in keys[0][: run.item] if not isinstance(place, int))
    slot = tuple(1 if place is None else len(place) for place in keys[0] if not isinstance(place, int))
    if isinstance(run.first, int):
        value = _with_axis(draft, node, lanes, at, len(slot))
        places = range(run.first, run.first + run.turns * run.step, run.step)
    else:
        value, places = _tiles(draft, node, lanes, at, slot, run.first, run)
    return draft.add(node, "put", array, value, key=to_key(run.key(keys[0], places), node.shape))


def _is_tile(first: range, run: Run) -> bool:
    """Do the slices lie side by side (``out[5 * i : 5 * i + 5]``) or interleaved (``out[i::3]``), without a gap?"""
    if len(first) == 1 or run.step <= 0:
        return False
    return (first.step == 1 and run.step == len(first)) or first.step == run.step * run.turns


def _tiles(
    draft: Draft, node: Node, lanes: Lanes, at: int, slot: tuple[int, ...], first: range, run: Run
) -> tuple[int, range]:
    """The value of all lanes as it lies in the array, and its places along the axis on which the slices lie."""
    side_by_side = first.step == 1 and run.step == len(first)
    axis = at if side_by_side else at + 1
    value = _with_axis(draft, node, lanes, axis, len(slot))
    whole = (*slot[:axis], run.turns, *slot[axis:])
    if draft.nodes[value].shape != whole:
        value = draft.add(node, "broadcast_to", value, shape=whole)
    length = run.turns * len(first)
    value = draft.add(node, "reshape", value, shape=(*slot[:at], length, *slot[at + 1 :]))
    step = 1 if side_by_side else run.step
    return value, range(first.start, first.start + step * length, step)


def _with_axis(draft: Draft, node: Node, lanes: Lanes, at: int, rank: int) -> int:
    """The value of all lanes with the lanes' axis at ``at``, in front of, between or behind a lane's ``rank`` axes."""
    position = lanes.position
    shape = draft.nodes[position].shape
    if not shape:
        return position
    own = shape[:1] if lanes.own else (1,)
    row = shape[1:] if lanes.own else shape
    row = row[max(0, len(row) - rank) :]  # NumPy takes a value with more axes of length 1 in front
    wide = (*own, *(1,) * (rank - len(row)), *row)
    if wide != shape:
        position = draft.add(node, "reshape", position, shape=wide)
    axes = (*range(1, at + 1), 0, *range(at + 1, rank + 1))
    return draft.add(node, "transpose", position, axes=axes) if at else position


def _parts(draft: Draft, node: Node) -> int | None:
    shapes = {draft.nodes[i].shape for i in node.inputs}
    lanes = merge(draft, node, node.inputs) if len(shapes) == 1 else None
    if lanes is None or not lanes.own:
        return None
    rank = len(node.shape)
    at = node.param("axis") % rank
    axes = (*range(1, at + 1), 0, *range(at + 1, rank + 1))
    return draft.add(node, "reshape", draft.add(node, "transpose", lanes.position, axes=axes), shape=node.shape)


def _terms(draft: Draft, node: Node) -> int | None:
    """A sum of numbers, all made in the same way, from the second term on."""
    terms = [node.inputs[1]]
    first = node.inputs[0]
    while draft.nodes[first].op == "add" and draft.readers[first] == 1 and draft.same(first, node):
        first, term = draft.nodes[first].inputs
        terms.append(term)
    if len(terms) < FEWEST or any(not draft.same(i, node) or draft.nodes[i].weak for i in terms):
        return None
    terms.reverse()
    if not draft.nodes[first].weak and draft.same(first, node):
        lanes = merge(draft, node, [first, *terms])
        if lanes is not None and lanes.own:
            return draft.add(node, "sum", lanes.position)
    lanes = merge(draft, node, terms)
    if lanes is None or not lanes.own:
        return None
    return draft.add(node, "add", first, draft.add(node, "sum", lanes.position))
