"""A report as JSON and back, complete: how it comes from the child process. Nothing that is read can run code."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from backhand.checking.finding import Finding, Report, Where
from backhand.graph.graph import Source

__all__ = ["from_wire", "to_wire"]


def to_wire(report: Report) -> dict[str, Any]:
    """Plain dicts, lists, strings and numbers."""
    return asdict(report)


def from_wire(plain: dict[str, Any]) -> Report:
    """The report again.

    >>> report = Report("Relu", (Finding("dx", "ok", None, 0.0, Where((0, 1), 1.0, 2.0), None, "Right."),))
    >>> from_wire(to_wire(report)) == report
    True
    """
    findings = tuple(
        Finding(
            **{
                **finding,
                "where": finding["where"] and Where(**{**finding["where"], "worst": tuple(finding["where"]["worst"])}),
                "line": _source(finding["line"]),
            }
        )
        for finding in plain["findings"]
    )
    tuples = {name: tuple(plain[name]) for name in ("configurations", "notes")}
    return Report(**{**plain, **tuples, "findings": findings, "line": _source(plain["line"])})


def _source(plain: dict[str, Any] | None) -> Source | None:
    return None if plain is None else Source(**plain)
