"""A layer that hangs, crashes, exits, prints or eats memory gets a finding; the others in its file are checked."""

import os
import time

import pytest

from backhand.checking.isolate import check_file, names_in
from backhand.errors import CheckError

GOOD = """
import os, sys, time
import numpy as np

class Good:
    def forward(self, x): return 3 * x
    def backward(self, dout): return 3 * dout
"""


def reports(tmp_path, code, **limits):
    path = tmp_path / "layers.py"
    path.write_text(GOOD + code)
    return {report.name: report for report in check_file(path, **limits)}


def with_bodies(*bodies):
    """Good, then Bad0, Bad1, ... whose backward runs these lines, then AlsoGood."""
    bad = "".join(
        f"class Bad{n}(Good):\n    def backward(self, dout):\n        {body}\n        return 3 * dout\n"
        for n, body in enumerate(bodies)
    )
    return bad + "class AlsoGood(Good): pass\n"


def test_what_takes_the_process_down_is_a_finding_and_the_others_are_checked(tmp_path):
    bodies = {
        "while True: time.sleep(0.01)": "takes more than 1.5 s",
        "os.kill(os.getpid(), 11)": "crashes Python (SIGSEGV)",
        "os._exit(0)": "ends Python with exit code 0",
    }
    found = reports(tmp_path, with_bodies(*bodies), seconds=1.5)
    verdicts = {name: report.verdict for name, report in found.items()}
    assert verdicts == {"Good": "ok", "Bad0": "undecided", "Bad1": "undecided", "Bad2": "undecided", "AlsoGood": "ok"}
    for number, says in enumerate(bodies.values()):
        assert says in found[f"Bad{number}"].findings[0].sentence


def test_what_raises_or_eats_memory_is_a_finding(tmp_path):
    bodies = [
        "sys.exit(0)",
        "raise KeyError('x')",
        "exit()",
        "input()",
        "hoard = [np.empty(1 << 24) for _ in range(99)]",
    ]
    found = reports(tmp_path, with_bodies(*bodies), memory=2 << 30)
    for number, body in enumerate(bodies):
        report = found[f"Bad{number}"]
        assert report.verdict == ("undecided" if "hoard" in body else "wrong")
        assert report.findings[0].line.code == body
    assert "MemoryError" in found["Bad4"].findings[0].sentence
    assert found["AlsoGood"].verdict == "ok"


def test_a_layer_that_prints_is_right_and_heard_and_prints_nothing_here(tmp_path, capfd):
    body = "print('{\"report\": 1}'); os.write(1, b'raw'); sys.stderr.write('loud')"
    found = reports(tmp_path, with_bodies(body))
    assert found["Bad0"].verdict == "ok"
    assert found["Bad0"].findings[-1].sentence == """It prints while it runs: '{"report": 1}'."""
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("while True: pass", "takes more than 1 s when it is run"),
        ("os._exit(3)", "ends Python with exit code 3 when it is run"),
        ("raise ValueError('no')", "ValueError: no, line"),
    ],
)
def test_a_file_that_cannot_even_be_run_is_bad_input(tmp_path, code, says):
    with pytest.raises(CheckError, match=says):
        reports(tmp_path, code, seconds=1.0)


def test_the_child_is_gone_afterwards(tmp_path):
    path = tmp_path / "pid.py"
    path.write_text(
        f"{GOOD}\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n" + with_bodies("time.sleep(60)")
    )
    next(iter(found := check_file(path, seconds=60.0)))
    found.close()  # as Ctrl-C does
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    pytest.fail("the child lives on")


def test_the_names_in_a_file(tmp_path):
    path = tmp_path / "layers.py"
    path.write_text(GOOD + with_bodies("pass"))
    assert names_in(path) == ["Good", "Bad0", "AlsoGood"]
