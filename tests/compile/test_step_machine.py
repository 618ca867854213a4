"""Whatever the machine lacks (a compiler, a cache folder, room, a home), a step runs, and says what it had to do."""

import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import backhand
from backhand.compiling import native

SCRIPT = """
import numpy as np, backhand
network = backhand.TwoLayerNet(7, 5, 3, rng=np.random.default_rng(0))
x, t = np.random.default_rng(1).random((6, 7)), np.array([0, 1, 2, 0, 1, 2])
step = backhand.compile(network, backhand.SGD(0.1), x, t)
print(step.engine, *[float(step(x, t)) for _ in range(3)])
"""
ROOT = os.geteuid() == 0  # for whom nothing is read-only


@pytest.fixture(autouse=True)
def a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKHAND_CACHE", str(tmp_path / "cache"))


def trained():
    network = backhand.TwoLayerNet(7, 5, 3, rng=np.random.default_rng(0))
    x, t = np.random.default_rng(1).random((6, 7)), np.array([0, 1, 2, 0, 1, 2])
    step = backhand.compile(network, backhand.SGD(0.1), x, t)
    return step.engine, [float(step(x, t)) for _ in range(3)]


def quietly():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return trained()


def compiler(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_without_a_compiler_it_runs_on_numpy_and_says_so_in_a_line(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("CC", "nonexistent-cc")
    with pytest.warns(RuntimeWarning, match="there is no C compiler .* the step runs on NumPy instead") as told:
        engine, losses = trained()
    assert engine == "numpy"
    assert len(told) == 1
    assert "\n" not in str(told[0].message)
    assert losses[2] < losses[0]


@pytest.mark.parametrize("text", ["exit 1", "echo nonsense >&2; exit 3"])
def test_a_compiler_that_fails(tmp_path, monkeypatch, text):
    monkeypatch.setenv("CC", compiler(tmp_path / "cc", text))
    with pytest.warns(RuntimeWarning, match="the C compiler .* failed.* NumPy instead"):
        engine, _ = trained()
    assert engine == "numpy"


def test_a_compiler_that_hangs(tmp_path, monkeypatch):
    monkeypatch.setattr(native, "TIME_LIMIT", 0.5)
    monkeypatch.setenv("CC", compiler(tmp_path / "cc", "sleep 600"))
    with pytest.warns(RuntimeWarning, match="did not finish in 0.5 seconds: the step runs on NumPy instead"):
        engine, _ = trained()
    assert engine == "numpy"


def test_the_second_process_needs_no_compiler(tmp_path):
    def process():
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT], capture_output=True, text=True, check=True, env=environment
        )
        return done.stdout, {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.so")}

    said, kept = process()
    assert said.startswith("native")
    assert kept
    assert process() == (said, kept)


@pytest.mark.parametrize("damage", [b"", b"not a library", None])
def test_a_damaged_entry_of_the_cache_is_made_anew(tmp_path, damage):
    losses = quietly()
    (entry,) = tmp_path.rglob("*.so")
    content = entry.read_bytes()
    entry.unlink()
    entry.write_bytes(content[:5000] + b"\0" + content[5001:] if damage is None else damage)
    assert quietly() == losses
    assert entry.stat().st_size > 5000


def test_an_entry_that_others_could_have_written_is_not_loaded(tmp_path):
    losses = quietly()
    (entry,) = tmp_path.rglob("*.so")
    assert stat.S_IMODE(entry.parent.stat().st_mode) & 0o077 == 0
    entry.chmod(0o666)
    before = entry.stat().st_mtime_ns
    assert quietly() == losses
    assert entry.stat().st_mode & 0o022 == 0
    assert entry.stat().st_mtime_ns != before


@pytest.mark.parametrize("folder", ["a b", "한글 ü", "'quoted' $HOME"])
def test_a_path_with_odd_letters(tmp_path, monkeypatch, folder):
    monkeypatch.setenv("BACKHAND_CACHE", str(tmp_path / folder))
    assert quietly()[0] == "native"
    assert list((tmp_path / folder).rglob("*.so"))


def test_no_folder_to_keep_it_in(tmp_path, monkeypatch):
    (tmp_path / "a file").touch()
    monkeypatch.setenv("BACKHAND_CACHE", str(tmp_path / "a file" / "cache"))
    assert quietly()[0] == "native"


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_read_only_cache(tmp_path, monkeypatch):
    (tmp_path / "cache" / "native").mkdir(parents=True, mode=0o500)
    assert quietly()[0] == "native"


def test_without_a_home(tmp_path):
    environment = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "XDG_CACHE_HOME", "BACKHAND_CACHE")
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=tmp_path,
        env={**environment, "HOME": "/nonexistent", "TMPDIR": str(tmp_path), "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "native"
    assert not list(Path(tmp_path).glob("backhand-*")), "what it needed for itself is gone"
