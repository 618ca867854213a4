import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def backhand_notes(shared_cache: Path) -> Command:
    """The real command."""
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "backhand", "notes", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False, timeout=280)

    return run


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, backhand_notes: Command) -> str:
    """What ``backhand notes --all --json`` prints: run once for all workers of pytest-xdist, by whoever comes first."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    result = folder / "notes-all.txt"
    with open(folder / "notes-all.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            done = backhand_notes("--all", "--json")
            assert (done.returncode, done.stderr) == (0, "")
            result.write_text(done.stdout, encoding="utf-8")
    return result.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def rows(everything: str) -> list[dict[str, Any]]:
    """Every row of every experiment, with the experiment's name."""
    summary = json.loads(everything.splitlines()[-1])
    return [{**row, "experiment": each["name"]} for each in summary["experiments"] for row in each["rows"]]
