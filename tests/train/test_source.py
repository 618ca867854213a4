"""A user's own file: run as Python would, and every mistake named."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from backhand.errors import NetworkError, OptionError
from backhand.train import Settings, train
from backhand.train.source import Source, parsed

pytestmark = pytest.mark.usefixtures("no_report")

GOOD = """
import numpy as np

class Net:
    def __init__(self, inputs=64, outputs=3, *, scale=0.1):
        self.params = {"W": scale * np.random.randn(inputs, outputs)}

    def predict(self, x):
        return x @ self.params["W"]

    def loss(self, x, t):
        return float(np.mean((self.predict(x) - t) ** 2))

    def gradient(self, x, t):
        return {"W": 2 * x.T @ (self.predict(x) - t) / t.size}
"""


@pytest.fixture
def run(small_data: str) -> Callable[..., Any]:
    def run_(spec: str, *arguments: str, **more: Any) -> Any:
        return train(Settings(data=small_data, network=spec, arguments=arguments, iterations=12, **more))

    return run_


def test_a_class_a_function_and_a_ready_network_are_trained(own: Any, run: Any) -> None:
    path = own(GOOD + "\ndef make(n):\n    return Net(n)\n\nready = Net()\n")
    assert run(f"{path}:Net").iterations == 12
    assert run(f"{path}:make", "64").iterations == 12
    assert run(f"{path}:ready").iterations == 12


def test_neighbours_are_found_also_by_an_import_inside_of_a_function_and_forgotten_after(own: Any, run: Any) -> None:
    own("def start(a, b):\n    import neighbour_of_neighbour as n\n    return n.zeros(a, b)\n", "neighbour.py")
    own("import numpy as np\nzeros = lambda a, b: np.zeros((a, b))\n", "neighbour_of_neighbour.py")
    path = own("import neighbour\n" + GOOD.replace("scale * np.random.randn", "neighbour.start"))
    before, modules = list(sys.path), set(sys.modules)
    run(f"{path}:Net")
    assert sys.path == before
    assert not {"net", "neighbour", "neighbour_of_neighbour"} & (set(sys.modules) - modules)


def test_the_seed_decides_the_users_random_numbers(own: Any, run: Any) -> None:
    spec = own(GOOD) + ":Net"
    first, again, other = run(spec), run(spec), run(spec, seed=1)
    assert first.final_loss == again.final_loss != other.final_loss


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        ("x = = 1", (), r"net.py: running the file raised SyntaxError: .*\(.*net.py, line 1\)"),
        ("import nothing_of_that_name", (), r"ModuleNotFoundError: No module .*\(line 1 of net.py: import nothing_of"),
        ("import sys\nsys.exit(3)", (), r"ends Python when it is loaded \(exit code 3\).*__main__"),
        ("class Other: pass", (), "net.py has no Net; it has Other"),
        ("Net = 3", (), "params is missing; gradient.*is missing; loss.*; predict.* is missing"),
        (changed("def loss", "def lose"), (), r"net.py:Net can't be trained: loss\(x, t\) is missing\. Training needs"),
        (changed("inputs=64", "inputs"), (), r"Net\(inputs, outputs=3, \*, scale=0.1\): missing a required argument: "
         r"'inputs'; give the constructor's arguments after --, as in --network .*net.py:Net -- inputs=\.\.\."),
        (GOOD, ("64", "3", "0.1"), "too many positional arguments"),
        (GOOD, ("size=3",), "got an unexpected keyword argument 'size'"),
        (GOOD, ("many",), r"net.py: Net\(many\) raised TypeError: .*line 6 of net.py: self.params"),
        (changed('self.params = {"W"', 'self.params = {"a": 1, "b": np.zeros(2, int), "W"'), (),
         r"params\['a'\] is a int, not an array; params\['b'\] has dtype int64"),
        (changed('self.params = {"W": scale * np.random.randn(inputs, outputs)}', "self.params = [np.zeros(3)]"), (),
         "params is a list, not a dict of arrays by name"),
        (changed('return {"W": 2', 'return {"w": 2'), (), "net.py:Net.gradient: 'W' is missing"),
        (changed('return {"W": 2', 'self.grads = {"W": 2'), (), "gradient gives a NoneType; it needs to return a dict"),
        (changed("2 * x.T @", "2 * x.T[:5] @"), (), r"'W' has shape \(5, 3\); .* \(64, 3\)"),
        (changed("float(np.mean((self.predict(x) - t) ** 2))", "self.predict(x)"), (),
         r"loss gives an array of shape \(100, 3\); it needs to return one number"),
        (changed("float(np.mean((self.predict(x) - t) ** 2))", "None"), (), "loss gives None; it needs"),
        (changed("return x @ self", "return x.T @ self"), (),
         r"gradient raised ValueError: .*line 9 of net.py: return x.T"),
        (changed("def gradient(self, x, t)", "def gradient(self, x)"), (),
         r"gradient raised TypeError: .*2 positional"),
        (changed('return x @ self.params["W"]', 'y = x @ self.params["W"]; return y if len(x) == 100 and y.size < 600 '
         "and not getattr(self, 'n', 0) else y[0]"), (), None),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_leaves_no_run(
    own: Any, run: Any, tmp_path: Path, text: str, arguments: tuple[str, ...], message: str | None
) -> None:
    path = own(text)
    if message is None:  # wrong in predict's shape only when it is evaluated on more samples than a batch has
        message = r"net.py:Net.predict gives shape \(3,\) for 500 samples; it needs \(500, 3\)"
    with pytest.raises((NetworkError, OptionError), match=f"(?s){message}"):
        run(f"{path}:Net", *arguments)
    assert not list((tmp_path / "runs").glob("*") if (tmp_path / "runs").exists() else [])


def test_a_spec_that_is_none_is_explained(own: Any, tmp_path: Path) -> None:
    path = own(GOOD)
    for spec, message in (
        (path, r"say which class, as in .*net.py:Net; the file has Net"),
        (f"{path}:", "say which class"),
        (f"{path}:2x", "say which class"),
        (f"{tmp_path}/missing.py:Net", "missing.py doesn't exist; give FILE.py:NAME"),
        ("Net", "Net doesn't exist; give FILE.py:NAME"),
        (f"{tmp_path}:Net", "is a folder"),
    ):
        with pytest.raises(OptionError, match=message):
            Source(spec)


@given(
    st.lists(
        st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(), st.text())
    )
)
def test_positional_literals_come_back(values: list[Any]) -> None:
    assert parsed([repr(value) for value in values]) == (values, {})


@given(st.lists(st.text()))
def test_any_text_is_an_argument_or_a_clear_error(arguments: list[str]) -> None:
    try:
        positional, named = parsed(arguments)
    except OptionError:
        return
    assert len(positional) + len(named) == len(arguments)


def test_named_arguments_and_plain_words() -> None:
    assert parsed(["relu", "'a=b'", "n=3", "w=[1, 2]", "act=tanh"]) == (
        ["relu", "a=b"],
        {"n": 3, "w": [1, 2], "act": "tanh"},
    )
    with pytest.raises(OptionError, match=r"'3' stands after n=\.\.\."):
        parsed(["n=1", "3"])
    with pytest.raises(OptionError, match="given twice"):
        parsed(["n=1", "n=2"])
