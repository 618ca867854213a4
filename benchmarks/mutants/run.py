"""Plants every mistake into every layer of the list, checks each, and writes docs/mutants.md: `make mutants`.

What an edit changes is decided by `oracle.py`, which knows nothing of `backhand.checking`: an edit that changes nothing
on its battery is no mistake, and is counted as equivalent. Then mistakes by rule, and correct layers in many forms.
With arguments: only the causes that contain one of them, and nothing is written.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import by_rule
import numpy as np
import oracle
import plant
from cases import CASES, SIZES, Case

from backhand.checking.check import check_examples
from backhand.checking.example import Example
from backhand.errors import CheckError

PAGE = plant.ROOT / "docs" / "mutants.md"
ALARMS = ("wrong", "undecided", "fragile")
Form = Callable[[tuple[Any, ...]], tuple[Any, ...]]


def every(change: Callable[[Any], Any]) -> Form:
    """Each array of real numbers changed, but for one-hot labels."""

    def form(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        real = [isinstance(a, np.ndarray) and a.dtype.kind == "f" and not np.isin(a, (0, 1)).all() for a in inputs]
        return tuple(change(a) if is_real else a for a, is_real in zip(inputs, real, strict=True))

    return form


def first(change: Callable[[Any], Any]) -> Form:
    """The first array changed, if it is one of real numbers."""
    return lambda inputs: (*every(change)(inputs[:1]), *inputs[1:])


FORMS: dict[str, Form] = {
    "as they are": lambda inputs: inputs,
    "with ties": every(lambda a: np.round(2 * a) / 2),
    "with zeros": first(lambda a: np.where(np.arange(a.size).reshape(a.shape) % 3 == 0, 0.0, a)),
    "tiny (1e-4)": first(lambda a: 1e-4 * a),
    "huge (1e4)": first(lambda a: 1e4 * a),
    "in float32": every(lambda a: a.astype(np.float32)),
}


def report_on(case: Case, module: Any, form: Form = lambda inputs: inputs) -> Any:
    """What check says of the case made from this module; its error, if it refuses."""
    examples = [Example(lambda size=size: case.thing(module, size), form(case.feed(size))) for size in SIZES]
    try:
        return check_examples(examples, name=case.edited[0])
    except CheckError as error:
        return error


def changes(mutant: plant.Mutant, original: Any, planted: Any) -> str:
    """The first experiment of the oracle that shows the edit; empty if none does."""
    seen = [
        oracle.behaviour(
            lambda size, module=module: mutant.case.thing(module, SIZES[size]),
            lambda size, seed: mutant.case.feed(SIZES[size], seed),
        )
        for module in (original, planted)
    ]
    return oracle.difference(*seen)


def judge(cause: str, report: Any) -> tuple[str, list[str]]:
    """The outcome in a word, and the causes that were named."""
    if isinstance(report, Exception):
        return "refused", []
    causes = [finding.cause for finding in report.findings if finding.verdict != "ok" and finding.cause]
    if cause in causes:
        return "right", causes
    if report.verdict == "ok":
        return "missed", causes
    if report.verdict == "undecided":
        return "undecided", causes
    return ("other" if causes else "unexplained"), causes


def plant_all(only: list[str], folder: Path) -> dict[str, Counter[str]]:
    """Each mutant once: by cause, how many came out how."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    originals: dict[Path, Any] = {}
    for mutant in plant.mutants():
        if only and not any(part in mutant.cause for part in only):
            continue
        file = mutant.case.file
        originals[file] = originals.get(file) or plant.load(file)
        planted = mutant.module(folder)
        count = outcomes[mutant.cause]
        if not changes(mutant, originals[file], planted):
            count["equivalent"] += 1
            print(f"equivalent: {mutant.name} {mutant.edits}")
            continue
        start = time.perf_counter()
        outcome, causes = judge(mutant.cause, report_on(mutant.case, planted))
        seconds = time.perf_counter() - start
        count["planted"] += 1
        count[outcome] += 1
        if outcome != "right":
            print(f"{outcome:12} {mutant.cause} {mutant.number} in {mutant.layer}: {causes} ({seconds:.1f} s)")
        elif seconds > 4:
            print(f"slow         {mutant.cause} {mutant.number} in {mutant.layer} ({seconds:.1f} s)")
    return outcomes


def plant_by_rule(only: list[str], folder: Path) -> dict[str, Counter[str]]:
    """Each mistake of `by_rule.py` once, as above."""
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for mistake in by_rule.planted():
        if only and not any(part in mistake.cause for part in only):
            continue
        outcome, causes = judge(mistake.cause, by_rule.report_on(mistake, folder))
        outcomes[mistake.cause].update(("planted", outcome))
        if outcome != "right":
            where = f"{mistake.file.stem}.{mistake.thing}, line {mistake.line}"
            print(f"by rule: {outcome:12} {mistake.cause} in {where}: {causes}", flush=True)
    return outcomes


def false_alarms() -> dict[str, str]:
    """The correct layers that check finds fault with, in each form of their inputs."""
    found = {}
    for form, change in FORMS.items():
        for name, case in CASES.items():
            report = report_on(case, plant.load(case.file), change)
            if isinstance(report, Exception):
                found[f"{name} {form}"] = f"refused: {report}"
            elif report.verdict in ALARMS:
                found[f"{name} {form}"] = "; ".join(f.sentence for f in report.findings if f.verdict in ALARMS)
    return found


def table(outcomes: dict[str, Counter[str]]) -> list[str]:
    """A line a cause, and their sum."""
    columns = ("right", "other", "unexplained", "undecided", "refused", "missed")
    lines = [
        "| cause | planted | detected | right cause | another cause | no cause | undecided | refused | missed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [(f"[{cause}](causes.md#{cause})", count) for cause, count in sorted(outcomes.items())]
    for name, count in [*rows, ("all", total(outcomes))]:
        numbers = " | ".join(str(count[column]) for column in columns)
        lines.append(f"| {name} | {count['planted']} | {detected(count)} | {numbers} |")
    return lines


def page(
    chosen: dict[str, Counter[str]], ruled: dict[str, Counter[str]], alarms: dict[str, str], seconds: float
) -> str:
    """What stands in docs."""
    a, b = total(chosen), total(ruled)
    lines = [
        "# Planted mistakes",
        "",
        "`make mutants` plants each cause of [causes.md](causes.md) into correct hand-written layers, checks each of",
        "them, and writes this page. Detected: check finds fault. Right cause: it names the one that was planted.",
        "",
        f"- **Chosen mistakes**: detected {percent(detected(a), a['planted'])} of {a['planted']}, right cause "
        f"{percent(a['right'], a['planted'])}.",
        f"- **By rule, in code of other hands**: detected {percent(detected(b), b['planted'])} of {b['planted']}, "
        f"right cause {percent(b['right'], b['planted'])}.",
        f"- **False alarms**: {len(alarms)} of {len(CASES)} correct layers, each in {len(FORMS)} forms of its inputs",
        f"  ({', '.join(FORMS)}).",
        f"- It took {seconds / 60:.0f} minutes.",
        "",
        "## Chosen mistakes",
        "",
        "Exact edits of layers of backhand and of `tests/check/correct`, written by hand in `benchmarks/mutants`. The",
        "rows of the table of causes were made with these at hand: they show that each works, not how it does on other",
        "code. An oracle that knows nothing of check runs each layer before and after the edit; what changes nothing",
        f"is no mistake: {a['equivalent']} left out.",
        "",
        *table(chosen),
        "",
        "## By rule",
        "",
        "Edits that a program makes wherever they fit in every right thing of `tests/check/zoo`, which are found, made",
        "and fed by `backhand check` itself. None is left out: some change nothing, some make two mistakes of one, and",
        "then the other one may be named. What it showed was mended too, so neither is it wholly unseen.",
        "",
        *table(ruled),
        "",
        *(f"False alarm: {name}: {words}" for name, words in alarms.items()),
    ]
    return "\n".join(lines).rstrip() + "\n"


def total(outcomes: dict[str, Counter[str]]) -> Counter[str]:
    """Of all causes together."""
    return sum(outcomes.values(), Counter())


def detected(count: Counter[str]) -> int:
    """Mistakes that don't pass for right: check finds fault with the layer, whatever it says of why."""
    return count["right"] + count["other"] + count["unexplained"]


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def main(only: list[str]) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        chosen = plant_all(only, Path(folder))
        ruled = plant_by_rule(only, Path(folder))
    alarms = {} if only else false_alarms()
    text = page(chosen, ruled, alarms, time.perf_counter() - start)
    print(text)
    if not only:
        PAGE.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
