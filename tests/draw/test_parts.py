"""Which nodes share a box: calls of layers, without cycles, and few boxes for a long graph."""

from dataclasses import replace

import numpy as np
from hypothesis import given, strategies as st

from backhand.drawing.expression import expression_graph
from backhand.drawing.parts import MOST_PARTS, split
from backhand.graph.graph import Graph, Layer, Node
from backhand.graph.structure import LEAF, Structure

FLOAT = np.dtype(float)


def graph_of(reads, layers):
    """An input, then one ``add`` for each pair of earlier nodes, each in a call of its layer (or in none)."""
    nodes = [Node("input", (), (), (), FLOAT, True, name="x")]
    for pair, layer in zip(reads, layers, strict=True):
        nodes.append(Node("add", tuple(pair), (), (), FLOAT, True, layer=layer))
    return Graph(tuple(nodes), (0,), (len(nodes) - 1,), Structure("tuple", (LEAF,), tuple), LEAF)


def check_order(graph, parts):
    """Every node stands in one part, and every part reads only parts before it."""
    home = {}
    for k, part in enumerate(parts):
        for i in part.members:
            assert i not in home
            home[i] = k
    assert set(home) == {i for i, node in enumerate(graph.nodes) if node.op not in ("input", "constant")}
    for k, part in enumerate(parts):
        for i in part.members:
            assert all(home.get(source, -1) <= k for source in graph.nodes[i].inputs)


@st.composite
def random_graphs(draw):
    size = draw(st.integers(1, 40))
    reads = [(draw(st.integers(0, i)), draw(st.integers(0, i))) for i in range(size)]
    layer = st.one_of(
        st.none(), st.builds(Layer, st.sampled_from("AB"), st.integers(0, 2), st.just("forward"), st.just(0))
    )
    return graph_of(reads, [draw(layer) for _ in range(size)])


@given(random_graphs(), st.integers(1, 50))
def test_parts_can_always_run_in_their_order(graph, most):
    parts = split(graph, most)
    check_order(graph, parts)
    assert len(parts) <= max(most, 1)


def test_a_call_is_one_part_though_its_nodes_are_scattered():
    a, b = Layer("A", 0, "forward", 0), Layer("B", 0, "forward", 0)
    graph = graph_of([(0, 0), (0, 0), (1, 1), (2, 2)], [a, b, a, b])
    assert [part.members for part in split(graph)] == [(1, 3), (2, 4)]


def test_a_layer_around_another_is_drawn_in_two_pieces():
    block, inner = Layer("Residual", 0, "forward", 0), Layer("Affine", 0, "forward", 0)
    graph = graph_of([(0, 0), (1, 1), (2, 1)], [block, inner, block])
    parts = split(graph)
    assert [(part.label, part.members) for part in parts] == [("Residual", (1,)), ("Affine", (2,)), ("Residual", (3,))]


def test_names_tell_layers_of_one_class_and_methods_apart():
    layers = [Layer("Affine", 0, "forward", 0), Layer("Affine", 1, "forward", 0), Layer("Relu", 0, "backward", 0)]
    graph = graph_of([(0, 0), (1, 1), (2, 2)], layers)
    assert [part.label + part.detail for part in split(graph)] == ["Affine[0]", "Affine[1]", "Relu.backward"]


def test_ten_thousand_nodes_are_few_parts():
    layers = [Layer("Affine", i // 10, "forward", 0) for i in range(10_000)]
    graph = graph_of([(i, i) for i in range(10_000)], layers)
    parts = split(graph)
    check_order(graph, parts)
    assert len(parts) <= MOST_PARTS
    assert parts[0].label == "Affine[0] … Affine[8]"
    loose = graph_of([(i, i) for i in range(10_000)], [None] * 10_000)
    assert len(split(loose)) <= MOST_PARTS


def test_an_expression_has_one_part_for_each_node():
    graph = expression_graph("x * y + 1", {"x": 1.0, "y": 2.0})
    assert [part.label for part in split(graph)] == [None, None]
    named = replace(graph, nodes=tuple(node._replace(layer=Layer("Net", 0, "forward", 0)) for node in graph.nodes))
    assert [part.label for part in split(named)] == ["Net"]
