"""``step.explain()``: what a compiled step consists of, as a table."""

from __future__ import annotations

from backhand.compiling.program import Program

__all__ = ["table"]


def table(program: Program, checked: int) -> str:
    """The program's kernels and products, one a line, with what each reads, writes and computes in one step."""
    rows = program.explain()
    head = ("kernel", "how", "KB", "kflop", "from")
    body = [(r.name, r.how, f"{r.bytes / 1e3:,.1f}", f"{r.flops / 1e3:,.1f}", _short(r.where)) for r in rows]
    total = ("total", "", f"{sum(r.bytes for r in rows) / 1e3:,.1f}", f"{sum(r.flops for r in rows) / 1e3:,.1f}", "")
    lines = [head, *body, total]
    widths = [max(len(line[i]) for line in lines) for i in range(4)]
    numeric = (2, 3)
    text = [
        "  ".join(
            [
                cell.rjust(width) if i in numeric else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(line[:4], widths, strict=True))
            ]
            + [line[4]]
        ).rstrip()
        for line in lines
    ]
    nodes = len(program.graph)
    state = f"{checked} runs compared with the original" if checked else "not run yet"
    return "\n".join([f"{len(rows)} kernels of {nodes} nodes on {program.engine}; {state}", *text])


def _short(where: str) -> str:
    """The first line of the user's code, and how many more there are."""
    first, *more = where.split("; ")
    return f"{first}, and {len(more)} more" if more else first
