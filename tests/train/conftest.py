import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")  # in child processes: tests run side by side


@pytest.fixture
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out what takes longest, for tests of everything else."""
    monkeypatch.setattr("backhand.train.report.write_report", lambda *args: None)


@pytest.fixture
def small_data(tmp_path: Path) -> str:
    """Three kinds of 8 x 8 images: a brighter bar in the upper, middle or lower third of noise."""
    rng = np.random.default_rng(0)
    parts = {}
    for part, count in (("train", 500), ("test", 100)):
        t = rng.integers(0, 3, count)
        x = rng.integers(0, 160, (count, 1, 8, 8), dtype=np.uint8)
        for i, label in enumerate(t):
            x[i, 0, 1 + 2 * label : 3 + 2 * label] += 60
        parts |= {f"x_{part}": x, f"t_{part}": t}
    np.savez(tmp_path / "bars.npz", **parts)
    return str(tmp_path / "bars.npz")


@pytest.fixture
def notes_net(own: Callable[[str], str]) -> str:
    """The TwoLayerNet of note 000, in a file of a user's."""
    return own((HERE / "two_layer_net.py.txt").read_text(), "two_layer_net.py") + ":TwoLayerNet"


@pytest.fixture
def stateful_net(own: Callable[..., str]) -> str:
    own("import numpy as np\n\nrng = np.random.default_rng(9)\n", "helpers.py")
    return own((HERE / "stateful_net.py.txt").read_text(), "stateful_net.py") + ":Net"


@pytest.fixture
def own(tmp_path: Path) -> Callable[..., str]:
    """Writes a user's file and gives its path."""

    def write(text: str, name: str = "net.py") -> str:
        path = tmp_path / "code" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        os.utime(path, (0, hash(text) % 10**9))  # else Python may take the bytecode of a file of the same second
        return str(path)

    return write
