"""A run that is killed at any instant is readable, and goes on bit for bit."""

import contextlib
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backhand.train.checkpoint import unreadable_and_newest
from backhand.train.folder import RunFolder

ITERATIONS = "1500"


def train(*options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "backhand", "train", *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finished(process: "subprocess.Popen[str]") -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    return out


@pytest.mark.parametrize("kind", ["built-in", "stateful"])
def test_killed_at_random_moments_and_resumed(kind: str, small_data: str, stateful_net: str) -> None:
    options = ["--data", small_data, "--iterations", ITERATIONS, "--optimizer", "Adam"]
    network, arguments = (["--network", stateful_net], ["--", "64", "7"]) if kind == "stateful" else ([], [])
    finished(train(*options, *network, "--name", "whole", *arguments))

    folder = RunFolder(Path("runs/killed"))
    process = train(*options, *network, "--name", "killed", *arguments)
    moments, reached = random.Random(kind), []
    for _ in range(4):
        assert process.stdout is not None
        while "iteration " not in (line := process.stdout.readline()):  # the head of the table: the loop begins
            assert line, process.communicate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moments.uniform(0.0, 0.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert folder.config().settings.iterations == int(ITERATIONS)
        complaints, checkpoint = unreadable_and_newest(folder.checkpoints)
        assert not complaints
        reached.append(checkpoint.iteration if checkpoint else 0)
        process = train("--resume", "killed", *network)
    assert reached == sorted(reached)
    finished(process)

    whole = Path("runs/whole")
    for name in ("weights.safetensors", "history.csv"):
        assert (folder.path / name).read_bytes() == (whole / name).read_bytes()
    assert not [path for path in folder.path.rglob("*") if path.name.endswith(".tmp")]
