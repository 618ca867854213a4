"""A report as text, HTML, JSON and JUnit XML."""

import json
from xml.etree import ElementTree

import numpy as np
import pytest

from backhand.checking.finding import Finding, Report, Where
from backhand.checking.page import page
from backhand.checking.report import junit, text
from backhand.checking.wire import from_wire, to_wire
from backhand.graph.graph import Source

LINE = Source("layers.py", 31, "return dout * self.x * (1 - self.x)", "backward")


def wrong(shape=(3, 5), **changes):
    error = np.zeros(shape)
    error[..., 1] = -2.0
    index = (0,) * (len(shape) - 1) + (1,)
    facts = {
        "gradient": "dx",
        "verdict": "wrong",
        "cause": "some-cause",
        "size": 2.0,
        "where": Where(index, -1.0, 1.0, error.tolist()),
        "line": LINE,
        "sentence": "dx is taken of x < 0.",
        "remedy": "write self.out",
        "configuration": "x (3, 5), seed 0",
    }
    return Finding(**{**facts, **changes})


OK = Finding("dW", "ok", None, 1e-16, None, LINE, "dW agrees.")
UNDECIDED = Finding("forward", "undecided", None, 0.0, None, None, "Undecided, because of \x00 <that>.")
REPORTS = [
    Report(
        "Sigmoid", (wrong(),), shape="class", line=Source("layers.py", 20, "class Sigmoid:", "Sigmoid"), seconds=0.5
    ),
    Report("Affine", (OK,), agreement={"dW": 3e-16}, method={"dW": "complex step"}),
    Report("Odd", (UNDECIDED,), notes=("a note",)),
]


def test_the_text_says_what_why_where_and_what_to_do():
    assert text(REPORTS[0]).splitlines() == [
        "Sigmoid: wrong  (layers.py:20)",
        "  dx  wrong       off by 2; at [0, 1] it gives -1, the derivative is 1",
        "      dx is taken of x < 0. [some-cause]",
        "      layers.py:31: return dout * self.x * (1 - self.x)",
        "      Mend it: write self.out",
    ]
    assert str(REPORTS[1]).splitlines() == ["Affine: ok", "  dW  ok          agrees to 3.0e-16 (complex step)"]
    assert "  note: a note" in str(REPORTS[2])


def test_a_report_survives_the_way_from_the_child():
    for report in REPORTS:
        assert from_wire(json.loads(json.dumps(to_wire(report)))) == report


def test_json_is_legal_json_for_nan_and_infinity():
    finding = wrong(size=float("inf"), where=Where((0,), float("nan"), 1.0, [float("nan"), 2.0]))
    plain = json.loads(json.dumps(Report("Odd", (finding,)).to_json(), allow_nan=False))
    assert plain["findings"][0]["size"] == "inf"
    assert plain["findings"][0]["where"]["map"] == ["nan", 2.0]


def test_junit_xml():
    suite = ElementTree.fromstring(junit(REPORTS)).find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    sigmoid, affine, odd = suite.findall("testcase")
    assert (sigmoid.get("classname"), sigmoid.get("name"), sigmoid.get("line")) == ("layers", "Sigmoid", "20")
    assert "Mend it: write self.out" in sigmoid.find("failure").text
    assert affine.find("failure") is None
    assert odd.find("error").get("message") == "Undecided, because of ? <that>."


@pytest.mark.parametrize(("shape", "maps"), [((15,), 1), ((3, 5), 1), ((2, 3, 4, 5), 6)])
def test_the_heat_map_has_a_cell_for_each_entry(shape, maps):
    drawn = page([Report("Layer", (wrong(shape),))], "layers.py")
    assert drawn.count("<div class='heat'") == maps
    assert drawn.count("<i>") == np.prod(shape)
    assert drawn.count("<b class=n style='opacity:1.00'>") == np.prod(shape) / shape[-1]


def test_html_is_escaped_and_a_huge_map_is_left_out():
    drawn = page([*REPORTS, Report("Big", (wrong((100, 100)),))], "<layers>")
    assert "<h1>&lt;layers&gt;</h1>" in drawn
    assert "x &lt; 0" in drawn
    assert drawn.count("<div class='heat'") == 1


def test_a_notebook_shows_it():
    assert "Sigmoid" in REPORTS[0]._repr_html_()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(open_page, tmp_path, scheme):
    (tmp_path / "report.html").write_text(page(REPORTS, "layers.py"))
    shown = open_page(tmp_path / "report.html", width=360, color_scheme=scheme)
    assert shown.evaluate("document.documentElement.scrollWidth") <= 360, "no sideways scrolling on a phone"
    assert shown.locator(".heat i").count() == 15
    light = shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")
