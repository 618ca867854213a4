"""The command as a whole: its exit codes, its last line with --json, and what it says to a typing mistake."""

import json
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
