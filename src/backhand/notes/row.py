"""One line of an experiment: what a note says, and what backhand got."""

import re
from typing import Any, NamedTuple

import numpy as np


class Row(NamedTuple):
    """A claim of a note beside backhand's answer to it.

    ``source`` is the note, "000" to "004", or several; ``says`` is the note's own text, exactly as printed. ``agrees``
    is None where there is nothing to compare, as with a clock. ``tolerance`` is the largest absolute difference that
    counts as agreement. Where the note is wrong, ``erratum`` says so in one line; ``scanned`` marks what only the scan
    got wrong.
    """

    source: str
    what: str
    says: str
    got: str
    agrees: bool | None
    tolerance: float = 0.0
    erratum: str = ""
    scanned: bool = False


def printed(source: str, what: str, says: str, *got: Any) -> Row:
    """Both print the same characters.

    >>> printed("000", "price", "220.00000000000003", 100 * 2 * 1.1).agrees
    True
    """
    text = " ".join(str(value) for value in got)
    return Row(source, what, says, text, text == says)


def near(source: str, what: str, says: str, *got: float, tolerance: float) -> Row:
    """Each number that the note prints lies within `tolerance` of backhand's.

    >>> near("002", "accuracy", "train_acc:0.90195 test_acc:0.9038", 0.9024, 0.9042, tolerance=0.01).agrees
    True
    """
    says_numbers = numbers(says)
    agrees = len(says_numbers) == len(got) and all(
        abs(a - b) <= tolerance for a, b in zip(says_numbers, got, strict=True)
    )
    return Row(source, what, says, " ".join(str(value) for value in got), agrees, tolerance)


def formula(source: str, what: str, says: str, got: Any, value: Any, tolerance: float = 1e-12) -> Row:
    """The note states a formula or an array, whose value is `value`; backhand's layer computed `got`.

    >>> formula("001", "dz/dx at x = 3, y = 4", "2(x + y)", 14, 2 * (3 + 4)).agrees
    True
    """
    got, value = np.asarray(got), np.asarray(value)
    agrees = got.shape == value.shape and bool(np.allclose(got, value, rtol=0, atol=tolerance))
    return Row(source, what, says, array_text(got), agrees, tolerance)


def slip(source: str, what: str, says: str, right: str, erratum: str) -> Row:
    """The note's own code or output is wrong; backhand has `right`."""
    return Row(source, what, says, right, False, erratum=erratum)


def garbled(source: str, what: str, says: str, right: str) -> Row:
    """The scan, not the author, got it wrong."""
    return Row(source, what, says, right, False, erratum=f"{what}: scanned as {says}; it is {right}", scanned=True)


def array_text(array: Any) -> str:
    """An array on one line.

    >>> array_text(np.array([[1.0, 0.0], [0.0, 3.0]]))
    '[[1, 0], [0, 3]]'
    """
    return np.array2string(np.asarray(array), separator=", ", formatter={"float_kind": "{:.10g}".format}).replace(
        "\n", ""
    )


def numbers(text: str) -> list[float]:
    """The numbers that `text` prints, in order; the 2 of ``b2`` is part of a name.

    >>> numbers("b2:1.4e-07")
    [1.4e-07]
    """
    return [float(number) for number in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)]
