"""Loops that the trace unrolled, rolled up again: ``for j in range(n): grad[:, j] = dh[j] * x`` as one product."""

from __future__ import annotations

from backhand.compiling.rewrite.draft import Draft, sweep
from backhand.compiling.rewrite.keys import Places, expand, to_key
from backhand.compiling.rewrite.lanes import Lanes, merge, run_of
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
    run = run_of(keys[start : start + 2])
    if run is None:
        return start + 1
    item, places = run
    stop = start + 1
    while stop < len(keys) and forms[stop] == forms[start]:
        key, before = keys[stop], keys[stop - 1]
        here, there = key[item] if len(key) == len(before) else None, before[item]
        if not isinstance(here, int) or not isinstance(there, int) or here - there != places.step:
            break
        if (key[:item], key[item + 1 :]) != (before[:item], before[item + 1 :]):
            break
        stop += 1
    return stop


def _form(draft: Draft, position: int) -> list[str]:
    """What a value is made by, and its inputs: enough to tell one loop from the next."""
    node = draft.nodes[position]
    return [node.op, *(draft.nodes[i].op for i in node.inputs)]


def _write(draft: Draft, node: Node, array: int, puts: list[Node], keys: list[Places]) -> int | None:
    """One write into ``array`` in place of several."""
    run = run_of(keys)
    if run is not None and run[1].step < 0:
        run, puts = (run[0], run[1][::-1]), puts[::-1]
    lanes = merge(draft, node, [put.inputs[1] for put in puts])
    if run is None or lanes is None:
        return None
    item, places = run
    key = (*keys[0][:item], places, *keys[0][item + 1 :])
    at = sum(1 for place in key[:item] if not isinstance(place, int))
    rank = sum(1 for place in keys[0] if not isinstance(place, int))
    value = _with_axis(draft, node, lanes, at, rank)
    return draft.add(node, "put", array, value, key=to_key(key, node.shape))


def _with_axis(draft: Draft, node: Node, lanes: Lanes, at: int, rank: int) -> int:
    """The value of all lanes with the lanes' axis at ``at``, in front of, between or behind a lane's ``rank`` axes."""
    position = lanes.position
    shape = draft.nodes[position].shape
    if not shape:
        return position
    own = shape[:1] if lanes.own else (1,)
    row = shape[1:] if lanes.own else shape
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
