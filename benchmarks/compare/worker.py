"""One contender in a process of its own. It reads numbers of steps and answers with seconds.

python worker.py SIDE:CONTENDER THREADS, then on standard input a line of JSON with the workload and one for each
measurement. Threads are set before anything is imported.
"""

# ruff: noqa: E402

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path

THREADS = int(sys.argv[2])
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(THREADS)
os.environ["NPROC"] = str(THREADS)  # how many threads XLA takes
if THREADS == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import importlib

import numpy as np
from workloads import Workload

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "graph"))  # the notes' code as printed


def main() -> None:
    side, contender = sys.argv[1].split(":")
    answers = os.fdopen(os.dup(1), "w")  # what libraries print must not come in between
    os.dup2(2, 1)

    def answer(**values: object) -> None:
        print(json.dumps(values), file=answers, flush=True)

    try:
        module = importlib.import_module(side)
        for line in sys.stdin:
            request = json.loads(line)
            if "workload" in request:
                values = request["workload"]
                workload = Workload(**{**values, "sizes": tuple(values["sizes"])})
                start = time.perf_counter()
                run = module.CONTENDERS[contender](workload, THREADS)
                loss = float(run(workload.order(20 if not workload.is_dnn else 50)))  # the same for everyone
                made = time.perf_counter() - start
                order = None
                answer(loss=loss, seconds_to_make=made, versions=module.versions())
            else:
                if order is None:  # not before: others may have been getting ready at the same time
                    order = workload.order(_calibrated(run, workload, request["seconds"]), seed=1)
                    run(order)
                start = time.perf_counter()
                loss = float(run(order))
                seconds = time.perf_counter() - start
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
                answer(microseconds=1e6 * seconds / len(order), peak_bytes=peak, loss=loss)
    except Exception as error:
        answer(error=f"{type(error).__name__}: {error}"[:500])
        raise


def _calibrated(run: object, workload: Workload, seconds: float) -> int:
    """As many steps as take about so long, the workload's number at most."""
    probe = min(workload.steps, 20)
    order = workload.order(probe, seed=1)
    run(order)  # type: ignore[operator]
    start = time.perf_counter()
    run(order)  # type: ignore[operator]
    one = (time.perf_counter() - start) / probe
    return int(np.clip(seconds / max(one, 1e-9), min(2, workload.steps), workload.steps))


if __name__ == "__main__":
    main()
