"""The pytest plugin, run by a pytest of its own on a user's folder."""

import subprocess
import sys

import numpy as np
import pytest

import backhand
from backhand.testing import assert_gradients

LAYERS = """
import numpy as np

class Double:
    def forward(self, x): return 2 * x
    def backward(self, dout): return 2 * dout

class Wrong:
    def forward(self, x): return 2 * x
    def backward(self, dout): return 3 * dout
"""
TESTS = """
import numpy as np
import layers
from backhand.testing import gradient_tests

test_file = gradient_tests("layers.py")

def test_right(check_gradients):
    assert check_gradients(layers.Double(), np.ones((2, 3))).verdict == "ok"

def test_wrong(check_gradients):
    check_gradients(layers.Wrong(), np.ones((2, 3)))
"""


class Wrong:
    def forward(self, x):
        return 2 * x

    def backward(self, dout):
        return 3 * dout


def test_assert_gradients_returns_the_report_or_fails_with_it():
    x = np.linspace(-1, 2, 15).reshape(3, 5)
    assert assert_gradients(backhand.Relu(), x).name == "Relu"
    with pytest.raises(AssertionError, match=r"(?s)^Wrong: wrong.*dx  wrong.*return 3 \* dout|^Wrong: wrong"):
        assert_gradients(Wrong(), x)


def test_the_fixture_and_the_line_that_tests_a_file(tmp_path):
    (tmp_path / "layers.py").write_text(LAYERS)
    (tmp_path / "test_layers.py").write_text(TESTS)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-rA", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    outcomes = {
        line.split("::")[1].split(" ")[0]: line.split(" ")[0]
        for line in done.stdout.splitlines()
        if line.startswith(("PASSED", "FAILED"))
    }
    assert outcomes == {
        "test_file[Double]": "PASSED",
        "test_file[Wrong]": "FAILED",
        "test_right": "PASSED",
        "test_wrong": "FAILED",
    }, done.stdout + done.stderr
    assert "Wrong: wrong  (layers.py:" in done.stdout
    assert "assertions.py" not in done.stdout, "the report is shown, not this library's lines"


def test_loading_the_plugin_loads_nothing_heavy():
    child = "import sys, pytest; before = set(sys.modules); import backhand.checking.pytest_plugin"
    child += "; print(*sorted(name for name in set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["backhand", "backhand.checking", "backhand.checking.pytest_plugin"]


def test_pytest_finds_the_plugin():
    from importlib.metadata import entry_points

    assert "backhand.checking.pytest_plugin" in {point.value for point in entry_points(group="pytest11")}
