"""One way to make a checkable thing and what to feed it: what discover finds and the adapters turn into a Subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Example"]


@dataclass(frozen=True)
class Example:
    """One configuration: a maker and inputs.

    Several examples of one thing (other shapes, other settings) are checked together by
    :func:`backhand.checking.check.check_examples`: the first that runs is the main one, the others are the
    configurations in which bugs hide from the first.

    Attributes:
        make: gives a fresh thing at each call, every time the same: a layer object, a class with static or no methods
            of its own, a ``(forward, backward)`` pair of functions, one function that returns ``(loss, grad)``.
        inputs: what forward takes, in order: arrays, labels, flags, dicts.
        label: the configuration in words where shapes don't say it: ``stride 2``.
        params: names of the parameters, where they can't be recognised, or values to set them to.
        batch: which axis of an input counts the samples; None if there is none (one image, one sample).
        settings: what was chosen besides shapes, for the causes: ``{"pad": 1, "stride": 2}``.
    """

    make: Callable[[], Any]
    inputs: tuple[Any, ...]
    label: str = ""
    params: Sequence[str] | Mapping[str, Any] | None = None
    batch: int | None = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
