"""What the tests of compiled programs share: run a program beside the graph's own evaluation."""

import copy
import sys
from pathlib import Path

import numpy as np

from backhand.compiling.program import build
from backhand.graph import record
from backhand.graph.evaluate import bind, evaluate

sys.path.insert(0, str(Path(__file__).parents[1] / "graph"))


def close(a, b, times=1.0):
    """The same to rounding, NaN and infinities in the same places."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind not in "fc":
        return np.array_equal(a, b)
    scale = np.max(np.abs(b[np.isfinite(b)]), initial=1.0)
    eps = np.finfo(a.dtype).eps * 200 * times
    return np.allclose(a, b, rtol=eps, atol=float(eps * scale), equal_nan=True)


def built(graph, engine="native", threads=None):
    program = build(graph, engine, threads)
    assert not program.note, program.note
    assert program.engine == engine
    return program


def values(graph):
    """A copy of the state for which the graph was traced, by name."""
    return {s.name: copy.deepcopy(s.value.value) for s in graph.state if not s.argument}


def same_steps(graph, inputs, engine="native", steps=3, threads=None):
    """A program's outputs and state, step after step, beside those of the graph; gives what differs."""
    program = built(graph, engine, threads)
    mine, expected = values(graph), values(graph)
    program.bind(mine)
    wrong = []
    for step in range(steps):
        given = [x * (1 + step / 4) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in inputs]
        np.random.seed(step)
        made = evaluate(graph, bind(graph, tuple(given), expected))
        outputs = [made[i] for i in graph.outputs]
        new = [(s.name, made[s.output]) for s in graph.state if s.output is not None and not s.argument]
        expected |= {name: copy.deepcopy(value) for name, value in new}
        np.random.seed(step)
        got = program.run([copy.deepcopy(x) for x in given])
        wrong += [f"output {n}" for n, (a, b) in enumerate(zip(got, outputs, strict=True)) if not close(a, b)]
        for name, value in expected.items():
            own = mine[name] if isinstance(mine[name], np.ndarray) else program.numbers[name]
            if type(own) is not type(value) or not close(own, value):
                wrong.append(name)
    return wrong


def recorded(function, *inputs):
    return record(function, *inputs).graph
