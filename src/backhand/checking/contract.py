"""What a layer owes its neighbours, besides the right gradient: each promise is one small experiment.

What breaks a promise is a row of the table of causes, under these ids, with these facts for its sentence (all strings;
``line`` is the user's line as ``file.py:12`` or ""):

=====================  ===========  ===========================================================================
id                     verdict      facts
=====================  ===========  ===========================================================================
writes-dout            fragile      line, gradient: backward writes into the upstream gradient
writes-input           fragile      line, name, phase: forward or backward writes into an input
writes-parameter       fragile      line, name, phase: into a parameter, without being an update
second-backward        fragile      gradient, size: backward called twice after one forward gives something else
accumulates            fragile      gradient: a second forward and backward adds to the first's gradient
shared-buffer          fragile      gradient: a dx handed out earlier changes when the layer runs again
not-linear-in-dout     wrong        gradient, factor: backward(factor * dout) isn't factor * backward(dout)
stale-state            fragile      gradient, size: what an earlier forward left behind changes the gradient
stale-shape            fragile      error, line: after a batch of another size it raises
one-sample             convention   error, gradient, line: right for a batch; off for one sample (ok if it raises)
overflow               fragile      phase, scale, warning, line: inf or NaN, though the result is a number; ok if it is
                                    only NumPy that warns
not-finite             fragile      phase, scale, gradient: the same of a gradient
max-ties               fragile      of, gradient, how: where entries are equal, the gradient isn't that along the ties
integer-dtype          fragile      gradient, size: integers as input give another gradient than the same floats
not-deterministic      undecided    size: forward gives something else for the same input
crash                  wrong        phase, error, line: the code raises
=====================  ===========  ===========================================================================

Not a promise: to copy what is kept for backward. ``self.x = x`` is how everybody writes it; the report notes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from backhand.checking import causes
from backhand.checking.experiment import FLOOR, Experiment
from backhand.checking.finding import Finding, Verdict
from backhand.checking.lines import line_of
from backhand.checking.subject import Array, UserCodeError
from backhand.graph.graph import Source

__all__ = ["broken", "kept_without_copy", "promises"]

_CHANGES = ("writes-input", "writes-parameter")


def promises(main: Experiment, experiments: Sequence[Experiment], right: Sequence[str]) -> list[Finding]:
    """A finding for each promise that is broken. About gradients that are off, not in ``right``, nothing is said."""
    found: list[Finding] = []
    for promise in (_writes, _buffers, _linear, _called_again, _stale):
        if promise in (_called_again, _stale) and any(finding.cause in _CHANGES for finding in found):
            continue  # that another call gives something else follows from the write
        try:
            found += promise(main, experiments, right)
        except UserCodeError:
            continue  # clearing the cache after backward is allowed
    return found


def broken(
    id: str,
    gradient: str,
    experiment: Experiment,
    *,
    verdict: Verdict = "fragile",
    size: float = 0.0,
    line: Source | None = None,
    **facts: str,
) -> Finding:
    """The finding for a broken promise, in the words of its row."""
    facts = {"size": f"{size:.2g}", "line": str(line) if line else "", **facts}
    cause = causes.named(id, gradient=gradient, **facts)
    return Finding(
        gradient=gradient,
        verdict=cause.verdict or verdict,
        cause=cause.id,
        size=size,
        where=None,
        line=line
        or cause.line
        or (line_of(experiment.subject, gradient) if gradient in experiment.measurements else None),
        sentence=cause.sentence,
        remedy=cause.remedy,
        configuration=experiment.label,
    )


# -- writes ---------------------------------------------------------------------------------------------------------


def _writes(main: Experiment, _: Sequence[Experiment], __: Sequence[str]) -> Iterator[Finding]:
    """Nothing that is handed over is written into; read-only arrays give the line."""
    session = main.subject.start()
    session.forward(main.values)
    in_forward = session.written
    session.backward(main.douts)
    later = session.written - in_forward - main.subject.updated
    for phase, names in (("forward", in_forward), ("backward", later)):
        for name in sorted(names):
            line = _line_of_write(main)
            if name.startswith("dout"):
                gradient = next(iter(main.subject.gradients), "dx")
                yield broken("writes-dout", gradient, main, line=line)
            else:
                id = "writes-parameter" if name in main.subject.parameters else "writes-input"
                yield broken(id, phase, main, line=line, name=name, phase=phase)


def _line_of_write(main: Experiment) -> Source | None:
    try:
        session = main.subject.start(readonly=True)
        session.forward(main.values)
        session.backward(main.douts)
    except UserCodeError as error:
        return error.source if "read-only" in str(error.error) else None
    return None


# -- calls in another order -----------------------------------------------------------------------------------------


def _called_again(main: Experiment, _: Sequence[Experiment], right: Sequence[str]) -> Iterator[Finding]:
    """A second backward gives the same; so does a second forward and backward."""
    once = main.run()[1]
    if main.subject.updated:
        return
    session = main.subject.start()
    session.forward(main.values)
    session.backward(main.douts)
    seen = set()
    outputs = session.forward(main.values)
    twice = session.backward(main.douts)
    for gradient in once if _all_same(outputs, main.outputs) else ():
        if not _same(once[gradient], twice.get(gradient)) and gradient in right:
            seen.add(gradient)
            if _same(2 * once[gradient], twice.get(gradient)):
                if not main.subject.clears:
                    yield broken("accumulates", gradient, main, size=1.0)
            else:
                size = _apart(once[gradient], twice.get(gradient))
                yield broken("stale-state", gradient, main, size=size)
    session = main.subject.start()
    session.forward(main.values)
    session.backward(main.douts)
    again = session.backward(main.douts)
    for gradient in once:
        if gradient in right and gradient not in seen and not _same(once[gradient], again.get(gradient)):
            size = _apart(once[gradient], again.get(gradient))
            yield broken("second-backward", gradient, main, size=size)


def _stale(main: Experiment, experiments: Sequence[Experiment], right: Sequence[str]) -> Iterator[Finding]:
    """What an earlier forward with other values, or with another batch size, left behind changes nothing."""
    fresh = main.run()[1]
    others = [e for e in experiments if e is not main and e.subject.inputs == main.subject.inputs]
    same = next((e for e in others if e.subject is main.subject), None)
    sized = next((e for e in others if e.subject is not main.subject and e.subject.same_object(main.subject)), None)
    for other in filter(None, (same, sized)):
        session = main.subject.start()
        session.forward(other.values, other.subject.constants)
        try:
            outputs = session.forward(main.values, main.subject.constants)
            after = session.backward(main.douts)
        except UserCodeError as error:
            yield broken("stale-shape", "backward", main, line=error.source, error=str(error))
            continue
        if not _all_same(outputs, main.outputs):
            continue  # a random stream of its own has moved on, or it is meant to remember
        for gradient in fresh:
            if gradient in right and not _same(fresh[gradient], after.get(gradient)):
                size = _apart(fresh[gradient], after.get(gradient))
                yield broken("stale-state", gradient, main, size=size)
                return


def _buffers(main: Experiment, experiments: Sequence[Experiment], right: Sequence[str]) -> Iterator[Finding]:
    """A gradient that was handed out stays what it was when the layer runs again: the caller may still need it."""
    session = main.subject.start()
    session.forward(main.values)
    session.backward(main.douts)
    handed = {g: a for g, a in session.returned().items() if main.subject.gradients[g] in main.subject.inputs}
    kept = {gradient: np.array(array) for gradient, array in handed.items()}
    other = next((e for e in experiments if e is not main and e.subject is main.subject), main)
    session.forward(other.values)
    session.backward(other.douts)
    for gradient, array in handed.items():
        if gradient in right and not np.array_equal(array, kept[gradient], equal_nan=True):
            yield broken("shared-buffer", gradient, main)


def kept_without_copy(main: Experiment, right: Sequence[str]) -> Iterator[str]:
    """A note for each input that backward reads from the caller's own array, so that a later write into it corrupts."""
    once = main.run()[1]
    for name in main.subject.inputs:
        session = main.subject.start()
        session.forward(main.values)
        if not session.overwrite(name):
            continue
        try:
            after = session.backward(main.douts)
        except UserCodeError:
            continue
        spoiled = [g for g in once if g in right and not _same(once[g], after.get(g))]
        if spoiled:
            yield (
                f"{name} is kept as it is, not copied: whoever writes into it between forward and backward "
                f"changes {', '.join(spoiled)}."
            )


# -- linear in dout -------------------------------------------------------------------------------------------------


def _linear(main: Experiment, _: Sequence[Experiment], right: Sequence[str]) -> Iterator[Finding]:
    """Backward is linear: a hundred times the dout, or none, gives a hundred times the gradient, or none."""
    if not main.subject.takes_dout:
        return
    once = main.run()[1]
    for factor in (100.0, 0.0):
        scaled = main.run(douts=[np.asarray(factor * dout) for dout in main.douts])[1]
        for gradient in once:
            if gradient in right and not _same(factor * once[gradient], scaled.get(gradient), once[gradient]):
                yield broken("not-linear-in-dout", gradient, main, verdict="wrong", factor=f"{factor:g}")
                return


# -- comparing ------------------------------------------------------------------------------------------------------


def _same(a: Array, b: Array | None, like: Array | None = None) -> bool:
    """Equal to rounding, be it that of float32, in units of the largest entry."""
    if b is None or a.shape != b.shape:
        return False
    if np.array_equal(a, b):
        return True
    scale = max(float(np.abs(each).max(initial=0)) for each in (a, b, a if like is None else like))
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(a - b) <= FLOOR * scale) | (np.isnan(a) & np.isnan(b))))


def _all_same(some: Sequence[Array], others: Sequence[Array]) -> bool:
    return all(_same(one, other) for one, other in zip(some, others, strict=True))


def _apart(a: Array, b: Array | None) -> float:
    if b is None or a.shape != b.shape:
        return float("inf")
    scale = float(np.abs(a).max(initial=0)) or 1.0
    return float(np.abs(a - b).max(initial=0)) / scale
