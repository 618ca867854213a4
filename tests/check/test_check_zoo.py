"""The test folder of layers in every shape that people write them: they run without glue, and get the right verdict."""

import tomllib
from pathlib import Path

import pytest

from backhand.checking.isolate import check_file

ZOO = Path(__file__).parent / "zoo"
EXPECTED = tomllib.loads((ZOO / "expected.toml").read_text())
FILES = [path for path in sorted(ZOO.glob("*.py")) if path.stem not in ("python_two", "conv_tools", "tape")]
RIGHT = ("ok", "fragile", "convention")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_verdict(path):
    expected = EXPECTED.get(path.stem, {})
    reports = list(check_file(path))
    assert expected.keys() <= {report.name for report in reports}
    for report in reports:
        wanted = expected.get(report.name, "right")
        got = "right" if report.verdict in RIGHT else report.verdict
        assert got == wanted, str(report)


def test_the_folder_is_as_large_and_as_wrong_as_it_says():
    """Counted where nothing has to be run: the share that runs without glue is what the other tests let through."""
    from collections import Counter

    verdicts = Counter(verdict for file in EXPECTED.values() for verdict in file.values())
    assert verdicts["undecided"] == 1, "code for an older NumPy"
    assert verdicts["wrong"] >= 25
