"""``backhand bench --quick``: every contender that needs no framework trains the same, and the page has its table."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from backhand.cli.bench import bench
from backhand.errors import OptionError

ROOT = Path(__file__).parents[2]
COMPARE = ROOT / "benchmarks" / "compare"


def test_a_smoke_run(tmp_path):
    command = [sys.executable, "-m", "backhand", "bench", "--quick", f"--out={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "bench.md").read_text()
    for title in ("(a) the notes' TwoLayerNet", "(b) the notes' DNN"):
        table = page.split(f"## {title}")[1].split("##")[0]
        for contender in ("backhand, native, by epoch", "NumPy, well written by hand"):
            assert re.search(rf"^\| (\*\*)?{contender}(\*\*)? \| 1 \| [\d.,]+ \|", table, re.MULTILINE), table
    assert "Where backhand loses" in page
    assert (tmp_path / "images" / "bench.svg").read_text().startswith("<?xml")


def test_a_contender_that_trains_something_else_is_out(monkeypatch):
    monkeypatch.syspath_prepend(str(COMPARE))
    from contenders import ALL, OURS, Result
    from measure import _same_loss
    from report import fastest_peer, page

    peer = next(c for c in ALL if c.is_peer)
    good = [Result(OURS, 1, loss=1.0, quiet=[10.0]), Result(peer, 2, loss=1.001, quiet=[20.0, 40.0, 30.0])]
    bad = Result(next(c for c in ALL if c.is_peer and c != peer), 1, loss=1.2, quiet=[1.0])
    results = [*good, bad]
    _same_loss(results)
    assert [bool(r.error) for r in results] == [False, False, True]
    assert fastest_peer(results) is good[1]
    text = page({"a": results}, {}, {}, ["torch"], "bench")
    assert "| **backhand, native, by epoch** | 1 | 10.0 | 10.0 – 10.0 | 0.33 |" in text
    assert "Not installed, so not compared: torch." in text
    assert "trains something else: its loss is 1.2" in text
    assert "Nowhere among these" in text
    good[1].quiet = [5.0]
    assert "takes 0.50 of its time" in page({"a": results}, {}, {}, [], "bench")


def test_bench_says_that_it_needs_the_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(sys.modules["backhand.cli.bench"], "FOLDER", tmp_path / "none")
    with pytest.raises(OptionError, match="in the source checkout"):
        bench()
