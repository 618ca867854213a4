"""For the tests of the rewriting passes: run a graph before and after, with its state, and compare."""

import sys
from pathlib import Path

import numpy as np

from backhand.graph.evaluate import bind, evaluate

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))  # the notes' and the book's classes, random programs


def values(graph, inputs, state=None):
    """All that a run gives: the results, then the state's new values."""
    with np.errstate(all="ignore"):
        made = evaluate(graph, bind(graph, tuple(inputs), state))
    ends = [*graph.outputs, *(s.output for s in graph.state if s.output is not None)]
    return [made[i] for i in ends]


def same(a, b):
    """Equal in every bit, dtype and shape; NaN is NaN."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind == "f":
        return np.array_equal(a, b, equal_nan=True) and np.array_equal(np.signbit(a[a == a]), np.signbit(b[b == b]))
    return np.array_equal(a, b)


def close(a, b, roundings=200):
    """Equal to rounding, in dtype and shape."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    if a.dtype.kind != "f":
        return np.array_equal(a, b)
    finite = np.abs(a[np.isfinite(a)])
    unit = float(np.finfo(a.dtype).eps) * roundings
    return np.allclose(a, b, rtol=unit, atol=unit * float(finite.max(initial=0)), equal_nan=True)


def check(before, after, *inputs, equal=same):
    """The two graphs obey the law and give the same."""
    after.verify()
    assert after.inputs == before.inputs or len(after.inputs) == len(before.inputs)
    for one, two in zip(values(before, inputs), values(after, inputs), strict=True):
        assert equal(one, two), f"{one}\n{two}\n\n{before}\n\n{after}"


def ops(graph):
    """What a graph does, in order."""
    return [node.op for node in graph.nodes if node.op not in ("input", "constant")]
