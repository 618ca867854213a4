"""Expressions of the command line: right for arithmetic, closed to everything else."""

import contextlib
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from backhand.drawing.expression import FUNCTIONS, expression_graph, parse_assignments, parse_value
from backhand.drawing.target import run_expression
from backhand.errors import OptionError

numbers = st.floats(0.1, 10).map(lambda x: round(x, 3))
leaves = st.one_of(st.sampled_from(["x", "y", "사과"]), numbers.map(str))


def extended(inner):
    binary = st.tuples(inner, st.sampled_from(["+", "-", "*", "/"]), inner).map(" ".join).map("({})".format)
    return st.one_of(binary, inner.map("-{}".format), inner.map("math.tanh({})".format))


@given(st.recursive(leaves, extended, max_leaves=12), numbers, numbers, numbers)
def test_an_expression_has_the_value_that_python_gives(text, x, y, apple):
    values = {"x": x, "y": y, "사과": apple}
    try:
        wanted = eval(text, {"math": math}, values)  # the text was made here, of arithmetic only
    except ZeroDivisionError:
        return
    full = f"{text} + 0 * x + 0 * y + 0 * 사과".replace("math.", "")
    assert float(run_expression(full, values).result) == pytest.approx(wanted, rel=1e-9, abs=1e-12)


def test_the_apples_of_the_notes():
    run = run_expression("apple * apple_num * tax", {"apple": 100.0, "apple_num": 2.0, "tax": 1.1})
    assert run.result == pytest.approx(220)
    assert [run.gradients[i] for i in run.graph.inputs] == pytest.approx([2.2, 110, 200])


def test_arrays_functions_and_comparisons():
    x = np.array([[1.0, -0.5], [-2.0, 3.0]])
    run = run_expression("sum(where(x > 0, x, 0), axis=0)", {"x": x})
    np.testing.assert_array_equal(run.result, [1.0, 3.0])
    np.testing.assert_array_equal(run.gradients[run.graph.find("x")], x > 0)
    affine = run_expression("x @ W + b", {"x": x, "W": np.ones((2, 3)), "b": np.zeros(3)})
    np.testing.assert_array_equal(affine.result, x @ np.ones((2, 3)))


def test_each_piece_is_a_node_with_its_own_text():
    graph = expression_graph("1 / (1 + exp(-x))", {"x": 1.0})
    assert [node.op for node in graph.nodes] == ["input", "constant", "negative", "exp", "add", "divide"]
    assert graph.labels[2:5] == ("-x", "exp(-x)", "(1 + exp(-x))")
    graph.verify()


HOSTILE = {
    "__import__('os').system('true')": "can't be called",
    "x.__class__": "attribute",
    "x[0]": "index",
    "().__class__.__bases__": "attribute",
    "'a' * x": "string",
    "f'{x}'": "string",
    "b'x'": "string",
    "lambda: x": "lambda",
    "x if x else x": "where",
    "x and x": "logical_and",
    "[x for x in x]": "can't stand in it",
    "(x := 3)": "assignment",
    "exp(*x)": "star",
    "exp(**x)": "keyword",
    "exp(x, out=x)": "keyword",
    "sum(x, axis='a')": "axis",
    "sum(x, axis=9)": "arrays",
    "eval(x)": "no function eval",
    "getattr(x, x)": "no function getattr",
    "tile(x, 1000000000)": "no function tile",
    "exp": "no value",
    "pear": "no value",
    "True": "string, True",
    "-True": "string, True",
    "1j * x": "complex",
    "...": "string",
    "1e999 * x": "too large",
    "9" * 600 + " * x": "too large",
    "x = 3": "no expression",
    "import os": "no expression",
    "x; x": "no expression",
    "x\0": "no expression",
    "": "no expression",
    "(" * 300 + "x" + ")" * 300: "no expression|nested",
    "-" * 1500 + "x": "nested",
    "+".join(["x"] * 900): "nested",
    "x" * 3000: "characters",
    "1 < x < 3": "can't stand in it",
    "x @ x": "takes arrays",
    "await x": "can't stand in it",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_everything_else_is_refused_in_words(text):
    with pytest.raises(OptionError, match=HOSTILE[text]):
        expression_graph(text, {"x": 1.0})


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text", ["9**9**9", "9**9**9**9", "10 ** 1000", "1 / 0", "(0 - 8) ** 0.5", "log(0 - 1)", "0 / 0"]
)
def test_a_value_without_end_is_an_error_not_a_wait(text):
    with pytest.raises(OptionError, match=r"for these values|no value here|too large"):
        run_expression(text, {})


@given(st.text(max_size=60))
def test_any_text_is_a_graph_or_an_option_error(text):
    with contextlib.suppress(OptionError):
        expression_graph(text, {"x": 1.0}).verify()


@given(st.text(alphabet="x1.*+-/()[]{}'\",:=@<>!~^&|%_ \n\\explambdifor", max_size=80))
def test_any_python_like_text_is_a_graph_or_an_option_error(text):
    with contextlib.suppress(OptionError):
        expression_graph(text, {"x": 1.0}).verify()


def test_a_value_that_is_not_used_is_a_slip():
    with pytest.raises(OptionError, match="pear has a value"):
        expression_graph("apple * 2", {"apple": 1.0, "pear": 1.0})


def test_every_function_of_the_list_is_in_the_table_and_runs():
    for name in FUNCTIONS:
        for arguments, x in product(("x", "x, x", "x > 0, x, x", "x, x, x"), (0.5, 1.5, np.eye(2))):
            try:
                run_expression(f"{name}({arguments})", {"x": x})
            except OptionError:
                continue
            break
        else:
            pytest.fail(f"{name} takes none of the arguments")


def test_assignments():
    values = parse_assignments(["apple=100", "x=[[1, 2], [3, 4]]", " 사과 = -1e3"])
    assert values["apple"] == 100.0
    assert type(values["apple"]) is float
    np.testing.assert_array_equal(values["x"], [[1.0, 2.0], [3.0, 4.0]])
    assert values["사과"] == -1000.0


@pytest.mark.parametrize(
    "text", ["apple", "=3", "1a=3", "apple=", "apple=two", "x=[1,[2]]", "x=NaN", "x=1e999", "x={}", "x=" + "[" * 5000]
)
def test_assignments_that_are_none(text):
    with pytest.raises(OptionError):
        parse_assignments([text])


def test_a_name_given_twice():
    with pytest.raises(OptionError, match="twice"):
        parse_assignments(["x=1", "x=2"])


def test_a_huge_value_is_refused():
    with pytest.raises(OptionError, match="characters"):
        parse_value("x", "[" + "1," * 60_000 + "1]")
