"""The figures of the notes: the notes' own numbers on them, and nothing that overlaps or is cut off, in a browser."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from backhand.drawing import draw
from backhand.notes.figures import FIGURES, write_figures

SVG = "{http://www.w3.org/2000/svg}"
NAMES = [figure.name for figure in FIGURES]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("figures")
    assert [path.name for path in write_figures(folder)] == [f"{n}.{e}" for n in NAMES for e in ("svg", "html")]
    return folder


def values(svg):
    """Forward value and gradient of each edge that carries a single number."""
    found = []
    for link in ET.fromstring(svg).iter(f"{SVG}g"):
        if link.get("class") == "link":
            parts = [["".join(t.itertext()) for t in part.iter(f"{SVG}text")] for part in link.findall(f"{SVG}g")]
            found += [tuple(part[0] for part in parts)] if parts and len(parts[0]) == 1 else []
    return set(found)


def test_the_numbers_of_the_notes(folder):
    def of(name):
        return values((folder / f"{name}.svg").read_text(encoding="utf-8"))

    assert of("apples") == {("100", "2.2"), ("2", "110"), ("200", "1.1"), ("1.1", "200"), ("220", "1")}
    assert of("oranges") == {
        ("100", "2.2"), ("2", "110"), ("150", "3.3"), ("3", "165"), ("200", "1.1"), ("450", "1.1"), ("650", "1.1"),
        ("1.1", "650"), ("715", "1"),
    }  # fmt: skip
    assert of("chain_rule") == {("3", "8"), ("1", "8"), ("4", "8"), ("16", "1")}
    assert of("add") == {("10", "1.3"), ("5", "1.3"), ("15", "1.3")}
    assert of("multiply") == {("10", "6.5"), ("5", "13"), ("50", "1.3")}


def test_what_the_notes_say_of_the_layers():
    runs = {figure.name: figure.run() for figure in FIGURES}
    relu = runs["relu"]
    np.testing.assert_array_equal(relu.result, [[1.0, 0.0], [0.0, 3.0]])
    np.testing.assert_array_equal(relu.gradients[relu.graph.find("x")], [[1.0, 0.0], [0.0, 1.0]])
    for name in ("sigmoid", "sigmoid_nodes"):
        run = runs[name]
        y = np.asarray(run.result)
        np.testing.assert_allclose(run.gradients[run.graph.find("x")], y * (1 - y), rtol=1e-12)
    batch = runs["affine_batch"]
    np.testing.assert_array_equal(batch.gradients[batch.graph.find("layer.b")], [5.0, 7.0, 9.0])
    softmax = runs["softmax_with_loss"]
    a = np.array([[0.3, 2.9, 4.0]])
    y = np.exp(a) / np.exp(a).sum()
    np.testing.assert_allclose(softmax.gradients[softmax.graph.find("a")], y - [[0, 0, 1]], rtol=1e-12)


def test_two_layer_net_is_drawn_as_four_layers(folder):
    root = ET.fromstring((folder / "two_layer_net.svg").read_text(encoding="utf-8"))
    layers = [box for box in root.iter(f"{SVG}g") if box.get("class") == "layer"]
    words = ["".join(text.itertext()) for box in layers for text in box.iter(f"{SVG}text")]
    assert words == ["Affine", "[0]", "Relu", "Affine", "[1]", "SoftmaxWithLoss"]


# Every text and every heat map as it came out, what they lie on, and the lines, in px of the page.
MEASURE = """() => {
  const box = (element) => { const b = element.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; };
  const svg = document.querySelector("#figure svg");
  const texts = [...svg.querySelectorAll("text, image")].map(
    (t) => ({ text: t.textContent || "heat map", box: box(t), owner: t.closest("[data-id]").dataset.id }));
  const shapes = [...svg.querySelectorAll(".op > rect, .layer > rect, .input > rect, .constant > rect")].map(
    (r) => ({ box: box(r), owner: r.closest("[data-id]").dataset.id }));
  const lines = [...svg.querySelectorAll(".link > path")].map((path) => {
    const matrix = path.getScreenCTM(), length = path.getTotalLength(), points = [];
    for (let at = 0; at <= length; at += 3) {
      const p = path.getPointAtLength(at).matrixTransform(matrix);
      points.push([p.x, p.y]);
    }
    return { points, owner: path.closest("[data-id]").dataset.id };
  });
  return { texts, shapes, lines, figure: box(svg) };
}"""


def overlap(a, b, slack=1.0):
    """Whether two rectangles share more than a hair (a text's rectangle is taller than its letters)."""
    across = min(a[2], b[2]) - max(a[0], b[0])
    down = min(a[3], b[3]) - max(a[1], b[1])
    return across > slack and down > slack


def check(page):
    seen = page.evaluate(MEASURE)
    texts, figure = seen["texts"], seen["figure"]
    assert texts
    for k, one in enumerate(texts):
        left, top, right, bottom = one["box"]
        inside = figure[0] <= left and right <= figure[2] and figure[1] <= top and bottom <= figure[3]
        assert inside, f"{one['text']} is cut off"
        for other in texts[k + 1 :]:
            assert not overlap(one["box"], other["box"], 2.0), f"{one['text']} lies on {other['text']}"
        for shape in seen["shapes"]:
            if shape["owner"] != one["owner"]:
                assert not overlap(one["box"], shape["box"]), f"{one['text']} lies on the box {shape['owner']}"
        for line in seen["lines"]:
            hit = [p for p in line["points"] if left + 1 < p[0] < right - 1 and top + 3 < p[1] < bottom - 3]
            assert not hit, f"the line {line['owner']} goes through {one['text']} of {one['owner']}"
    for k, one in enumerate(seen["shapes"]):
        for other in seen["shapes"][k + 1 :]:
            assert not overlap(one["box"], other["box"]), f"{one['owner']} lies on {other['owner']}"
    for shape in seen["shapes"]:
        for text in texts:
            if text["owner"] == shape["owner"]:
                assert shape["box"][0] <= text["box"][0], f"{text['text']} is wider than its box"
                assert text["box"][2] <= shape["box"][2], f"{text['text']} is wider than its box"


@pytest.mark.parametrize("name", NAMES)
def test_nothing_overlaps_however_the_layers_are_opened(name, folder, open_page):
    page = open_page(folder / f"{name}.html")
    check(page)
    for button in ("Close all layers", "Open all layers"):
        if page.get_by_role("button", name=button).is_visible():
            page.get_by_role("button", name=button).click()
            check(page)
    page.keyboard.press("End")
    check(page)
    if page.get_by_role("button", name="Close all layers").is_visible():
        page.get_by_role("button", name="Close all layers").click()
        for k in range(page.locator(".layer").count()):
            page.locator(".layer").nth(k).click()
            assert page.locator(".frame").count() == 1
            check(page)
            page.locator(".frame > text").click()


def test_a_hundred_nodes_and_ten_thousand_overlap_neither(tmp_path, open_page):
    from test_draw import chain

    from backhand.graph.graph import Layer

    for name, graph in {
        "a": chain(100),
        "b": chain(10_000, lambda i: Layer("Affine", i // 20, "forward", 0)),
    }.items():
        run = graph.run(1.0)
        run.backward()
        draw(run, tmp_path / f"{name}.html")
        check(open_page(tmp_path / f"{name}.html"))


def test_the_figures_are_xml_with_a_title(folder):
    for figure in FIGURES:
        root = ET.fromstring((folder / f"{figure.name}.svg").read_text(encoding="utf-8"))
        assert root.find(f"{SVG}title").text == figure.title
        width, height = (float(root.get(side)) for side in ("width", "height"))
        assert [float(v) for v in re.findall(r"[\d.]+", root.get("viewBox"))] == [0, 0, width, height]
