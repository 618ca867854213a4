"""``backhand train`` as it is typed: exit codes, messages, JSON."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 255, (300, 1, 8, 8), dtype=np.uint8)
    t = (x.mean(axis=(1, 2, 3)) > 127).astype(np.uint8)
    np.savez("data.npz", x_train=x[:200], t_train=t[:200], x_test=x[200:], t_test=t[200:])


def backhand(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "backhand", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_json_is_all_of_standard_output_and_the_files_are_there() -> None:
    done = backhand("train", "--data", "data.npz", "--iterations", "10", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() >= {
        "iterations", "train_accuracy", "test_accuracy", "final_loss", "seconds", "microseconds_per_iteration", "run",
    }  # fmt: skip
    assert found["iterations"] == 10
    assert found["run"] == "runs/data-001"
    for name in ("config.json", "weights.safetensors", "history.csv", "curves.png", "report.html"):
        assert (Path(found["run"]) / name).stat().st_size > 0
    assert "iteration    train     test\n        0  " in done.stderr


def test_plain_lines_show_the_notes_table_and_where_the_report_lies() -> None:
    done = backhand("train", "--data", "data.npz", "--iterations", "5", "--batch", "100", "--name", "mine")
    assert done.returncode == 0
    assert re.fullmatch(
        r"runs/mine: iterations 0 to 5\n"
        r"iteration    train     test\n"
        r"(        [024]   0\.\d{4}   0\.\d{4}\n){3}"
        r"test accuracy 0\.\d{4}, train accuracy 0\.\d{4}, last loss \d\.\d{4}\n"
        r"5 iterations in \d+\.\d s, \d+ us each in the training loop\n"
        r"report: runs/mine/report.html\n",
        done.stdout,
    ), done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--iterations", "0"], "iterations is 0; it needs"),
        (["--optimizer", "sgdd"], "did you mean SGD?"),
        (["--data", "nothing"], "nothing: is no dataset"),
        (["--network", "net.py:Net"], "net.py doesn't exist"),
        (["784"], "only the constructor of your own network takes arguments"),
        (["--resume", "gone"], "gone: is no run"),
        (["--resume", "gone", "--name", "x"], "a resumed run keeps its name"),
        (["--lr", "-1"], "lr is -1"),
        (["--lr", "fast"], "Invalid value for '--lr'"),
        (["--no-such-option"], "No such option"),
    ],
)
def test_bad_usage_is_one_clear_line_and_exit_code_2(options: list[str], message: str) -> None:
    done = backhand("train", *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not Path("runs").exists()


def test_an_error_with_json_is_json() -> None:
    done = backhand("train", "--hidden", "-1", "--json")
    assert done.returncode == 2
    assert "hidden is -1" in json.loads(done.stdout)["error"]


def test_ctrl_c_keeps_the_run_and_says_how_to_go_on() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "backhand", "train", "--data", "data.npz", "--iterations", "100000000", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "iteration " not in process.stderr.readline():
        pass
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "to go on: backhand train --resume runs/data-001\n" in err
    found = json.loads(out)
    assert found["interrupted"]
    assert 0 < found["iterations"] < 100_000_000
    again = backhand("train", "--resume", "data-001", "--iterations", str(found["iterations"] + 10), "--json")
    assert json.loads(again.stdout)["iterations"] == found["iterations"] + 10, again.stderr


def test_options_at_their_defaults_do_not_contradict_a_run() -> None:
    assert backhand("train", "--data", "data.npz", "--iterations", "5", "--batch", "7", "--hidden", "9").returncode == 0
    assert backhand("train", "--resume", "data-001").returncode == 0
    done = backhand("train", "--resume", "data-001", "--batch", "8", "--no-flatten")
    assert done.returncode == 2
    assert "batch is 7 there, not 8, flatten is True there, not False" in done.stderr


def test_a_users_network_is_announced_and_gets_its_arguments() -> None:
    Path("net.py").write_text(
        "from backhand.nn import TwoLayerNet\n"
        "class Net(TwoLayerNet):\n"
        "    def __init__(self, sizes, weight_init_std):\n"
        "        super().__init__(*sizes, weight_init_std)\n"
    )
    options = ["--data", "data.npz", "--iterations", "5", "--network", "net.py:Net"]
    done = backhand("train", *options, "--", "[64, 5, 2]", "weight_init_std=-0.5")
    assert done.returncode == 2  # the argument arrived
    assert "std is -0.5" in done.stderr
    done = backhand("train", *options, "--", "[64, 5, 2]", "weight_init_std=0.5")
    assert done.returncode == 0, done.stderr
    assert f"note: runs the code in {Path('net.py').resolve()}\n" in done.stdout
    done = backhand("train", "--resume", "data-001", "--iterations", "6")
    assert done.returncode == 2
    assert "backhand train --resume runs/data-001 --network net.py:Net" in done.stderr


def test_a_terminal_gets_a_bar_and_no_debris() -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "backhand", "train", "--data", "data.npz", "--iterations", "600"],
        stdout=slave,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 1 << 16):
            shown += piece
    except OSError:  # what Linux gives at the end of a terminal
        pass
    os.close(master)
    assert process.wait(60) == 0
    assert "━".encode() in shown
    assert b"/600" in shown
    assert b"loss 0." in shown
    assert b"nan" not in shown
    assert shown.rstrip().endswith(b"report: runs/data-001/report.html")
    assert shown.count(b"\x1b[?25l") == shown.count(b"\x1b[?25h")  # the cursor is shown again
