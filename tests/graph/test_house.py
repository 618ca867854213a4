"""The ground floor: it runs with NumPy alone, and its graphs obey their law."""

import ast
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import backhand
import backhand.graph
from backhand.errors import GraphError


def test_it_runs_with_numpy_alone():
    code = (
        "import sys, numpy as np, backhand; g = backhand.trace(lambda x: np.exp(x) * 2, np.ones(3)); assert "
        "backhand.differentiate(g, wrt=0)(np.zeros(3), np.ones(3)).tolist() == [2, 2, 2]; "
        "print(sorted(m.split('.')[0] for m in sys.modules if getattr(sys.modules[m], '__file__', None) and "
        "'site-packages' in sys.modules[m].__file__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert set(ast.literal_eval(done.stdout)) <= {"numpy", "backhand", "_distutils_hack"}


def graph():
    return backhand.trace(lambda x: np.sum(np.tanh(x) * x), np.ones(3))


def changed(position, **fields):
    g = graph()
    nodes = list(g.nodes)
    nodes[position] = nodes[position]._replace(**fields)
    return replace(g, nodes=tuple(nodes))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (changed(1, inputs=(2,)), "only read nodes before it"),
        (changed(1, inputs=(-1,)), "only read nodes before it"),
        (changed(1, op="tahn"), "no row of the op table"),
        (changed(1, shape=(4,)), "NumPy makes it"),
        (changed(1, dtype=np.dtype(np.float32)), "NumPy makes it"),
        (changed(3, params=(("axis", 5),)), "can't be computed"),
        (changed(3, params=(("keepdims", False), ("axis", 0))), "not sorted"),
        (replace(graph(), outputs=(9,)), "none of its"),
        (replace(graph(), inputs=()), "the input nodes are"),
        (replace(graph(), outputs=()), "0 outputs"),
    ],
)
def test_the_law_is_checked(broken, says):
    with pytest.raises(GraphError, match=says):
        broken.verify()


def test_a_listing_has_the_users_names():
    def loss(x, W):
        scores = x @ W
        return np.sum(scores * scores)

    listing = str(backhand.trace(loss, np.ones((2, 3)), np.ones((3, 4))))
    assert "graph(x: float64[2, 3], W: float64[3, 4]):" in listing
    assert "scores = matmul(x, W)" in listing
    assert "float64[2, 4]" in listing
    assert "test_house.py:" in listing
