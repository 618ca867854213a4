"""The C functions of a stage. Stages whose text is the same but for the memory that they work on share one function,
which takes that as parameters: a deep network's text, and the time to compile it, don't grow with every layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from backhand.compiling.c_loops import Loops
from backhand.compiling.c_names import where
from backhand.graph import Graph

__all__ = ["AFTER", "BEFORE", "LOOPS", "Form", "Function", "c_function", "form", "same_for"]

SUFFIXES = ("_begin", "", "_end")
BEFORE, LOOPS, AFTER = range(3)
"""A stage's functions: what runs before its loops, the loops, and what runs after them."""
MOST_NAMED = 4
"""So many of the layers that share a function are named."""

_NAME = re.compile(r"(?:->)?\b[A-Za-z_]\w*")


class Form(NamedTuple):
    """A stage's text with numbers for its names, and for each of its functions the step's arrays that it works on.

    Stages of equal ``key`` are one function. What is the same array has the same number, and two arrays of a stage are
    never the same memory: so pointers to them may be ``restrict`` parameters.
    """

    key: tuple[object, ...]
    arrays: tuple[tuple[str, ...], ...]


def form(loops: Loops, types: Mapping[str, str], contracted: bool) -> Form:
    """The form of a stage; ``types`` has the C type of each of the step's arrays."""
    numbers: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        name = found[0]
        if name in types or name in loops.names:
            return f"@{numbers.setdefault(name, len(numbers))}"
        return name

    texts = tuple(_NAME.sub(numbered, "\n".join(lines)) for lines in _functions(loops))
    return Form(
        (texts, tuple(types.get(name) for name in numbers), loops.extent, contracted),
        tuple(tuple(name for name in _words(lines) if name in types) for lines in _functions(loops)),
    )


class Function(NamedTuple):
    """A stage's functions: their name, whether other stages call them too, and the text that they were written from."""

    name: str
    shared: bool
    loops: Loops
    contracted: bool

    def text(self, form: Form, types: Mapping[str, str], comment: list[str]) -> str:
        """Their C text, of rows ``lo`` to ``hi``."""
        made: list[str] = []
        for part, lines in enumerate(_functions(self.loops)):
            if not lines:
                continue
            pointers = [f"{types[name]} *restrict {name}" for name in form.arrays[part]]
            rows = ["int64_t lo", "int64_t hi", "int64_t task"] if part == LOOPS else []
            spare = ["(void)lo; (void)hi; (void)task;"] if rows else []
            if self.shared:
                step = ["struct step *restrict p"] if self._needs_step(part) else []
                head = f"static NOINLINE void {self.name}{SUFFIXES[part]}({', '.join([*step, *pointers, *rows])})"
            else:
                head = f"static void {self.name}{SUFFIXES[part]}({', '.join(['struct step *restrict p', *rows])})"
                found = zip(pointers, form.arrays[part], strict=True)
                lines = [*(f"{pointer} = p->{name};" for pointer, name in found), *spare, *lines]
            text = c_function(head, [*spare, *lines] if self.shared else lines)
            if self.contracted:
                text = f"BH_CONTRACT\n{text}BH_PLAIN\n"
            made += [*comment, text]
        return "\n".join(made)

    def call(self, form: Form, part: int, rows: tuple[object, ...] = ()) -> str:
        """The call of one of them by the stage of a form, for the rows ``lo`` to ``hi`` of a task."""
        arguments = ["p"] if not self.shared or self._needs_step(part) else []
        arguments += [f"p->{name}" for name in form.arrays[part]] if self.shared else []
        return f"{self.name}{SUFFIXES[part]}({', '.join([*arguments, *map(str, rows)])});"

    def _needs_step(self, part: int) -> bool:
        return "p" in _words(_functions(self.loops)[part])


def c_function(head: str, lines: Iterable[str]) -> str:
    """A function's C text."""
    return "\n".join([f"{head} {{", *(f"    {line}" for line in lines), "}", ""])


def same_for(graph: Graph, others: list[list[int]]) -> str:
    """What a shared function says of its further stages, each given by the nodes that it computes."""
    places = dict.fromkeys(line.split("  ")[0].split(": ")[0] for nodes in others for line in where(graph, nodes)[:1])
    named, more = [*places][:MOST_NAMED], len(places) - MOST_NAMED
    times = f"{len(others)} times more" if len(others) > 1 else "once more"
    return f"/* and {times}, for {', '.join([*named, *([f'{more} more'] if more > 0 else [])])} */"


def _functions(loops: Loops) -> tuple[list[str], list[str], list[str]]:
    return loops.before, loops.body, loops.after


def _words(lines: Iterable[str]) -> dict[str, None]:
    """The names in C text, members of structures with their arrow, in order and each once."""
    return dict.fromkeys(name for line in lines for name in _NAME.findall(line))
