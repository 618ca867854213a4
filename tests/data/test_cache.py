"""The cache is a convenience: where it can't be, the data still is right."""

import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import platformdirs
import pytest

from backhand.data.atomic import atomic_write
from backhand.data.cache import cache_folder, cached_array

NUMBERS = np.arange(6, dtype=np.float32).reshape(2, 3)


class Builder:
    """Builds ``NUMBERS`` and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> np.ndarray:
        self.calls += 1
        return NUMBERS.copy()


@pytest.fixture
def build() -> Builder:
    return Builder()


def load(build: Builder) -> np.ndarray:
    array = cached_array("numbers.npy", (2, 3), np.float32, build)
    np.testing.assert_array_equal(array, NUMBERS)
    assert array.flags.writeable
    return array


def test_it_is_built_once_and_readable_by_its_owner_alone(empty_cache, build):
    for _ in range(3):
        load(build)[:] = -1
    assert build.calls == 1
    assert stat.S_IMODE(empty_cache.stat().st_mode) == 0o700
    assert stat.S_IMODE((empty_cache / "numbers.npy").stat().st_mode) == 0o600
    np.testing.assert_array_equal(np.load(empty_cache / "numbers.npy"), NUMBERS)  # NumPy's own reader agrees
    assert len(list(empty_cache.iterdir())) == 1


def test_without_a_usable_folder_it_is_built_in_memory(tmp_path, monkeypatch, build):
    (tmp_path / "file").write_bytes(b"kept")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/no-such-folder")):
        monkeypatch.setenv("BACKHAND_CACHE", str(folder))
        load(build)
    assert build.calls == 3
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_read_only_folder(empty_cache, build):
    empty_cache.mkdir(mode=0o500)
    load(build)
    load(build)


def test_a_full_disk_leaves_nothing_behind(empty_cache, tmp_path):
    code = """
import resource
import numpy as np
from backhand.data.cache import cached_array
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
array = cached_array("big.npy", (10**6,), np.uint8, lambda: np.ones(10**6, np.uint8))
assert array.sum() == 10**6
try:
    open("/tmp/never", "wb").write(bytes(200_000))
except OSError:
    print("the disk is full indeed")
"""
    code = code.replace("/tmp/never", str(tmp_path / "too large"))
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "the disk is full indeed\n"
    assert list(empty_cache.iterdir()) == []


def test_the_variable_wins_and_an_empty_one_does_not_count(monkeypatch, tmp_path):
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    monkeypatch.setenv("BACKHAND_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.setenv("BACKHAND_CACHE", "")
    assert cache_folder() == tmp_path / "backhand"
    monkeypatch.delenv("BACKHAND_CACHE")
    assert cache_folder() == tmp_path / "backhand"


def test_without_a_home_there_is_no_cache_and_no_folder_named_tilde(monkeypatch, tmp_path, build):
    monkeypatch.chdir(tmp_path)
    for name in ("BACKHAND_CACHE", "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", _no_such_user)  # a container's user that no passwd file knows
    assert cache_folder() is None
    load(build)
    assert list(tmp_path.iterdir()) == []


def _no_such_user(uid: int) -> None:
    raise KeyError(uid)


def test_a_failing_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def write_half() -> None:
        with atomic_write(path) as file:
            file.write(b"half of the n")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
