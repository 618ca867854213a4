"""From a graph to an ordered list of stages: which loops are run together, in which order, and in whose memory."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from backhand.compiling.expression import Load
from backhand.compiling.fold import Fold, fold_updates
from backhand.compiling.index import row_major
from backhand.compiling.kinds import Kinds, classify, may_fail
from backhand.compiling.legal import legal
from backhand.compiling.nest import Nest, arranged
from backhand.graph import Graph

__all__ = ["Plan", "Stage", "plan"]

MOST_NESTS = 16
"""As many nests share one set of loops at most: more would only run out of registers."""


@dataclass(eq=False)
class Unit:
    """What is scheduled as one: a nest, a product, a call of NumPy, or a copy back into a state's memory."""

    kind: str  # "nest", "product", "host" or "commit"
    node: int
    nest: Nest | None = None
    reads: list[tuple[int, Load | None]] = field(default_factory=list)  # (version, the load if it is an affine one)
    before: set[int] = field(default_factory=set)  # the units that must have run


@dataclass(eq=False)
class Stage:
    """One or more nests of the same extents, or one product, call or copy."""

    kind: str
    nodes: list[int]
    nests: list[Nest] = field(default_factory=list)


@dataclass(eq=False)
class Plan:
    """A graph's stages in order, and where each stored value lives.

    ``owner`` is the node whose memory a stored node's value is in: itself, or the state that it is the new value of.
    ``local`` are the nodes that never leave their stage's loops. ``commits`` are the states that are copied back at the
    end, because their old value is read until then.
    """

    graph: Graph
    kinds: Kinds
    strides: dict[int, tuple[int, ...]]
    owner: dict[int, int]
    folds: dict[int, Fold]
    stages: list[Stage] = field(default_factory=list)
    local: set[int] = field(default_factory=set)
    commits: dict[int, int] = field(default_factory=dict)  # state input -> node with the new value

    def version(self, position: int) -> int:
        """The stored node whose value a node's memory holds: a view's or reshape's source."""
        while self.kinds.kind[position] in ("view", "same"):
            position = self.graph.nodes[position].inputs[0]
        return position


def plan(graph: Graph) -> Plan:
    """Plan a graph: see :class:`Plan`."""
    copied: frozenset[int] = frozenset()
    while True:
        made = legal(graph, copied)
        planned, late = _try(made.graph)
        if not late:
            return planned
        copied = copied | {made.origin[position] for position in late}


def _try(graph: Graph) -> tuple[Plan, list[int]]:
    """Plan, and say which writes in place would come too early for a reader: they need a copy to write into."""
    kinds = classify(graph)
    folds = fold_updates(kinds)
    made = Plan(graph, kinds, {}, {}, folds)
    units = _units(made)
    readers: dict[int, list[Unit]] = defaultdict(list)
    for unit in units.values():
        for version, _ in unit.reads:
            readers[version].append(unit)
    writers, late = _writers(made, units, readers)
    _order(made, units, readers, writers)
    _schedule(made, units, readers, writers)
    _find_local(made, readers)
    for state in graph.state:
        if state.output is None or kinds.kind[state.output] == "number" or 0 in graph.nodes[state.output].shape:
            continue
        if made.owner[made.version(state.output)] != state.input:
            made.commits[state.input] = state.output
            made.stages.append(Stage("commit", [state.output]))
    return made, late


def _units(made: Plan) -> dict[int, Unit]:
    """One unit for each node that computes something in memory, by node."""
    graph, kinds = made.graph, made.kinds
    units: dict[int, Unit] = {}
    for position, node in enumerate(graph.nodes):
        kind = kinds.kind[position]
        if kind in ("memory", "host", "product", "same"):
            made.strides[position] = row_major(node.shape)
        if kind in ("map", "pick", "reduce", "scan", "dot", "put") and kinds.stored[position]:
            if kind == "put":
                made.strides[position] = made.strides[node.inputs[0]]
            nest = arranged(kinds, made.strides, position, kind == "put")
            unit = Unit("nest", position, nest)
            for load in nest.reads:
                if isinstance(load, Load):
                    unit.reads.append((made.version(load.node), load))
                else:
                    unit.reads.append((made.version(load.source), None))
            if kind == "put":
                unit.reads.append((made.version(node.inputs[0]), None))
        elif kind in ("product", "host"):
            unit = Unit(kind, position)
            unit.reads = [(made.version(i), None) for i in operands(made, position) if kinds.stored[i]]
        else:
            continue
        units[position] = unit
    return units


def operands(made: Plan, position: int) -> tuple[int, ...]:
    """The nodes whose memory a product or call reads."""
    fold = made.folds.get(position)
    inputs = made.graph.nodes[fold.product if fold else position].inputs
    return (*inputs, fold.base) if fold else inputs


def _writers(made: Plan, units: dict[int, Unit], readers: dict[int, list[Unit]]) -> tuple[dict[int, int], list[int]]:
    """Who overwrites whose memory: for each version the node that is written in its place.

    Allowed if every reader of the old value stands before it in the graph, or reads just the element that it writes.
    """
    graph, kinds, owner = made.graph, made.kinds, made.owner
    targets = {s.output: s.input for s in graph.state if s.output is not None}
    writers: dict[int, int] = {}
    late: list[int] = []
    for position, kind in enumerate(kinds.kind):
        if kinds.stored[position] and kind not in ("view", "same"):
            owner[position] = position
        if position not in units:
            continue
        if kind == "put":
            old = made.version(graph.nodes[position].inputs[0])
            owner[position] = owner[old]
        elif position in targets and kind != "host":
            old = targets[position]
        else:
            continue
        if all(_in_time(made, reader, position, old) for reader in readers[old]) and old not in writers:
            writers[old] = position
            owner[position] = owner[old]
        elif kind == "put":
            late.append(position)
    return writers, late


def _in_time(made: Plan, reader: Unit, writer: int, old: int) -> bool:
    if reader.node != writer:
        return reader.node < writer
    kind = made.kinds.kind[writer]
    if kind == "product":
        return old not in made.graph.nodes[made.folds[writer].product].inputs if writer in made.folds else False
    if kind == "put":
        return all(
            load is None or made.version(load.node) != old or not _moves(load, reader) for _, load in reader.reads
        )
    nest = reader.nest
    return kind == "map" and all(
        load is not None and nest is not None and load.place == nest.place
        for version, load in reader.reads
        if version == old
    )


def _moves(load: Load, unit: Unit) -> bool:
    assert unit.nest is not None
    return load.place != unit.nest.place


def _order(made: Plan, units: dict[int, Unit], readers: dict[int, list[Unit]], writers: dict[int, int]) -> None:
    for unit in units.values():
        unit.before = {version for version, _ in unit.reads if version in units}
    failing = [position for position in units if may_fail(made.graph, position)]
    for old, writer in writers.items():
        units[writer].before |= {reader.node for reader in readers[old] if reader.node != writer}
        if made.graph.nodes[old].op == "input":  # an error leaves the state as it was
            units[writer].before |= {position for position in failing if position < writer}


def _schedule(made: Plan, units: dict[int, Unit], readers: dict[int, list[Unit]], writers: dict[int, int]) -> None:
    """Take the first unit that is ready, and with it all that can share its loops."""
    written = {writer: old for old, writer in writers.items()}
    waiting = {position: len(unit.before) for position, unit in units.items()}
    after: dict[int, list[int]] = defaultdict(list)
    for position, unit in units.items():
        for earlier in unit.before:
            after[earlier].append(position)
    ready = {position for position, count in waiting.items() if count == 0}
    while ready:
        first = units[min(ready)]
        group = [first]
        _leave(first, ready, waiting, after)
        if first.nest is not None and first.nest.kind != "put":
            joined = True
            while joined and len(group) < MOST_NESTS:
                joined = False
                for position in sorted(ready):
                    if _joins(units[position], group, written):
                        group.append(units[position])
                        _leave(units[position], ready, waiting, after)
                        joined = True
                        break
        kind = "loops" if first.nest is not None else first.kind
        nests = [unit.nest for unit in group if unit.nest is not None]
        made.stages.append(Stage(kind, [unit.node for unit in group], nests))


def _leave(unit: Unit, ready: set[int], waiting: dict[int, int], after: dict[int, list[int]]) -> None:
    ready.discard(unit.node)
    for later in after[unit.node]:
        waiting[later] -= 1
        if waiting[later] == 0:
            ready.add(later)


def _joins(unit: Unit, group: list[Unit], written: dict[int, int]) -> bool:
    """Can it share the group's loops: does it read what they make, and overwrite what they read, in step with them?"""
    nest = unit.nest
    if nest is None or nest.kind == "put" or group[0].nest is None or nest.extents != group[0].nest.extents:
        return False
    members = {member.node: member for member in group}
    for version, load in unit.reads:
        if version in members:
            made = members[version].nest
            if load is None or made is None or made.kind not in ("map", "pick") or load.place != made.place:
                return False
    old = written.get(unit.node)
    if old is None:
        return True
    for member in group:
        for version, load in member.reads:
            if version == old and (load is None or load.place != nest.place or any(nest.reduced)):
                return False
    return True


def _find_local(made: Plan, readers: dict[int, list[Unit]]) -> None:
    graph, kinds = made.graph, made.kinds
    ends = {*graph.outputs, *(s.output for s in graph.state if s.output is not None)}
    kept = {made.version(i) for i in ends}
    for stage in made.stages:
        for position in stage.nodes:
            mine = kinds.kind[position] in ("map", "pick") and position not in kept
            if mine and all(reader.node in stage.nodes for reader in readers[position]):
                made.local.add(position)
