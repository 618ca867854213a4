"""Plants one mistake into one correct layer: exact edits of its source, written to a file of its own and imported."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "check" / "correct"))

import plants_of_manners  # noqa: E402
import plants_of_values  # noqa: E402
from cases import CASES, Case  # noqa: E402


@dataclass(frozen=True)
class Mutant:
    """A mistake to plant: the cause that `check` should name, and the edits."""

    cause: str
    layer: str
    edits: tuple[tuple[str, str], ...]
    number: int

    @property
    def case(self) -> Case:
        """The correct layer."""
        return CASES[self.layer]

    @property
    def name(self) -> str:
        """A name for tables and files."""
        return f"{self.cause}_{self.number}_{self.case.edited[0]}"

    def source(self) -> str:
        """The whole file with the edits made, in the lines of the layer alone.

        Raises:
            ValueError: a text to edit isn't there exactly once.
        """
        return edit(self.case, self.edits)

    def module(self, folder: Path) -> Any:
        """The mutant, imported from a file of its own in ``folder``."""
        path = folder / f"{self.name}.py"
        path.write_text(self.source())
        return load(path)


def mutants() -> Iterator[Mutant]:
    """All of them."""
    for cause, rows in (plants_of_values.PLANTS | plants_of_manners.PLANTS).items():
        for number, (layer, *texts) in enumerate(rows):
            yield Mutant(cause, layer, tuple(zip(texts[::2], texts[1::2], strict=True)), number)


def edit(case: Case, edits: tuple[tuple[str, str], ...]) -> str:
    """The text of the case's file with edits made in its layer."""
    text = case.file.read_text()
    for before, after in edits:
        places = list(occurrences(text, case.edited, before))
        if len(places) != 1:
            raise ValueError(f"{case.name}: {before!r} stands {len(places)} times in it, not once")
        text = text[: places[0]] + after + text[places[0] + len(before) :]
    return text


def occurrences(text: str, names: tuple[str, ...], part: str) -> Iterator[int]:
    """Where ``part`` begins inside of the definitions of ``names``."""
    lines = text.splitlines(keepends=True)
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name in names:
            start = sum(len(line) for line in lines[: node.lineno - 1])
            end = sum(len(line) for line in lines[: node.end_lineno])
            # A blank line after a definition belongs to it: an edit may end with it.
            end += len(text[end:]) - len(text[end:].lstrip("\n"))
            place = text.find(part, start)
            while place >= 0 and place + len(part) <= end:
                yield place
                place = text.find(part, place + 1)


def load(path: Path) -> Any:
    """A file as a module, under a name of its own."""
    spec = importlib.util.spec_from_file_location(f"planted_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import does: what looks for the source of a class asks there
    spec.loader.exec_module(module)
    return module
