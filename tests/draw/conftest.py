"""Small graphs built by hand."""

import pytest


@pytest.fixture(scope="session")
def apples():
    """The apples of the notes, with gradients."""
    from backhand.drawing.target import run_expression

    return run_expression("apple * apple_num * tax", {"apple": 100.0, "apple_num": 2.0, "tax": 1.1})


@pytest.fixture(scope="session")
def network():
    """Affine, Relu, Affine and a sum, as a trace of layers would give them."""
    from dataclasses import replace

    import numpy as np

    from backhand.drawing.expression import expression_graph
    from backhand.graph.graph import Layer

    random = np.random.default_rng(0)
    values = {"x": random.normal(size=(6, 5)), "W1": random.normal(size=(5, 4)), "b1": random.normal(size=4)}
    values |= {"W2": random.normal(size=(4, 3)), "b2": random.normal(size=3)}
    graph = expression_graph("sum(where(x @ W1 + b1 > 0, x @ W1 + b1, 0) @ W2 + b2)", values)
    classes = {"greater": "Relu", "where": "Relu", "matmul": "Affine", "add": "Affine"}
    nodes = []
    for i, node in enumerate(graph.nodes):
        number = 1 if classes.get(node.op) == "Affine" and i > len(graph.nodes) - 5 else 0
        layer = Layer(classes[node.op], number, "forward", 0) if node.op in classes else None
        nodes.append(node._replace(layer=layer, name=node.name if node.op == "input" else None))
    run = replace(graph, nodes=tuple(nodes)).run(*values.values())
    run.backward()
    return run
