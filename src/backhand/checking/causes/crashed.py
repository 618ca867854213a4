"""Why backward raises for want of fitting shapes: the same layer made square, where it runs, shows the mistake."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from backhand.checking.adapters import adapt
from backhand.checking.adapters.places import leaves, put
from backhand.checking.example import Example
from backhand.checking.experiment import Experiment, measure
from backhand.checking.finding import Cause
from backhand.checking.subject import UserCodeError
from backhand.errors import CheckError

__all__ = ["crashed"]

_SEEN_WHEN_SQUARE = ("weight-not-transposed", "transposed", "labels-form")


def crashed(
    failure: UserCodeError,
    examples: Sequence[Example],
    name: str | None,
    explain: Callable[[Experiment, str], Cause | None],
) -> Cause | None:
    """The cause of an error in backward, if a layer with two equal sizes shows it; at the line that raised."""
    if failure.phase != "backward" or not isinstance(failure.error, ValueError | IndexError):
        return None
    for example in examples[:1]:
        for square in _squares(example):
            try:
                experiment = measure(adapt(square, (), name), 0)
            except (UserCodeError, CheckError):
                continue
            for gradient in experiment.wrong:
                cause = explain(experiment, gradient)
                if cause is not None and cause.id in _SEEN_WHEN_SQUARE:
                    return replace(cause, line=failure.source)
    return None


def _squares(example: Example) -> Iterator[Example]:
    """The example with two of its sizes made equal: the larger cut down to the smaller, everywhere."""
    held = (value for _, value in leaves(example.make()))
    arrays = [value for value in (*example.inputs, *held) if isinstance(value, np.ndarray)]
    sizes = {size for array in arrays for size in array.shape if size > 1}
    pairs = {tuple(sorted(pair)) for array in arrays for pair in combinations(array.shape, 2)}
    for small, large in sorted(pairs):
        if small != large and small in sizes:
            inputs = tuple(_cut(value, large, small) for value in example.inputs)
            yield replace(example, make=_made(example.make, large, small), inputs=inputs)


def _made(make: Callable[[], Any], large: int, small: int) -> Callable[[], Any]:
    def made() -> Any:
        thing = make()
        for path, value in leaves(thing):
            if isinstance(value, np.ndarray):
                put(thing, path, _cut(value, large, small))
        return thing

    return made


def _cut(value: Any, large: int, small: int) -> Any:
    """The array with every axis of the larger size cut to the smaller; labels stay below it."""
    if not isinstance(value, np.ndarray):
        return value
    for axis, size in enumerate(value.shape):
        if size == large:
            value = np.take(value, range(small), axis=axis)
    return np.minimum(value, small - 1) if value.dtype.kind in "iu" else value
