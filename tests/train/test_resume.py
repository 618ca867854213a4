"""A run that was stopped goes on bit for bit as if it never had been."""

import csv
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from backhand.errors import NetworkError, OptionError, RunError
from backhand.train import Progress, Settings, resume, train
from backhand.train.checkpoint import newest_first
from backhand.train.history import Evaluation

pytestmark = pytest.mark.usefixtures("no_report")


class Heard(Progress):
    """Keeps the notes, and presses Ctrl-C after so many iterations."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.notes: list[str] = []
        self.rows: list[Evaluation] = []
        self.interrupt_after = interrupt_after

    def note(self, text: str) -> None:
        self.notes.append(text)

    def evaluated(self, evaluation: Evaluation) -> None:
        self.rows.append(evaluation)

    def advanced(self, done: int, loss: float) -> None:
        if done == self.interrupt_after:
            os.kill(os.getpid(), signal.SIGINT)


def outcome(run: Path) -> tuple[bytes, str]:
    """What must be the same to the last bit."""
    return (run / "weights.safetensors").read_bytes(), (run / "history.csv").read_text()


@pytest.fixture(params=["built-in", "notes", "stateful"])
def recipe(request: Any, small_data: str, notes_net: str, stateful_net: str) -> Settings:
    more = {
        "built-in": {"hidden": 7, "optimizer": "Adam"},
        "notes": {"network": notes_net, "arguments": ("64", "7", "3")},
        "stateful": {
            "network": stateful_net,
            "arguments": ("64", "hidden=7"),
            "optimizer": "Momentum",
            "dtype": "float64",
        },
    }[request.param]
    return Settings(data=small_data, iterations=43, batch=50, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("at", [1, 10, 21, 32])
def test_interrupted_and_resumed_is_uninterrupted(recipe: Settings, at: int) -> None:
    whole = train(recipe, name="whole")
    before = signal.getsignal(signal.SIGINT)
    part = train(recipe, name="part", progress=Heard(at))
    assert signal.getsignal(signal.SIGINT) is before
    assert part.interrupted
    assert at <= part.iterations <= at + 10  # compiled iterations are made several at a time, within an epoch of 10
    assert outcome(part.run) != outcome(whole.run)
    rest = resume("part", network=recipe.network)
    assert (rest.interrupted, rest.iterations) == (False, 43)
    assert outcome(rest.run) == outcome(whole.run)
    assert (rest.test_accuracy, rest.final_loss) == (whole.test_accuracy, whole.final_loss)


def test_the_second_ctrl_c_ends_it_at_once_and_the_last_checkpoint_stays(recipe: Settings) -> None:
    whole = train(recipe, name="whole")

    class Impatient(Heard):
        def advanced(self, done: int, loss: float) -> None:
            if done == 25:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(recipe, name="part", progress=Impatient())
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert newest_first(Path("runs/part/checkpoints"))
    assert outcome(resume("part", network=recipe.network).run) == outcome(whole.run)


def test_a_finished_run_made_longer_is_a_longer_run(recipe: Settings) -> None:
    whole = train(recipe, name="whole")
    short = train(Settings(**{**recipe.as_json(), "iterations": 20}), name="short")
    longer = resume(short.run, network=recipe.network, iterations=43)
    assert outcome(longer.run) == outcome(whole.run)
    again = resume(longer.run, network=recipe.network)  # nothing left to do: the same result once more
    assert again.iterations == 43
    assert outcome(again.run) == outcome(whole.run)


def test_the_longer_goal_is_kept_when_it_is_stopped_on_the_way(recipe: Settings) -> None:
    whole = train(recipe, name="whole")
    short = train(Settings(**{**recipe.as_json(), "iterations": 20}), name="short")
    resume(short.run, network=recipe.network, iterations=43, progress=Heard(30))
    assert outcome(resume(short.run, network=recipe.network).run) == outcome(whole.run)


@pytest.mark.parametrize("damage", [b"", b"\0" * 1000, None])
def test_a_damaged_checkpoint_is_passed_over_for_the_one_before_saying_so(
    recipe: Settings, damage: bytes | None
) -> None:
    whole = train(recipe, name="whole")
    part = train(recipe, name="part", progress=Heard(25))
    newest, older = newest_first(part.run / "checkpoints")
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content if damage is None else damage)
    heard = Heard()
    assert outcome(resume(part.run, network=recipe.network, progress=heard).run) == outcome(whole.run)
    notes = [note for note in heard.notes if "runs the code" not in note]
    assert f"the checkpoint {newest.name} is damaged" in notes[0]
    assert notes[1] == f"going on from the checkpoint before, after iteration {int(older.name[:9])}"


def test_without_a_readable_checkpoint_it_starts_again_saying_so(recipe: Settings) -> None:
    whole = train(recipe, name="whole")
    part = train(recipe, name="part", progress=Heard(25))
    for path in newest_first(part.run / "checkpoints"):
        path.write_bytes(b"")
    heard = Heard()
    assert outcome(resume(part.run, network=recipe.network, progress=heard).run) == outcome(whole.run)
    assert any("no readable checkpoint: starting again, which gives the same" in note for note in heard.notes)


def test_options_that_contradict_the_run_are_named(small_data: str) -> None:
    run = train(Settings(data=small_data, iterations=5), name="run").run
    given = {"batch": 7, "hidden": 50, "optimizer": "adam", "seed": 3}
    with pytest.raises(OptionError, match="batch is 100 there, not 7, optimizer is 'SGD' there, not 'adam', seed is 0"):
        resume(run, given=given)
    with pytest.raises(OptionError, match=r"iterations is 4, but run.* has done 5 already"):
        resume(run, iterations=4)
    with pytest.raises(RunError, match=r"trained the built-in network; leave out --network net\.py:Net"):
        resume(run, network="net.py:Net")
    assert resume(run, given={"batch": 100, "optimizer": "sgd", "data": "bars.npz"}).iterations == 5


def test_other_data_under_the_same_name_are_refused(small_data: str, tmp_path: Path) -> None:
    import numpy as np

    run = train(Settings(data=small_data, iterations=5)).run
    with np.load(small_data) as arrays:
        np.savez(small_data, **{**arrays, "t_train": arrays["t_train"][::-1]})
    with pytest.raises(RunError, match="the data are others than those"):
        resume(run)


def test_a_users_code_runs_only_when_it_is_named_again(small_data: str, notes_net: str) -> None:
    run = train(Settings(data=small_data, network=notes_net, arguments=("64", "5", "3"), iterations=5)).run
    with pytest.raises(
        RunError, match=f"(?s)name.* again: backhand train --resume {run} --network {notes_net}".replace("name", "Name")
    ):
        resume(run)
    path = Path(notes_net.rpartition(":")[0])
    path.write_text(path.read_text() + "\n# changed\n")
    heard = Heard()
    assert resume(run, network=notes_net, iterations=6, progress=heard).iterations == 6
    assert heard.notes == [f"runs the code in {path}", "two_layer_net.py has changed since the run was started"]


def test_code_that_has_changed_too_much_is_refused_with_the_run_untouched(small_data: str, stateful_net: str) -> None:
    settings = Settings(data=small_data, network=stateful_net, arguments=("64", "5"), iterations=5)
    run = train(settings).run
    before = outcome(run)
    path = Path(stateful_net.rpartition(":")[0])
    path.write_text(path.read_text().replace("Noisy()", "Quiet()").replace("class Noisy", "class Quiet"))
    with pytest.raises(RunError, match=r"holds network.noisy \(Noisy\), which the newly built network has not"):
        resume(run, network=stateful_net, iterations=9)
    assert outcome(run) == before


def test_what_a_checkpoint_can_not_keep_is_said_once(small_data: str, own: Any) -> None:
    path = own(
        "from backhand.nn import TwoLayerNet\n"
        "class Net(TwoLayerNet):\n"
        "    def __init__(self, *sizes):\n"
        "        super().__init__(*sizes)\n"
        "        self.stream = iter(range(1000))\n"
    )
    heard = Heard()
    train(Settings(data=small_data, network=f"{path}:Net", arguments=("64", "5", "3"), iterations=20), progress=heard)
    assert heard.notes[1:] == [
        "checkpoints can't keep network.stream (range_iterator): a resumed run has what the code makes anew"
    ]


def test_the_history_has_a_row_for_each_iteration_and_an_evaluation_an_epoch(small_data: str) -> None:
    heard = Heard()
    result = train(Settings(data=small_data, iterations=23, batch=50), progress=heard)
    rows = list(csv.DictReader((result.run / "history.csv").read_text().splitlines()))
    assert [int(row["iteration"]) for row in rows] == list(range(23))
    assert [int(row["iteration"]) for row in rows if row["test_accuracy"]] == [0, 10, 20]
    assert [float(row["test_accuracy"]) for row in rows if row["test_accuracy"]] == [
        r.test_accuracy for r in heard.rows
    ]
    assert float(rows[-1]["loss"]) == result.final_loss
    assert float(rows[20]["gradient_norm_W1"]) == heard.rows[2].gradient_norms["W1"] > 0


def test_a_batch_larger_than_the_data_makes_every_iteration_an_epoch(small_data: str) -> None:
    heard = Heard()
    train(Settings(data=small_data, iterations=3, batch=600), progress=heard)
    assert [row.iteration for row in heard.rows] == [0, 1, 2]


def test_integer_labels_and_unflattened_images(small_data: str, own: Any) -> None:
    path = own(
        "import numpy as np\n"
        "class Net:\n"
        "    def __init__(self):\n"
        "        self.params = {'W': np.zeros((64, 3))}\n"
        "    def predict(self, x):\n"
        "        assert x.shape[1:] == (1, 8, 8) and x.dtype == np.float64, (x.shape, x.dtype)\n"
        "        return x.reshape(len(x), -1) @ self.params['W']\n"
        "    def gradient(self, x, t):\n"
        "        assert t.shape == (100,) and t.dtype.kind == 'i' and set(t) == {0, 1, 2}, t\n"
        "        y = self.predict(x); y[np.arange(100), t] -= 1\n"
        "        return {'W': x.reshape(100, -1).T @ y / 100}\n"
        "    def loss(self, x, t):\n"
        "        return np.float32(0.5)\n"
    )
    settings = Settings(data=small_data, network=f"{path}:Net", iterations=300, labels="integer", flatten=False)
    result = train(Settings(**{**settings.as_json(), "dtype": "float64", "lr": 0.01}))
    assert result.test_accuracy > 0.8


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_divergence_is_said_with_the_iteration_and_a_remedy(small_data: str, notes_net: str) -> None:
    from backhand.errors import NotFiniteError

    for network, arguments in ((None, ()), (notes_net, ("64", "5", "3"))):
        settings = Settings(data=small_data, network=network, arguments=arguments, iterations=500, lr=1e300)
        with pytest.raises(NotFiniteError, match=r"iteration \d+: the training has diverged: .*smaller learning rate"):
            train(settings)


def test_too_large_for_memory_is_an_error_of_ours(small_data: str) -> None:
    with pytest.raises(OptionError, match="doesn't fit into memory"):
        train(Settings(data=small_data, hidden=10**13))


def test_an_error_of_the_network_during_training_keeps_the_run(small_data: str, own: Any, tmp_path: Path) -> None:
    path = own(
        "from backhand.nn import TwoLayerNet\n"
        "class Net(TwoLayerNet):\n"
        "    n = 0\n"
        "    def loss(self, x, t):\n"
        "        self.n += 1\n"
        "        if self.n == 30:\n"
        "            raise ZeroDivisionError('oops')\n"
        "        return super().loss(x, t)\n"
    )
    with pytest.raises(NetworkError, match=r"raised ZeroDivisionError: oops \(line 7 of net.py"):
        train(Settings(data=small_data, network=f"{path}:Net", arguments=("64", "5", "3"), iterations=50))
    assert newest_first(tmp_path / "runs" / "bars-001" / "checkpoints")
