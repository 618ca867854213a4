"""Many iterations of the notes' loop at once, by a compiled step."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from backhand.nn.optimizers import Optimizer
from backhand.train.memory import Array
from backhand.train.network import Trainable
from backhand.train.samples import Batches
from backhand.train.settings import Settings

AT_A_TIME = 0.03
"""Seconds of iterations without a look at Ctrl-C, about."""

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
        self._whole = self._whole_data()

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

    def _whole_data(self) -> tuple[Array, Array] | None:
        """All samples and labels, from which a step can take its batches by itself; None if it can't."""
        data, batches = self.batches.data, self.batches
        pixels_or_ready = data.x_train.dtype in (np.uint8, batches.dtype)
        small = not batches.one_hot or len(data.t_train) * len(data.classes) <= MOST_LABELS
        return (data.x_train, batches.labels(data.t_train)) if pixels_or_ready and small else None
