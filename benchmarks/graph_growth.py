"""How the cost of a graph grows with its length: trace, differentiate and run a chain of 1e3 to 1e6 nodes.

Beside it, in the same process and alternating, HIPS autograd on the same chain. Writes a plot and prints a table.

    python benchmarks/graph_growth.py [--most 1000000] [--out docs/images/graph_growth.svg]
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable

import autograd
import matplotlib as mpl
import numpy as np

import backhand

mpl.use("svg")
import matplotlib.pyplot as plt

Function = Callable[[float], float]


def chain(n: int) -> Function:
    """A function of n operations, one after the other."""

    def f(x: float) -> float:
        for _ in range(n // 2):
            x = x * 1.0000001 + 1e-9
        return x

    return f


def timed(action: Callable[[], object]) -> tuple[float, object]:
    gc.collect()
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def measure(n: int) -> dict[str, float]:
    """Seconds of each part for a chain of n operations."""
    f, x = chain(n), np.float64(0.5)
    trace, graph = timed(lambda: backhand.trace(f, x))
    differentiate, derived = timed(lambda: backhand.differentiate(graph))
    run, (gradient,) = timed(lambda: derived(x))
    other, expected = timed(lambda: autograd.grad(f)(0.5))
    assert abs(gradient - expected) < 1e-9 * abs(expected)
    return {"trace": trace, "differentiate": differentiate, "run": run, "autograd": other}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--out", default="docs/images/graph_growth.svg")
    options = parser.parse_args()
    sys.setrecursionlimit(1000)
    lengths = [n for n in (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000) if n <= options.most]
    measure(1_000)  # imports, caches
    rows = []
    for n in lengths:
        runs = [measure(n) for _ in range(7 if n <= 10_000 else 3)]
        rows.append({part: min(r[part] for r in runs) / n * 1e6 for part in runs[0]})  # the least disturbed
        ours = sum(rows[-1][part] for part in ("trace", "differentiate", "run"))
        parts = "  ".join(f"{part} {value:7.2f}" for part, value in rows[-1].items())
        print(f"{n:>9,} nodes, us a node: {parts}  |  all {ours:6.2f}, {ours / rows[-1]['autograd']:.2f} of autograd")
    draw(lengths, rows, options.out)


def draw(lengths: list[int], rows: list[dict[str, float]], path: str) -> None:
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    total = [sum(row[part] for part in ("trace", "differentiate", "run")) for row in rows]
    axes.plot(lengths, [row["autograd"] for row in rows], "s--", color="0.5", label="autograd 1.9: gradient")
    axes.plot(lengths, total, "o-", color="#0b6e99", label="backhand: trace, differentiate and run")
    for part, style in (("trace", ":"), ("differentiate", "-."), ("run", "--")):
        axes.plot(lengths, [row[part] for row in rows], style, color="#0b6e99", alpha=0.5, label=f"  {part}")
    axes.set(xscale="log", xlabel="operations in the chain", ylabel="microseconds an operation", ylim=(0, None))
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)


if __name__ == "__main__":
    main()
