"""One training: the network, the optimizer, the data, and everything that changes from iteration to iteration."""

import contextlib
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from backhand.data import Dataset
from backhand.errors import BackhandError, NotFiniteError, RunError
from backhand.nn import TwoLayerNet
from backhand.train import randomness
from backhand.train.checkpoint import Checkpoint
from backhand.train.compiled import Compiled, CompiledAccuracy
from backhand.train.evaluate import accuracy
from backhand.train.history import Evaluation, History
from backhand.train.memory import Array
from backhand.train.network import Trainable, check, check_gradients, number
from backhand.train.restore import MissingTwinError, restore
from backhand.train.samples import EVALUATED_AT_ONCE, Batches
from backhand.train.settings import Settings
from backhand.train.source import Source
from backhand.train.state import Snapshot, take


class Training:
    """A network on its data: ``advance()`` does iterations of the notes' loop.

    ``iteration`` counts what is done; ``loop_seconds`` is the time that the iterations took, without evaluations and
    without compiling.
    """

    def __init__(self, settings: Settings, data: Dataset, network: Trainable, name: str, batch_rng: Any) -> None:
        self.settings, self.data, self.network, self.name = settings, data, network, name
        self.batches = Batches(data, settings)
        self.optimizer = settings.optimizer_object()
        self.batch_rng = batch_rng
        self.modules: list[ModuleType] = []
        self.blamed: Callable[[str], AbstractContextManager[None]] = lambda doing: contextlib.nullcontext()
        self.tell: Callable[[str], None] = lambda text: None
        self.iteration = 0
        self.loop_seconds = 0.0
        self.history = History()
        self.grads: Any = None
        self.compiled: Compiled | None = None
        self.counting: CompiledAccuracy | None = None

    def advance(self, most: int) -> list[float]:
        """Do one iteration or some, `most` at most, and give their losses, each of its batch after its update.

        The first iteration of an epoch is the network's own code, whatever the engine: it leaves its gradients for
        the evaluation. Those between run compiled, some hundredths of a second of them at a time.
        """
        into_epoch = self.iteration % self.batches.per_epoch
        if into_epoch == 0 or self.settings.engine == "eager":
            return [self._own_iteration()]
        if self.compiled is None:
            with self.blamed("compiling"):
                self.compiled = Compiled(self.network, self.optimizer, self.batches, self.settings, self.tell)
        if self.compiled.refused:
            return [self._own_iteration()]
        return self._compiled_iterations(self.compiled, min(most, self.batches.per_epoch - into_epoch))

    def _own_iteration(self) -> float:
        """Draw a batch, backpropagate, update; then the loss."""
        network = self.network
        start = perf_counter()
        x, t = self.batches.at(self.batches.draw(self.batch_rng, 1)[0])
        with self.blamed("gradient"):
            grads = network.gradient(x, t)
        if self.grads is None:
            check_gradients(grads, network.params, self.name)
        self.optimizer.update(network.params, grads)
        with self.blamed("loss"):
            loss = number(network.loss(x, t), self.name)
        self.loop_seconds += perf_counter() - start
        self._done([loss])
        self.grads = grads
        return loss

    def _compiled_iterations(self, compiled: Compiled, most: int) -> list[float]:
        start = perf_counter()
        order = self.batches.draw(self.batch_rng, min(most, compiled.at_once))
        with self.blamed("gradient"):
            losses = compiled.run(order)
        self.loop_seconds += perf_counter() - start
        self._done(losses)
        return losses

    def _done(self, losses: list[float]) -> None:
        """Write losses down. Raises NotFiniteError at the first that isn't finite."""
        for loss in losses:
            if not np.isfinite(loss):
                raise NotFiniteError(f"the loss is {loss}")
            self.history.losses.append(loss)
            self.iteration += 1

    def at_epoch(self) -> bool:
        """Whether the last step began an epoch: then the notes evaluate."""
        return (self.iteration - 1) % self.batches.per_epoch == 0

    def evaluate(self) -> Evaluation:
        """A row for the table, about the last step."""
        norms = {str(key): float(np.linalg.norm(np.asarray(self.grads[key]).ravel())) for key in self.network.params}
        evaluation = Evaluation(self.iteration - 1, *self.accuracies(), norms)
        self.history.evaluations.append(evaluation)
        return evaluation

    def accuracies(self) -> tuple[float, float]:
        """On all training samples and on all test samples."""
        data = self.data
        return self.accuracy(data.x_train, data.t_train), self.accuracy(data.x_test, data.t_test)

    def accuracy(self, x: Array, t: Array) -> float:
        """The share of samples x with labels t that the network recognises."""
        with self.blamed("predict"):
            if self.settings.engine == "eager" or len(self.data.x_train) < EVALUATED_AT_ONCE:
                return accuracy(self.network, self.batches, x, t, self.name)
            if self.counting is None:
                self.counting = CompiledAccuracy(self.network, self.batches, self.settings, self.name, self.tell)
            return self.counting(x, t)

    def checkpoint(self, seconds: float) -> Checkpoint:
        """Everything that is needed to go on from here."""
        state = take(self._changing(), [self.data.x_train, self.data.x_test, self.data.t_train, self.data.t_test])
        return Checkpoint(self.iteration, seconds, self.loop_seconds, self.history, state)

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Become what the training was when `checkpoint` was taken. Raises RunError if that isn't of this network."""
        try:
            self._restore(checkpoint.state)
        except MissingTwinError:
            self._own_iteration()  # makes what the network builds at its first use
            self._restore(checkpoint.state)
        self.iteration, self.history = checkpoint.iteration, checkpoint.history
        self.loop_seconds, self.grads = checkpoint.loop_seconds, None

    def _restore(self, state: Snapshot) -> None:
        root = self._changing()
        try:
            restore(state, root)
        except BackhandError:
            raise
        except Exception as error:
            raise RunError(f"the checkpoint doesn't fit the network {self.name} ({error}); has it changed?") from error
        for module in self.modules:
            vars(module).update(root["modules"].get(_key(module), {}))

    def _changing(self) -> dict[str, Any]:
        root: dict[str, Any] = {"network": self.network, "optimizer": self.optimizer, "batches": self.batch_rng}
        if self.modules:  # a user's own code: it may draw from anywhere
            root["numpy"] = np.random.get_state.__self__  # type: ignore[attr-defined]
            root["random"] = random.getstate.__self__  # type: ignore[attr-defined]
            root["modules"] = {_key(module): _globals(module) for module in self.modules}
        return root


def _key(module: ModuleType) -> str:
    return str(Path(str(module.__file__)).name)


def _globals(module: ModuleType) -> dict[str, Any]:
    """A module's numbers and random generators: counters, ``rng = np.random.default_rng(0)``."""
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("__") and (type(value) in (int, float, bool) or randomness.kind_of(value))
    }


@contextlib.contextmanager
def prepared(settings: Settings, data: Dataset) -> Iterator[Training]:
    """A training with a new network; your own code stays loaded for the time of the block.

    Raises OptionError or NetworkError for a network that can't be loaded, built or trained.
    """
    init_rng, batch_rng = np.random.default_rng(settings.seed).spawn(2)
    if settings.network is None:
        width = int(np.prod(data.x_train.shape[1:]))
        network = TwoLayerNet(width, settings.hidden, len(data.classes), rng=init_rng, dtype=settings.dtype)
        yield Training(settings, data, network, "TwoLayerNet", batch_rng)
        return
    source = Source(settings.network)
    np.random.seed(settings.seed)
    random.seed(settings.seed)
    with source.loaded() as modules:
        own = source.built(modules[0], settings.arguments)
        check(own, source.spec)
        training = Training(settings, data, own, source.spec, batch_rng)
        training.modules, training.blamed = modules, source.blamed
        yield training
