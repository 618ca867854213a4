"""Every number that the five notes print is a test, named by its source file and where it stands there."""

import re
from typing import Any

import numpy as np
import pytest
from printed import FOLDER, as_printed, output, tokens

from backhand.notes import dnn

FILES = {
    "000": "000_backprop_notebook.txt",
    "001": "001_chapter5_slides.txt",
    "002": "002_backprop_notes.md",
    "003": "003_dnn_blog_post.md",
    "004": "004_layers_notes.txt",
}
EXPERIMENT_OF = {
    "000_apples": "apples",
    "000_oranges": "oranges",
    "000_shapes": "affine",
    "000_bias": "affine",
    "000_bias_sum": "affine",
    "000_mnist": "mnist",
    "001_apples": "apples",
    "001_oranges": "oranges",
    "001_gradient_check": "gradient_check",
    "002_mnist": "mnist",
    "003_training": "dnn",
    "004_arithmetic": "apples oranges",
}
# The differences that count as agreement. What is not here agrees to rounding.
TOLERANCES = {
    "003_training": 2e-4,  # of a loss
    "000_mnist": 0.01,  # of an accuracy
    "002_mnist": 0.01,
    "001_gradient_check": 5e-9,  # of 1.4e-07
}
CHANCE = 0.1  # of an accuracy after one step
WRONG = ("2.2 400 100", "dOrange: 3.30000000000000003", "# 21.3963533344881862e-07")  # the errata say why
CLOCK = "0.35006213188171387"


def printed_numbers() -> list[Any]:
    """(cell, line, number) of all outputs, with ids such as 000_backprop_notebook.txt-mnist-1-0.89905."""
    cases = []
    for cell in EXPERIMENT_OF:
        note, name = cell.split("_", 1)
        for line_number, line in enumerate(output(cell).splitlines()):
            result = line.split("Test loss")[-1]  # in 003, the number of the epoch is not a result
            cases += [
                pytest.param(cell, result, number, id=f"{FILES[note]}-{name}-{line_number}-{number}")
                for number in tokens(result)
            ]
    return cases


@pytest.mark.parametrize(("cell", "line", "number"), printed_numbers())
def test_printed_number(cell: str, line: str, number: str, rows: list[dict[str, Any]]) -> None:
    """The experiment has the very line with this number, and backhand agrees with it, or the errata say why not."""
    found = [
        row
        for row in rows
        if row["experiment"] in EXPERIMENT_OF[cell].split() and cell[:3] in row["source"] and _within(line, row["says"])
    ]
    agreeing = [row for row in found if row["agrees"]]
    if number == CLOCK:
        assert [row["agrees"] for row in found] == [None]
    elif line in WRONG:
        assert not agreeing
        assert any(row["erratum"] for row in found)
    else:
        assert agreeing
    for row in agreeing:
        _check(cell, row)


def _within(line: str, says: str) -> bool:
    """The numbers of the line stand in a row in what the experiment quotes."""
    inner, outer = tokens(line), tokens(says)
    return any(outer[i : i + len(inner)] == inner for i in range(len(outer)))


def _check(cell: str, row: dict[str, Any]) -> None:
    """The same comparison again, of what the row shows, with this file's own tolerances."""
    says, got = ([float(token) for token in tokens(row[key])] for key in ("says", "got"))
    tolerance = TOLERANCES.get(cell, 1e-9)
    if cell.endswith("mnist") and ("iteration 0:" in row["what"] or says[0] == 0):
        tolerance = CHANCE
    np.testing.assert_allclose(got, says, rtol=0, atol=tolerance)


COMMENTS = [
    ("004", "004_arithmetic", "print(price) # 220", "# 220"),
    ("004", "004_arithmetic", "print(dapple, dapple_num, dtax) # 2.2 110 200", "# 2.2 110 200"),
    ("004", "004_arithmetic", "print(price) # 715", "# 715"),
    ("004", "004_arithmetic", "dorange_num, dtax) # 2.2 110 3.3 165 650", "# 2.2 110 3.3 165 650"),
    ("000", "000_relu", "#[[False True]\n        #[True False]]", "[[False True] [True False]]"),
    ("002", "002_relu", "# [[False  True]\n                 # [ True  True]]", "[[False  True]\n [ True  True]]"),
]


@pytest.mark.parametrize(("note", "cell", "comment", "says"), COMMENTS, ids=lambda value: repr(value)[:40])
def test_number_in_a_comment(note: str, cell: str, comment: str, says: str, rows: list[dict[str, Any]]) -> None:
    """Results that the notes give in comments of their code: 004's rounded ones, the masks of 000 and 002."""
    assert comment in as_printed(cell)
    (row,) = [row for row in rows if note in row["source"] and row["says"] == says]
    assert row["agrees"]
    words = r"True|False|-?\d+(?:\.\d+)?"
    expected, got = re.findall(words, says), re.findall(words, row["got"])
    if "True" in says:
        assert got == expected
    else:
        np.testing.assert_allclose([float(x) for x in got], [float(x) for x in expected], rtol=0, atol=1e-9)


@pytest.mark.parametrize("cell", ["000_mnist", "002_mnist"])
def test_printed_accuracies_are_shares_of_the_full_mnist(cell: str) -> None:
    """Each accuracy of 000 and 002 is a whole number of 60,000 images, or of 10,000."""
    accuracies = [float(token) for token in tokens(output(cell)) if "." in token]
    assert len(accuracies) == {"000_mnist": 34, "002_mnist": 8}[cell]
    for index, accuracy in enumerate(accuracies):
        size = 60000 if index % 2 == 0 else 10000
        assert accuracy == round(accuracy * size) / size


@pytest.mark.parametrize("key", ["W1", "b1", "W2", "b2"])
def test_gradient_verification_by_parameter(key: str, rows: list[dict[str, Any]]) -> None:
    """001 and 002: float64, the first 3 samples; every mean absolute difference below 1e-9."""
    (row,) = [row for row in rows if row["what"].startswith(f"{key}: below")]
    assert row["source"] == "001 002"
    assert float(row["got"]) < 1e-9


def test_every_output_has_its_experiment() -> None:
    assert set(EXPERIMENT_OF) == {path.name.removesuffix(".out.txt") for path in FOLDER.glob("*.out.txt")}


def test_the_target_of_003_is_the_least_squares_fit() -> None:
    """The constants Y of the experiment: a step to any side fits the printed losses worse."""
    printed = np.array([float(line.split()[-1]) for line in output("003_training").splitlines()[:100]])

    def misfit(y: np.ndarray) -> float:
        return float(np.sum((dnn.losses(dnn.ALPHA, y) - printed) ** 2))

    best = misfit(dnn.Y)
    for step in ([1e-3, 0], [-1e-3, 0], [0, 1e-3], [0, -1e-3], [1e-3, 1e-3], [-1e-3, 1e-3]):
        assert misfit(dnn.Y + step) > best


def test_the_losses_of_003_show_its_wrong_gradient() -> None:
    """With the step of 0.01 that 003 states, on the right gradient, the losses stay far from the printed ones."""
    printed = np.array([float(line.split()[-1]) for line in output("003_training").splitlines()[:100]])
    assert np.abs(dnn.losses(0.02, dnn.Y) - printed).max() < 1.1e-4
    assert np.abs(dnn.losses(0.01, dnn.Y) - printed).max() > 0.04


def test_no_row_disagrees_without_an_erratum(rows: list[dict[str, Any]]) -> None:
    assert [row for row in rows if row["agrees"] is False and not row["erratum"]] == []
