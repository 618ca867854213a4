"""Who takes part, and one of them in a process of its own."""

from __future__ import annotations

import contextlib
import json
import selectors
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from workloads import Workload

WORKER = str(Path(__file__).parent / "worker.py")
PATIENCE = 400.0
"""Seconds that a contender may take to get ready: torch.compile needs most of a minute."""


@dataclass(frozen=True)
class Contender:
    """``spec`` is SIDE:NAME; ``package`` what must be installed; a ``peer`` is a framework to be compared with."""

    title: str
    spec: str
    package: str = "numpy"

    @property
    def is_peer(self) -> bool:
        return self.package in PEERS

    @property
    def is_ours(self) -> bool:
        return self.package == "backhand"


PEERS = ("torch", "jax", "sklearn")
PIP = {"torch": "torch", "jax": "jax", "sklearn": "scikit-learn"}
OURS = Contender("backhand, native, by epoch", "backhand_side:native, epoch", "backhand")
NATIVE = [OURS, Contender("backhand, native, by call", "backhand_side:native, call", "backhand")]
ALL = [
    *NATIVE,
    Contender("backhand, numpy engine, by epoch", "backhand_side:numpy, epoch", "backhand"),
    Contender("backhand, eager", "backhand_side:eager", "backhand"),
    Contender("JAX, lax.scan", "jax_side:scan", "jax"),
    Contender("JAX, jit", "jax_side:jit", "jax"),
    Contender("torch.compile", "torch_side:compile", "torch"),
    Contender("torch.compile of NumPy code", "torch_side:compile of NumPy", "torch"),
    Contender("torch, eager", "torch_side:eager", "torch"),
    Contender("scikit-learn, MLPClassifier", "sklearn_side:MLPClassifier", "sklearn"),
    Contender("NumPy, well written by hand", "numpy_side:by hand"),
    Contender("the notes' code as printed", "numpy_side:as printed"),
    Contender("bound: the bare products", "numpy_side:products"),
]
GROWING = [
    c
    for c in ALL
    if c.spec
    in ("backhand_side:native, epoch", "jax_side:scan", "jax_side:jit", "torch_side:eager", "numpy_side:by hand")
]


def missing() -> list[str]:
    """The peers that are not installed."""
    return [PIP[name] for name in PEERS if find_spec(name) is None]


@dataclass
class Result:
    """What a contender took: microseconds a step of each measurement, quiet and beside a busy process."""

    contender: Contender
    threads: int
    loss: float = float("nan")
    ready_after: float = float("nan")
    peak_bytes: int = 0
    quiet: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    error: str = ""


class Running:
    """A contender in its process, on one workload after the other."""

    def __init__(self, contender: Contender, threads: int) -> None:
        self.contender, self.threads = contender, threads
        self.process = subprocess.Popen(
            [sys.executable, WORKER, contender.spec, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def prepare(self, workload: Workload, seconds: float) -> None:
        """Begin to get ready; ``prepared`` waits for it."""
        self.result = Result(self.contender, self.threads)
        self.seconds = seconds
        self._ask({"workload": asdict(workload)})

    def prepared(self) -> Result:
        answer = self._answer()
        if "error" not in answer:
            self.result.loss, self.result.ready_after = answer["loss"], answer["seconds_to_make"]
            self.result.versions = answer["versions"]
        self.result.error = answer.get("error", "")
        return self.result

    def measure(self, busy: bool = False) -> None:
        self._ask({"seconds": self.seconds})
        answer = self._answer()
        if "error" in answer:
            self.result.error = answer["error"]
            return
        self.result.peak_bytes = answer["peak_bytes"]
        (self.result.busy if busy else self.result.quiet).append(answer["microseconds"])

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()

    def _ask(self, request: dict[str, Any]) -> None:
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(PATIENCE):
                self.stop()
                return {"error": f"no answer within {PATIENCE:.0f} s"}
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"error": "its process ended"}
