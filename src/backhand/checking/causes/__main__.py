"""Prints docs/causes.md, made from the table itself: ``python -m backhand.checking.causes``."""

from __future__ import annotations

import textwrap

from backhand.checking.causes import TABLE, Row
from backhand.checking.causes.examples import arrays, report_on

__all__ = ["page"]

HEAD = """\
# Causes

What `backhand check` can say of why a backward is wrong. A cause is named only if its experiment shows it again at
another seed and, where there is one, another shape; else the finding has none. This page is made from the table in
`backhand.checking.causes` by `make causes`; each example is run, and what stands below it is what check says.

The verdicts: `wrong`: forward and backward disagree. `fragile`: the gradient is right, but not always, or not for the
neighbours. `convention`: right only inside of a network that counts on it. `undecided`: can't be settled.

The examples are called with random arrays: {arrays}.
"""


def page() -> str:
    """The whole page."""
    shapes = ", ".join(f"`{name}` {value.shape}" for name, value in arrays().items())
    head = HEAD.replace("{arrays}", shapes)
    return "\n".join([head, *_index(), *(_section(row) for row in TABLE)])


def _index() -> list[str]:
    return [" · ".join(f"[{row.id}](#{row.id})" for row in TABLE), ""]


def _section(row: Row) -> str:
    finding = next(found for found in report_on(row).findings if found.cause == row.id)
    said = [finding.sentence, f"line: {finding.line.code}" if finding.line else "", f"Mend it: {finding.remedy}"]
    printed = [f"{finding.gradient}  {finding.verdict}  [{row.id}]"]
    for line in filter(None, said):
        printed += textwrap.wrap(line, 104, initial_indent="    ", subsequent_indent="    ")
    parts = [
        f"## {row.id}",
        "",
        f"How it is told: {row.experiment}.",
        "",
        "```python",
        row.example.strip(),
        "```",
        "",
        f"`backhand.check({row.call})` says:",
        "",
        "```",
        *printed,
        "```",
        "",
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
