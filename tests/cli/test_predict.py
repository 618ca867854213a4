"""``backhand predict`` as it is typed."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def backhand(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "backhand", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run of MNIST, one of a user's network, and the first test digits: 7, 2."""
    from backhand.data import load_dataset
    from backhand.train import Settings, train

    folder = tmp_path_factory.mktemp("predict")
    net = folder / "net.py"
    net.write_text("from backhand.nn import TwoLayerNet as Net\n")
    train(Settings(iterations=300), runs=folder / "runs")
    train(Settings(iterations=300, network=f"{net}:Net", arguments=("784", "30", "10")), runs=folder / "runs")
    for i, name in enumerate(("seven.png", "two.png")):
        Image.fromarray(load_dataset("mnist").x_test[i, 0]).save(folder / name)
    Image.new("L", (50, 50)).save(folder / "blank.png")
    np.savetxt(
        folder / "table.csv", np.c_[np.arange(40) % 2, np.eye(40)[:, :3]], "%d", ",", header="label,a,b,c", comments=""
    )
    train(Settings(data=str(folder / "table.csv"), iterations=5), runs=folder / "runs")
    return folder


@pytest.fixture(autouse=True)
def in_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_a_table_for_people() -> None:
    done = backhand("predict", "mnist-001", "seven.png", "two.png")
    assert done.returncode == 0, done.stderr
    head, seven, two = done.stdout.splitlines()
    assert head.split() == ["image", "class", "probability", "or", "else"]
    assert seven.split()[:2] == ["seven.png", "7"]
    assert two.split()[:2] == ["two.png", "2"]


def test_json_for_programs() -> None:
    done = backhand("predict", "runs/mnist-001", "seven.png", "two.png", "--json")
    found = json.loads(done.stdout)["predictions"]
    assert [(p["image"], p["label"]) for p in found] == [("seven.png", "7"), ("two.png", "2")]
    assert sum(found[0]["probabilities"].values()) == pytest.approx(1)
    assert list(found[0]["probabilities"]) == list("0123456789")


def test_a_run_of_ones_own_network_needs_it_again() -> None:
    done = backhand("predict", "mnist-002", "seven.png")
    assert done.returncode == 2
    assert "no code is run because a folder says so" in done.stderr
    command = done.stderr.strip().rpartition("Name it again: backhand ")[2]
    done = backhand(*command.split(), "seven.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[:2] == ["seven.png", "7"]


LAZY = """
from backhand.nn import TwoLayerNet

class Net(TwoLayerNet):
    def predict(self, x):
        if not hasattr(self, "mean"):
            self.mean = Mean(x)
        return super().predict(x)

class Mean:
    def __init__(self, x):
        self.value = x.mean(axis=0)
"""


def test_a_network_that_builds_itself_at_its_first_call_is_built(folder: Path) -> None:
    from backhand.train import Settings, train

    (folder / "lazy.py").write_text(LAZY)
    settings = Settings(iterations=300, network="lazy.py:Net", arguments=("784", "30", "10"))
    run = train(settings, runs=folder / "runs").run
    done = backhand("predict", str(run), "--network", "lazy.py:Net", "seven.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].split()[:2] == ["seven.png", "7"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mnist-009", "seven.png"], "mnist-009: is no run (a folder with a config.json); in runs there are mnist-001"),
        (["mnist-001", "blank.png"], "blank.png: is blank"),
        (["mnist-001", "gone.png"], "gone.png: can't be read: No such file"),
        (["mnist-001", "net.py"], "net.py: is no PNG"),
        (["mnist-001"], "Missing argument 'IMAGE...'"),
        (["table-001", "seven.png"], "was trained on samples of shape (3,), which are no grey images"),
    ],
)
def test_what_can_not_be_done_is_said(arguments: list[str], message: str) -> None:
    done = backhand("predict", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_damaged_weights_are_said(tmp_path: Path) -> None:
    import shutil

    run = shutil.copytree("runs/mnist-001", tmp_path / "run")
    for content in (b"", b"garbage", (run / "weights.safetensors").read_bytes()[:-4]):
        (run / "weights.safetensors").write_bytes(content)
        done = backhand("predict", str(run), "seven.png")
        assert done.returncode == 2
        assert "weights.safetensors: is damaged or of another network" in done.stderr
    (run / "weights.safetensors").unlink()
    assert "has no weights yet" in backhand("predict", str(run), "seven.png").stderr
