"""Python numbers of a step in C: counters, bias corrections, whatever depends on no array."""

from __future__ import annotations

from backhand.compiling.c_names import literal
from backhand.compiling.kinds import Kinds

__all__ = ["write_numbers"]

FLOATS = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "power": "pow({0}, {1})", "negative": "-{0}", "positive": "{0}", "math.exp": "exp({0})", "math.log": "log({0})",
    "math.sqrt": "sqrt({0})", "math.sin": "sin({0})", "math.cos": "cos({0})", "math.tanh": "tanh({0})",
}  # fmt: skip
INTEGERS = {
    "add": "__builtin_add_overflow", "subtract": "__builtin_sub_overflow", "multiply": "__builtin_mul_overflow",
}  # fmt: skip


def write_numbers(kinds: Kinds, slots: dict[int, str]) -> list[str] | None:
    """The body of a function that computes all numbers, and returns 0 where Python would raise or leave int64.

    None if C has no such operation: then Python computes them.
    """
    graph = kinds.graph
    lines: list[str] = []

    def operand(position: int) -> str:
        node = graph.nodes[position]
        if node.op == "constant":
            value = node.param("value").value
            return literal(value, node.dtype) if not isinstance(value, bool) else str(int(value))
        return f"p->{slots[position]}"

    for position, node in enumerate(graph.nodes):
        if not node.weak or node.op in ("input", "constant") or kinds.kind[position] != "number":
            continue
        target = f"p->{slots[position]}"
        operands = [operand(i) for i in node.inputs]
        if node.dtype.kind == "f" and node.op in FLOATS:
            doubles = [f"(double){text}" if graph.nodes[i].dtype.kind != "f" else text
                       for i, text in zip(node.inputs, operands, strict=True)]  # fmt: skip
            lines.append(f"{target} = {FLOATS[node.op].format(*doubles)};")
            lines.append(f"if (!(fabs({target}) < INFINITY)) return 0;")
        elif node.dtype.kind == "i" and node.op in INTEGERS:
            lines.append(f"if ({INTEGERS[node.op]}({operands[0]}, {operands[1]}, &{target})) return 0;")
        else:
            return None
    return [*lines, "return 1;"]
