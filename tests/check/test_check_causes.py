"""Every cause explains a wrong layer written by hand, none explains a right one, and what is planted is found."""

import sys
from pathlib import Path

import numpy as np
import pytest

import backhand
from backhand.checking.causes import TABLE, named
from backhand.checking.causes.__main__ import page
from backhand.checking.causes.examples import report_on

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks" / "mutants"), str(Path(__file__).parent / "correct")]

import oracle  # noqa: E402
import plant  # noqa: E402
from cases import CASES, SIZES  # noqa: E402
from run import changes, judge, report_on as report_on_case  # noqa: E402

ROWS = {row.id: row for row in TABLE}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.id)
def test_the_example_of_each_cause_is_explained_by_it(row):
    """The examples are written by hand: the generator of mutants knows nothing of them."""
    report = report_on(row)
    named = {finding.cause: finding for finding in report.findings if finding.cause}
    assert row.id in named, str(report)
    assert report.verdict != "ok"
    assert named[row.id].remedy
    assert "{" not in named[row.id].sentence.replace("{}", "")


def test_the_page_of_causes_is_current():
    assert (ROOT / "docs" / "causes.md").read_text() == page(), "run: make causes"


QUICK = [name for name in CASES if "Convolution" not in name and "Pool" not in name]


@pytest.mark.parametrize("name", QUICK[::2])
def test_no_cause_for_a_correct_layer(name):
    """The rest of them, and the slow ones, are checked by `make mutants`."""
    report = report_on_case(CASES[name], plant.load(CASES[name].file))
    assert report.verdict in ("ok", "convention"), str(report)
    assert all(finding.cause in (None, "one-sample") for finding in report.findings), str(report)


SAMPLE = {mutant.cause: mutant for mutant in plant.mutants() if mutant.case.file.stem != "images"}


@pytest.mark.parametrize("cause", SAMPLE)
def test_a_planted_mistake_is_found_and_named(cause, tmp_path):
    mutant = SAMPLE[cause]
    planted = mutant.module(tmp_path)
    assert changes(mutant, plant.load(mutant.case.file), planted)
    report = report_on_case(mutant.case, planted)
    assert judge(mutant.cause, report)[0] == "right", str(report)


def test_every_cause_of_the_plants_is_a_row_and_is_planted_into_six_layers_at_least():
    for cause in SAMPLE:
        assert cause in ROWS
        rows = [mutant for mutant in plant.mutants() if mutant.cause == cause]
        assert len(rows) >= 6 or cause == "softmax-diagonal"  # few layers have a softmax's Jacobian


def test_the_oracle_sees_no_difference_where_an_edit_changes_nothing():
    case = CASES["activations.Relu"]
    same = plant.Mutant("sign", "activations.Relu", (("dx = dout.copy()", "dx = dout + 0.0"),), 0)
    other = plant.Mutant("sign", "activations.Relu", (("dx = dout.copy()", "dx = dout"),), 0)

    def seen(source):
        names = {}
        exec(source, names)
        module = type("module", (), names)
        return oracle.behaviour(
            lambda size: case.thing(module, SIZES[size]), lambda size, seed: case.feed(SIZES[size], seed)
        )

    original = seen(case.file.read_text())
    assert oracle.difference(original, seen(same.source())) == ""
    assert oracle.difference(original, seen(other.source())) != ""


def test_an_edit_that_isn_t_there_exactly_once_is_refused():
    with pytest.raises(ValueError, match="2 times"):
        plant.Mutant("sign", "activations.Relu", (("self.mask = ", "self.mask = -"),), 0).source()


class ScaledTwice:
    """Twice 3: no size, no known reason."""

    def __init__(self, factor):
        self.factor = factor

    def forward(self, x):
        self.x = x
        return np.sin(x)

    def backward(self, dout):
        return dout * (np.cos(self.x) + self.factor * self.x**2)


def test_what_no_row_explains_has_no_cause():
    report = backhand.check(ScaledTwice(0.7), np.random.default_rng(0).normal(size=(5, 3)))
    (finding,) = [finding for finding in report.findings if finding.gradient == "dx"]
    assert (finding.verdict, finding.cause) == ("wrong", None)


class ThreeOfThree:
    """A batch of 3 and a factor of 3: at one shape nobody could tell them apart."""

    def __init__(self, by_batch):
        self.by_batch = by_batch

    def forward(self, y, t):
        self.y, self.t = y, t
        return np.sum((y - t) ** 2) / len(y)

    def backward(self, dout=1):
        factor = len(self.y) if self.by_batch else 3
        return 2 * factor * dout * (self.y - self.t) / len(self.y)


@pytest.mark.parametrize(("by_batch", "cause"), [(True, "batch-size-not-divided"), (False, "constant-factor")])
def test_a_second_shape_tells_the_batch_size_from_a_constant(by_batch, cause):
    rng = np.random.default_rng(0)
    report = backhand.check(ThreeOfThree(by_batch), rng.normal(size=(3, 5)), rng.normal(size=(3, 5)))
    assert {finding.cause for finding in report.findings if finding.verdict == "wrong"} == {cause}


def test_the_line_is_where_the_gradient_is_made():
    lines = {id: report_on(ROWS[id]).findings for id in ("transposed", "bias-wrong-axis", "writes-dout", "sign")}
    code = {id: next(f.line.code for f in findings if f.cause == id) for id, findings in lines.items()}
    assert code == {
        "transposed": "self.dW = dout.T @ self.x",
        "bias-wrong-axis": "self.db = dout.sum(axis=1)",
        "writes-dout": "dout[self.mask] = 0",
        "sign": "return dout * (self.t - self.y)",
    }


def test_a_cause_without_a_fact_leaves_its_blank_empty():
    cause = named("writes-dout", gradient="dx")
    assert "given:" in cause.sentence
    assert cause.verdict == "fragile"
