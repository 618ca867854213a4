"""The measurements: contenders take turns, each in its own process, at its better number of threads."""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from contenders import GROWING, OURS, Contender, Result, Running
from workloads import GROWTH, Workload

THREADS = (1, 2)
PAUSE = 0.1
"""Seconds between two turns: the idle threads of BLAS and OpenMP spin for a while before they sleep."""


def say(text: str) -> None:
    print(text, flush=True)


def compared(
    workload: Workload,
    contenders: list[Contender],
    repetitions: int,
    seconds: float,
    busy: bool,
    threads: tuple[int, ...] = THREADS,
) -> list[Result]:
    """Every contender on one workload, quiet, and then beside a process that is busy on one core."""
    running, failed = [], []
    for contender in contenders:
        best = _better(contender, workload, seconds, threads)
        if best.result.error:
            say(f"  {contender.title}: {best.result.error.splitlines()[0]}")
            failed.append(best.result)
            best.stop()
        else:
            running.append(best)
    try:
        _turns(running, repetitions)
        if busy:
            with _busy_process():
                _turns(running, repetitions, busy=True)
    finally:
        for one in running:
            one.stop()
    results = [one.result for one in running]
    _same_loss(results)
    for r in results:
        say(f"  {r.contender.title:34} {r.threads} threads {median(r.quiet):12,.1f} us")
    return results + failed


def _better(contender: Contender, workload: Workload, seconds: float, threads: tuple[int, ...]) -> Running:
    """The contender with the number of threads that suits it; both get ready at the same time."""
    both = [Running(contender, n) for n in threads]
    for one in both:
        one.prepare(workload, seconds)
    for one in both:
        one.prepared()
    alive = [one for one in both if not one.result.error]
    _turns(alive, 3 if len(alive) > 1 else 1)
    best = min(alive, key=lambda one: min(one.result.quiet), default=both[0])
    best.result.quiet.clear()
    for one in both:
        if one is not best:
            one.stop()
    return best


def _turns(running: list[Running], repetitions: int, busy: bool = False) -> None:
    """One after the other, again and again."""
    for _ in range(repetitions):
        for one in running:
            if not one.result.error:
                time.sleep(PAUSE)
                one.measure(busy)


def _same_loss(results: list[Result]) -> None:
    """Everyone has trained the same: a contender that hasn't is out."""
    ours = next((r.loss for r in results if r.contender.is_ours), math.nan)
    for r in results:
        if not math.isnan(r.loss) and not math.isclose(r.loss, ours, rel_tol=5e-3):
            r.error = f"trains something else: its loss is {r.loss:.6g}, not {ours:.6g}"


@contextlib.contextmanager
def _busy_process() -> Iterator[None]:
    # It ends with us, whatever ends us.
    process = subprocess.Popen([sys.executable, "-c", f"import os\nwhile os.getppid() == {os.getpid()}: pass"])
    time.sleep(0.5)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def growth(contenders: list[Contender], repetitions: int, seconds: float) -> dict[str, dict[str, dict[int, float]]]:
    """axis -> contender -> size -> microseconds a step, at the better number of threads for each size."""
    growing = [c for c in GROWING if c in contenders]
    found: dict[str, dict[str, dict[int, float]]] = {}
    running = [Running(c, threads) for c in growing for threads in THREADS]
    try:
        for axis, points in GROWTH.items():
            found[axis] = {c.title: {} for c in growing}
            for size, workload in points.items():
                say(f"  {axis}: {size}")
                for one, other in zip(running[::2], running[1::2], strict=True):  # both get ready at the same time
                    one.prepare(workload, seconds)
                    other.prepare(workload, seconds)
                    one.prepared()
                    other.prepared()
                _turns(running, repetitions)
                for one in running:
                    if one.result.quiet:
                        row, value = found[axis][one.contender.title], median(one.result.quiet)
                        row[size] = min(value, row.get(size, math.inf))
    finally:
        for one in running:
            one.stop()
    found["peak memory by samples, MB"] = _memory(growing, seconds)
    return found


def _memory(growing: list[Contender], seconds: float) -> dict[str, dict[int, float]]:
    """Peak memory, each in a process of its own."""
    found: dict[str, dict[int, float]] = {c.title: {} for c in growing}
    for size, workload in GROWTH["samples to draw from"].items():
        for contender in growing:
            one = Running(contender, 1)
            one.prepare(workload, seconds)
            if not one.prepared().error:
                one.measure()
                found[contender.title][size] = one.result.peak_bytes / 1e6
            one.stop()
    return found


def whole_process(contenders: list[Contender], repetitions: int, iterations: int) -> dict[str, dict[str, Any]]:
    """The main job from nothing: seconds and test accuracy of each process, at its better number of threads."""
    with tempfile.TemporaryDirectory() as folder:
        jobs = _jobs(Path(folder), iterations, any(c.package == "torch" for c in contenders))
        for name, (_, command, environment) in jobs.items():
            if "first run" not in name:  # file caches, bytecode, kernels
                _seconds(command, environment)
        found: dict[str, dict[str, Any]] = {
            name: {"seconds": [], "accuracy": None, "peer": p} for name, (p, *_) in jobs.items()
        }
        for repetition in range(repetitions):
            for name, (_, command, environment) in jobs.items():
                if "first run" in name:
                    environment = {**environment, "XDG_CACHE_HOME": f"{folder}/cache{repetition}"}
                seconds, accuracy = _seconds(command, environment)
                found[name]["seconds"].append(seconds)
                found[name]["accuracy"] = accuracy
    for name, values in found.items():
        say(f"  {name:44} {median(values['seconds']):8.2f} s, test accuracy {values['accuracy']}")
    return found


def _jobs(folder: Path, iterations: int, torch: bool) -> dict[str, tuple[bool, list[str], dict[str, str]]]:
    train = [sys.executable, "-m", "backhand", "train", "--json", f"--iterations={iterations}", f"--runs={folder}"]
    script = [sys.executable, str(Path(__file__).parent / "torch_job.py"), str(iterations), str(folder)]
    jobs: dict[str, tuple[bool, list[str], dict[str, str]]] = {
        OURS.title.replace(", by epoch", ""): (False, train, {}),
        "backhand, native, first run on a machine": (False, train, {}),
        "backhand, numpy engine": (False, [*train, "--engine=numpy"], {}),
        "backhand, eager": (False, [*train, "--engine=eager"], {}),
    }
    if torch:
        for n in THREADS:
            jobs[f"torch script, {n} threads"] = (True, script, {"OMP_NUM_THREADS": str(n)})
    return jobs


def _seconds(command: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """A process's wall time, and the accuracy that it prints in its last line."""
    start = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    last = done.stdout.strip().splitlines()[-1]
    return seconds, f"{json.loads(last)['test_accuracy']:.4f}"
