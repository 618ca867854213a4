"""``backhand check``: what it prints, its exit codes, the files it writes."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest

from backhand.cli import main

ROOT = Path(__file__).parents[2]
RIGHT = """
class Double:
    def forward(self, x): return 2 * x
    def backward(self, dout): return 2 * dout
"""
WRONG = """
class Triple:
    def forward(self, x): return 3 * x
    def backward(self, dout): return 2 * dout
"""
UNDECIDED = """
class Odd:
    def forward(self, x, magic): return x * magic.amount
    def backward(self, dout): return dout
"""


class Done(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """``command("layers.py", layers="...")`` writes the files and runs ``backhand check`` in their folder."""

    def run(*arguments, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["backhand", "check", *arguments])
        with pytest.raises(SystemExit) as exit:
            main()
        return Done(exit.value.code or 0, *capsys.readouterr())

    return run


def test_a_file_that_is_right(command):
    done = command("layers.py", layers=RIGHT)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "layers.py: running it, as Python would, in a process of its own"
    assert re.search(r"^  Double +ok +dx agrees to \d", done.stdout, re.MULTILINE)
    assert done.stdout.endswith("1 checked: 1 ok\n")


def test_exit_1_for_a_wrong_one_with_its_line_and_what_to_do(command):
    done = command("layers.py", layers=RIGHT + WRONG + UNDECIDED)
    assert done.returncode == 1
    assert done.stdout.endswith("3 checked: 1 ok, 1 undecided, 1 wrong\n")
    assert "layers.py:8: def backward(self, dout): return 2 * dout" in done.stdout
    assert "Triple: wrong" in done.stdout
    assert "Double: ok" not in done.stdout, "what is right needs no more words"


def test_exit_3_for_an_undecided_one_with_what_to_pass(command):
    done = command("layers.py", layers=RIGHT + UNDECIDED)
    assert done.returncode == 3
    assert "Pass them: backhand.check(Odd(), x, magic)" in " ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.py"], "there is no file"),
        (["layers.py:Nothing"], "has no 'Nothing'; it has Double"),
        (["empty.py"], "empty.py holds nothing to check"),
        (["broken.py"], "ZeroDivisionError: division by zero, line 1"),
        (["layers"], "'layers' is neither FILE.py"),
        (["layers.py", "--timeout", "0"], "leaves no time"),
        (["layers.py", "--html", "no/such/folder.html"], "can't be written"),
    ],
)
def test_exit_2_for_bad_input(command, arguments, says):
    done = command(*arguments, "--json", layers=RIGHT, empty="x = 1\n", broken="1 / 0\n")
    assert done.returncode == 2
    assert says in done.stderr
    assert says in json.loads(done.stdout.splitlines()[-1])["error"]
    assert "Traceback" not in done.stderr


def test_names_and_several_files(command):
    done = command("one.py:Double", "two.py", "--json", one=RIGHT + WRONG, two=RIGHT)
    assert done.returncode == 0
    assert [report["name"] for report in json.loads(done.stdout.splitlines()[-1])["reports"]] == ["Double", "Double"]
    done = command("one.py", "Triple")
    assert re.findall(r"^  (\w+)  ", done.stdout, re.MULTILINE)[0] == "Triple"


def test_json_junit_and_html(command, tmp_path):
    done = command("layers.py", "--json", "--junit", "out.xml", "--html", "out.html", layers=RIGHT + WRONG)
    double, triple = json.loads(done.stdout.splitlines()[-1])["reports"]
    assert (double["name"], double["verdict"]) == ("Double", "ok")
    finding = next(finding for finding in triple["findings"] if finding["verdict"] == "wrong")
    assert finding["gradient"] == "dx"
    assert finding["line"]["line"] == 8
    assert finding["where"]["given"] != finding["where"]["expected"]
    suite = ElementTree.parse(tmp_path / "out.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    assert "<div class='heat'" in (tmp_path / "out.html").read_text()


def test_on_a_terminal_it_is_a_table(tmp_path):
    (tmp_path / "layers.py").write_text(RIGHT + WRONG)
    control, terminal = pty.openpty()
    command = [sys.executable, "-m", "backhand", "check", "layers.py"]
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm"}
    done = subprocess.Popen(command, cwd=tmp_path, stdout=terminal, env=environment)
    os.close(terminal)
    shown = b""
    while True:
        try:
            block = os.read(control, 4096)
        except OSError:  # the terminal's other end is closed
            break
        if not block:
            break
        shown += block
    os.close(control)
    assert done.wait() == 1
    assert "line" in shown.decode()
    assert "━" in shown.decode()
    assert "\x1b[31mwrong" in shown.decode()


def test_the_readmes_show_what_it_prints(command, monkeypatch):
    """One right and five wrong layers."""
    shown = re.findall(r"```console\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown == re.findall(r"```console\n(.*?)```", (ROOT / "README.ko.md").read_text(), re.DOTALL)
    whole, one = (text.removeprefix("$ backhand check ").split("\n", 1) for text in shown)
    monkeypatch.setattr("os.chdir", lambda path: None)
    done = command(*whole[0].split())
    assert done.returncode == 1
    assert done.stdout.startswith(whole[1])
    assert f"\n{one[0]}\n{one[1]}" in done.stdout


def test_the_example_of_the_docs(tmp_path):
    (example, *_) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "check.md").read_text(), re.DOTALL)
    done = subprocess.run([sys.executable, "-W", "error", "-c", example], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == (re.search(r"# prints (.*\n)", example).group(1), "")
