"""What ``import backhand`` costs beside ``import numpy``: whole processes, alternating, medians.

Run: ``python benchmarks/import_time.py``. Needed: backhand at most 1.3 times numpy.
"""

import statistics
import subprocess
import sys
import time

CONTENDERS = {
    "nothing": "pass",
    "import numpy": "import numpy",
    "import backhand": "import backhand",
    "from backhand import TwoLayerNet": "from backhand import TwoLayerNet",
}
REPETITIONS = 21


def seconds(statement: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    for statement in CONTENDERS.values():  # once uncounted: bytecode and file cache
        seconds(statement)
    times: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(REPETITIONS):
        for name, statement in CONTENDERS.items():
            times[name].append(seconds(statement))
    median = {name: statistics.median(values) for name, values in times.items()}
    print(f"{'process':36}{'median ms':>10}{'to numpy':>10}")
    for name, value in median.items():
        print(f"{name:36}{1e3 * value:10.1f}{value / median['import numpy']:10.2f}")


if __name__ == "__main__":
    main()
