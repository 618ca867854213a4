"""Names and numbers in the generated C: the user's own names as identifiers, and values as literals."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

import numpy as np

from backhand.compiling.recipe import C_TYPES

__all__ = ["CHOICE", "Names", "c_type", "identifier", "literal", "where"]

CHOICE = ("alone", "window", "began", "steps", "time", "hold", "held", "expected", "tried", "lost")
"""Members of a step that uses workers, five integers and five doubles: whether it does, and what that is decided by."""
RESERVED = {
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "p", "lo", "hi",
    "task", "main", "asm", "typeof", "unix", "linux", "memcpy", "memset", "NULL", "INFINITY", "NAN",
    "INT64_MIN", "EXPORT", "SPARE", "INLINE", "NOINLINE",
    # members of a step
    "error", "threads", "gemm_f", "gemm_d", "feed", "order", "left", "sparse",
    *CHOICE,
}  # fmt: skip

_OURS = re.compile(r"[ijkl]\d?|k\d+.*|acc\d+|int\d+_t|uint\d+_t")


class Names:
    """One identifier for each thing, after the user's name for it, other than those of ``outer``.

    ``made`` are those that it has given out.
    """

    def __init__(self, outer: Names | None = None) -> None:
        self._outer = outer
        self.made: set[str] = set()

    def new(self, wish: str) -> str:
        """An identifier like the wish that no one else has."""
        name = identifier(wish)
        made, number = name, 2
        while self._has(made):
            made = f"{name}_{number}"
            number += 1
        self.made.add(made)
        return made

    def _has(self, name: str) -> bool:
        if name in self.made or name in RESERVED or _OURS.fullmatch(name):
            return True
        return self._outer is not None and self._outer._has(name)


def identifier(wish: str) -> str:
    """A C identifier like a Python expression: ``net.layers['Affine1'].W`` gives ``Affine1_W``, ``%7`` gives ``v7``."""
    name = "_".join(re.findall(r"[A-Za-z0-9_]+", wish)[-2:])
    return name if name[:1].isalpha() and not name.startswith("bh_") else f"v{name}"


def c_type(dtype: np.dtype[Any]) -> str:
    """The C type of a dtype."""
    return C_TYPES[dtype.char]


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """A number as NumPy would cast it to the dtype, in as few digits as give it back."""
    with np.errstate(all="ignore"):
        cast = np.asarray(value).astype(dtype)[()]
    if dtype.kind == "b":
        return str(int(cast))
    if dtype.kind == "f":
        number = float(cast)
        if math.isnan(number):
            return "NAN"
        if math.isinf(number):
            return "INFINITY" if number > 0 else "(-INFINITY)"
        text = str(cast) if dtype.char == "f" else repr(number)
        text = text if any(c in text for c in ".e") else f"{text}.0"
        text += "f" if dtype.char == "f" else ""
        return f"({text})" if text.startswith("-") else text
    number = int(cast)
    if number == -(2**63):
        return "INT64_MIN"
    text = f"{number}{'UL' if dtype.char in 'LQ' else 'L' if dtype.itemsize == 8 else 'U' if dtype.char == 'I' else ''}"
    return f"({text})" if number < 0 else text


def where(graph: Any, nodes: Iterable[int]) -> list[str]:
    """The layers and source lines that nodes came from, each once: ``Affine[0].forward  affine.py:55: out = …``."""
    lines: dict[str, None] = {}
    for position in nodes:
        node = graph.nodes[position]
        if node.source is not None:
            file = node.source.file.replace("\\", "/").rsplit("/", 1)[-1]
            layer = f"{node.layer}  " if node.layer else ""
            lines[f"{layer}{file}:{node.source.line}: {node.source.code}"] = None
    return [line.replace("*/", "* /").replace("/*", "/ *") for line in lines]
