"""What is noted while training: the loss of every iteration, and an evaluation once an epoch."""

import csv
import io
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from backhand.train.memory import Array


@dataclass(frozen=True)
class Evaluation:
    """One row of the notes' table, and the Euclidean norm of each parameter's gradient in that iteration."""

    iteration: int
    train_accuracy: float
    test_accuracy: float
    gradient_norms: Mapping[str, float]


@dataclass
class History:
    """``losses[i]``: the loss of iteration i's batch after its update, as in the notes.

    >>> history = History()
    >>> history.losses.extend([2.3, 2.1])
    >>> history.evaluations.append(Evaluation(0, 0.1, 0.2, {"W1": 3.0}))
    >>> print(history.as_csv())
    iteration,loss,train_accuracy,test_accuracy,gradient_norm_W1
    0,2.3,0.1,0.2,3.0
    1,2.1,,,
    <BLANKLINE>
    """

    losses: "array[float]" = field(default_factory=lambda: array("d"))
    evaluations: list[Evaluation] = field(default_factory=list)

    def as_csv(self) -> str:
        """A row for each iteration; the columns of an evaluation are filled where there was one."""
        names = list(self.evaluations[0].gradient_norms) if self.evaluations else []
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        norms = [f"gradient_norm_{name}" for name in names]
        writer.writerow(["iteration", "loss", "train_accuracy", "test_accuracy", *norms])
        evaluated = {e.iteration: e for e in self.evaluations}
        none: list[Any] = [""] * (2 + len(names))
        for iteration, loss in enumerate(self.losses):
            e = evaluated.get(iteration)
            row = [e.train_accuracy, e.test_accuracy, *e.gradient_norms.values()] if e else none
            writer.writerow([iteration, loss, *row])
        return text.getvalue()

    def losses_array(self) -> Array:
        """The losses, float64."""
        return np.array(self.losses, np.float64)

    def evaluations_as_json(self) -> list[dict[str, Any]]:
        """Each evaluation as a dict."""
        return [asdict(e) for e in self.evaluations]

    @classmethod
    def from_parts(cls, losses: Iterable[float], evaluations: Iterable[dict[str, Any]]) -> "History":
        """The way back from ``losses_array`` and ``evaluations_as_json``."""
        return cls(array("d", losses), [Evaluation(**e) for e in evaluations])
