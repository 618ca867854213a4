"""Every command and every example of the README is run, in a fresh copy with an empty home folder."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blocks(readme, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / readme).read_text(), flags=re.MULTILINE | re.DOTALL)


def test_the_korean_readme_shows_the_same_commands_and_examples():
    for language in ("sh", "python"):
        assert blocks("README.ko.md", language) == blocks("README.md", language)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """What a clone holds: the files that git knows, without this checkout's virtual environment."""
    folder = tmp_path_factory.mktemp("a clone") / "backhand"
    for name in subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.mark.timeout(600)
def test_every_command_of_the_readme(copy, tmp_path):
    pip_cache = subprocess.check_output([sys.executable, "-m", "pip", "cache", "dir"], text=True).strip()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "BACKHAND", "VIRTUAL"))},
        "HOME": str(tmp_path),
        "PIP_CACHE_DIR": pip_cache,
        # The suite is what is running now: `make test` builds its environment and finds every test, and stops there.
        "PYTEST_ADDOPTS": "--collect-only -q",
    }
    commands = "".join(blocks("README.md", "sh"))
    assert "make demo\n" in commands
    assert "make test\n" in commands
    done = subprocess.run(
        ["bash", "-euxc", commands], cwd=copy, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "tests collected" in done.stdout
    assert list((copy / "runs").glob("*/report.html")), "make demo leaves a report"


@pytest.mark.parametrize("example", blocks("README.md", "python"))
def test_every_example_of_the_readme(example, tmp_path):
    done = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    promised = re.findall(r"# prints (.*)", example)
    assert done.stdout.splitlines() == promised
