"""Check a user's file in a process of its own, with limits on time and memory: nothing in it can take the tool down.

A thing that hangs or kills its process gets a finding that says so; the others are checked in a new process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backhand.checking.finding import Finding, Report
from backhand.checking.wire import from_wire
from backhand.errors import CheckError

__all__ = ["MEMORY", "SECONDS", "check_file", "names_in"]

SECONDS = 60.0
"""How long importing the file may take, and checking each thing in it."""
MEMORY = 4 << 30
"""Bytes that the process may take."""


def check_file(
    path: str | Path, names: Sequence[str] = (), *, seed: int = 0, seconds: float = SECONDS, memory: int = MEMORY
) -> Iterator[Report]:
    """Check what is in a Python file, or the named things in it: a report each, as soon as it is there.

    The file is run, as Python would run it, in a child process. What stands under ``if __name__ == "__main__"`` is not.

    Raises:
        CheckError: there is no such file or name, or the file itself can't be run.
    """
    done: list[str] = []
    while True:
        child = _Child(path, names, skip=done, seed=seed, memory=memory)
        with child:
            for answer in child.answers(seconds):
                if "report" in answer:
                    done.append(child.current)
                    yield from_wire(answer["report"])
        if child.problem is None:
            return
        if not child.current or child.current in done:
            raise CheckError(f"check: {path} {child.problem} when it is run; nothing in it could be checked")
        done.append(child.current)
        sentence = f"Undecided, because it {child.problem}; the other things in the file were checked without it."
        finding = Finding("forward", "undecided", None, 0.0, None, None, sentence)
        yield Report(child.current, (finding,))


def names_in(path: str | Path, *, seconds: float = SECONDS, memory: int = MEMORY) -> list[str]:
    """The names of what can be checked in a file, in its order; the file is run for it.

    Raises:
        CheckError: there is no such file, or it can't be run.
    """
    child = _Child(path, (), only_list=True, memory=memory)
    names: list[str] = []
    with child:
        for answer in child.answers(seconds):
            names = answer.get("names", names)
    if child.problem is not None:
        raise CheckError(f"check: {path} {child.problem} when it is run; nothing in it could be checked")
    return names


@dataclass
class _Child:
    """One child process. ``current`` is what it is at; ``problem`` how it ended, if it didn't finish."""

    path: str | Path
    names: Sequence[str]
    skip: Sequence[str] = ()
    only_list: bool = False
    seed: int = 0
    memory: int = MEMORY
    current: str = ""
    problem: str | None = None
    finished: bool = False
    process: subprocess.Popen[bytes] = field(init=False)
    pipe: int = field(init=False)

    def __enter__(self) -> _Child:
        self.pipe, writing = os.pipe()
        order = {
            "file": str(self.path),
            "names": list(self.names),
            "skip": list(self.skip),
            "list": self.only_list,
            "seed": self.seed,
            "memory": self.memory,
            "answers": writing,
        }
        # One thread: layers by hand make small matrices, and a thread's stack counts as memory.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "backhand.checking.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(writing,),
            env=environment,
            start_new_session=True,
        )
        os.close(writing)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        self.process.stdin.close()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.pipe)

    def answers(self, seconds: float) -> Iterator[dict[str, Any]]:
        """What it says, until it ends or takes longer than it may for one thing.

        Raises:
            CheckError: it says that the file can't be checked.
        """
        for line in self._lines(seconds):
            answer = json.loads(line)
            if "error" in answer:
                raise CheckError(answer["error"])
            self.current = answer.get("start", self.current)
            self.finished = "done" in answer
            yield answer

    def _lines(self, seconds: float) -> Iterator[bytes]:
        rest = b""
        until = time.monotonic() + seconds
        while True:
            ready, _, _ = select.select([self.pipe], [], [], max(0.0, until - time.monotonic()))
            if not ready:
                self.problem = f"takes more than {seconds:g} s"
                return
            block = os.read(self.pipe, 1 << 16)
            if not block:
                self._ended()
                return
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                until = time.monotonic() + seconds
                yield line

    def _ended(self) -> None:
        code = self.process.wait()
        if code < 0:
            self.problem = f"crashes Python ({signal.Signals(-code).name})"
        elif code > 0 or not self.finished:
            self.problem = f"ends Python with exit code {code}"
