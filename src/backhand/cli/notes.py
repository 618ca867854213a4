"""``backhand notes``: the experiments of the lecture notes, and the errata of the notes."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backhand.errors import OptionError

if TYPE_CHECKING:
    from backhand.notes import Experiment, Row

_VERDICT = {True: "agrees", False: "differs", None: "-"}


def notes(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="One experiment; none: list them.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write every figure of the notes into a folder.")
    ] = None,
    run_all: Annotated[bool, typer.Option("--all", help="Run every experiment.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Run the lecture notes' experiments: what a note says beside what backhand gets, and where a note is wrong."""
    if figures is not None:
        if name is not None or run_all:
            raise OptionError("notes: --figures draws them all; leave out NAME and --all")
        _write_figures(figures, as_json)
        return
    from backhand.notes import EXPERIMENTS, find

    if name is not None and run_all:
        raise OptionError("notes: NAME and --all exclude each other; give one of them")
    summary: list[dict[str, object]] = []
    if name is None and not run_all:
        for experiment in EXPERIMENTS:
            print(f"{experiment.name:18}{experiment.about}")
            summary.append({"name": experiment.name, "about": experiment.about})
        print("\nbackhand notes NAME runs one of them, backhand notes --all runs all.")
    else:
        errata: list[Row] = []
        for experiment in EXPERIMENTS if name is None else [find(name)]:
            rows = _run(experiment)
            _show(experiment, rows)
            errata += [row for row in rows if row.erratum]
            summary.append(
                {"name": experiment.name, "about": experiment.about, "rows": [row._asdict() for row in rows]}
            )
        _show_errata(errata)
    if as_json:
        print(json.dumps({"experiments": summary}))


def _write_figures(folder: Path, as_json: bool) -> None:
    from backhand.notes.figures import write_figures

    paths = [str(path) for path in write_figures(folder)]
    print(*paths, sep="\n")
    if as_json:
        print(json.dumps({"figures": paths}))


def _run(experiment: "Experiment") -> "list[Row]":
    """All its rows; a terminal says meanwhile what is running."""
    if not sys.stdout.isatty():
        return list(experiment.rows())
    from rich.console import Console

    with Console().status(f"{experiment.name}: {experiment.about}"):
        return list(experiment.rows())


def _show(experiment: "Experiment", rows: "list[Row]") -> None:
    """A table on a terminal, else one line a row."""
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        table = Table(title=f"{experiment.name}: {experiment.about}", title_justify="left")
        for heading in ("note", "what", "the note says", "backhand", ""):
            table.add_column(heading, overflow="fold")  # nothing is left out, however narrow the terminal
        for row in rows:
            # Text, because rich would take the brackets of an array for its own markup.
            table.add_row(*(Text(cell) for cell in _cells(row)))
        Console().print(table)
    else:
        print(f"{experiment.name}: {experiment.about}")
        for row in rows:
            source, what, says, got, verdict = _cells(row)
            print(f"  {source}  {what}  |  note: {says}  |  backhand: {got}  |  {verdict}")
    print()


def _cells(row: "Row") -> tuple[str, str, str, str, str]:
    if row.erratum:
        verdict = "the scan is wrong" if row.scanned else "the note is wrong"
        return row.source, row.what, " ".join(row.says.split()), row.got, verdict
    verdict = _VERDICT[row.agrees] + (f" within {row.tolerance:g}" if row.agrees and row.tolerance >= 1e-9 else "")
    return row.source, row.what, " ".join(row.says.split()), row.got, verdict


def _show_errata(errata: "list[Row]") -> None:
    for heading, scanned in (("Errata of the notes", False), ("Errors of the scan alone", True)):
        lines = [f"  {row.source}  {row.erratum}" for row in errata if row.scanned == scanned]
        if lines:
            print(f"{heading}:", *lines, sep="\n")
