"""``backhand.draw``: what the SVG says, what it refuses, and how long graphs come out."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from backhand.drawing import draw
from backhand.drawing.expression import expression_graph
from backhand.drawing.target import run_expression
from backhand.errors import BackhandError
from backhand.graph.graph import Layer

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg, kind):
    return [box for box in ET.fromstring(svg).iter(f"{SVG}g") if box.get("class") == kind]


def texts(element):
    return ["".join(text.itertext()) for text in element.iter(f"{SVG}text")]


def test_the_figure_of_the_apples(apples):
    svg = draw(apples)
    assert [texts(box) for box in boxes(svg, "input")] == [["apple"], ["apple_num"], ["tax"]]
    assert [texts(box) for box in boxes(svg, "op")] == [["×"], ["×"]]
    seen = {}
    for link in boxes(svg, "link"):
        forward, gradient = (texts(part) for part in link if part.tag == f"{SVG}g")
        seen[forward[0]] = gradient[0]
    assert seen == {"100": "2.2", "2": "110", "200": "1.1", "1.1": "200", "220": "1"}


def test_forward_values_stand_above_the_edge_and_gradients_below(apples):
    for link in boxes(draw(apples), "link"):
        path = next(link.iter(f"{SVG}path"))
        numbers = [float(part) for part in re.findall(r"[\d.]+", path.get("d"))]
        heights = numbers[1::2]
        above, below = (float(next(part.iter(f"{SVG}text")).get("y")) for part in link if part.tag == f"{SVG}g")
        assert any(above < y < below for y in heights)


def test_the_svg_tells_a_screen_reader_what_it_is(apples):
    root = ET.fromstring(draw(apples, title="Two apples"))
    assert root.get("role") == "img"
    assert root.find(f"{SVG}title").text == "Two apples"
    assert "3 inputs and 2 operations" in root.find(f"{SVG}desc").text


def test_without_a_run_shapes_stand_on_the_edges():
    graph = expression_graph("x @ W", {"x": np.ones((2, 3)), "W": np.ones((3, 4))})
    svg = draw(graph)
    assert {"(2, 3)", "(3, 4)", "(2, 4)"} <= set(texts(ET.fromstring(svg)))
    assert not boxes(svg, "gradient")


def test_a_run_before_backward_has_values_and_no_gradients():
    graph = expression_graph("x * y", {"x": 2.0, "y": 3.0})
    svg = draw(graph.run(2.0, 3.0))
    assert "6" in texts(ET.fromstring(svg))
    assert not boxes(svg, "gradient")


def test_an_input_used_twice_has_an_edge_and_a_gradient_for_each_use():
    svg = draw(run_expression("x * x", {"x": 3.0}))
    gradients = [texts(part)[0] for link in boxes(svg, "link") for part in link if part.get("class") == "gradient"]
    assert gradients == ["3", "3", "1"]


def test_layers_are_boxes_or_open_frames(network):
    closed = draw(network)
    assert [texts(box) for box in boxes(closed, "layer")] == [["Affine", "[0]"], ["Relu"], ["Affine", "[1]"]]
    assert not boxes(closed, "frame")
    opened = draw(network, level="op")
    assert not boxes(opened, "layer")
    assert [texts(box) for box in boxes(opened, "frame")] == [["Affine[0]"], ["Relu"], ["Affine[1]"]]
    assert len(boxes(opened, "op")) == sum(n.op not in ("input", "constant") for n in network.graph.nodes)


def test_a_notebook_shows_a_graph_as_its_figure(network):
    assert network.graph._repr_svg_() == draw(network.graph)


def test_what_flows_back_into_a_closed_layer_adds_up():
    graph = expression_graph("x * x + x", {"x": 3.0})
    layer = Layer("Square", 0, "forward", 0)
    run = replace(graph, nodes=tuple(node._replace(layer=layer) for node in graph.nodes)).run(3.0)
    run.backward()
    svg = draw(run)
    assert [texts(box) for box in boxes(svg, "layer")] == [["Square"]]
    assert [texts(link) for link in boxes(svg, "link")] == [["3", "7"], ["12", "1"]], "2 x + 1"


def test_gradients_of_the_network_against_differences(network):
    graph = network.graph
    position = graph.inputs.index(graph.find("b2"))
    link = next(k for k in boxes(draw(network), "link") if k.get("data-from") == f"n{graph.inputs[position]}")
    shown = [float(t.replace("−", "-")) for t in texts(link) if not t.startswith("(")][3:]
    base = [network.values[i] for i in graph.inputs]
    for k in range(3):
        moved = [value.copy() for value in base]
        moved[position][k] += 1e-6
        assert shown[k] == pytest.approx((graph(*moved) - graph(*base)) / 1e-6, rel=1e-2)


def test_it_writes_what_it_returns(apples, tmp_path):
    for name in ("a.svg", "a.html"):
        text = draw(apples, tmp_path / name)
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert draw(apples) == draw(apples, str(tmp_path / "b.svg")), "the same graph gives the same figure"


def test_nothing_in_a_file_points_outside(apples, network, tmp_path):
    for text in (draw(network), draw(network, tmp_path / "a.html").replace('\\"', '"')):
        links = re.findall(r"""(?:href|src|url)\s*[=(]\s*['"]?([^'")\s>]+)""", text)
        assert {link.split(":")[0] for link in links} <= {"data", "#backhand-arrow"}
        assert set(re.findall(r"https?://[^\"' <]+", text)) <= {"http://www.w3.org/2000/svg"}
        assert "@import" not in text


@pytest.mark.parametrize("name", ["a<b>&'\"", "</script><script>alert(1)</script>", "<!--", "사과"])
def test_names_can_hold_anything(name, tmp_path):
    graph = expression_graph("x * 2", {"x": 2.0})
    graph = replace(graph, nodes=(graph.nodes[0]._replace(name=name), *graph.nodes[1:]))
    svg = draw(graph.run(2.0), title=name)
    assert name in texts(ET.fromstring(svg))
    page = draw(graph.run(2.0), tmp_path / "a.html", title=name)
    assert page.count("<script") == 2
    assert "</" not in re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1], "nothing ends the data early"


@pytest.mark.parametrize(
    ("arguments", "options"),
    [((3,), {}), (("graph",), {}), ((None,), {"level": "op"})],
)
def test_it_draws_graphs_and_runs_only(arguments, options):
    with pytest.raises(BackhandError, match="Graph or a Run"):
        draw(*arguments, **options)


def test_levels_and_endings(apples, tmp_path):
    with pytest.raises(BackhandError, match="'layer' or 'op'"):
        draw(apples, level="node")
    with pytest.raises(BackhandError, match=r"neither in \.svg nor in \.html"):
        draw(apples, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def chain(count, layer=lambda i: None):
    """x, then ``count`` additions of 1, each in the layer that ``layer(i)`` gives."""
    graph = expression_graph("x + 1", {"x": 1.0})
    first, one, add = graph.nodes
    nodes = [first, one]
    nodes += [add._replace(inputs=(i if i > 1 else 0, 1), name=None, layer=layer(i)) for i in range(1, count + 1)]
    return replace(graph, nodes=tuple(nodes), outputs=(count + 1,))


def test_a_hundred_ops_go_on_in_further_rows():
    svg = draw(chain(100).run(1.0))
    root = ET.fromstring(svg)
    assert len(boxes(svg, "op")) == 100
    assert float(root.get("width")) < 3500
    assert float(root.get("height")) < float(root.get("width"))


def test_ten_thousand_nodes_stay_small():
    graph = chain(10_000, lambda i: Layer("Affine", i // 20, "forward", 0))
    run = graph.run(1.0)
    run.backward()
    svg = draw(run)
    assert len(boxes(svg, "layer")) <= 120
    assert len(svg) < 200_000
    assert "10001" in texts(ET.fromstring(svg))


def test_a_graph_without_any_node_is_drawn():
    svg = draw(run_expression("x", {"x": 1.0}))
    assert [texts(box) for box in boxes(svg, "input")] == [["x"]]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["params['W1']", "params['W2']"], ["W1", "W2"]),
        (["net.layers['Affine1'].W", "net.layers['Affine2'].W"], ["Affine1.W", "Affine2.W"]),
        (["dnn.sequence[0].W", "dnn.sequence[1].W"], ["sequence[0].W", "sequence[1].W"]),
        (["a.W", "W"], ["a.W", "W"]),
        (["(x+y)", "f(x).y"], ["(x+y)", "f(x).y"]),
    ],
)
def test_names_of_parameters_are_as_short_as_they_can_be(names, shown):
    graph = expression_graph("x + y", {"x": 1.0, "y": 2.0})
    nodes = [node._replace(name=name) for node, name in zip(graph.nodes[:2], names, strict=True)]
    svg = draw(replace(graph, nodes=(*nodes, graph.nodes[2])))
    assert [texts(box) for box in boxes(svg, "input")] == [[name] for name in shown]
