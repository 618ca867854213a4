"""Reports in words: as text for a terminal, as JUnit XML for CI. Their HTML is in :mod:`backhand.checking.page`."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from backhand.checking.page import fragment
from backhand.checking.words import measured, place, sentence, summary

if TYPE_CHECKING:
    from backhand.checking.finding import Finding, Report

__all__ = ["html", "junit", "text"]

_WIDTH = 110


def text(report: Report) -> str:
    """The whole report: a heading, a line for each gradient, and what is the matter with those that aren't right.

    >>> from backhand.checking.finding import Report
    >>> print(text(Report("Relu", ())))
    Relu: ok
    """
    lines = [f"{report.name}: {report.verdict}{place(report.line, '  (', ')')}"]
    names = [finding.gradient for finding in report.findings]
    width = max(map(len, names), default=0)
    for finding in report.findings:
        figures = measured(report, finding)
        lines.append(f"  {finding.gradient:{width}}  {finding.verdict:10}  {figures}".rstrip())
        if finding.verdict != "ok":
            lines += _wrapped(_said(finding), width)
        elif not figures:
            lines += _wrapped([sentence(finding)], width)
    lines += [f"  note: {note}" for note in report.notes]
    return "\n".join(lines)


def _said(finding: Finding) -> list[str]:
    said = [sentence(finding) + (f" [{finding.cause}]" if finding.cause else "")]
    if finding.line is not None:
        said.append(f"{place(finding.line)}: {finding.line.code}")
    if finding.remedy:
        said.append(f"Mend it: {finding.remedy}")
    return said


def _wrapped(paragraphs: Sequence[str], width: int) -> list[str]:
    indent = " " * (width + 4)
    wrapper = textwrap.TextWrapper(_WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
    return [line for each in paragraphs if each for line in wrapper.wrap(each)]


def html(report: Report) -> str:
    """What a notebook shows: a piece of HTML that carries its own style."""
    return fragment(report)


def junit(reports: Sequence[Report]) -> str:
    """JUnit XML, as CI systems read it: a test case for each thing, a failure if wrong, an error if undecided.

    >>> from backhand.checking.finding import Report
    >>> 'testcase name="Relu"' in junit([Report("Relu", ())])
    True
    """
    count = {verdict: sum(report.verdict == verdict for report in reports) for verdict in ("wrong", "undecided")}
    suite = ElementTree.Element(
        "testsuite",
        name="backhand check",
        tests=str(len(reports)),
        failures=str(count["wrong"]),
        errors=str(count["undecided"]),
        time=f"{sum(report.seconds for report in reports):.3f}",
    )
    for report in reports:
        case = ElementTree.SubElement(suite, "testcase", name=report.name, time=f"{report.seconds:.3f}")
        case.set("classname", _module(report))
        if report.line is not None:
            case.set("file", place(report.line).rpartition(":")[0])
            case.set("line", str(report.line.line))
        if report.verdict in ("wrong", "undecided"):
            kind = {"wrong": "failure", "undecided": "error"}[report.verdict]
            child = ElementTree.SubElement(case, kind, message=_legal(summary(report)))
            child.text = _legal(text(report))
        else:
            ElementTree.SubElement(case, "system-out").text = _legal(text(report))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _module(report: Report) -> str:
    return "check" if report.line is None else os.path.basename(report.line.file).removesuffix(".py")


def _legal(words: str) -> str:
    """Without the control characters that XML can't hold, even escaped."""
    return "".join(
        c if c in "\t\n\r" or (ord(c) >= 32 and c not in "\ufffe\uffff" and not 0xD800 <= ord(c) < 0xE000) else "?"
        for c in words
    )
