"""The measurements as docs/bench.md and a picture."""

from __future__ import annotations

import math
import os
import platform
from pathlib import Path
from statistics import median
from typing import Any

from contenders import NATIVE, OURS, Result
from workloads import TITLES

NEEDED = {
    "a": "Aimed at: 0.65 of the fastest framework by epoch, and 0.35 of torch eager.",
    "b": "Aimed at: 0.5 of the fastest framework by epoch, 0.6 by call.",
    "c-SGD": "Aimed at: 1.05 of the fastest framework.",
    "c-Adam": "Aimed at: 1.15 of the fastest framework.",
    "d": "Aimed at: 0.4 of the torch script.",
}


Growth = dict[str, dict[int, float]]
"""Of one axis: contender -> size -> microseconds a step, or megabytes."""


def ranked(results: list[Result]) -> list[Result]:
    return sorted((r for r in results if not r.error), key=lambda r: median(r.quiet))


def fastest_peer(results: list[Result], busy: bool = False) -> Result | None:
    peers = [r for r in results if r.contender.is_peer and not r.error and (r.busy if busy else r.quiet)]
    return min(peers, key=lambda r: median(r.busy if busy else r.quiet), default=None)


def machine() -> str:
    model = platform.processor() or platform.machine()
    if (info := Path("/proc/cpuinfo")).exists():
        model = next(
            (line.split(": ")[1] for line in info.read_text().splitlines() if line.startswith("model name")), model
        )
    return f"{model}, {len(os.sched_getaffinity(0))} cores, {platform.system()}, Python {platform.python_version()}"


def page(
    found: dict[str, list[Result]],
    process: dict[str, dict[str, Any]],
    grown: dict[str, Growth],
    missing: list[str],
    command: str,
) -> str:
    versions: dict[str, str] = {}
    for results in found.values():
        for r in results:
            versions |= r.versions
    parts = [
        _HEAD.format(
            command=command, machine=machine(), versions=", ".join(f"{k} {v}" for k, v in sorted(versions.items()))
        )
    ]
    if missing:
        parts.append(f"Not installed, so not compared: {', '.join(missing)}.\n")
    for name, results in found.items():
        parts.append(f"## {TITLES[name]}\n\n{NEEDED[name]}\n\n{_table(results)}")
    if process:
        parts.append(f"## {TITLES['d']}\n\n{NEEDED['d']}\n\n{_process_table(process)}")
    if grown:
        parts.append(_GROWTH + "\n".join(_growth_table(axis, rows) for axis, rows in grown.items()))
    parts.append(_losses(found, process, grown))
    return "\n".join(parts)


def _table(results: list[Result]) -> str:
    peer = fastest_peer(results)
    busy = any(r.busy for r in results)
    head = "| contender | threads | µs a step | spread | to the fastest framework |" + (
        " beside a busy process | slower by |" if busy else ""
    )
    lines = [head, "|---|---|---|---|---|" + ("---|---|" if busy else "")]
    for r in ranked(results):
        now, base = median(r.quiet), median(peer.quiet) if peer else math.nan
        title = f"**{r.contender.title}**" if r.contender.is_ours else r.contender.title
        line = (
            f"| {title} | {r.threads} | {_us(now)} | {_us(min(r.quiet))} – {_us(max(r.quiet))} | {_ratio(now, base)} |"
        )
        if busy:
            line += f" {_us(median(r.busy))} | {median(r.busy) / now:.1f} |" if r.busy else " | |"
        lines.append(line)
    lines += [
        f"| {r.contender.title} | | | | {r.error.splitlines()[0][:100]} |" + (" | |" if busy else "")
        for r in results
        if r.error
    ]
    return "\n".join(lines) + "\n"


def _process_table(process: dict[str, dict[str, Any]]) -> str:
    peers = [median(v["seconds"]) for v in process.values() if v["peer"]]
    base = min(peers, default=math.nan)
    lines = ["| process | seconds | spread | to the torch script | test accuracy |", "|---|---|---|---|---|"]
    for name, values in sorted(process.items(), key=lambda item: median(item[1]["seconds"])):
        seconds = values["seconds"]
        title = name if values["peer"] else f"**{name}**"
        spread = f"{min(seconds):.2f} – {max(seconds):.2f}"
        lines.append(
            f"| {title} | {median(seconds):.2f} | {spread} | {_ratio(median(seconds), base)} | {values['accuracy']} |"
        )
    return "\n".join(lines) + "\n"


def _growth_table(axis: str, rows: Growth) -> str:
    """Times or megabytes by size, and what each more (sample, neuron, layer) costs: the slope from first to last."""
    sizes = next(iter(rows.values())).keys()
    unit = "" if "MB" in axis else ", µs a step"
    lines = [
        f"### {axis}{unit}\n",
        f"| contender | {' | '.join(f'{n:,}' for n in sizes)} | last to first | for each more |",
        "|---|" + "---|" * (len(sizes) + 2),
    ]
    for title, values in rows.items():
        if values:
            cells = [_us(values[n]) if n in values else "" for n in sizes]
            name = f"**{title}**" if title == OURS.title else title
            numbers = list(values.values())
            lines.append(f"| {name} | {' | '.join(cells)} | {numbers[-1] / numbers[0]:.1f} | {_slope(values):.2g} |")
    return "\n".join(lines) + "\n"


def _slope(values: dict[int, float]) -> float:
    sizes = list(values)
    return (values[sizes[-1]] - values[sizes[0]]) / (sizes[-1] - sizes[0])


def _growth_losses(grown: dict[str, Growth]) -> list[str]:
    """At which sizes another is faster or smaller, and whose growth from the first size to the last is less."""
    lines = []
    for axis, rows in grown.items():
        ours = rows.get(OURS.title, {})
        for title, values in rows.items():
            lines += [
                f"- (e) growth, {axis} {size:,}: {title} takes {values[size] / ours[size]:.2f} of what backhand takes."
                for size in ours
                if title != OURS.title and values.get(size, math.inf) < ours[size]
            ]
            if ours and values and values.keys() == ours.keys() and 0 < _slope(values) < 0.95 * _slope(ours):
                lines.append(f"- (e) growth, {axis}: for each more {title} takes {_slope(values) / _slope(ours):.2f}.")
    return lines


def _losses(found: dict[str, list[Result]], process: dict[str, dict[str, Any]], grown: dict[str, Growth]) -> str:
    """Where the native engine, by epoch or by call, is not the fastest."""
    lines = []
    for name, results in found.items():
        others = [r for r in ranked(results) if not r.contender.is_ours and "bound" not in r.contender.title]
        for ours in (r for r in results if r.contender in NATIVE):
            how = f"{TITLES[name]}, {ours.contender.title.split(', ')[-1]}"
            if ours.error:
                lines.append(f"- {how}: it failed: {ours.error}")
                continue
            lines += [
                f"- {how}: {r.contender.title} takes {median(r.quiet) / median(ours.quiet):.2f} of its time."
                for r in others
                if median(r.quiet) < median(ours.quiet)
            ]
    lines += _growth_losses(grown)
    text = "\n".join(lines) if lines else "- Nowhere among these, on this machine."
    return f"## Where backhand loses\n\n{text}\n"


def _us(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def _ratio(value: float, base: float) -> str:
    return "" if math.isnan(base) else f"{value / base:.2f}"


_GROWTH = """\
## (e) growth

Workload (a) with one of its sizes changed. Aimed at: no worse growth than the best framework's. That is, nowhere
slower, and no dearer "for each more": the slope from the first size to the last, to which fixed costs add nothing.

![Time a step by size, and peak memory](images/bench-growth.svg)

"""
_HEAD = """\
# How fast

Written by `{command}`; nothing in it was typed by hand. {machine}; {versions}.

Each contender trains the same network from the same weights on the same batches, in a process of its own, at its better
number of threads, 1 or 2. They take turns, with a pause between, so that whatever disturbs the machine disturbs all; a
figure is the median of the turns. Before it is measured, each must reach the same loss after 20 steps (not
scikit-learn, which has an order of its own). A step is everything from the data set in memory to the updated
parameters: drawing the batch, scaling, forward, backward, update. "By epoch" is `step.epoch`, "by call" `step(x, t)`.

The ratios are to the fastest *framework* in the same run (torch, JAX, scikit-learn). NumPy by hand stands beside
them, and a bound: nothing but the step's dense matrix products in NumPy's BLAS.

![Each contender's time to the fastest framework's](images/bench.svg)
"""
