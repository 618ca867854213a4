"""Reports as HTML: one self-contained page for a file, and the piece of it that a notebook shows.

The place of an error is drawn as a heat map: orange where the gradient is too large, blue where it is too small, the
stronger the farther off, as in the drawings.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from backhand.checking.words import measured, sentence, summary

if TYPE_CHECKING:
    from backhand.checking.finding import Finding, Report

__all__ = ["fragment", "page"]

_MOST_CELLS = 1000

_STYLE = """
.bh { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem;
  --line: rgba(128,128,128,.35); --quiet: rgba(128,128,128,.12);
  --ok: #1a7f4b; --wrong: #c4372c; --fragile: #a15c00; --undecided: #6b5bb5; --convention: #1f6fb2 }
.bh h2 { font-size: 1.1rem; margin: 0 0 .4rem; display: flex; flex-wrap: wrap; gap: .2rem .7rem; align-items: baseline }
.bh small { opacity: .75; font-weight: normal; font-size: .85rem }
.bh .v { font-weight: 600; color: var(--c) } .bh .v::before { content: "\\25CF\\00A0" }
.bh .ok { --c: var(--ok) } .bh .wrong { --c: var(--wrong) } .bh .fragile { --c: var(--fragile) }
.bh .undecided { --c: var(--undecided) } .bh .convention { --c: var(--convention) }
.bh table.list { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
.bh table.list th, .bh table.list td { text-align: left; vertical-align: top; padding: .3rem .7rem .3rem 0;
  border-top: 1px solid var(--line); background: none }
.bh table.list th { font-weight: 600; width: 11rem; overflow-wrap: anywhere }
.bh table.list .v { width: 8rem; white-space: nowrap } .bh a { color: inherit }
.bh td p { margin: 0 0 .25rem; max-width: 44rem }
.bh code { font-size: .92em; padding: .1em .3em; background: var(--quiet); border-radius: .25em;
  overflow-wrap: anywhere }
.bh .maps { display: flex; flex-wrap: wrap; gap: 6px; margin: .4rem 0 .2rem }
.bh .heat { display: grid; gap: 1px; width: max-content; padding: 1px; border: 1px solid var(--line) }
.bh .heat i { display: block; background: var(--quiet); position: relative }
.bh .heat i b { position: absolute; inset: 0; background: #e8740c } .bh .heat i b.n { background: #2f7fd6 }
.bh .heat i.x { background: repeating-linear-gradient(45deg, var(--line) 0 2px, transparent 2px 5px) }
.bh section { border-top: 2px solid var(--line); padding: 1rem 0 1.2rem }
.bh table.list tr:first-child > * { border-top: 0 }
@media (prefers-color-scheme: dark) { .bh { --ok: #55c98a; --wrong: #ff8a7d; --fragile: #f0ae4e; --undecided: #b3a5f5;
  --convention: #74b7f2 } }
[data-jp-theme-light="true"] .bh { --ok: #1a7f4b; --wrong: #c4372c; --fragile: #a15c00; --undecided: #6b5bb5;
  --convention: #1f6fb2 }
[data-jp-theme-light="false"] .bh { --ok: #55c98a; --wrong: #ff8a7d; --fragile: #f0ae4e; --undecided: #b3a5f5;
  --convention: #74b7f2 }
@media (max-width: 40rem) { .bh table.list, .bh table.list tbody, .bh table.list tr { display: block }
  .bh table.list tr { border-top: 1px solid var(--line); padding: .3rem 0 }
  .bh table.list th, .bh table.list td { border: 0; padding: .1rem .7rem .1rem 0; width: auto }
  .bh table.list th, .bh table.list .v { display: inline-block } .bh table.list td { display: block } }
@media print { .bh section { break-inside: avoid }
  .bh * { print-color-adjust: exact; -webkit-print-color-adjust: exact } }
"""
_PAGE = """
:root { color-scheme: light dark }
body { margin: 0 auto; padding: 1rem 1.25rem 3rem; max-width: 62rem; background: #fff; color: #1c1f24 }
h1 { font: 600 1.5rem/1.3 system-ui, sans-serif; margin: 1rem 0 }
@media (prefers-color-scheme: dark) { body { background: #14171c; color: #e4e7ec } }
@media print { body { max-width: none; background: #fff; color: #000 } }
"""


def fragment(report: Report) -> str:
    """One report with its style, for a notebook."""
    return f"<div class='bh'><style>{_STYLE}</style>{_section(report)}</div>"


def page(reports: Sequence[Report], title: str) -> str:
    """A whole page that loads nothing: the verdicts as a table, then each report.

    >>> page([], "layers.py").count("<h1>layers.py</h1>")
    1
    """
    rows = "\n".join(
        f"<tr><th><a href='#r{number}'>{escape(report.name)}</a></th>{_verdict(report.verdict)}"
        f"<td>{escape(summary(report))}</td></tr>"
        for number, report in enumerate(reports)
    )
    sections = "\n".join(f"<section id='r{n}'>{_section(report)}</section>" for n, report in enumerate(reports))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>{_PAGE}{_STYLE}</style>\n</head>\n<body>\n<main class='bh'>\n"
        f"<h1>{escape(title)}</h1>\n<table class='list'>\n{rows}\n</table>\n<br>\n{sections}\n"
        "</main>\n</body>\n</html>\n"
    )


def _section(report: Report) -> str:
    where = f"{os.path.basename(report.line.file)}:{report.line.line}" if report.line is not None else ""
    heading = f"{escape(report.name)} <span class='v {report.verdict}'>{report.verdict}</span>"
    facts = " · ".join(escape(fact) for fact in (where, report.shape) if fact)
    rows = "\n".join(_row(report, finding) for finding in report.findings)
    notes = "".join(f"<p><small>{escape(note)}</small></p>" for note in report.notes)
    tried = f"<p><small>Tried: {escape('; '.join(report.configurations))}</small></p>" if report.configurations else ""
    return f"<h2>{heading} <small>{facts}</small></h2><table class='list'>{rows}</table>{notes}{tried}"


def _row(report: Report, finding: Finding) -> str:
    figures = measured(report, finding)
    said = sentence(finding) if finding.verdict != "ok" or not figures else ""
    parts = [f"<p>{escape(said)}</p>"] if said else []
    if figures:
        parts.append(f"<p><small>{escape(figures)}</small></p>")
    if finding.line is not None and said:
        at = f"{os.path.basename(finding.line.file)}:{finding.line.line}"
        parts.append(f"<p>{escape(at)} <code>{escape(finding.line.code)}</code></p>")
    if finding.remedy and finding.verdict != "ok":
        parts.append(f"<p>Mend it: {escape(finding.remedy)}</p>")
    parts.append(_heat(finding))
    if finding.cause or (finding.configuration and finding.verdict != "ok"):
        facts = " · ".join(escape(fact) for fact in (finding.cause or "", finding.configuration) if fact)
        parts.append(f"<p><small>{facts}</small></p>")
    return f"<tr><th>{escape(finding.gradient)}</th>{_verdict(finding.verdict)}<td>{''.join(parts)}</td></tr>"


def _verdict(verdict: str) -> str:
    return f"<td class='v {verdict}'>{verdict}</td>"


def _heat(finding: Finding) -> str:
    """The map of the error: the last axis runs right, the one before it down, each step of the others is a map."""
    if finding.where is None or finding.where.map is None or finding.verdict == "ok":
        return ""
    errors = np.asarray(finding.where.map, dtype=float)
    if not 1 < errors.size <= _MOST_CELLS:
        return ""
    finite = np.abs(errors[np.isfinite(errors)])
    top = float(finite.max()) if finite.size and finite.max() > 0 else 1.0
    shape = " x ".join(map(str, errors.shape))
    words = escape(f"Map of the error of {finding.gradient}, {shape}; the darkest entry is off by {top:.2g}")
    maps = errors.reshape(-1, *errors.shape[-2:]) if errors.ndim > 1 else errors.reshape(1, 1, -1)
    return (
        f"<div class='maps' role='img' aria-label='{words}' title='{words}'>{''.join(_map(m, top) for m in maps)}</div>"
    )


def _map(errors: NDArray[Any], top: float) -> str:
    side = 16 if errors.shape[1] <= 30 else 8
    size = f"grid-template-columns: repeat({errors.shape[1]}, {side}px); grid-auto-rows: {side}px"
    return f"<div class='heat' style='{size}'>{''.join(_cell(float(value), top) for value in errors.ravel())}</div>"


def _cell(value: float, top: float) -> str:
    if not np.isfinite(value):
        return "<i class='x'></i>"
    strength = abs(value) / top
    if strength < 0.005:
        return "<i></i>"
    return f"<i><b{'' if value > 0 else ' class=n'} style='opacity:{0.15 + 0.85 * strength:.2f}'></b></i>"
