"""``backhand notes`` as it is called."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from backhand.notes import EXPERIMENTS

NAMES = [experiment.name for experiment in EXPERIMENTS]
Command = Callable[..., subprocess.CompletedProcess[str]]
DOCS = Path(__file__).parents[2] / "docs"


def test_lists_the_experiments(backhand_notes: Command) -> None:
    done = backhand_notes("--json")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[: len(NAMES)]] == NAMES
    assert [each["name"] for each in json.loads(lines[-1])["experiments"]] == NAMES


def test_runs_one(backhand_notes: Command) -> None:
    done = backhand_notes("apples")
    assert (done.returncode, done.stderr) == (0, "")
    assert "note: 2.2 400 100  |  backhand: 2.2 110.00000000000001 200  |  the note is wrong" in done.stdout
    assert done.stdout.index("Errata of the notes:\n  000  ") < done.stdout.index("Errors of the scan alone:\n  001  ")


def test_runs_all(everything: str) -> None:
    """Every experiment in its order, then the errata, then the JSON."""
    *lines, last = everything.splitlines()
    assert [line.split(":")[0] for line in lines if line.split(":")[0] in NAMES] == NAMES
    errata = lines[lines.index("Errata of the notes:") :]
    rows = [row for experiment in json.loads(last)["experiments"] for row in experiment["rows"]]
    for row in rows:
        if row["erratum"]:
            assert f"  {row['source']}  {row['erratum']}" in errata
    assert len(errata) == 2 + sum(bool(row["erratum"]) for row in rows)


@pytest.mark.parametrize("arguments", [["aples"], ["apples", "--all"], ["--nonsense"]])
def test_bad_usage_exits_with_2(backhand_notes: Command, arguments: list[str]) -> None:
    done = backhand_notes(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    if arguments == ["aples"]:
        assert done.stderr.startswith("backhand: notes: there is no experiment 'aples'; there are apples, oranges, ")
        assert all(name in done.stderr for name in NAMES)


@pytest.mark.parametrize("columns", ["150", "80"])
def test_draws_a_table_on_a_terminal(columns: str) -> None:
    """And shows an array's brackets, which rich would take for its markup, and all of it on a narrow one too."""
    main, terminal = pty.openpty()
    environment = {**os.environ, "COLUMNS": columns, "TERM": "xterm"}
    command = [sys.executable, "-m", "backhand", "notes", "relu"]
    with subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as process:
        os.close(terminal)
        shown = b""
        try:
            while chunk := os.read(main, 65536):
                shown += chunk
        except OSError:  # Linux says "end" so on a terminal
            pass
    os.close(main)
    assert process.returncode == 0
    assert "┃" in shown.decode()
    assert "…" not in shown.decode()
    if columns == "150":
        assert "[[1, 0], [0, 3]]" in shown.decode()


@pytest.mark.parametrize("page", ["notes.md", "notes.ko.md"])
def test_the_documentation_names_every_experiment(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []


def test_writes_every_figure_of_the_notes(backhand_notes, tmp_path):
    done = backhand_notes("--figures", str(tmp_path / "figures"), "--json")
    assert done.returncode == 0
    paths = [Path(path) for path in json.loads(done.stdout.splitlines()[-1])["figures"]]
    assert {path.stem for path in paths} >= {"apples", "oranges", "chain_rule", "relu", "sigmoid_nodes", "affine_batch"}
    assert all(path.stat().st_size > 1000 for path in paths)


def test_figures_and_a_name_exclude_each_other(backhand_notes, tmp_path):
    done = backhand_notes("relu", "--figures", str(tmp_path / "figures"))
    assert done.returncode == 2
    assert "leave out NAME" in done.stderr
    assert not (tmp_path / "figures").exists()
