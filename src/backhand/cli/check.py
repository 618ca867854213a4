"""``backhand check``: is every backward in a Python file right, and if not, why?"""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backhand.errors import CheckError, OptionError

if TYPE_CHECKING:
    from backhand.checking.finding import Report

_COLOURS = {"ok": "green", "convention": "cyan", "fragile": "yellow", "undecided": "magenta", "wrong": "red"}


def check(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE.py[:NAME] [NAME]...",
            show_default=False,
            help="A Python file; names of layers or functions in it: only these.",
        ),
    ],
    seed: Annotated[int, typer.Option(help="For the random inputs and upstream gradients.")] = 0,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="What one layer may take.")] = 60.0,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Write the reports as a page.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="Write the reports as JUnit XML, for CI.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Check hand-written backward passes: right or wrong, why, and the line to mend.

    It runs your file, as Python would (without what stands under if __name__ == "__main__"), in a process of its own.

    backhand check layers.py

    backhand check layers.py:Affine Relu --html report.html

    Exit codes: 0 all are right, 1 one is wrong, 2 bad input, 3 none is wrong but one is undecided.
    """
    from backhand.checking.isolate import check_file
    from backhand.checking.report import junit as as_junit, text

    if timeout <= 0:
        raise OptionError(f"check: --timeout {timeout:g} leaves no time; give a number of seconds above 0")
    reports: list[Report] = []
    for path, names in _targets(what):
        print(f"{path}: running it, as Python would, in a process of its own")
        found = list(_shown(check_file(path, names, seed=seed, seconds=timeout)))
        if not found:
            raise CheckError(
                f"check: {path} holds nothing to check: no class with forward and backward, no pair of functions such "
                "as f_forward and f_backward, f and f_prime, none that returns a loss and its gradient"
            )
        reports += found
    for report in reports:
        if report.verdict != "ok":
            print(f"\n{text(report)}")
    print(f"\n{_count(reports)}")
    if html is not None:
        from backhand.checking.page import page

        _write(html, page(reports, " ".join(["backhand check", *what])))
    if junit is not None:
        _write(junit, as_junit(reports))
    if as_json:
        print(json.dumps({"reports": [report.to_json() for report in reports]}, ensure_ascii=False))
    verdicts = {report.verdict for report in reports}
    if code := 1 if "wrong" in verdicts else 3 if "undecided" in verdicts else 0:
        raise typer.Exit(code)


def _targets(what: list[str]) -> list[tuple[str, list[str]]]:
    """Each file with the names that follow it.

    >>> _targets(["a.py:Relu", "Affine", "b.py"])
    [('a.py', ['Relu', 'Affine']), ('b.py', [])]
    """
    found: list[tuple[str, list[str]]] = []
    for each in what:
        path, colon, name = each.rpartition(":")
        if each.endswith(".py"):
            found.append((each, []))
        elif colon and path.endswith(".py") and name:
            found.append((path, [name]))
        elif found and each.isidentifier():
            found[-1][1].append(each)
        else:
            raise OptionError(f"check: {each!r} is neither FILE.py, nor FILE.py:NAME, nor a name after one of these")
    return found


def _shown(reports: "Iterable[Report]") -> "Iterator[Report]":
    """The same reports, each as a row: of a table on a terminal, else a line."""
    from backhand.checking.words import place, summary

    if not sys.stdout.isatty():
        for report in reports:
            print(f"  {report.name:28} {report.verdict:11} {summary(report)}".rstrip())
            yield report
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for heading in ("", "line", "verdict", "why"):
        table.add_column(heading)
    console = Console()
    with console.status("checking") as status:
        for report in reports:
            status.update(f"checking (the last was {report.name})")
            line = place(report.line).rpartition(":")[2]
            # Text, because rich would take the brackets of an array for its own markup.
            verdict = Text(report.verdict, style=_COLOURS[report.verdict])
            table.add_row(Text(report.name), line, verdict, Text(summary(report)))
            yield report
    console.print(table)


def _count(reports: "list[Report]") -> str:
    counts = {verdict: sum(report.verdict == verdict for report in reports) for verdict in _COLOURS}
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{len(reports)} checked: {said}"


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise OptionError(
            f"check: {path} can't be written: {error.strerror or os.strerror(error.errno or 0)}"
        ) from error
    print(path)
