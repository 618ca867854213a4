import os

# Before NumPy is loaded: tests run side by side, one a core, and there more BLAS threads are slower many times over.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


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
