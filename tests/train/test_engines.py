"""The engines train the same to rounding; eager is the network's own code, and a run keeps its engine."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from backhand.errors import OptionError
from backhand.nn import SGD
from backhand.train import Progress, Settings, resume, train
from backhand.train.samples import Batches
from backhand.train.training import prepared

pytestmark = pytest.mark.usefixtures("no_report")


class Noted(Progress):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def losses(run: Path) -> list[float]:
    with (run / "history.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "Momentum"])
@pytest.mark.parametrize("mine", [False, True])
def test_the_engines_agree(small_data: str, notes_net: str, optimizer: str, mine: bool) -> None:
    more = {"network": notes_net, "arguments": ("64", "7", "3")} if mine else {"hidden": 7}
    runs = {}
    for engine in ("eager", "numpy", "native"):
        heard = Noted()
        recipe = Settings(
            data=small_data, iterations=35, batch=50, optimizer=optimizer, dtype="float64", engine=engine, **more
        )  # type: ignore[arg-type]
        runs[engine] = train(recipe, name=engine, progress=heard)
        assert not [note for note in heard.notes if "runs as it is" in note]
    for engine in ("numpy", "native"):
        np.testing.assert_allclose(losses(runs[engine].run), losses(runs["eager"].run), rtol=1e-8)
        assert runs[engine].test_accuracy == runs["eager"].test_accuracy
        weights, known = (load_file(runs[e].run / "weights.safetensors") for e in (engine, "eager"))
        for key, value in known.items():
            np.testing.assert_allclose(weights[key], value, rtol=1e-6, atol=1e-9)


def test_eager_is_the_notes_loop_bit_for_bit(small_data: str) -> None:
    recipe = Settings(data=small_data, iterations=25, batch=50, hidden=7, engine="eager").checked()
    result = train(recipe, name="run")
    from backhand.data import load_dataset

    with prepared(recipe, load_dataset(small_data)) as training:
        network, optimizer, rng = training.network, SGD(0.1), training.batch_rng
        batches, found = Batches(training.data, recipe), []
        for _ in range(25):
            x, t = batches.at(rng.integers(0, 500, 50))
            optimizer.update(network.params, network.gradient(x, t))
            found.append(float(network.loss(x, t)))
    assert losses(result.run) == found
    weights = load_file(result.run / "weights.safetensors")
    assert all(np.array_equal(weights[key], network.params[key]) for key in weights)


def test_a_network_that_cannot_be_compiled_trains_all_the_same(small_data: str, own) -> None:  # type: ignore[no-untyped-def]
    code = Path(__file__).with_name("two_layer_net.py.txt").read_text()
    code = code.replace("#결과 저장", "if np.abs(dout).max() > 100:\n            raise ValueError")
    spec = own(code, "branches.py") + ":TwoLayerNet"
    heard = Noted()
    recipe = Settings(data=small_data, iterations=25, batch=50, network=spec, arguments=("64", "7", "3"))
    compiled = train(recipe, name="one", progress=heard)
    assert any("decides an if" in note and "branches.py" in note for note in heard.notes), heard.notes
    eager = train(Settings(**{**vars(recipe), "engine": "eager"}), name="two")
    assert losses(compiled.run) == losses(eager.run)


def test_a_run_keeps_its_engine(small_data: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKHAND_ENGINE", "numpy")
    result = train(Settings(data=small_data, iterations=12, batch=50, hidden=7), name="run")
    path = result.run / "config.json"
    assert json.loads(path.read_text())["settings"]["engine"] == "numpy"
    monkeypatch.setenv("BACKHAND_ENGINE", "eager")
    with pytest.raises(OptionError, match="engine is 'numpy' there, not 'eager'"):
        resume("run", iterations=20, given={"engine": "eager"})
    assert resume("run", iterations=20).iterations == 20
    config = json.loads(path.read_text())
    del config["settings"]["engine"]  # a run from before there were engines was trained by the code itself
    path.write_text(json.dumps(config))
    assert resume("run", iterations=25).iterations == 25
    with pytest.raises(OptionError, match="engine is 'fortran'"):
        train(Settings(data=small_data, engine="fortran"))
