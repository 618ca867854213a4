"""The whole C program of a plan: one function for each stage, one for each region, and those that Python calls."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from importlib.resources import files

from backhand.compiling.blas import Blas
from backhand.compiling.c_loops import Access, Loops, Partial, part_step, write_loops
from backhand.compiling.c_names import Names, c_type, identifier, where
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
    names: dict[int, str] = field(default_factory=dict)  # of the stages' functions, by index
    feeds: dict[int, int] = field(default_factory=dict)  # by input: the number of its feed
    sizes: dict[int, int] = field(default_factory=dict)  # by owner: elements of all tasks' parts
    sparse: Sparse | None = None
    threads: int = 1
    tasks: int = 1  # of a region


_CHOICE = (
    "    int64_t alone, window, began, steps, time, hold; /* are the workers worth it: see bh_learn */",
    "    double tried, lost;",
)
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
        self.parts: dict[int, Partial] = {}
        self.slots: dict[int, str] = {}
        self.functions: list[str] = []
        self.calls: list[list[str]] = []  # of each native part
        self.helpers: set[str] = set()

    def write(self) -> Source:
        self._name_members()
        self.tasks = self._share(threads=self.tasks)
        waiting: dict[int, Loops] = {-1 - number: self._feed(number, i) for i, number in self.source.feeds.items()}
        for index, stage in enumerate(self.plan.stages):
            if self.is_native(stage):
                waiting[index] = self._loops(stage)
            else:
                self._part(waiting)
                self.source.groups.append([index])
                self.source.parts.append(stage)
                waiting = {}
        self._part(waiting)
        numbers = write_numbers(self.plan.kinds, self.slots) or ["return 0;"]
        head = "EXPORT int64_t bh_numbers(struct step *restrict p)"
        self.functions.append(_function(head, [*numbers[:-1], "(void)p;", numbers[-1]]))
        self._steps()
        self.source.text = "\n".join([*self._head(), *self.functions, '#include "epoch.h"', ""])
        return self.source

    def _share(self, threads: int) -> int:
        """How many tasks a region is shared out to: none where there is too little work."""
        loops = [self._loops(stage) for stage in self.plan.stages if self.is_native(stage)]
        if not any(is_large(one) for one in loops):
            threads = 1
        self.source.threads = threads
        # Long tasks in halves: should the system take a worker away, it takes less with it.
        self.source.tasks = threads * 2 if threads > 1 and max(one.work for one in loops) > LONG else threads
        return self.source.tasks

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
        choice = ("alone", "window", "began", "steps", "time", "hold", "tried", "lost") if self.tasks > 1 else ()
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
            *(_CHOICE if choice else []),
            "};",
            *(['#include "workers.h"'] if self.tasks > 1 else []),
            "",
        ]

    # -- stages -------------------------------------------------------------------------------------------------------

    def _loops(self, stage: Stage) -> Loops:
        plan = self.plan
        if stage.kind == "loops":
            return write_loops(plan, stage, self.buffers, self.slots, self.tasks)
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

    def _write_stage(self, number: int, loops: Loops) -> str:
        """Write a stage's functions and give the call of the main one, for rows ``lo`` to ``hi``."""
        if number < 0:
            position = next(i for i, n in self.source.feeds.items() if n == -1 - number)
            name, comment = f"gather_{self.buffers[position]}", []
            product = False
        else:
            stage = self.plan.stages[number]
            name = f"k{number}_{identifier(self.graph.labels[stage.nodes[-1]])}"
            comment = [f"/* {line} */" for line in where(self.graph, computed(self.plan, stage))]
            product = stage.kind == "product"
        self.source.names[number] = name
        for helper, text in loops.helpers.items():
            if helper not in self.helpers:
                self.helpers.add(helper)
                self.functions.append(text)
        for partial in loops.partials:
            step = part_step(partial.size, self.graph.nodes[partial.owner].dtype)
            self.source.sizes[partial.owner] = step * self.tasks
        for suffix, lines in (("_begin", loops.before), ("", loops.body), ("_end", loops.after)):
            if lines:
                arguments = "" if suffix else ", int64_t lo, int64_t hi, int64_t task"
                head = f"static void {name}{suffix}(struct step *restrict p{arguments})"
                spare = "" if suffix else "(void)lo; (void)hi; (void)task;"
                text = _function(head, [*self._pointers(lines, loops), *([spare] if spare else []), *lines])
                self.functions.append("\n".join([*comment, _contracted(text) if product else text]))
        return name

    def _pointers(self, lines: list[str], loops: Loops) -> list[str]:
        words = set(re.findall(r"[A-Za-z_]\w*", " ".join(lines)))
        text = "\n".join(lines)
        made = []
        for owner, name in self.buffers.items():
            node = self.graph.nodes[owner]
            for one in (name, f"{name}_parts"):
                if one in words and re.search(rf"(?<!->)\b{one}\b", text):
                    made.append(f"{c_type(node.dtype)} *restrict {one} = p->{one};")
            if f"{name}_part" in words:
                size = next(partial.size for partial in loops.partials if partial.owner == owner)
                step = part_step(size, node.dtype)
                made.append(f"{c_type(node.dtype)} *restrict {name}_part = p->{name}_parts + task * {step};")
        return made

    # -- parts --------------------------------------------------------------------------------------------------------

    def _part(self, loops: dict[int, Loops]) -> None:
        """What runs in C between two calls of NumPy."""
        if not loops:
            return
        calls: list[str] = []
        for region in regions(loops, self.tasks):
            calls += self._region(region, loops)
            self.source.groups.append(region.stages)
        self.source.parts.append(len(self.calls))
        self.calls.append(calls)

    def _region(self, region: Region, loops: dict[int, Loops]) -> list[str]:
        names = {number: self._write_stage(number, loops[number]) for number in region.stages}

        def around(number: int, call: str) -> list[str]:
            before = [f"{names[number]}_begin(p);"] if loops[number].before else []
            after = [f"{names[number]}_end(p);"] if loops[number].after else []
            return [*before, call, *after]

        if region.tasks == 1:
            (number,) = region.stages
            one = loops[number]
            call = f"{names[number]}(p, 0, {one.extent}, 0);"
            made = self._in_turn(names[number], one) if one.by_task else around(number, call)
            return [*made, "if (p->error) return;"] if one.fails else made
        name = f"region_{names[region.shared[0]]}"
        lines = [f"if (task < {region.tasks}) {{"]
        lines.append(
            f"    int64_t lo = {region.rows} * task / {region.tasks}, hi = {region.rows} * (task + 1) / {region.tasks};"
        )
        for number in region.shared:
            times = loops[number].extent // region.rows
            scale = f"{times} * " if times > 1 else ""
            lines.append(f"    {names[number]}(p, {scale}lo, {scale}hi, task);")
        lines.append("} else {")
        for number in region.aside:
            if loops[number].by_task:
                lines += [f"    {line}" for line in self._in_turn(names[number], loops[number])]
            else:
                lines += [
                    f"    {line}" for line in around(number, f"{names[number]}(p, 0, {loops[number].extent}, 0);")
                ]
        lines = [*lines, "}"] if region.aside else [*lines[1:-1]]
        self.functions.append(_function(f"static void {name}(struct step *restrict p, int64_t task)", lines))
        tasks = region.tasks + bool(region.aside)
        before = [f"{names[n]}_begin(p);" for n in region.shared if loops[n].before]
        after = [f"{names[n]}_end(p);" for n in region.shared if loops[n].after]
        return [*before, f"bh_together(p, {name}, {tasks});", *after]

    def _in_turn(self, name: str, loops: Loops) -> list[str]:
        """A stage whose tasks must all be done, by one thread."""
        low, high = f"{loops.extent} * task / {self.tasks}", f"{loops.extent} * (task + 1) / {self.tasks}"
        call = f"for (int64_t task = 0; task < {self.tasks}; task++) {name}(p, {low}, {high}, task);"
        before = [f"{name}_begin(p);"] if loops.before else []
        after = [f"{name}_end(p);"] if loops.after else []
        return [*before, call, *after]

    def _steps(self) -> None:
        """A whole step, if it needs nothing of NumPy, and the counters' move to their new values."""
        if self.tasks > 1:
            self.calls[0].insert(0, "bh_begin(p);")
            self.calls[-1].append("bh_learn(p);")
        for number, calls in enumerate(self.calls):
            self.functions.append(_function(f"EXPORT void bh_part{number}(struct step *restrict p)", calls))
        lines = [f"bh_part{number}(p);" for number in range(len(self.calls))]
        self.functions.append(_function("static void bh_step(struct step *restrict p)", [*lines, "(void)p;"]))
        pairs = [(s.output, s.input) for s in self.graph.state if s.output is not None]
        pairs = [(new, old) for new, old in pairs if self.graph.nodes[old].weak and new in self.slots]
        lines = [f"const {self.number_type(new)} new_{self.slots[old]} = p->{self.slots[new]};" for new, old in pairs]
        lines += [f"p->{self.slots[old]} = new_{self.slots[old]};" for _, old in pairs]
        self.functions.append(_function("EXPORT void bh_advance(struct step *restrict p)", [*lines, "(void)p;"]))

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


def _function(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head} {{", *(f"    {line}" for line in lines), "}", ""])


def _contracted(text: str) -> str:
    return "\n".join(["BH_CONTRACT", text + "BH_PLAIN", ""])
