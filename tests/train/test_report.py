"""report.html: complete, self-contained, and right."""

import re
from array import array
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backhand.data import load_dataset, take
from backhand.nn import TwoLayerNet, softmax
from backhand.train import Settings, figures, train
from backhand.train.history import Evaluation, History

HEADINGS = [
    "Summary",
    "Curves",
    "Which classes are mixed up",
    "The worst mistakes",
    "The first layer's weights",
    "Gradient norms by layer",
]


class Page(HTMLParser):
    """What a browser would see: headings, elements, tables as rows of texts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.tables: list[list[list[str]]] = []
        self.open: list[str] = []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][-1].append("")
        self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in self.open:
            self.texts[tag][-1] += data
        if "table" in self.open and self.open[-1] in ("td", "th"):
            self.tables[-1][-1][-1] += data

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def self_contained(page: Page) -> None:
    for _, attributes in page.elements:
        for name in ("src", "href", "xlink:href", "srcset", "data", "action"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert "url(http" not in page.text
    assert "@import" not in page.text
    assert not page.named("script") + page.named("link")


@pytest.fixture(scope="module")
def mnist_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(Settings(iterations=150, seed=4), runs=tmp_path_factory.mktemp("runs"), name="<b>run<b>").run


@pytest.fixture(scope="module")
def page(mnist_run: Path) -> Page:
    return Page(mnist_run / "report.html")


def test_it_is_one_page_that_needs_nothing_else(page: Page) -> None:
    self_contained(page)
    assert page.texts["h2"] == HEADINGS
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.text) < 1_000_000


def test_what_is_seen_is_also_said(page: Page) -> None:
    assert all(image["alt"] for image in page.named("img"))
    charts = page.named("svg")
    assert len(charts) == 3
    assert all(svg["role"] == "img" and "chart" in str(svg["aria-label"]) for svg in charts)
    assert "(prefers-color-scheme: dark)" in page.text
    assert "@media print" in page.text


def test_names_are_text_and_never_markup(page: Page) -> None:
    assert page.texts["h1"][0].startswith("<b>run<b>: ")
    assert "<b>run" not in page.text


def test_the_confusion_matrix_and_the_mistakes_are_those_of_the_weights(mnist_run: Path, page: Page) -> None:
    """Computed again from weights.safetensors, by other code."""
    from safetensors.numpy import load_file

    data = load_dataset("mnist")
    network = TwoLayerNet(784, 50, 10, dtype=np.float32)
    for key, value in load_file(mnist_run / "weights.safetensors").items():
        network.params[key] = value  # type: ignore[index]
    shares = softmax(network.predict(take(data.x_test, slice(None))).astype(np.float64))
    guess, right = shares.argmax(axis=1), data.t_test.astype(int)
    expected = np.histogram2d(right, guess, bins=[range(11), range(11)])[0].astype(int)

    table = page.tables[1]
    assert [[int(cell) for cell in row[1:11]] for row in table[1:]] == expected.tolist()
    assert page.texts["h1"][0].endswith(f": {np.mean(guess == right):.2%} of the test samples recognised")

    wrong = np.flatnonzero(guess != right)
    worst = wrong[np.argsort(-shares[wrong, guess[wrong]], kind="stable")][:24]
    captions = [text for text in page.texts["figcaption"] if "test " in text and "→" in text]
    assert [int(text.split("test ")[1]) for text in captions] == worst.tolist()
    first = worst[0]
    assert captions[0].startswith(f"{right[first]} → {guess[first]} {shares[first].max():.1%}")


def test_the_pictures_are_the_samples_and_the_weights(mnist_run: Path, page: Page) -> None:
    import base64
    import io

    pictures = page.named("img")
    mistakes = [p for p in pictures if "test sample" in str(p["alt"])]
    assert len(mistakes) == 24
    assert len(pictures) == 24 + 50
    index = int(re.findall(r"test sample (\d+)", str(mistakes[5]["alt"]))[0])
    with Image.open(io.BytesIO(base64.b64decode(str(mistakes[5]["src"]).partition(",")[2]))) as image:
        assert np.array_equal(np.asarray(image), load_dataset("mnist").x_test[index, 0])
    with Image.open(mnist_run / "curves.png") as curves:
        assert curves.width > 800


def test_the_charts_end_where_the_run_ends(page: Page) -> None:
    """Less than an epoch: the one evaluation stands at the beginning, and what came out at the end."""
    history = History(array("d", np.linspace(2.3, 0.4, 150)), [Evaluation(0, 0.1, 0.2, {"W1": 1.0})])
    train_line, test_line = figures.accuracy_lines(history, (0.8, 0.7))
    assert train_line.x.tolist() == test_line.x.tolist() == [0, 149]
    assert (train_line.y.tolist(), test_line.y.tolist()) == ([0.1, 0.8], [0.2, 0.7])
    history.evaluations.append(Evaluation(149, 0.8, 0.7, {"W1": 1.0}))
    assert figures.accuracy_lines(history, (0.8, 0.7))[0].x.tolist() == [0, 149], "not twice"

    shown = {row[0]: row[1] for row in page.tables[0]}
    label = str(page.named("svg")[1]["aria-label"])
    assert f"at the end {shown['train accuracy']} on training samples, {shown['test accuracy']} on test" in label
    # Every chart of the page has the same axis of iterations: the SVG's tick labels are drawn as the same glyphs.
    ticks = [re.findall(r'<g id="xtick_(\d+)">', svg) for svg in re.findall(r"<svg.*?</svg>", page.text, re.DOTALL)]
    assert ticks[0] == ticks[1] == ticks[2]


def csv_of(path: Path, samples: np.ndarray, labels: list[str]) -> str:
    rows = [",".join(["label", *(f"v{i}" for i in range(samples.shape[1]))])]
    rows += [",".join([label, *map(str, row)]) for label, row in zip(labels, samples.tolist(), strict=True)]
    path.write_text("\n".join(rows) + "\n")
    return str(path)


@pytest.mark.parametrize("classes", [2, 40])
def test_samples_that_are_no_images_and_very_many_classes(tmp_path: Path, classes: int) -> None:
    rng = np.random.default_rng(0)
    data = csv_of(
        tmp_path / "plain.csv", rng.random((classes * 20, 5)).round(3), [str(i % classes) for i in range(classes * 20)]
    )
    page = Page(train(Settings(data=data, iterations=12)).report)
    self_contained(page)
    assert page.texts["h2"] == HEADINGS
    assert "no images" in page.text
    assert not page.named("img")
    assert ("a table of all 40 classes would be too large" in page.text) == (classes == 40)


def test_parameters_with_odd_names(small_data: str, own: Any) -> None:
    path = own(
        "from backhand.nn import TwoLayerNet\n"
        "NAMES = {'W1': '$\\\\frac{<i>', 'b1': '_hidden', 'W2': '가중치', 'b2': 3}\n"
        "class Net:\n"
        "    def __init__(self):\n"
        "        self.net = TwoLayerNet(64, 5, 3)\n"
        "        self.params = {new: self.net.params[old] for old, new in NAMES.items()}\n"
        "    def predict(self, x): return self.net.predict(x)\n"
        "    def loss(self, x, t): return self.net.loss(x, t)\n"
        "    def gradient(self, x, t): return {NAMES[k]: v for k, v in self.net.gradient(x, t).items()}\n"
    )
    result = train(Settings(data=small_data, network=f"{path}:Net", iterations=12))
    page = Page(result.report)
    assert page.texts["li"][2:] == ["$\\frac{<i>", "_hidden", "가중치", "3"]
    assert "gradient_norm_$\\frac{<i>" in (result.run / "history.csv").read_text()


def test_a_network_without_a_mistake(small_data: str) -> None:
    result = train(Settings(data=small_data, iterations=400, optimizer="Adam", lr=0.01))
    assert result.test_accuracy == 1
    assert "Not one test sample was taken for something else." in result.report.read_text()
