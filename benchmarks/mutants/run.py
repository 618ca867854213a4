"""Plants every mistake into every layer of the list, checks each, and writes docs/mutants.md: `make mutants`.

What an edit changes is decided by `oracle.py`, which knows nothing of `backhand.checking`: an edit that changes nothing
on its battery is no mistake, and is counted as equivalent. With arguments: only the causes that contain one of them, and
nothing is written.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import oracle
import plant
from cases import CASES, SIZES, Case

from backhand.checking.check import check_examples
from backhand.checking.example import Example
from backhand.errors import CheckError

PAGE = plant.ROOT / "docs" / "mutants.md"
ALARMS = ("wrong", "undecided", "fragile")


def report_on(case: Case, module: Any) -> Any:
    """What check says of the case made from this module; its error, if it refuses."""
    examples = [Example(lambda size=size: case.thing(module, size), case.feed(size)) for size in SIZES]
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


def judge(mutant: plant.Mutant, report: Any) -> tuple[str, list[str]]:
    """The outcome in a word, and the causes that were named."""
    if isinstance(report, Exception):
        return "refused", []
    causes = [finding.cause for finding in report.findings if finding.verdict != "ok" and finding.cause]
    if mutant.cause in causes:
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
        outcome, causes = judge(mutant, report_on(mutant.case, planted))
        seconds = time.perf_counter() - start
        count["planted"] += 1
        count[outcome] += 1
        if outcome != "right":
            print(f"{outcome:12} {mutant.cause} {mutant.number} in {mutant.layer}: {causes} ({seconds:.1f} s)")
        elif seconds > 4:
            print(f"slow         {mutant.cause} {mutant.number} in {mutant.layer} ({seconds:.1f} s)")
    return outcomes


def false_alarms() -> dict[str, str]:
    """The correct layers that check finds fault with."""
    found = {}
    for name, case in CASES.items():
        report = report_on(case, plant.load(case.file))
        if isinstance(report, Exception):
            found[name] = f"refused: {report}"
        elif report.verdict in ALARMS:
            found[name] = "; ".join(f.sentence for f in report.findings if f.verdict in ALARMS)
    return found


def page(outcomes: dict[str, Counter[str]], alarms: dict[str, str], seconds: float) -> str:
    """The table, as it stands in docs."""
    total: Counter[str] = sum(outcomes.values(), Counter())
    lines = [
        "# Planted mistakes",
        "",
        "`make mutants` plants each cause of [causes.md](causes.md) into correct hand-written layers, of backhand and of",
        "`tests/check/correct`, by exact edits of their source (`benchmarks/mutants`), checks every one, and writes this page.",
        "An independent oracle runs the layer before and after the edit: what changes nothing is no mistake and is left out.",
        "",
        f"- **Detected**: {percent(detected(total), total['planted'])} of {total['planted']} mistakes: check finds fault.",
        f"- **Right cause**: {percent(total['right'], total['planted'])}: it names the cause that was planted.",
        f"- **False alarms**: {len(alarms)} of {len(CASES)} correct layers.",
        f"- Equivalent edits, left out: {total['equivalent']}. Time: {seconds:.0f} s.",
        "",
        "| cause | planted | detected | right cause | another cause | no cause | undecided | refused | missed |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for cause, count in sorted(outcomes.items()):
        lines.append(
            f"| [{cause}](causes.md#{cause}) | {count['planted']} | {detected(count)} | {count['right']} | "
            f"{count['other']} | {count['unexplained']} | {count['undecided']} | {count['refused']} | {count['missed']} |"
        )
    lines += [f"\nFalse alarm: {name}: {words}" for name, words in alarms.items()]
    return "\n".join(lines) + "\n"


def detected(count: Counter[str]) -> int:
    """Mistakes that don't pass for right: check finds fault with the layer, whatever it says of why."""
    return count["right"] + count["other"] + count["unexplained"]


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def main(only: list[str]) -> None:
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcomes = plant_all(only, Path(folder))
    alarms = {} if only else false_alarms()
    text = page(outcomes, alarms, time.perf_counter() - start)
    print(text)
    if not only:
        PAGE.write_text(text)


if __name__ == "__main__":
    main(sys.argv[1:])
