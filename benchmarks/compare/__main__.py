"""backhand beside the frameworks: ``python benchmarks/compare``, or ``backhand bench``; it writes docs/bench.md."""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path

from contenders import ALL, GROWING, missing
from measure import compared, growth, say, whole_process
from report import page
from workloads import MAIN, TITLES

DOCS = Path(__file__).parents[2] / "docs"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, prog="backhand bench")
    parser.add_argument("--only", help="some of a, b, c-SGD, c-Adam, d, e, with commas between")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.25, help="how long one measurement takes, about")
    parser.add_argument(
        "--quick", action="store_true", help="a smoke run of (a) and (b): no frameworks, no figures to keep"
    )
    parser.add_argument("--out", type=Path, default=None, help="the folder for bench.md and images/bench.svg (docs)")
    options = parser.parse_args()
    wanted = (options.only or "a,b,c-SGD,c-Adam,d,e").split(",")
    contenders, repetitions, seconds = ALL, options.repetitions, options.seconds
    absent = missing()
    if options.quick:
        wanted, repetitions, seconds = ["a", "b"], 2, 0.02
        contenders = [c for c in ALL if c in GROWING and not c.is_peer]
    elif absent:
        say(f"not installed, so left out: {', '.join(absent)} (pip install 'backhand[bench]')")
        packages = {c.package for c in ALL if c.is_peer} - {
            {"scikit-learn": "sklearn"}.get(name, name) for name in absent
        }
        contenders = [c for c in ALL if not c.is_peer or c.package in packages]
    if unknown := set(wanted) - {*TITLES, "e"}:
        parser.error(f"no workload is called {', '.join(sorted(unknown))}; there are {', '.join(TITLES)} and e")
    start = time.perf_counter()
    found = {}
    for name, workload in MAIN.items():
        if name in wanted:
            say(TITLES[name])
            if options.quick:
                workload = replace(workload, steps=20)
            if options.quick:
                found[name] = compared(workload, contenders, repetitions, seconds, busy=False, threads=(1,))
            else:
                found[name] = compared(workload, contenders, repetitions, seconds, busy=name in ("a", "c-SGD"))
    process, grown = {}, {}
    if "d" in wanted:
        say(TITLES["d"])
        process = whole_process(contenders, repetitions, 10_000)
    if "e" in wanted:
        say("(e) growth")
        grown = growth(contenders, repetitions, seconds)
    out = options.out or (None if options.quick else DOCS)
    given = [f"--only {options.only}"] if options.only else []
    command = " ".join(["python benchmarks/compare", *given, f"--repetitions {repetitions}", f"--seconds {seconds:g}"])
    text = page(found, process, grown, absent, command)
    if out is None:
        print(text)
    else:
        (out / "images").mkdir(parents=True, exist_ok=True)
        (out / "bench.md").write_text(text)
        import pictures  # needs matplotlib, which a page alone doesn't

        if found or process:
            pictures.ratios(found, process, out / "images" / "bench.svg")
        if grown:
            pictures.growth(grown, out / "images" / "bench-growth.svg")
        say(f"written: {out / 'bench.md'}")
    say(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
