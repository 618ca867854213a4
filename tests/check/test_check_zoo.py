"""The test folder of layers in every shape that people write them: they run without glue, and get the right verdict."""

import sys
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from backhand.checking.discover import find
from backhand.checking.examine import examine
from backhand.checking.load import load

ZOO = Path(__file__).parent / "zoo"
EXPECTED = tomllib.loads((ZOO / "expected.toml").read_text())
FILES = [path for path in sorted(ZOO.glob("*.py")) if path.stem not in ("conv_tools", "tape")]
RIGHT = ("ok", "fragile", "convention")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_verdict(path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # load changes both, as in a process of its own it may
    monkeypatch.setattr(sys, "argv", [*sys.argv])
    expected = EXPECTED.get(path.stem, {})
    reports = [examine(thing) for thing in find(load(path))]
    assert expected.keys() <= {report.name for report in reports}
    for report in reports:
        wanted = expected.get(report.name, "right")
        got = "right" if report.verdict in RIGHT else report.verdict
        assert got == wanted, str(report)


def test_what_the_folder_expects():
    verdicts = Counter(verdict for file in EXPECTED.values() for verdict in file.values())
    assert verdicts["undecided"] == 1, "code for an older NumPy; everything else has to run without glue"
    assert verdicts["wrong"] >= 25
