import os

# Before NumPy is loaded: tests run side by side, one a core, and there more BLAS threads are slower many times over.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import shutil
from collections.abc import Iterator
from pathlib import Path

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


@pytest.fixture(scope="session", autouse=True)
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache folder for this run of the suite, its child processes included; the user's own is never touched."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # where all workers' folders are: MNIST is decoded once for all of them
    folder /= "backhand-cache"
    os.environ["BACKHAND_CACHE"] = str(folder)
    yield folder
    if "PYTEST_XDIST_WORKER" not in os.environ:
        shutil.rmtree(folder, ignore_errors=True)  # 275 MB


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
