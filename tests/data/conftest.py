import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "cache"
    monkeypatch.setenv("BACKHAND_CACHE", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
