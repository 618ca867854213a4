"""A third opinion on a gradient: the derivative of forward's traced graph, exact where forward can be traced."""

from __future__ import annotations

import numpy as np

from backhand.checking.experiment import Experiment
from backhand.checking.subject import Array
from backhand.errors import BackhandError
from backhand.graph import differentiate, trace

__all__ = ["traced"]

LARGEST = 2_000_000  # entries: a trace keeps every value


def traced(experiment: Experiment, gradient: str) -> Array | None:
    """The gradient by tracing forward and differentiating its graph; None where forward can't be traced."""
    if sum(value.size for value in experiment.values.values()) > LARGEST:
        return None
    tracing = experiment.subject.tracing(experiment.values)
    if tracing is None:
        return None
    function, arguments, names = tracing
    douts = experiment.douts
    try:
        graph = trace(function, *arguments)
        backward = differentiate(
            graph, wrt=[names[experiment.subject.gradients[gradient]]], outputs=list(range(len(douts)))
        )
        (result,) = backward(*arguments, *[dout for dout in douts if dout.ndim])
    except (BackhandError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError):
        return None
    single = [dout for dout in douts if not dout.ndim]
    if single and len(douts) > 1:
        return None  # a number among several outputs has no upstream gradient of its own in a graph
    return np.asarray(result, dtype=np.float64) * (single[0] if single else 1.0)
