"""The measurements as pictures: ratios to the fastest framework, and growth."""

from __future__ import annotations

from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from contenders import OURS, Result
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from report import Growth, fastest_peer, ranked
from workloads import TITLES

BLUE = "#0b6e99"
Bars = list[tuple[str, float, bool]]
"""For each contender its name, its ratio, and whether it is backhand's."""


def ratios(found: dict[str, list[Result]], process: dict[str, dict[str, Any]], path: Path) -> None:
    """Each workload's contenders, on logarithmic axes, each bar from 1: the fastest framework."""
    panels: dict[str, Bars] = {}
    for name, results in found.items():
        base = median((fastest_peer(results) or ranked(results)[0]).quiet)
        panels[TITLES[name]] = [
            (r.contender.title, median(r.quiet) / base, r.contender.is_ours) for r in ranked(results)
        ]
    if process:
        base = min([median(v["seconds"]) for v in process.values() if v["peer"]] or [1.0])
        bars = [(name, median(v["seconds"]) / base, not v["peer"]) for name, v in process.items()]
        panels[TITLES["d"].split(":")[0]] = sorted(bars, key=lambda bar: bar[1])
    heights = [len(bars) + 2 for bars in panels.values()]
    figure = Figure(figsize=(8, 0.25 * sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), 1, height_ratios=heights, squeeze=False)
    for axis, (title, bars) in zip(axes[:, 0], panels.items(), strict=True):
        for place, (_, ratio, ours) in enumerate(bars):
            colour = BLUE if ours else "0.6"
            axis.plot([1, ratio], [place, place], color=colour, linewidth=2)
            axis.plot([ratio], [place], "o", color=colour)
            side, align = (7, "left") if ratio >= 1 else (-7, "right")
            axis.annotate(f"{ratio:.2f}", (ratio, place), (side, -3), textcoords="offset points", ha=align, fontsize=8)
        axis.set_yticks(range(len(bars)), [bar[0] for bar in bars])
        axis.axvline(1, color="0.3", linewidth=0.8)
        axis.set_title(title, fontsize=9, x=0, ha="left")
        _logarithmic(axis, axis.xaxis)
        axis.margins(x=0.15, y=0.08)
        axis.invert_yaxis()
    axes[-1, 0].set_xlabel("time, to the fastest framework's (logarithmic)", fontsize=8)
    _save(figure, path)


def growth(grown: dict[str, Growth], path: Path) -> None:
    """A panel for each axis of growth: sizes to the right, microseconds or megabytes upwards, both logarithmic."""
    figure = Figure(figsize=(8, 2.3 * len(grown)), layout="constrained")
    axes = figure.subplots(len(grown), 1, squeeze=False)
    for axis, (name, rows) in zip(axes[:, 0], grown.items(), strict=True):
        for number, (title, values) in enumerate(rows.items()):
            if not values:
                continue
            ours = title == OURS.title
            look = {"color": BLUE, "linewidth": 2.2} if ours else {"color": f"{0.25 + 0.13 * number}", "linewidth": 1.2}
            axis.plot(list(values), list(values.values()), marker="o^sDvP"[number], markersize=5, label=title, **look)
        axis.set_title(name if "MB" in name else f"{name}: µs a step", fontsize=9, x=0, ha="left")
        _logarithmic(axis, axis.xaxis)
        _logarithmic(axis, axis.yaxis)
        axis.set_xticks(list(next(iter(rows.values()))))
    axes[0, 0].legend(fontsize=8, frameon=False, loc="upper left")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    """The same picture is the same file."""
    with mpl.rc_context({"svg.hashsalt": "backhand"}):
        figure.savefig(path, metadata={"Date": None})


def _logarithmic(axis: Any, one: Any) -> None:
    """With plain numbers."""
    (axis.set_xscale if one is axis.xaxis else axis.set_yscale)("log")
    one.set_major_locator(LogLocator(subs=(1, 2, 5)))
    one.set_major_formatter(StrMethodFormatter("{x:,g}"))
    one.set_minor_locator(NullLocator())
    axis.tick_params(labelsize=8)
    axis.spines[["top", "right"]].set_visible(False)
