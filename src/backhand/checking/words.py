"""The short phrases that the text, the page, the table and the XML of a report share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from backhand.graph.graph import Source

if TYPE_CHECKING:
    from backhand.checking.finding import Finding, Report

__all__ = ["measured", "place", "sentence", "summary"]


def summary(report: Report) -> str:
    """A report in one sentence: the worst of it, or how closely its gradients agree."""
    if report.verdict == "ok" and report.agreement:
        agree = "agree" if len(report.agreement) > 1 else "agrees"
        return f"{', '.join(report.agreement)} {agree} to {max(report.agreement.values()):.1e}"
    worst = [finding for finding in report.findings if finding.verdict == report.verdict and finding.sentence]
    return f"{sentence(worst[0])}{place(worst[0].line, ' (', ')')}" if worst else ""


def measured(report: Report, finding: Finding) -> str:
    """The figures of a finding: how far off, and at which entry; or how closely a right gradient agrees."""
    method = report.method.get(finding.gradient, "")
    if finding.where is not None:
        where = finding.where
        entry = f"[{', '.join(map(str, where.worst))}]" if where.worst else "it"
        return (
            f"off by {finding.size:.2g}; at {entry} it gives {where.given:.5g}, the derivative is {where.expected:.5g}"
        )
    if finding.verdict == "ok" and finding.gradient in report.agreement:
        return f"agrees to {report.agreement[finding.gradient]:.1e}" + (f" ({method})" if method else "")
    return f"off by {finding.size:.2g}" if finding.verdict != "ok" and 0 < finding.size < float("inf") else ""


def sentence(finding: Finding) -> str:
    """What is the matter, with files as they are called from where the command runs."""
    return finding.sentence.replace(os.getcwd() + os.sep, "")


def place(line: Source | None, before: str = "", after: str = "") -> str:
    """``layers.py:12``, from where the command runs; empty for None."""
    if line is None:
        return ""
    path = os.path.relpath(line.file)
    return f"{before}{line.file if path.startswith('..') else path}:{line.line}{after}"
