"""``backhand draw``: expressions and Python files from the command line."""

import json

import pytest
import typer
from typer.testing import CliRunner

from backhand.cli.draw import draw
from backhand.errors import BackhandError, OptionError

FILE = """
import numpy as np
from backhand.graph import trace

class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

class Scale:
    def __init__(self, factor):
        self.factor = factor
    def __call__(self, x):
        return x * self.factor

class Net:
    def __init__(self):
        self.W = np.array([[1.0, 2.0], [3.0, 4.0]])
    def loss(self, x, t):
        return np.sum((x @ self.W - t) ** 2)

def price(apple, apple_num, tax=1.1):
    return apple * apple_num * tax

layer = Relu()
twice = Scale(2.0)
net = Net()
number = 3
graph = trace(lambda a, b: a * b, 2.0, 3.0)
run = graph.run(2.0, 3.0)

def broken(x):
    raise ValueError("no such luck")

def leaves(x):
    raise SystemExit(0)

if __name__ == "__main__":
    raise RuntimeError("the file is not run as a script")
"""


@pytest.fixture
def command(tmp_path, monkeypatch):
    """Run the command in a folder of its own; an error comes out as it would reach ``main``, which exits with 2."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(FILE)
    app = typer.Typer()
    app.command()(draw)

    def run(*arguments):
        result = CliRunner().invoke(app, list(arguments))
        if isinstance(result.exception, BackhandError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_the_readme_s_apples(command, tmp_path):
    said = command("apple * apple_num * tax", "apple=100", "apple_num=2", "tax=1.1", "-o", "apple.html", "--json")
    page = (tmp_path / "apple.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "<title>apple * apple_num * tax</title>" in page
    summary = json.loads(said.splitlines()[-1])
    assert summary["file"] == "apple.html"
    assert summary["result"] == [pytest.approx(220)]
    assert summary["gradients"] == pytest.approx({"apple": 2.2, "apple_num": 110, "tax": 200})


def test_without_a_file_name_it_writes_graph_html(command, tmp_path):
    assert "graph.html" in command("x * 2", "x=1")
    assert (tmp_path / "graph.html").exists()


@pytest.mark.parametrize(
    ("target", "values", "result"),
    [
        ("net.py:price", ["apple=100", "apple_num=2"], [220.00000000000003]),
        ("net.py:price", ["apple=100", "apple_num=2", "tax=1"], [200.0]),
        ("net.py:layer", ["x=[[1, -0.5], [-2, 3]]"], [[[1.0, 0.0], [0.0, 3.0]]]),
        ("net.py:Relu", ["x=[-1, 2]"], [[0.0, 2.0]]),
        ("net.py:layer.forward", ["x=[-1, 2]"], [[0.0, 2.0]]),
        ("net.py:twice", ["x=3"], [6.0]),
        ("net.py:net.loss", ["x=[[1, 1]]", "t=[[0, 0]]"], [52.0]),
        ("net.py:graph", ["a=4", "b=5"], [20.0]),
        ("net.py:run", [], [6.0]),
    ],
)
def test_things_of_a_python_file(command, tmp_path, target, values, result):
    said = command(target, *values, "-o", "a.svg", "--json")
    assert json.loads(said.splitlines()[-1])["result"] == result
    assert (tmp_path / "a.svg").read_text(encoding="utf-8").startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["net.py:pear"], "no 'pear'; there are .*price"),
        (["net.py:net.pear"], "no 'pear'"),
        (["pear.py:x"], "no file pear.py"),
        (["net.py:number"], "needs a function, a layer, a Graph or a Run"),
        (["net.py:price", "apple=1"], "needs apple_num"),
        (["net.py:price", "apple=1", "apple_num=1", "pear=2"], "no input pear"),
        (["net.py:broken", "x=1"], "ValueError: no such luck"),
        (["net.py:leaves", "x=1"], "SystemExit"),
        (["net.py:Scale", "x=1"], "factor"),
        (["x * 2"], "x has no value"),
        (["x * 2", "x"], "x=|name=number"),
        (["x * 2", "x=1", "-o", "a.png"], "neither in .svg nor in .html"),
        (["x * 2", "x=1", "-o", "nowhere/a.svg"], "can't be written"),
        (["x * 2", "x=1", "--level", "deep"], "'layer' or 'op'"),
        (["__import__('os').system('touch hacked')"], "can't be called"),
        (["9**9**9"], "no value here"),
    ],
)
def test_what_can_not_be_drawn_is_said_in_a_line(command, tmp_path, arguments, message):
    with pytest.raises(OptionError, match=message) as caught:
        command(*arguments)
    assert "\n" not in str(caught.value)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["net.py"]


def test_a_file_with_an_error_in_it(command, tmp_path):
    (tmp_path / "bad.py").write_text("def f(:\n")
    with pytest.raises(OptionError, match="SyntaxError"):
        command("bad.py:f", "x=1")


def test_a_result_that_json_has_no_word_for(command):
    said = command("net.py:price", "apple=1e308", "apple_num=1e308", "--json")
    assert json.loads(said.splitlines()[-1])["result"] == [None]
