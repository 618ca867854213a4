"""Check one thing that was found in a file: make it, feed it, and say what came out."""

from __future__ import annotations

import contextlib
import io
from dataclasses import replace

from backhand.checking.adapters.guard import defined
from backhand.checking.check import check_examples
from backhand.checking.construct import build
from backhand.checking.discover import Thing
from backhand.checking.finding import Finding, Report
from backhand.errors import CheckError

__all__ = ["examine", "undecided"]


def examine(thing: Thing, seed: int = 0) -> Report:
    """The report on a thing; ``undecided``, with what to pass, where inputs can't be guessed."""
    built = build(thing)
    if not built.examples:
        return undecided(thing, built.problem)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            report = check_examples(built.examples, name=thing.name, seed=seed)
        except CheckError as error:
            return undecided(thing, str(error))
        except MemoryError:
            return undecided(thing, "it needs more memory than a check may take")
    words = built.printed or printed.getvalue()
    if not words:
        return report
    first = words.strip().splitlines()[0] if words.strip() else ""
    said = Finding("forward", "ok", None, 0.0, None, None, f"It prints while it runs: {first[:60]!r}.")
    return replace(report, findings=(*report.findings, said))


def undecided(thing: Thing, why: str) -> Report:
    """A report that says why nothing can be said."""
    finding = Finding("forward", "undecided", None, 0.0, None, None, f"Undecided, because {why}")
    return Report(thing.name, (finding,), line=defined(thing.parts[0]))
