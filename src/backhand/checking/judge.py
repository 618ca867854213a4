"""From measurements to findings: what is to be said of each gradient, and of what raised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from backhand.checking import causes
from backhand.checking.experiment import FLOOR, Experiment, Measurement
from backhand.checking.finding import Cause, Finding, Verdict
from backhand.checking.lines import line_of
from backhand.checking.network import Blame, blame
from backhand.checking.opinion import traced
from backhand.checking.subject import Array, UserCodeError

__all__ = ["crash", "gradients"]


def gradients(experiments: Sequence[Experiment]) -> list[Finding]:
    """A finding for each gradient of the first experiment, from all of them."""
    findings = [_finding(gradient, experiments) for gradient in experiments[0].measurements]
    return _descended(findings, experiments)


def crash(error: UserCodeError, configuration: str, cause: Cause | None = None) -> Finding:
    """The finding for code that raises."""
    line = str(error.source) if error.source else ""
    cause = cause or causes.named("crash", phase=error.phase, error=str(error), line=line)
    out_of_memory = isinstance(error.error, MemoryError)  # on another machine, or alone, it may run
    return Finding(
        gradient="forward" if error.phase != "backward" else "backward",
        verdict="undecided" if out_of_memory else cause.verdict or "wrong",
        cause=cause.id,
        size=float("inf"),
        where=None,
        line=error.source,
        sentence=cause.sentence,
        remedy=cause.remedy,
        configuration=configuration,
    )


def _finding(gradient: str, experiments: Sequence[Experiment]) -> Finding:
    """What is to be said of one gradient: of the first configuration in which it is off, else of the first."""
    having = [experiment for experiment in experiments if gradient in experiment.measurements]
    off = [experiment for experiment in having if gradient in experiment.wrong]
    clearly = [experiment for experiment in off if _clearly(experiment, gradient, having[0])]
    if not off:
        measurement = having[0].measurements[gradient]
        closest = max(experiment.measurements[gradient].size for experiment in having)
        line = having[0].subject.backward_source
        sentence = f"{gradient} agrees with the derivative of forward to {closest:.1e}."
        return Finding(gradient, "ok", None, measurement.size, None, line, sentence, "", having[0].label)
    experiment = (clearly or off)[0]
    measurement = experiment.measurements[gradient]
    cause = causes.explain(experiment, gradient, having)
    verdict, sentence = _judged(experiment, measurement, cause, bool(clearly))
    if experiment is not having[0]:
        sentence += f" (It is right at {having[0].label}; this was seen at {experiment.label}.)"
    return Finding(
        gradient=gradient,
        verdict=verdict,
        cause=cause.id if cause else None,
        size=measurement.size,
        where=measurement.where,
        line=(cause and cause.line) or line_of(experiment.subject, gradient),
        sentence=sentence,
        remedy=cause.remedy if cause else "",
        configuration=experiment.label,
    )


def _clearly(experiment: Experiment, gradient: str, main: Experiment) -> bool:
    """Off by more than an epsilon in forward makes.

    Where the main configuration is right, so must be what is seen at more moderate inputs: a logarithm with 1e-7 in it
    is anything at a probability of 1e-7.
    """
    measurement, at_home = experiment.measurements[gradient], main.measurements[gradient]
    if not measurement.wrong or measurement.close:
        return False
    if measurement is at_home or (at_home.wrong and not at_home.close):
        return True
    try:
        moderate = experiment.gentler.measurements[gradient]
    except UserCodeError:
        return True
    return moderate.wrong and not moderate.close


def _descended(findings: list[Finding], experiments: Sequence[Experiment]) -> list[Finding]:
    """What is wrong in a whole network, with the layer that is to blame for it."""
    wrong = [finding for finding in findings if finding.verdict == "wrong"]
    seen = next(
        (e for e in experiments if wrong and wrong[0].gradient in e.wrong and e.label == wrong[0].configuration), None
    )
    found = blame(seen) if seen is not None else None
    if found is None:
        return findings
    return [_blaming(finding, found) if finding.verdict == "wrong" else finding for finding in findings]


def _blaming(finding: Finding, found: Blame) -> Finding:
    if not found.layer and finding.cause is not None:
        return finding
    if not found.layer:
        why = f" (Each layer of {found.kind} is right by itself: what puts their gradients together is wrong.)"
        return replace(finding, sentence=finding.sentence + why)
    cause = found.cause
    said = cause.sentence if cause else f"{found.gradient} isn't the derivative of its forward."
    return replace(
        finding,
        cause=cause.id if cause else finding.cause,
        line=found.line or finding.line,
        sentence=f"{finding.gradient} is wrong because of {found.layer} ({found.kind}): {said}",
        remedy=cause.remedy if cause else finding.remedy,
    )


def _judged(
    experiment: Experiment, measurement: Measurement, cause: Cause | None, clearly: bool
) -> tuple[Verdict, str]:
    gradient = measurement.gradient
    if cause is not None and cause.verdict is not None:
        return cause.verdict, cause.sentence
    if not clearly:
        small = f"{gradient} is off by {measurement.size:.1e} of its largest entry: as little as an epsilon makes."
        return ("convention", cause.sentence) if cause else ("ok", small)
    opinion = traced(experiment, gradient)
    if opinion is not None and measurement.fits and _agree(measurement, opinion):
        why = (
            f"{gradient} fits the derivative of the traced graph of forward, but not the differences of its values: "
            "forward jumps, or isn't a function of its inputs alone."
        )
        return "undecided", why
    if cause is not None:
        return "wrong", cause.sentence
    return "wrong", _plainly(measurement)


def _agree(measurement: Measurement, opinion: Array) -> bool:
    hand = np.asarray(measurement.hand, dtype=np.float64)
    scale = float(np.abs(opinion).max(initial=0))
    return hand.shape == opinion.shape and bool(np.all(np.abs(hand - opinion) <= 1e-6 * scale))


def _plainly(measurement: Measurement) -> str:
    gradient, of = measurement.gradient, measurement.of
    if measurement.hand is None:
        return f"backward gives no {gradient}, though forward depends on {of}."
    if not measurement.fits:
        shapes = f"{measurement.hand.shape}, {of} has {measurement.reference.value.shape}"
        return f"{gradient} has shape {shapes}: a gradient has the shape of what it is the gradient of."
    error = np.abs(measurement.error[np.isfinite(measurement.error)])
    if not error.size:
        return f"{gradient} is off by {measurement.size:.2g} of its size along random directions."
    expected = np.abs(measurement.reference.value)
    off = int(np.sum(error > FLOOR * np.nanmax(expected)))
    return (
        f"{gradient} isn't the derivative of forward: {off} of {error.size} entries are off, by up to "
        f"{measurement.size:.2g} of the largest."
    )
