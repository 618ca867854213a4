"""What a check says: findings, and the report that holds them. Plain, frozen values; nothing here computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from backhand.graph.graph import Source

__all__ = ["VERDICTS", "Cause", "Finding", "Report", "Verdict", "Where", "worst"]

Verdict = Literal["ok", "convention", "fragile", "undecided", "wrong"]
"""From best to worst.

``ok``: right within its error bars. ``convention``: right only inside its own network (a loss that ignores ``dout``,
``dW`` divided by N and ``dx`` not), said with the number. ``fragile``: the gradient is right, but the code overflows,
writes into what it is given, depends on an earlier call. ``undecided``: couldn't be settled, and why.
``wrong``: forward and backward disagree.
"""
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


def worst(verdicts: Any) -> Verdict:
    """The worst of some verdicts; ``ok`` if there is none."""
    return max(verdicts, key=VERDICTS.index, default="ok")


@dataclass(frozen=True)
class Cause:
    """Why something happened, confirmed by a second experiment: what a row of the table of causes returns.

    Attributes:
        id: stable, in lower case with hyphens: ``bias-not-summed``.
        sentence: what is the matter, for this layer, with its numbers.
        remedy: the line to write instead, or what to do.
        verdict: what the finding's verdict becomes; None leaves it as it is (``wrong``).
        line: the line to mend, if the cause knows it better than the experiment.
    """

    id: str
    sentence: str
    remedy: str
    verdict: Verdict | None = None
    line: Source | None = None


@dataclass(frozen=True)
class Where:
    """Which entries of a gradient are off.

    Attributes:
        worst: index of the worst entry.
        given, expected: what backward gave there, and the derivative of forward.
        map: the error of each entry as nested lists, in the gradient's shape; None where the block is too large for
            every entry to be looked at.
    """

    worst: tuple[int, ...]
    given: float
    expected: float
    map: list[Any] | None = None


@dataclass(frozen=True)
class Finding:
    """One thing that a check saw.

    Attributes:
        gradient: its name: ``dx``, ``dW``, ``db``, ...; ``forward`` for what isn't about one gradient.
        verdict: see :data:`Verdict`.
        cause: a stable id, or None if no cause could be confirmed.
        size: how far off, in units of the largest entry of the expected gradient (0 for what has no size).
        where: which entries.
        line: the user's line to look at or mend.
        sentence: what is the matter, in words.
        remedy: what to do about it; empty if that isn't known.
        configuration: at which shapes and seed it was seen: ``x (3, 5), seed 0``.
    """

    gradient: str
    verdict: Verdict
    cause: str | None
    size: float
    where: Where | None
    line: Source | None
    sentence: str
    remedy: str = ""
    configuration: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain values: numbers, strings, lists."""
        where = self.where and {
            "worst": list(self.where.worst),
            "given": _number(self.where.given),
            "expected": _number(self.where.expected),
            "map": _number(self.where.map),
        }
        line = self.line and {"file": self.line.file, "line": self.line.line, "code": self.line.code}
        return {
            "gradient": self.gradient,
            "verdict": self.verdict,
            "cause": self.cause,
            "size": _number(self.size),
            "where": where,
            "line": line,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "configuration": self.configuration,
        }


@dataclass(frozen=True)
class Report:
    """What :func:`backhand.check` returns. True if nothing is wrong and nothing undecided.

    Attributes:
        name: of what was checked: ``Affine``, ``affine_forward``.
        findings: one for each gradient (its verdict, ``ok`` too), then what the contract and other configurations
            showed.
        shape: the shape of code it was taken for: ``class with forward and backward``.
        agreement: of each gradient that is right, how closely it agrees with the reference, relative.
        method: of each gradient, where its reference is from: ``complex step``, ``differences``, ``trace``.
        configurations: what was tried, in words.
        line: where the thing is defined.
        notes: what is worth knowing and no fault: an input that is kept without a copy, how float32 does.
        seconds: how long it took.
    """

    name: str
    findings: tuple[Finding, ...]
    shape: str = ""
    agreement: Mapping[str, float] = field(default_factory=dict)
    method: Mapping[str, str] = field(default_factory=dict)
    configurations: tuple[str, ...] = ()
    line: Source | None = None
    notes: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of its findings."""
        return worst(finding.verdict for finding in self.findings)

    def __bool__(self) -> bool:
        return self.verdict not in ("wrong", "undecided")

    def to_json(self) -> dict[str, Any]:
        """As plain values; ``json.dumps`` takes them."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "findings": [finding.to_json() for finding in self.findings],
            "shape": self.shape,
            "agreement": {name: _number(value) for name, value in self.agreement.items()},
            "method": dict(self.method),
            "configurations": list(self.configurations),
            "line": self.line and str(self.line),
            "notes": list(self.notes),
            "seconds": round(self.seconds, 4),
        }

    def __str__(self) -> str:
        """As text, for a terminal."""
        from backhand.checking.report import text

        return text(self)

    def _repr_html_(self) -> str:
        """How a notebook shows it."""
        from backhand.checking.report import html

        return html(self)


def _number(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become strings."""
    if isinstance(value, list):
        return [_number(item) for item in value]
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):
        return str(value)
    return value
