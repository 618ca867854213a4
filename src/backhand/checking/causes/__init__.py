"""The table of causes: why a gradient is wrong, each told by an experiment and confirmed by others.

A row's test is asked of one experiment. It must say the same of every other experiment in which that gradient is wrong,
at another seed and at other shapes, and of one at least: else there is no cause, and the finding says none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from backhand.checking.causes import factors, linear, manners, masks, softmax, sums, terms
from backhand.checking.causes.crashed import crashed
from backhand.checking.causes.evidence import Evidence
from backhand.checking.causes.lab import Lab
from backhand.checking.causes.row import UNCLEAR, Facts, Row
from backhand.checking.example import Example
from backhand.checking.experiment import Experiment
from backhand.checking.finding import Cause, Verdict
from backhand.checking.subject import UserCodeError

__all__ = ["TABLE", "Row", "explain", "explain_crash", "named"]


def _in_order(*ids: str) -> tuple[Row, ...]:
    rows = {row.id: row for part in (factors, linear, manners, masks, softmax, sums, terms) for row in part.ROWS}
    return (*(rows.pop(id) for id in ids), *rows.values())


# Asked in this order, the particular before the general: a mask that is the wrong way round is a wrong comparison, too.
TABLE = _in_order(
    "parameter-not-updated",
    "missing-gradient",
    "dout-ignored",
    "batch-size-not-divided",
    "batch-size-divided-twice",
    "divided-by-batch",
    "sum-against-mean",
    "sign",
    "stale-mask",
    "mask-inverted",
    "mask-forgotten",
    "constant-factor",
    "bias-not-summed",
    "gradient-of-another",
    "softmax-diagonal",
    "softmax-axis",
    "activation-derivative-missing",
    "mask-comparison",
    "activation-derivative-of-x",
    "shape-differs",
    "transposed",
    "weight-not-transposed",
    "bias-wrong-axis",
    "dout-overwritten",
    "labels-form",
    "regularisation-missing",
    "regularisation-doubled",
    "norm-terms-missing",
    "border",
    "overwrites-fan-out",
    "epsilon-forward-only",
)
"""Every row: those with a test in the order in which they are asked, then those that the contract sees by itself."""

_BY_ID = {row.id: row for row in TABLE}


def explain(experiment: Experiment, gradient: str, measured: Sequence[Experiment] = ()) -> Cause | None:
    """The cause of a wrong gradient, confirmed at other values and shapes; None if there is none to name.

    ``measured`` are experiments that have been made already: they confirm, before any more are made.
    """
    evidence = Evidence(Lab(experiment), gradient)
    others = [Evidence(Lab(other), gradient) for other in _confirming(experiment, gradient, measured)]
    for row in TABLE:
        if row.test is None:
            continue
        facts = row.test(evidence)
        if facts is not None and facts is not UNCLEAR and _confirmed(row, facts, others):
            return named(row.id, gradient=gradient, of=evidence.of, **facts)
    return None


def explain_crash(failure: UserCodeError, examples: Sequence[Example], name: str | None) -> Cause | None:
    """The cause of an error that backward raises; None if there is none to name but the error itself."""
    return crashed(failure, examples, name, explain)


def named(id: str, **facts: str) -> Cause:
    """The cause of that id, its sentence and remedy filled in with the facts; a blank without a fact stays empty."""
    row = _BY_ID[id]
    line = facts.get("line", "")
    blanks = defaultdict(str, facts | {"at": f" ({line})" if line else ""})
    if "error" in facts:
        blanks["why"] = f": {facts['error']}"
    verdict: Verdict | None = row.verdict
    if "verdict" in facts:
        verdict = facts["verdict"]  # type: ignore[assignment]
    return Cause(row.id, row.sentence.format_map(blanks), row.remedy.format_map(blanks), verdict)


def _confirming(experiment: Experiment, gradient: str, measured: Sequence[Experiment]) -> list[Experiment]:
    """Experiments in which a gradient is wrong, too: one at these shapes, one or two at others, of another batch size.

    Those that are there already are taken before any more are made. In some configuration a mistake hides: what isn't
    wrong there, or only by an epsilon, neither confirms nor denies.
    """

    def speaks(other: Experiment) -> bool:
        if other is experiment or gradient not in other.wrong:
            return False
        return experiment.measurements[gradient].close or not other.measurements[gradient].close

    def here() -> Iterator[Experiment]:
        yield from (other for other in measured if other.subject is experiment.subject)
        yield experiment.again(experiment.seed + 1)

    def elsewhere(experiments: Iterable[Experiment]) -> list[Experiment]:
        shape: Experiment | None = None
        for other in experiments:
            if other.subject is experiment.subject or _batch(other) == 1 or not speaks(other):
                continue  # of one sample much looks alike
            if _batch(other) != _batch(experiment):
                return [other] if shape is None else [shape, other]
            shape = shape or other
        return [shape] if shape is not None else []

    same = next(filter(speaks, here()), None)
    others = elsewhere(measured) or elsewhere(experiment.elsewhere(limit=4))
    return [*([same] if same is not None else []), *others]


def _batch(experiment: Experiment) -> int:
    return Evidence(Lab(experiment), next(iter(experiment.measurements))).batch


def _confirmed(row: Row, facts: Facts, others: list[Evidence]) -> bool:
    """Whether all the other experiments say the same, and one at least says it."""
    assert row.test is not None
    agreed = 0
    varied = not row.varies
    for other in others:
        there = row.test(other)
        if there is UNCLEAR or (there is None and other.lab.too_large(other.of)):
            continue
        if there is None or any(there.get(name) != facts.get(name) for name in row.same):
            return False
        varied = varied or any(there.get(name) != facts.get(name) for name in row.varies)
        agreed += 1
    return agreed > 0 and varied
