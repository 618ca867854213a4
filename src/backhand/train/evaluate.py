"""How good a network is: its accuracy, and for the report which classes it mixes up and its worst mistakes."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backhand.errors import NotFiniteError
from backhand.train.memory import Array
from backhand.train.network import Trainable, check_scores
from backhand.train.samples import EVALUATED_AT_ONCE, Batches


@dataclass(frozen=True)
class Mistake:
    """A test sample, what the network took it for, and the probability that it gave to that."""

    index: int
    label: int
    predicted: int
    probability: float


@dataclass(frozen=True)
class Examination:
    """``confusion[i, j]``: how many samples of class i were taken for class j; ``mistakes``: the surest first."""

    confusion: Array
    mistakes: list[Mistake]

    @property
    def accuracy(self) -> float:
        """The share of the samples that were recognised."""
        return float(np.trace(self.confusion) / max(self.confusion.sum(), 1))


def accuracy(network: Trainable, batches: Batches, x: Array, t: Array, name: str) -> float:
    """The share of the samples whose largest score is the right class's."""
    return count_right(network, batches, x, t, name) / len(x)


def count_right(network: Trainable, batches: Batches, x: Array, t: Array, name: str) -> int:
    """How many of the samples have their largest score at the right class."""
    return sum(
        int(np.sum(np.argmax(scores, axis=1) == t[start : start + len(scores)]))
        for start, scores in _scores(network, batches, x, name)
    )


def examine(network: Trainable, batches: Batches, x: Array, t: Array, name: str, worst: int = 24) -> Examination:
    """Accuracy, confusion matrix and the `worst` mistakes on samples x with labels t."""
    classes = len(batches.data.classes)
    confusion = np.zeros((classes, classes), np.int64)
    mistakes: list[tuple[float, int, int, int]] = []
    for start, scores in _scores(network, batches, x, name):
        labels = np.asarray(t[start : start + len(scores)], np.int64)
        guess = np.argmax(scores, axis=1)
        np.add.at(confusion, (labels, guess), 1)
        wrong = np.flatnonzero(guess != labels)
        sure = probabilities(scores[wrong])[np.arange(len(wrong)), guess[wrong]]
        found = [(float(p), -start - int(i), int(labels[i]), int(guess[i])) for p, i in zip(sure, wrong, strict=True)]
        mistakes = heapq.nlargest(worst, mistakes + found)
    return Examination(confusion, [Mistake(-index, label, guess, p) for p, index, label, guess in mistakes])


def probabilities(scores: Array) -> Array:
    """The softmax of scores (N, classes), in float64; rows that are probabilities already stay as they are.

    >>> probabilities(np.array([[0.0, 0.0], [0.0, 1e4]]))
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    scores = np.asarray(scores, np.float64)
    if scores.size and scores.min() >= 0 and np.allclose(scores.sum(axis=1), 1, atol=1e-4):
        return scores
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    total: Array = e / e.sum(axis=1, keepdims=True)
    return total


def _scores(network: Trainable, batches: Batches, x: Array, name: str) -> Iterator[tuple[int, Array]]:
    for start in range(0, len(x), EVALUATED_AT_ONCE):
        samples = batches.samples(x, slice(start, start + EVALUATED_AT_ONCE))
        scores = check_scores(network.predict(samples), len(samples), len(batches.data.classes), name)
        if np.isnan(scores).any():
            raise NotFiniteError(f"{name}.predict gives NaN: the training has diverged")
        yield start, scores
