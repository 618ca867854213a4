"""Nests of loops as C text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from backhand.compiling.c_names import Names, c_type, literal
from backhand.compiling.c_rules import Rule, letter, rule_of
from backhand.compiling.expression import Apply, Builder, Expression, Load, Number, Pick, Slot
from backhand.compiling.index import Affine
from backhand.compiling.kinds import may_fail
from backhand.compiling.nest import Nest, natural
from backhand.compiling.plan import Plan, Stage

__all__ = ["COUNTERS", "Access", "Loops", "Partial", "part_step", "write_loops"]

COUNTERS = "ijklmnopqrstuvwxyz"
LANES = 8
"""About how many elements the processor computes at once."""
LARGEST_PART = 2**12
"""Elements of a reduction that each task adds up for itself."""
LONG_SUM = 512
"""A float32 sum of more terms than this is added up in double."""


class Access(NamedTuple):
    """How a stage uses the memory of one owner.

    ``rows`` is how many elements belong to one turn of the outermost loop, if each turn keeps to its own: then parts of
    the loop may run at the same time. None if it doesn't.
    """

    owner: int
    rows: int | None
    written: bool


class Partial(NamedTuple):
    """A reduction over the outermost loop: each task has its own part of ``size`` elements, combined at the end."""

    owner: int
    size: int


@dataclass
class Loops:
    """A stage's loops as text: the body of a function of the outermost loop's range ``lo`` to ``hi``.

    ``before`` must run before all of the range, ``after`` when all of it is done. ``split`` tells whether parts of the
    range may run at the same time, ``extent`` how long it is; ``work`` is about how many cycles it takes.
    """

    body: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    extent: int = 1
    split: bool = True
    apart: bool = False  # parts write apart from each other, but not by rows
    work: float = 0.0
    accesses: list[Access] = field(default_factory=list)
    partials: list[Partial] = field(default_factory=list)
    helpers: dict[str, str] = field(default_factory=dict)  # functions that the body calls, by name
    names: Set[str] = frozenset()  # of its own, that no one else sees
    fails: bool = False  # it reads at places that may be out of range: nothing after it may have run before
    by_task: bool = False  # each task leaves something of its own: all of them must run, if only one after the other


class Atom(NamedTuple):
    """A value as C text that may stand anywhere, and how many loops must be open around it."""

    text: str
    level: int


def write_loops(
    plan: Plan, stage: Stage, buffers: dict[int, str], slots: dict[int, str], names: Names, tasks: int
) -> Loops:
    """The C text of a stage, of which at most ``tasks`` parts run at the same time.

    ``buffers`` names each owner's memory, ``slots`` each Python number; ``names`` gave both their names.
    """
    return _Writer(plan, stage, buffers, slots, names, tasks).write()


class _Writer:
    def __init__(
        self, plan: Plan, stage: Stage, buffers: dict[int, str], slots: dict[int, str], names: Names, tasks: int
    ) -> None:
        self.tasks = tasks
        self.plan, self.graph, self.buffers, self.slots = plan, plan.graph, buffers, slots
        builder = Builder(plan.kinds, plan.strides, len(stage.nests[0].extents))
        self.nests = [natural(plan.kinds, plan.strides, nest, builder) for nest in stage.nests]
        self.kept = _kept_loops(self.nests)
        self.depth = len(self.kept)
        self.names = Names(names)
        self.lines: list[list[str]] = [[] for _ in range(self.depth + 1)]  # before the loop of that depth
        self.ends: list[list[str]] = [[] for _ in range(self.depth + 1)]  # after it
        self.loops = Loops()
        self.atoms: dict[int, Atom] = {}  # by id of an expression, which the nests keep alive
        self.made: dict[int, Atom] = {}  # by node: the value of a nest of this stage
        self.overwritten = {plan.owner[n] for n in stage.nodes if n not in plan.local}
        self.part_pointers: list[str] = []
        self.clauses: list[str] = []
        self.serial = False

    # -- the whole ----------------------------------------------------------------------------------------------------

    def write(self) -> Loops:
        for nest in self.nests:
            if nest.kind in ("map", "pick"):
                self._map(nest)
            elif nest.kind == "put":
                self._put(nest)
            elif nest.kind == "scan":
                self._scan(nest)
            elif self.graph.nodes[nest.node].op in ("argmax", "argmin"):
                self._best(nest)
            else:
                self._reduction(nest)
        extents = [extent for _, extent in self.kept]
        body = self.part_pointers
        for depth in range(self.depth):
            pad = "    " * depth
            body += [pad + line for line in self.lines[depth]]
            if depth == self.depth - 1 and not self.serial:
                body.append(pad + " ".join(["#pragma omp simd", *self.clauses]))
            first, last = ("lo", "hi") if depth == 0 else ("0", str(extents[depth]))
            c = COUNTERS[depth]
            body.append(f"{pad}for (int64_t {c} = {first}; {c} < {last}; {c}++) {{")
        body += ["    " * self.depth + line for line in self.lines[self.depth]]
        for depth in range(self.depth - 1, -1, -1):
            body.append("    " * depth + "}")
            body += ["    " * depth + line for line in self.ends[depth]]
        if not self.depth:
            body += self.ends[0]
        self.loops.body = body
        self.loops.names = self.names.made
        self.loops.extent = extents[0] if extents else 1
        self.loops.split = self.loops.split and bool(extents) and not self.serial
        self.loops.accesses = [access for nest in self.nests for access in self._accesses(nest)]
        self.loops.work = math.prod(extents) * self._cost() / LANES
        return self.loops

    def _cost(self) -> float:
        """About how many cycles a vector of elements takes."""
        dear = sum(not self.plan.kinds.recipes[n].cheap for n in self._operations())
        return 3.0 * len(self.nests) + 20.0 * dear

    def _operations(self) -> set[int]:
        stack, found = [v for nest in self.nests for v in nest.values], set()
        while stack:
            item = stack.pop()
            if isinstance(item, Apply) and item.node not in found:
                found.add(item.node)
                stack += item.arguments
        return found

    def _accesses(self, nest: Nest) -> Iterator[Access]:
        for read in nest.reads:
            version = self.plan.version(read.node if isinstance(read, Load) else read.source)
            if version not in self.plan.local:
                yield Access(
                    self.plan.owner[version], self._rows(read.place) if isinstance(read, Load) else None, False
                )
        if nest.node not in self.plan.local:
            alone = not nest.terms and not (self.kept and nest.reduced[self.kept[0][0]])
            yield Access(self.plan.owner[nest.node], self._rows(nest.place) if alone else None, True)

    def _rows(self, place: Affine) -> int | None:
        if not self.kept:
            return None
        step = place[self.kept[0][0] + 1]
        inner = [place[loop + 1] * (extent - 1) for loop, extent in self.kept[1:]]
        low, high = place[0] + sum(min(0, n) for n in inner), place[0] + sum(max(0, n) for n in inner)
        return step if step > 0 and low >= 0 and high < step else None

    def _place(self, place: Affine) -> str:
        terms = [
            f"{'' if place[loop + 1] == 1 else f'{place[loop + 1]} * '}{COUNTERS[depth]}"
            for depth, (loop, _) in enumerate(self.kept)
            if place[loop + 1]
        ]
        if place[0] or not terms:
            terms.append(str(place[0]))
        return " + ".join(terms).replace("+ -", "- ")

    def _level(self, place: Affine) -> int:
        return max((depth + 1 for depth, (loop, _) in enumerate(self.kept) if place[loop + 1]), default=0)

    # -- values -------------------------------------------------------------------------------------------------------

    def atom(self, item: Expression) -> Atom:
        """A value as a name or literal; what computes it is written at the outermost place where it is known."""
        key = id(item)
        if key not in self.atoms:
            self.atoms[key] = self._atom(item)
        return self.atoms[key]

    def _atom(self, item: Expression) -> Atom:
        if isinstance(item, Number):
            return Atom(literal(item.value, item.dtype), 0)
        if isinstance(item, Slot):
            return Atom(f"p->{self.slots[item.node]}", 0)
        if isinstance(item, Load):
            if item.node in self.made:
                return self.made[item.node]
            return self._load(item)
        if isinstance(item, Pick):
            return self._pick(item)
        node = self.graph.nodes[item.node]
        made = self.plan.kinds.recipes[item.node]
        if node.op == "full":
            return Atom(self.cast(item.arguments[0], item.dtype).text, 0)
        atoms = [self.cast(a, dtype) for a, dtype in zip(item.arguments, made.operands, strict=True)]
        operand = made.operands[-1]
        code = re.sub(r"\b([a-z]\w*)\(", rf"bh_\1_{letter(operand)}(", made.text)
        text = code.format(*(a.text for a in atoms))
        if made.text == "{0}" and operand == item.dtype:
            return atoms[0]
        return self.name(text, item.dtype, max(a.level for a in atoms), self.graph.labels[item.node])

    def name(self, text: str, dtype: np.dtype[Any], level: int, wish: str) -> Atom:
        """A constant for a value."""
        name = self.names.new(wish)
        self.lines[level].append(f"const {c_type(dtype)} {name} = {text};")
        return Atom(name, level)

    def cast(self, item: Expression, dtype: np.dtype[Any]) -> Atom:
        """A value in the dtype in which an operation takes it."""
        if isinstance(item, Number):
            return Atom(literal(item.value, dtype), 0)
        atom = self.atom(item)
        if item.dtype == dtype:
            return atom
        return Atom(f"({c_type(dtype)}){atom.text}", atom.level)

    def _load(self, item: Load) -> Atom:
        buffer = self.buffers[self.plan.owner[self.plan.version(item.node)]]
        text, level = f"{buffer}[{self._place(item.place)}]", self._level(item.place)
        if self.plan.owner[self.plan.version(item.node)] in self.overwritten:
            return self.name(text, item.dtype, level, f"old_{buffer}")  # before it is
        return Atom(text, level)

    def _pick(self, item: Pick) -> Atom:
        self.serial = True
        text, level = self._picked(item.place, item.terms)
        buffer = self.buffers[self.plan.owner[self.plan.version(item.source)]]
        return self.name(f"{buffer}[{text}]", item.dtype, level, self.graph.labels[item.node])

    def _picked(self, place: Affine, terms: tuple[tuple[Expression, int, int], ...]) -> tuple[str, int]:
        self.loops.fails = self.loops.fails or any(may_fail(self.graph, nest.node) for nest in self.nests)
        parts, level = [self._place(place)] if any(place) else [], self._level(place)
        for index, extent, stride in terms:
            atom = self.atom(index)
            level = max(level, atom.level)
            parts.append(f"{'' if stride == 1 else f'{stride} * '}bh_place({atom.text}, {extent}, &p->error)")
        return " + ".join(parts), level

    # -- what nests do ------------------------------------------------------------------------------------------------

    def _map(self, nest: Nest) -> None:
        node = self.graph.nodes[nest.node]
        atom = self.atom(nest.values[0])
        if "[" in atom.text:  # a load: what reads this value must not load again after a store
            atom = self.name(atom.text, node.dtype, atom.level, self.graph.labels[nest.node])
        self.made[nest.node] = atom
        if nest.node not in self.plan.local:
            buffer = self.buffers[self.plan.owner[nest.node]]
            self.lines[self.depth].append(f"{buffer}[{self._place(nest.place)}] = {atom.text};")

    def _put(self, nest: Nest) -> None:
        node = self.graph.nodes[nest.node]
        value = self.cast(nest.values[0], node.dtype)
        buffer = self.buffers[self.plan.owner[nest.node]]
        if nest.terms or node.op == "add_at":
            self.serial = True
        place = self._picked(nest.place, nest.terms)[0] if nest.terms else self._place(nest.place)
        how = "+=" if node.op == "add_at" else "="
        self.lines[self.depth].append(f"{buffer}[{place}] {how} {value.text};")

    def _scan(self, nest: Nest) -> None:
        """A cumulative sum or product: each element goes on from the one before it along the axis."""
        node = self.graph.nodes[nest.node]
        value = self.cast(nest.values[0], node.dtype).text
        buffer = self.buffers[self.plan.owner[nest.node]]
        target = f"{buffer}[{self._place(nest.place)}]"
        along = next((depth for depth, (loop, _) in enumerate(self.kept) if nest.number[loop + 1]), None)
        if along is not None:
            before = f"{buffer}[{self._place(nest.place)} - {nest.place[self.kept[along][0] + 1]}]"
            value = f"{COUNTERS[along]} > 0 ? {before} {'+' if node.op == 'cumsum' else '*'} {value} : {value}"
            self.serial = self.serial or along == self.depth - 1
            self.loops.split = self.loops.split and along > 0
        self.lines[self.depth].append(f"{target} = {value};")

    def _reduction(self, nest: Nest) -> None:
        node = self.graph.nodes[nest.node]
        rule = rule_of(node.op)
        flags = [nest.reduced[loop] for loop, _ in self.kept]
        first = self.depth  # the first of the innermost loops that are all summed over
        while first and flags[first - 1]:
            first -= 1
        terms = math.prod(extent for (_, extent), gone in zip(self.kept, flags, strict=True) if gone)
        inner = math.prod(extent for _, extent in self.kept[first:])
        operands = [self.cast(v, _operand(node.op, v, node.dtype)).text for v in nest.values]
        shared = bool(flags) and flags[0] and self.tasks > 1
        size = math.prod(node.shape)
        part = shared and size <= LARGEST_PART
        self.loops.split = self.loops.split and (part or not (flags and flags[0]))
        buffer = memory = self.buffers[self.plan.owner[nest.node]]
        if part:
            self.loops.partials.append(Partial(self.plan.owner[nest.node], size))
            self.loops.by_task = True
            memory = self.names.new(f"{buffer}_part")
            own = f"{buffer}_parts + task * {part_step(size, node.dtype)}"
            self.part_pointers.append(f"{c_type(node.dtype)} *restrict {memory} = {own};")
        target = f"{memory}[{self._place(nest.place)}]"
        outer = any(flags[:first])
        begin = self.lines[0] if part else self.loops.before
        if first == self.depth and self.depth:
            self._start(nest, rule, begin, memory)
            self.lines[self.depth].append(rule.into(target, operands, node.dtype))
        else:
            wide = node.dtype.char == "f" and inner > LONG_SUM and node.op in ("sum", "mean")
            dtype = np.dtype(np.float64) if wide else node.dtype
            name = self.names.new("acc")
            self.lines[first].append(f"{c_type(dtype)} {name} = {literal(rule.start(node.dtype), dtype)};")
            if self.depth:
                self.clauses.append(f"reduction({rule.operator}:{name})")
            line = rule.step(name, operands, dtype)
            result = name
            if rule.operator in ("max", "min") and node.dtype.kind == "f":
                nan = self.names.new("nan")
                self.lines[first].append(f"int {nan} = 0;")
                if self.depth:
                    self.clauses.append(f"reduction(|:{nan})")
                self.lines[self.depth].append(f"{nan} |= {operands[0]} != {operands[0]};")
                result = f"({nan} ? NAN : {name})"
            self.lines[self.depth].append(line)
            if outer:
                self._start(nest, rule, begin, memory)
                self.ends[first].append(rule.into(target, [result], node.dtype))
            else:
                last = f" / {literal(terms, node.dtype)}" if node.op == "mean" and not part else ""
                self.ends[first].append(f"{target} = {result}{last};")
        if part:
            self._combine(nest, rule, buffer, size)
        if node.op == "mean" and (part or outer or (first == self.depth and self.depth)):
            self.loops.after.append(_each(size, f"{buffer}[i] /= {literal(terms, node.dtype)};"))

    def _start(self, nest: Nest, rule: Rule, lines: list[str], memory: str) -> None:
        node = self.graph.nodes[nest.node]
        lines.append(_each(math.prod(node.shape), f"{memory}[i] = {literal(rule.start(node.dtype), node.dtype)};"))

    def _combine(self, nest: Nest, rule: Rule, buffer: str, size: int) -> None:
        """Put the tasks' parts together, always in the same order."""
        dtype = self.graph.nodes[nest.node].dtype
        step = rule.join(f"{buffer}[i]", f"{buffer}_parts[task * {part_step(size, dtype)} + i]", dtype)
        self.loops.after.append(_each(size, f"{buffer}[i] = {buffer}_parts[i];"))
        self.loops.after.append(f"for (int64_t task = 1; task < {self.tasks}; task++)")
        self.loops.after.append("    " + _each(size, step))

    def _best(self, nest: Nest) -> None:
        """argmax and argmin: the first of the largest, or the first NaN."""
        node = self.graph.nodes[nest.node]
        self.serial = True
        item = nest.values[0]
        value = self.atom(item)
        flags = [nest.reduced[loop] for loop, _ in self.kept]
        target = f"{self.buffers[self.plan.owner[nest.node]]}[{self._place(nest.place)}]"
        if True not in flags:  # along an axis of length 1
            self.lines[self.depth].append(f"{target} = 0;")
            return
        first = flags.index(True)
        best, number = self.names.new("best"), self.names.new("number")
        self.lines[first] += [f"{c_type(item.dtype)} {best} = 0;", f"int64_t {number} = -1;"]
        better = ">" if node.op == "argmax" else "<"
        nan = f" || ({value.text} != {value.text} && {best} == {best})" if item.dtype.kind == "f" else ""
        self.lines[self.depth].append(
            f"if ({number} < 0 || {value.text} {better} {best}{nan}) "
            f"{{ {best} = {value.text}; {number} = {self._place(nest.number)}; }}"
        )
        self.ends[first].append(f"{target} = {number};")
        self.loops.split = self.loops.split and first > 0


def part_step(size: int, dtype: np.dtype[Any]) -> int:
    """How far apart the tasks' parts of a reduction lie, in elements: no two in one cache line."""
    line = 64 // dtype.itemsize
    return -(-size // line) * line


def _each(size: int, statement: str) -> str:
    return f"for (int64_t i = 0; i < {size}; i++) {statement}"


def _operand(op: str, value: Expression, dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(bool) if op in ("any", "all") else dtype


def _kept_loops(nests: list[Nest]) -> list[tuple[int, int]]:
    """The loops as (number, extent), neighbours that run through memory as one merged.

    A merged pair keeps the inner one's number, with both extents.
    """
    places: list[Affine] = []
    for nest in nests:
        places += [nest.place, *(read.place for read in nest.reads)] + ([nest.number] if nest.number else [])
    kept: list[tuple[int, int]] = []
    for loop, extent in enumerate(nests[0].extents):
        if kept:
            outer, above = kept[-1]
            same = all(nest.reduced[outer] == nest.reduced[loop] for nest in nests)
            if same and all(place[outer + 1] == place[loop + 1] * extent for place in places):
                kept[-1] = (loop, above * extent)
                continue
        kept.append((loop, extent))
    return kept
