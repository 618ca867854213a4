"""The whole C program of a plan: one function for each stage, and the functions that Python calls."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from importlib.resources import files

from backhand.compiling.blas import Blas
from backhand.compiling.c_loops import Loops, write_loops
from backhand.compiling.c_names import Names, c_type, where
from backhand.compiling.c_numbers import write_numbers
from backhand.compiling.c_products import blas_fits, is_small, write_product
from backhand.compiling.plan import Plan, Stage
from backhand.compiling.recipe import C_TYPES
from backhand.graph import Node

__all__ = ["Source", "computed", "in_memory", "write_source"]


@dataclass
class Source:
    """A program's C text, and what Python must know to call it.

    ``fields`` are the step structure's members in order, 8 bytes each: ``("memory", owner)`` for an array's address,
    ``("number", node)``, ``("error", 0)``, ``("gemm", 0 or 1)``. ``parts`` are what a step consists of: native parts by
    number, and stages that NumPy does. ``numbers`` tells whether C computes the Python numbers.
    """

    text: str = ""
    fields: list[tuple[str, int]] = field(default_factory=list)
    parts: list[int | Stage] = field(default_factory=list)
    numbers: bool = True
    names: dict[int, str] = field(default_factory=dict)  # of the stages' functions, by index


def write_source(plan: Plan, blas: Blas | None) -> Source:
    """The C program of a plan."""
    return _Writer(plan, blas).write()


class _Writer:
    def __init__(self, plan: Plan, blas: Blas | None) -> None:
        self.plan, self.graph, self.blas = plan, plan.graph, blas
        self.source = Source()
        self.names = Names()
        self.buffers: dict[int, str] = {}
        self.slots: dict[int, str] = {}
        self.functions: list[str] = []
        self.calls: list[str] = []

    def write(self) -> Source:
        self._name_members()
        for index, stage in enumerate(self.plan.stages):
            if self.is_native(stage):
                self._stage(index, stage)
            else:
                self._close_part()
                self.source.parts.append(stage)
        self._close_part()
        numbers = write_numbers(self.plan.kinds, self.slots)
        self.source.numbers = numbers is not None
        body = numbers or ["return 0;"]
        self.functions.append(
            _function("EXPORT int64_t bh_numbers(struct step *restrict p)", [*body[:-1], "(void)p;", body[-1]])
        )
        self._steps()
        self.source.text = "\n".join([*self._head(), *self.functions, _text("epoch.h")])
        return self.source

    def _steps(self) -> None:
        """A whole step, if it needs nothing of NumPy, and the counters' move to their new values."""
        lines = [f"bh_part{part}(p);" for part in self.source.parts if isinstance(part, int)]
        self.functions.append(_function("static void bh_step(struct step *restrict p)", lines or ["(void)p;"]))
        pairs = [(s.output, s.input) for s in self.graph.state if s.output is not None]
        pairs = [(new, old) for new, old in pairs if self.graph.nodes[old].weak and new in self.slots]
        lines = [f"const {self.number_type(new)} new_{self.slots[old]} = p->{self.slots[new]};" for new, old in pairs]
        lines += [f"p->{self.slots[old]} = new_{self.slots[old]};" for _, old in pairs]
        self.functions.append(_function("EXPORT void bh_advance(struct step *restrict p)", lines or ["(void)p;"]))

    def number_type(self, node: int) -> str:
        return "double" if self.graph.nodes[node].dtype.kind == "f" else "int64_t"

    def is_native(self, stage: Stage) -> bool:
        if stage.kind == "host":
            return False
        if stage.kind == "product" and not is_small(self.plan, stage.nodes[0]):
            return self.blas is not None and blas_fits(self.plan, stage.nodes[0])
        return True

    def _name_members(self) -> None:
        plan, graph = self.plan, self.graph
        used = {o for n, o in plan.owner.items() if n not in plan.local and in_memory(graph.nodes[o])}
        for owner in sorted(used):
            self.buffers[owner] = self.names.new(graph.labels[owner].lstrip("%"))
            self.source.fields.append(("memory", owner))
        for position, node in enumerate(graph.nodes):
            if node.weak and node.op != "constant" and plan.kinds.kind[position] == "number":
                self.slots[position] = self.names.new(graph.labels[position].lstrip("%"))
                self.source.fields.append(("number", position))
        self.source.fields += [("error", 0), ("gemm", 0), ("gemm", 1)]

    def _head(self) -> list[str]:
        members = []
        for kind, key in self.source.fields:
            node = self.graph.nodes[key]
            if kind == "memory":
                comment = f" /* {node.type}  {self.graph.labels[key]} */".replace("%", "value ")
                members.append(f"    {c_type(node.dtype)} *{self.buffers[key]};{comment}")
            elif kind == "number":
                members.append(f"    {self.number_type(key)} {self.slots[key]};")
        integer = "int64_t" if self.blas is None or self.blas.integer == 8 else "int"
        return [
            "/* Written by backhand from your NumPy code: one function for each group of fused loops or product. */",
            _text("elementwise.h"),
            '#define EXPORT __attribute__((visibility("default")))',
            '#define BH_CONTRACT _Pragma("GCC push_options") _Pragma("GCC optimize (\\"fp-contract=fast\\")")',
            '#define BH_PLAIN _Pragma("GCC pop_options")',
            f"typedef {integer} bh_int;",
            *(
                f"typedef void bh_gemm_{c}(int, int, int, bh_int, bh_int, bh_int, {t}, const {t} *, bh_int, const {t} *, "
                f"bh_int, {t}, {t} *, bh_int);"
                for c, t in (("f", "float"), ("d", "double"))
            ),
            "BH_CONTRACT",
            _text("product.h"),
            "BH_PLAIN",
            "struct step {",
            *members,
            "    int64_t error;",
            "    bh_gemm_f *gemm_f;",
            "    bh_gemm_d *gemm_d;",
            "};",
            "",
        ]

    def _stage(self, index: int, stage: Stage) -> None:
        plan = self.plan
        if stage.kind == "loops":
            loops = write_loops(plan, stage, self.buffers, self.slots)
        elif stage.kind == "product":
            loops = write_product(plan, stage.nodes[0], self.buffers, self.slots)
        else:
            loops = self._commit(stage)
        name = f"k{index}_{self.names.new(self.graph.labels[stage.nodes[-1]].lstrip('%'))}"
        self.source.names[index] = name
        comment = [f"/* {line} */" for line in where(self.graph, computed(plan, stage))]
        for suffix, lines in (("_begin", loops.before), ("", loops.body), ("_end", loops.after)):
            if not lines:
                continue
            split = suffix == ""
            head = f"static void {name}{suffix}(struct step *restrict p{', int64_t lo, int64_t hi' if split else ''})"
            spare = ["(void)lo; (void)hi;"] if split and not re.search(r"\blo\b", " ".join(lines)) else []
            text = _function(head, [*self._pointers(lines), *spare, *lines])
            if stage.kind == "product":
                text = _contracted(text)
            self.functions.append("\n".join([*comment, text]))
            self.calls.append(f"{name}{suffix}(p{f', 0, {loops.extent}' if split else ''});")

    def _commit(self, stage: Stage) -> Loops:
        (position,) = stage.nodes
        state = next(old for old, new in self.plan.commits.items() if new == position)
        node = self.graph.nodes[position]
        size = math.prod(node.shape)
        source = self.buffers[self.plan.owner[self.plan.version(position)]]
        if state in self.slots:
            return Loops([f"p->{self.slots[state]} = {source}[0];"])
        return Loops([f"memcpy({self.buffers[state]}, {source}, {size} * sizeof({c_type(node.dtype)}));"])

    def _pointers(self, lines: list[str]) -> list[str]:
        words = set(re.findall(r"[A-Za-z_]\w*", " ".join(lines)))
        text = "\n".join(lines)
        made = []
        for owner, name in self.buffers.items():
            if name in words and re.search(rf"(?<!->)\b{name}\b", text):
                made.append(f"{c_type(self.graph.nodes[owner].dtype)} *restrict {name} = p->{name};")
        return made

    def _close_part(self) -> None:
        if self.calls:
            number = sum(1 for part in self.source.parts if isinstance(part, int))
            self.functions.append(_function(f"EXPORT void bh_part{number}(struct step *restrict p)", self.calls))
            self.source.parts.append(number)
            self.calls = []


def in_memory(node: Node) -> bool:
    """Can C hold the value? Values that it can't (complex numbers, empty arrays) pass between calls of NumPy only."""
    return node.dtype.char in C_TYPES and 0 not in node.shape and not (node.weak and node.op in ("input", "constant"))


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


def _function(head: str, lines: list[str]) -> str:
    return "\n".join([f"{head} {{", *(f"    {line}" for line in lines), "}", ""])


def _contracted(text: str) -> str:
    return "\n".join(["BH_CONTRACT", text, "BH_PLAIN"])


def _text(name: str) -> str:
    return files("backhand.compiling").joinpath("c", name).read_text(encoding="utf-8")
