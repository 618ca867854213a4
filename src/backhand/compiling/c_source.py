"""The whole C program of a plan: one function for each stage, one for each region, and those that Python calls."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field
from importlib.resources import files

from backhand.compiling.blas import Blas
from backhand.compiling.c_functions import AFTER, BEFORE, LOOPS, Form, Function, c_function, form, same_for
from backhand.compiling.c_loops import Access, Loops, part_step, write_loops
from backhand.compiling.c_names import CHOICE, Names, c_type, identifier, where
from backhand.compiling.c_numbers import write_numbers
from backhand.compiling.c_products import blas_fits, is_small, write_product
from backhand.compiling.c_sparse import gather_sparse, write_sparse
from backhand.compiling.plan import Plan, Stage
from backhand.compiling.recipe import in_c
from backhand.compiling.regions import Region, is_large, regions
from backhand.compiling.sparse import Sparse, find_sparse
from backhand.graph import Node

__all__ = ["HEADERS", "Source", "computed", "in_memory", "write_source"]

HEADERS = ("elementwise.h", "blas.h", "product.h", "feed.h", "sparse.h", "workers.h", "epoch.h")


@dataclass
class Source:
    """A program's C text, and what Python must know to call it.

    ``fields`` are the step structure's members in order, 8 bytes each: ``("memory", owner)`` for an array's address,
    ``("parts", owner)`` for that of the tasks' parts of a reduction, ``("number", node)``, and ``(name, 0)`` for what
    every program has. ``parts`` are what a step consists of: native parts by number, and stages that NumPy does.
    ``groups`` are the stages, by index, that run as one region, in order.
    """

    text: str = ""
    fields: list[tuple[str, int]] = field(default_factory=list)
    parts: list[int | Stage] = field(default_factory=list)
    groups: list[list[int]] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)  # of the stages' functions, by index; some are shared
    feeds: dict[int, int] = field(default_factory=dict)  # by input: the number of its feed
    sizes: dict[int, int] = field(default_factory=dict)  # by owner: elements of all tasks' parts
    sparse: Sparse | None = None
    threads: int = 1
    tasks: int = 1  # of a region


LONG = 2e6
"""Cycles of a long stage."""


def write_source(plan: Plan, blas: Blas | None, threads: int) -> Source:
    """The C program of a plan, for so many threads at most."""
    return _Writer(plan, blas, threads).write()


class _Writer:
    def __init__(self, plan: Plan, blas: Blas | None, threads: int) -> None:
        self.plan, self.graph, self.blas = plan, plan.graph, blas
        self.tasks = threads
        self.sparse = find_sparse(plan) if blas is not None else None
        self.source = Source(sparse=self.sparse)
        self.names = Names()
        self.buffers: dict[int, str] = {}
        self.slots: dict[int, str] = {}
        self.loops: dict[int, Loops] = {}  # by stage; those of the feeds are -1 - their number
        self.types: dict[str, str] = {}  # of the step's arrays, by name
        self.forms: dict[int, Form] = {}
        self.sharing: dict[tuple[object, ...], list[int]] = defaultdict(list)  # by a form's key: its stages
        self.written: dict[tuple[object, ...], Function] = {}  # likewise
        self.functions: list[str] = []
        self.calls: list[list[str]] = []  # of each native part
        self.helpers: set[str] = set()

    def write(self) -> Source:
        self._name_members()
        self._write_loops()
        self._share()
        native = [-1 - number for number in self.source.feeds.values()]
        for index, stage in enumerate(self.plan.stages):
            if self.is_native(stage):
                native.append(index)
            else:
                self._part(native)
                self.source.groups.append([index])
                self.source.parts.append(stage)
                native = []
        self._part(native)
        numbers = write_numbers(self.plan.kinds, self.slots) or ["return 0;"]
        head = "EXPORT int64_t bh_numbers(struct step *restrict p)"
        self.functions.append(c_function(head, [*numbers[:-1], "(void)p;", numbers[-1]]))
        self._steps()
        self.source.text = "\n".join([*self._head(), *self.functions, '#include "epoch.h"', ""])
        return self.source

    def _write_loops(self) -> None:
        """Every stage's text, for as many tasks as a region is shared out to: none where there is too little work."""
        stages = {index: stage for index, stage in enumerate(self.plan.stages) if self.is_native(stage)}
        threads = self.tasks
        loops = {index: self._loops(stage) for index, stage in stages.items()}
        if not any(is_large(one) for one in loops.values()):
            threads = 1
        # Long tasks in halves: should the system take a worker away, it takes less with it.
        tasks = threads * 2 if threads > 1 and max(one.work for one in loops.values()) > LONG else threads
        if tasks != self.tasks:
            self.tasks = tasks
            loops = {index: self._loops(stage) for index, stage in stages.items()}
        feeds = {-1 - number: self._feed(number, i) for i, number in self.source.feeds.items()}
        self.source.threads, self.source.tasks = threads, tasks
        self.loops = feeds | loops

    def _share(self) -> None:
        """Which stages are one function."""
        for owner, name in self.buffers.items():
            self.types[name] = c_type(self.graph.nodes[owner].dtype)
        for loops in self.loops.values():
            for partial in loops.partials:
                dtype = self.graph.nodes[partial.owner].dtype
                self.types[f"{self.buffers[partial.owner]}_parts"] = c_type(dtype)
                self.source.sizes[partial.owner] = part_step(partial.size, dtype) * self.tasks
        for number, loops in self.loops.items():
            self.forms[number] = form(loops, self.types, self._is_product(number))
            self.sharing[self.forms[number].key].append(number)

    def _is_product(self, number: int) -> bool:
        return number >= 0 and self.plan.stages[number].kind == "product"

    def is_native(self, stage: Stage) -> bool:
        if stage.kind == "host":
            return False
        if stage.kind == "product" and not is_small(self.plan, stage.nodes[0]):
            return self.blas is not None and blas_fits(self.plan, stage.nodes[0])
        return True

    # -- the step's memory --------------------------------------------------------------------------------------------

    def _name_members(self) -> None:
        plan, graph = self.plan, self.graph
        used = {o for n, o in plan.owner.items() if n not in plan.local and in_memory(graph.nodes[o])}
        for owner in sorted(used):
            self.buffers[owner] = self.names.new(graph.labels[owner])
            self.source.fields.append(("memory", owner))
        for position, node in enumerate(graph.nodes):
            if node.weak and node.op != "constant" and plan.kinds.kind[position] == "number":
                self.slots[position] = self.names.new(graph.labels[position])
                self.source.fields.append(("number", position))
        state = {s.input for s in graph.state}
        arguments = [i for i in graph.inputs if i not in state and i in self.buffers]
        self.source.feeds = {i: number for number, i in enumerate(arguments)}

    def _head(self) -> list[str]:
        members = []
        for kind, key in self.source.fields:
            node = self.graph.nodes[key]
            if kind == "memory":
                comment = f" /* {node.type}  {self.graph.labels[key]} */".replace("%", "value ")
                members.append(f"    {c_type(node.dtype)} *{self.buffers[key]};{comment}")
            elif kind == "number":
                members.append(f"    {self.number_type(key)} {self.slots[key]};")
        for owner, size in self.source.sizes.items():
            members.append(f"    {c_type(self.graph.nodes[owner].dtype)} *{self.buffers[owner]}_parts;")
            self.source.fields.append(("parts", owner))
            assert size
        self.source.fields += [
            (name, 0) for name in ("error", "threads", "sgemm", "dgemm", "feed", "order", "left", "sparse")
        ]
        choice = CHOICE if self.tasks > 1 else ()
        self.source.fields += [(name, 0) for name in choice]
        integer = "int64_t" if self.blas is None or self.blas.integer == 8 else "int"
        return [
            "/* Written by backhand from your NumPy code: a function for each group of fused loops and each product */",
            "",
            '#include "elementwise.h"',
            f"typedef {integer} bh_int;",
            *(['#include "product.h"'] if any(stage.kind == "product" for stage in self.plan.stages) else []),
            '#include "blas.h"',
            '#include "feed.h"',
            *(['#include "sparse.h"'] if self.sparse else []),
            "",
            "struct step {",
            *members,
            "    int64_t error, threads;",
            "    bh_gemm_f *gemm_f; /* BLAS */",
            "    bh_gemm_d *gemm_d;",
            "    const struct bh_feed *feed; /* where an epoch's step takes its rows from */",
            "    const int64_t *order; /* the rows of this step and of those that follow: ... */",
            "    int64_t left; /* ... this many */",
            "    struct bh_sparse *sparse; /* the batch without its zeros, if it is mostly zeros */",
            *([f"    int64_t {', '.join(choice[:5])}; /* are the workers worth it: see bh_learn */"] if choice else []),
            *([f"    double {', '.join(choice[5:])};"] if choice else []),
            "};",
            *(['#include "workers.h"'] if self.tasks > 1 else []),
            "",
        ]

    # -- stages -------------------------------------------------------------------------------------------------------

    def _loops(self, stage: Stage) -> Loops:
        plan = self.plan
        if stage.kind == "loops":
            return write_loops(plan, stage, self.buffers, self.slots, self.names, self.tasks)
        if stage.kind == "product":
            return self._product(stage.nodes[0])
        (position,) = stage.nodes
        state = next(old for old, new in plan.commits.items() if new == position)
        node = self.graph.nodes[position]
        size = math.prod(node.shape)
        owner = plan.owner[plan.version(position)]
        if state in self.slots:
            lines = [f"p->{self.slots[state]} = {self.buffers[owner]}[0];"]
        else:
            lines = [f"memcpy({self.buffers[state]}, {self.buffers[owner]}, {size} * sizeof({c_type(node.dtype)}));"]
        return Loops(lines, split=False, accesses=[Access(owner, None, False), Access(state, None, True)])

    def _feed(self, number: int, position: int) -> Loops:
        """Gathering the rows of an argument, which only an epoch does."""
        node = self.graph.nodes[position]
        rows = node.shape[0] if node.shape else 1
        size = math.prod(node.shape)
        gather = f"if (p->feed && p->feed[{number}].shared) bh_gather(p->feed + {number}, p->order, p->left, lo, hi);"
        loops = Loops([gather], extent=rows, work=size, accesses=[Access(position, size // rows, True)])
        if self.sparse is not None and self.sparse.input == position:
            gather_sparse(self.plan, self.sparse, number, loops, self.buffers)
        return loops

    def _product(self, node: int) -> Loops:
        sparse = self.sparse
        by_rows = sparse is not None and node in sparse.forward + sparse.backward
        loops = write_product(self.plan, node, self.buffers, self.slots, by_rows)
        if sparse is not None and by_rows:
            write_sparse(self.plan, sparse, self.source.feeds[sparse.input], node, loops, self.buffers, self.slots)
        return loops

    def _write_stage(self, number: int) -> None:
        """Write a stage's functions, for rows ``lo`` to ``hi``, if no stage before has written the same."""
        loops, form = self.loops[number], self.forms[number]
        if form.key in self.written:
            self.source.names[number] = self.written[form.key].name
            return
        sharing = self.sharing[form.key]
        if number < 0:
            position = next(i for i, n in self.source.feeds.items() if n == -1 - number)
            name, comment = f"gather_{self.buffers[position]}", []
        else:
            name = f"k{number}_{identifier(self.graph.labels[self.plan.stages[number].nodes[-1]])}"
            comment = [f"/* {line} */" for line in where(self.graph, self._computed(number))]
            others = [self._computed(other) for other in sharing if other != number]
            comment += [same_for(self.graph, others)] if others else []
        for helper, text in loops.helpers.items():
            if helper not in self.helpers:
                self.helpers.add(helper)
                self.functions.append(text)
        function = Function(name, len(sharing) > 1, loops, self._is_product(number))
        self.functions.append(function.text(form, self.types, comment))
        self.written[form.key] = function
        self.source.names[number] = name

    def _computed(self, number: int) -> list[int]:
        return computed(self.plan, self.plan.stages[number])

    def _call(self, number: int, part: int, *rows: object) -> str:
        form = self.forms[number]
        return self.written[form.key].call(form, part, rows)

    def _before(self, number: int) -> list[str]:
        return [self._call(number, BEFORE)] if self.loops[number].before else []

    def _after(self, number: int) -> list[str]:
        return [self._call(number, AFTER)] if self.loops[number].after else []

    # -- parts --------------------------------------------------------------------------------------------------------

    def _part(self, numbers: list[int]) -> None:
        """What runs in C between two calls of NumPy."""
        if not numbers:
            return
        calls: list[str] = []
        for region in regions({number: self.loops[number] for number in numbers}, self.tasks):
            calls += self._region(region)
            self.source.groups.append(region.stages)
        self.source.parts.append(len(self.calls))
        self.calls.append(calls)

    def _region(self, region: Region) -> list[str]:
        loops = self.loops
        for number in region.stages:
            self._write_stage(number)
        if region.tasks == 1:
            (number,) = region.stages
            return [*self._whole(number), *(["if (p->error) return;"] if loops[number].fails else [])]
        leader = region.shared[0]
        name = f"region_k{leader}" if leader >= 0 else f"region_{self.source.names[leader]}"
        lines = [f"if (task < {region.tasks}) {{"]
        lines.append(
            f"    int64_t lo = {region.rows} * task / {region.tasks}, hi = {region.rows} * (task + 1) / {region.tasks};"
        )
        for number in region.shared:
            times = loops[number].extent // region.rows
            scale = f"{times} * " if times > 1 else ""
            lines.append(f"    {self._call(number, LOOPS, f'{scale}lo', f'{scale}hi', 'task')}")
        lines.append("} else {")
        for number in region.aside:
            lines += [f"    {line}" for line in self._whole(number)]
        lines = [*lines, "}"] if region.aside else [*lines[1:-1]]
        self.functions.append(c_function(f"static void {name}(struct step *restrict p, int64_t task)", lines))
        tasks = region.tasks + bool(region.aside)
        before = [line for number in region.shared for line in self._before(number)]
        after = [line for number in region.shared for line in self._after(number)]
        return [*before, f"bh_together(p, {name}, {tasks});", *after]

    def _whole(self, number: int) -> list[str]:
        """All of a stage, done by one thread."""
        loops = self.loops[number]
        if loops.by_task:  # all of its tasks, one after the other
            low, high = f"{loops.extent} * task / {self.tasks}", f"{loops.extent} * (task + 1) / {self.tasks}"
            call = f"for (int64_t task = 0; task < {self.tasks}; task++) {self._call(number, LOOPS, low, high, 'task')}"
        else:
            call = self._call(number, LOOPS, 0, loops.extent, 0)
        return [*self._before(number), call, *self._after(number)]

    def _steps(self) -> None:
        """A whole step, if it needs nothing of NumPy, and the counters' move to their new values."""
        if self.tasks > 1:
            self.calls[0].insert(0, "bh_begin(p);")
            self.calls[-1].append("bh_learn(p);")
        for number, calls in enumerate(self.calls):
            self.functions.append(c_function(f"EXPORT void bh_part{number}(struct step *restrict p)", calls))
        lines = [f"bh_part{number}(p);" for number in range(len(self.calls))]
        self.functions.append(c_function("static void bh_step(struct step *restrict p)", [*lines, "(void)p;"]))
        pairs = [(s.output, s.input) for s in self.graph.state if s.output is not None]
        pairs = [(new, old) for new, old in pairs if self.graph.nodes[old].weak and new in self.slots]
        lines = [f"const {self.number_type(new)} new_{self.slots[old]} = p->{self.slots[new]};" for new, old in pairs]
        lines += [f"p->{self.slots[old]} = new_{self.slots[old]};" for _, old in pairs]
        self.functions.append(c_function("EXPORT void bh_advance(struct step *restrict p)", [*lines, "(void)p;"]))

    def number_type(self, node: int) -> str:
        return "double" if self.graph.nodes[node].dtype.kind == "f" else "int64_t"


def in_memory(node: Node) -> bool:
    """Can C hold the value? Values that it can't (complex numbers, empty arrays) pass between calls of NumPy only."""
    return in_c(node.dtype) and 0 not in node.shape and not (node.weak and node.op in ("input", "constant"))


def computed(plan: Plan, stage: Stage) -> list[int]:
    """The graph's nodes that a stage computes, those that are computed on the way included."""
    found: set[int] = set()
    stack = list(stage.nodes)
    while stack:
        position = stack.pop()
        if position in found:
            continue
        found.add(position)
        for i in plan.graph.nodes[position].inputs:
            inner = plan.kinds.kind[i] in ("map", "pick", "folded") and not plan.kinds.stored[i]
            if inner or (plan.kinds.kind[i] == "view"):
                stack.append(i)
    return sorted(found)


def headers() -> dict[str, str]:
    """The C library that programs include."""
    return {name: files("backhand.compiling").joinpath("c", name).read_text(encoding="utf-8") for name in HEADERS}
