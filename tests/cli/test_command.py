"""The command as a whole: its exit codes, its last line with --json, and what it says to a typing mistake."""

import json
import os
import signal
import subprocess
import sys

import pytest

import backhand


def command(*arguments):
    return subprocess.run([sys.executable, "-m", "backhand", *arguments], capture_output=True, text=True)


def test_version():
    done = command("--version")
    assert (done.returncode, done.stdout) == (0, f"backhand {backhand.__version__}\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["trian"], "Did you mean 'train'?"),
        (["train", "--hiden", "5"], "--hidden"),
        (["train", "--lr", "fast"], "valid number"),
        (["train", "--lr", "-1"], "learning rate"),
        (["notes", "aples"], "apples"),
        (["predict"], "RUN"),
    ],
)
def test_mistakes_exit_with_2_and_a_message_also_as_json(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = command(*arguments, "--json")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert words in json.loads(done.stdout.splitlines()[-1])["error"]
    assert not list(tmp_path.iterdir())


def test_without_arguments_it_says_what_there_is():
    done = command()
    for name in ("train", "predict", "draw", "notes"):
        assert name in done.stdout + done.stderr


def interrupted(code):
    """Run ``backhand notes relu --json`` with code before it that makes it send itself Ctrl-C somewhere."""
    code = (
        "import os, signal, sys\nfrom backhand import __main__\nsys.argv = 'backhand notes relu --json'.split()\n"
        + code
    )
    default = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, preexec_fn=default)


@pytest.mark.parametrize(
    "code",
    [
        # While backhand.cli is being imported, in a place that swallows every exception, as CPython's own do.
        """
class Swallowing:
    def find_spec(self, name, path, target=None):
        if name == "backhand.cli":
            try:
                os.kill(os.getpid(), signal.SIGINT)
                for _ in range(1000): pass
            except BaseException:
                pass
sys.meta_path.insert(0, Swallowing())
__main__.main()
""",
        # In the middle of the work.
        """
import backhand.notes
def rows():
    os.kill(os.getpid(), signal.SIGINT)
    for _ in range(1000): yield
backhand.notes.EXPERIMENTS[3] = backhand.notes.EXPERIMENTS[3]._replace(rows=rows)
__main__.main()
""",
    ],
    ids=["importing", "working"],
)
def test_ctrl_c_ends_with_130_and_json(code):
    done = interrupted(code)
    assert (done.returncode, done.stderr) == (130, "")
    assert json.loads(done.stdout.splitlines()[-1]) == {"error": "interrupted"}


def test_a_terminal_without_korean_letters_gets_their_numbers():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "backhand", "notes", "sigmoid_nodes", "--json"],
        capture_output=True,
        encoding="ascii",
        env=environment,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\uadf8\\ub300\\ub85c" in done.stdout.splitlines()[3]
    assert any("그대로" in row["says"] for row in json.loads(done.stdout.splitlines()[-1])["experiments"][0]["rows"])
