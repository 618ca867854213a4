"""The house: what imports what, how long a file may be, what is public, and what an import costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import backhand

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "backhand"
# What a room may use: itself, the rooms named beside it, and the outside libraries named after them.
HOUSE = {
    "__init__": ({"errors", "checking", "compiling", "data", "drawing", "graph", "nn"}, set()),
    "__main__": ({"cli"}, set()),
    "errors": (set(), set()),
    "graph": ({"errors"}, {"numpy"}),
    "checking": ({"errors", "graph"}, {"numpy", "pytest"}),
    "compiling": ({"errors", "graph"}, {"numpy", "platformdirs"}),
    "testing": ({"checking"}, set()),
    "drawing": ({"errors", "graph"}, {"numpy", "graphlay", "PIL"}),
    "nn": ({"errors"}, {"numpy"}),
    "data": ({"errors"}, {"numpy", "platformdirs", "pooch", "PIL"}),
    "train": ({"compiling", "errors", "nn", "data"}, {"numpy", "matplotlib", "rich", "safetensors", "PIL"}),
    "notes": ({"errors", "graph", "drawing", "nn", "data"}, {"numpy"}),
    "cli": ({"errors", "checking", "drawing", "nn", "data", "train", "notes"}, {"numpy", "rich", "typer"}),
}
# How a notebook shows a graph or a run: the one look upwards, made when it is shown.
NOTEBOOK = {"graph/graph.py": "backhand.drawing", "graph/evaluate.py": "backhand.drawing"}
FILES = sorted(SOURCE.rglob("*.py"))


def room(path):
    return path.relative_to(SOURCE).parts[0].removesuffix(".py")


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are written in full"
            yield from (
                [f"backhand.{alias.name}" for alias in node.names] if node.module == "backhand" else [node.module]
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_point_one_way_and_files_are_short(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 450
    rooms, libraries = HOUSE[room(path)]
    for name in imported(ast.parse(text)):
        first, *rest = name.split(".")
        if first == "backhand" and name != NOTEBOOK.get(str(path.relative_to(SOURCE))):
            assert rest[0] in rooms | {room(path)}, f"{path.name} imports {name}"
        elif first not in {"backhand", *sys.stdlib_module_names}:
            assert first in libraries, f"{path.name} imports {name}"


def test_every_room_has_its_rules():
    assert {room(path) for path in FILES} == set(HOUSE)


def modules_after(statement):
    child = f"import sys; before = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", child], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_backhand_loads_nothing_but_itself():
    outside = [name for name in modules_after("import backhand") if name.split(".")[0] not in sys.stdlib_module_names]
    assert outside == ["backhand"]
    assert len(modules_after("import backhand")) < len(modules_after("import numpy"))


@pytest.mark.parametrize(
    "statement", ["from backhand import *", "import backhand.train", "import backhand.notes", "import backhand.testing"]
)
def test_heavy_libraries_wait_until_they_are_used(statement):
    heavy = {"matplotlib", "rich", "typer", "safetensors", "pooch", "PIL", "requests", "platformdirs", "graphlay"}
    assert heavy.isdisjoint(name.split(".")[0] for name in modules_after(statement))


def test_the_public_names_are_those_that_type_checkers_see():
    tree = ast.parse((SOURCE / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    seen = {alias.asname for node in block.body for alias in node.names}
    assert seen == set(backhand.__all__)
    for name in backhand.__all__:
        assert getattr(backhand, name) is not None
    assert dir(backhand) == sorted(backhand.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'Afine'"):
        _ = backhand.Afine


def test_the_changelog_s_newest_entry_is_this_version():
    headings = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert headings[0].split()[1] == backhand.__version__


def test_every_docstring_example_is_true():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--doctest-modules", "-q", "-p", "no:cacheprovider", str(SOURCE)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout
