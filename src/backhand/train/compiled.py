"""The two loops of a training on compiled steps: iterations, and counting what the network recognises."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from backhand.errors import NotFiniteError
from backhand.nn.optimizers import Optimizer
from backhand.train.evaluate import count_right
from backhand.train.memory import Array
from backhand.train.network import Trainable, check_scores
from backhand.train.samples import EVALUATED_AT_ONCE, Batches
from backhand.train.settings import Settings

AT_A_TIME = 0.03
"""Seconds of iterations without a look at Ctrl-C, about."""

THREADS = 2
"""On any machine: how the work is shared out decides on the last bits, which a resumed run must keep."""

MOST_LABELS = 2**25
"""So many numbers at most the one-hot labels of a whole data set may be."""


class Compiled:
    """Gradient, update and loss after it, compiled together.

    ``refused`` tells that the network's code can't be compiled (``tell`` has said why); ``at_once`` is how many
    iterations to run at a time.
    """

    def __init__(
        self,
        network: Trainable,
        optimizer: Optimizer,
        batches: Batches,
        settings: Settings,
        tell: Callable[[str], None],
    ) -> None:
        from backhand.compiling import Step  # not before it is needed: the tracer takes a while to load

        def iteration(x: Array, t: Array) -> Any:
            optimizer.update(network.params, network.gradient(x, t))
            return np.sum(network.loss(x, t))  # of one number, in whatever shape

        self.batches = batches
        self.step = Step(
            iteration, batches.at(np.arange(batches.size) % len(batches.data.x_train)), settings.engine, 1, tell
        )
        self.at_once = 1
        small = not batches.one_hot or len(batches.data.t_train) * len(batches.data.classes) <= MOST_LABELS
        whole = small and _can_be_gathered(batches.data.x_train, batches)
        self._whole = (batches.data.x_train, batches.labels(batches.data.t_train)) if whole else None

    @property
    def refused(self) -> bool:
        """Whether the iterations are better made one by one by the network's own code."""
        return self.step.engine == "eager"

    def run(self, order: Array) -> list[float]:
        """The iterations on these batches (iterations, size); gives their losses."""
        start = perf_counter()
        if self._whole is not None:
            losses: list[float] = self.step.epoch(*self._whole, order).tolist()
        else:
            losses = [float(self.step(*self.batches.at(index))) for index in order]
        one = (perf_counter() - start) / len(order)
        self.at_once = max(1, min(2 * self.at_once, int(AT_A_TIME / one)))
        return losses


class CompiledAccuracy:
    """The share of samples that a network recognises, predicted and counted in one compiled program.

    The training set must have EVALUATED_AT_ONCE samples at least. Raises NetworkError if the network's scores have
    another shape than (samples, classes).
    """

    def __init__(
        self, network: Trainable, batches: Batches, settings: Settings, name: str, tell: Callable[[str], None]
    ) -> None:
        from backhand.compiling import Step

        classes = len(batches.data.classes)

        def count(x: Array, t: Array) -> Any:  # what it reaches is traced: the network, and not the data
            scores = network.predict(x)
            check_scores(scores, EVALUATED_AT_ONCE, classes, name)
            return np.sum(np.argmax(scores, axis=1) == t), np.sum(np.isnan(scores))

        self.network, self.batches, self.name = network, batches, name
        rows = np.arange(EVALUATED_AT_ONCE)
        example = batches.samples(batches.data.x_train, rows), batches.data.t_train[rows].astype(np.int64)
        self.step = Step(count, example, settings.engine, THREADS, lambda text: tell(f"to evaluate, {text}"))

    def __call__(self, x: Array, t: Array) -> float:
        """Of samples x with labels t. Raises NotFiniteError for NaN among the scores."""
        whole = len(x) // EVALUATED_AT_ONCE if _can_be_gathered(x, self.batches) else 0
        right = 0
        if whole and self.step.engine != "eager":
            order = np.arange(whole * EVALUATED_AT_ONCE).reshape(whole, -1)
            counts, bad = self.step.epoch(x, t.astype(np.int64), order)
            if bad.any():
                raise NotFiniteError(f"{self.name}.predict gives NaN: the training has diverged")
            right = int(counts.sum())
        else:
            whole = 0
        rest = whole * EVALUATED_AT_ONCE
        return (right + count_right(self.network, self.batches, x[rest:], t[rest:], self.name)) / len(x)


def _can_be_gathered(x: Array, batches: Batches) -> bool:
    """Whether a compiled step can take its batches out of the samples by itself: pixels, or what needs no cast."""
    return bool(x.dtype in (np.uint8, batches.dtype))
