"""The two things to do with a run: ``train`` a new one, ``resume`` one that was stopped."""

import contextlib
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backhand.data import Dataset, load_dataset
from backhand.errors import OptionError, RunError
from backhand.train.checkpoint import unreadable_and_newest
from backhand.train.evaluate import examine
from backhand.train.folder import Config, RunFolder, create, find
from backhand.train.loop import Clock, Saver, run
from backhand.train.progress import Progress
from backhand.train.samples import look
from backhand.train.settings import Settings
from backhand.train.source import Source
from backhand.train.training import Training, prepared

Folder = str | os.PathLike[str]


@dataclass(frozen=True)
class Result:
    """What came out: accuracies are shares of 1, of the network as it is now.

    - ``run``: its folder; ``iterations``: how many are done;
    - ``final_loss``: of the last batch, after its update;
    - ``seconds``: all training took, evaluations and checkpoints included, over all its processes;
    - ``microseconds_per_iteration``: of the training loop alone (batch, gradient, update, loss);
    - ``interrupted``: by Ctrl-C, before all iterations were done.
    """

    run: Path
    iterations: int
    train_accuracy: float
    test_accuracy: float
    final_loss: float
    seconds: float
    microseconds_per_iteration: float
    interrupted: bool

    @property
    def report(self) -> Path:
        """The page to look at."""
        return self.run / "report.html"


def train(
    settings: Settings | None = None,
    *,
    runs: Folder = "runs",
    name: str | None = None,
    progress: Progress | None = None,
) -> Result:
    """Train a network and leave a folder ``runs/name``: config, weights, history, curves, report, checkpoints.

    Without a name it is called after the data: mnist-001, mnist-002. With a network of your own, `settings` names its
    file, whose code is run, after NumPy's and Python's global random generators were seeded.
    Ctrl-C, once, stops after the iteration, keeping everything for ``resume``.
    Raises OptionError, DataError, NetworkError, RunError, NotFiniteError (the training diverged): each a BackhandError.

    >>> import tempfile
    >>> result = train(Settings(iterations=20), runs=tempfile.mkdtemp())
    >>> result.iterations, result.run.name, result.report.exists()
    (20, 'mnist-001', True)
    """
    settings, progress = (settings or Settings()).checked(), progress or Progress()
    with enough_memory(settings):
        data = load_dataset(settings.data)
        if settings.network:
            progress.note(f"runs the code in {Source(settings.network).path}")
        with prepared(settings, data) as training:
            training.tell = progress.note
            sha256 = Source(settings.network).sha256 if settings.network else None
            config = Config(settings, look(data).as_json(), sha256)
            folder = create(Path(runs), name, config)
            with folder.locked():
                try:
                    return _trained(folder, config, training, Clock(), progress)
                except Exception:
                    if not any(folder.checkpoints.iterdir()):  # it failed at the first iteration: nothing to keep
                        shutil.rmtree(folder.path)
                    raise


def resume(
    run: Folder,
    *,
    runs: Folder = "runs",
    iterations: int | None = None,
    network: str | None = None,
    given: dict[str, Any] | None = None,
    progress: Progress | None = None,
) -> Result:
    """Go on with a run, bit for bit as if it had never stopped; `run` is its folder, or its name in `runs`.

    - ``iterations`` may be more than the run was started with;
    - ``network``: needed again for a network of your own: nothing that lies in a run's folder is ever executed;
    - ``given``: other settings by name, which must be those of the run.

    A damaged checkpoint is passed over for the one before it; without a readable one the run starts again, which
    gives the same. Raises what ``train`` raises.

    >>> import tempfile
    >>> runs = tempfile.mkdtemp()
    >>> _ = train(Settings(iterations=20), runs=runs)
    >>> resume("mnist-001", runs=runs, iterations=30).iterations
    30
    """
    progress = progress or Progress()
    folder = find(run, Path(runs))
    with folder.locked():
        config = folder.config()
        _check_same(config.settings, given or {})
        settings = replace(config.settings, network=own_network(folder, config, network, progress, "train --resume"))
        with enough_memory(settings):
            data = load_dataset(settings.data)
            _check_data(config, data)
            _compare_versions(config, progress)
            complaints, checkpoint = unreadable_and_newest(folder.checkpoints)
            for complaint in complaints:
                progress.note(complaint)
            with prepared(settings, data) as training:
                training.tell = progress.note
                if checkpoint is None:
                    progress.note(f"{folder.path} has no readable checkpoint: starting again, which gives the same")
                else:
                    training.go_on_from(checkpoint)
                    if complaints:
                        progress.note(f"going on from the checkpoint before, after iteration {checkpoint.iteration}")
                if iterations is not None and iterations < training.iteration:
                    raise OptionError(
                        f"iterations is {iterations}, but {folder.path} has done {training.iteration} already"
                    )
                if iterations is not None:
                    replace(settings, iterations=iterations).checked()
                    config = folder.extend(config, iterations)
                if training.iteration >= config.settings.iterations:
                    progress.note(f"all {training.iteration} iterations are done; a larger --iterations goes on")
                return _trained(folder, config, training, Clock(checkpoint.seconds if checkpoint else 0.0), progress)


def _trained(folder: RunFolder, config: Config, training: Training, clock: Clock, progress: Progress) -> Result:
    """Train on, then examine the network and write the report."""
    interrupted = run(training, config.settings.iterations, Saver(folder, training, clock, progress))
    seconds = clock.seconds()
    return _reported(folder, config, training, seconds, interrupted)


def _reported(folder: RunFolder, config: Config, training: Training, seconds: float, interrupted: bool) -> Result:
    # After the last checkpoint, and outside of the history: a run that is made longer later must not see that it was
    # examined here (a network may draw random numbers in predict).
    data, batches = training.data, training.batches
    train_accuracy = training.accuracy(data.x_train, data.t_train)
    with training.blamed("predict"):
        examination = examine(training.network, batches, data.x_test, data.t_test, training.name)
    done = training.iteration
    result = Result(
        run=folder.path,
        iterations=done,
        train_accuracy=train_accuracy,
        test_accuracy=examination.accuracy,
        final_loss=training.history.losses[-1] if done else float("nan"),
        seconds=seconds,
        microseconds_per_iteration=1e6 * training.loop_seconds / max(done, 1),
        interrupted=interrupted,
    )
    from backhand.train.report import write_report  # brings matplotlib

    write_report(folder, config, training, examination, result)
    return result


def own_network(folder: RunFolder, config: Config, network: str | None, progress: Progress, command: str) -> str | None:
    """FILE.py:NAME as given now, for a run of your own network. Raises RunError if it is needed, or not wanted."""
    if config.settings.network is None:
        if network is not None:
            raise RunError(f"{folder.path} trained the built-in network; leave out --network {network}")
        return None
    if network is None:
        again = f"backhand {command} {shlex.quote(str(folder.path))} --network {shlex.quote(config.settings.network)}"
        raise RunError(
            f"{folder.path} trained your own network, and no code is run because a folder says so. "
            f"Name it again: {again}"
        )
    source = Source(network)
    progress.note(f"runs the code in {source.path}")
    if source.sha256 != config.network_sha256:
        progress.note(f"{source.path.name} has changed since the run was started")
    return network


def _check_same(settings: Settings, given: dict[str, Any]) -> None:
    wanted = replace(settings, **given).checked()
    different = [name for name in given if getattr(wanted, name) != getattr(settings, name)]
    if different:
        listed = ", ".join(f"{name} is {getattr(settings, name)!r} there, not {given[name]!r}" for name in different)
        raise OptionError(f"a run goes on as it began: {listed}; leave that out, or start a new run")


def _check_data(config: Config, data: Dataset) -> None:
    if look(data).as_json()["sha256"] != config.data.get("sha256"):
        raise RunError(f"{data.name}: the data are others than those that the run was started with; put those back")


def _compare_versions(config: Config, progress: Progress) -> None:
    before = config.versions.get("numpy")
    if before != np.__version__:
        progress.note(f"NumPy is {np.__version__} now and was {before}: the last bits of numbers may differ")


@contextlib.contextmanager
def enough_memory(settings: Settings) -> Iterator[None]:
    """What doesn't fit into memory becomes an OptionError."""
    try:
        yield
    except MemoryError as error:
        raise OptionError(
            f"this doesn't fit into memory ({error}); try a smaller network (hidden is {settings.hidden}) "
            f"or batch (it is {settings.batch})"
        ) from error
