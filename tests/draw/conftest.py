"""A real browser (Debian's chromium) for the pages, and small graphs built by hand."""

import os
import shutil

import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium():
    """A browser, for the whole session. In CI it must be there; elsewhere a test without it is skipped."""
    missing = None
    if not os.path.exists(CHROMIUM):
        missing = "there is no chromium: sudo apt-get install chromium"
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing = "there is no playwright: pip install playwright"
    if missing:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Watched:
    """A page, and what must never happen on it: an error on the console, a request to the outside."""

    def __init__(self, page):
        self.page = page
        self.errors = []
        self.requests = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))


@pytest.fixture
def open_page(chromium):
    """``open_page(path, **options of the context)`` opens a file; at the end nothing may have gone wrong on it."""
    contexts, watched = [], []

    def open_file(path, width=1300, height=800, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        seen = Watched(context.new_page())
        watched.append((seen, path))
        seen.page.goto(f"file://{path}")
        return seen.page

    yield open_file
    for context in contexts:
        context.close()
    for seen, path in watched:
        assert seen.errors == []
        outside = [url for url in seen.requests if not url.startswith("data:") and url != f"file://{path}"]
        assert outside == [], "a page loads nothing but itself"


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
