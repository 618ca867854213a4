"""A dataset as a .csv table: a row a sample, one column the label."""

import csv
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backhand.data.bounded import AS_NPY_FOLDER, MAX_BYTES, open_file
from backhand.data.parts import MAX_CLASSES, Parts, require_finite, split_by_class
from backhand.errors import DataError


def load_csv(path: Path) -> Parts:
    """Numbers separated by commas, with a header line or not; ``split_by_class`` makes the train and test parts.

    The label is the column named ``label``, else the first. Features that are all whole numbers with smallest 0 and
    largest 255 are pixels (uint8, scaled to 0..1 batch by batch); all others are float32 and taken as they are.
    """
    names = _header(path)
    table = _numbers(path, skip=0 if names is None else 1)
    if table.shape[1] < 2:
        raise DataError(f"{path}: has one column; a label and at least one feature, separated by commas, are needed")
    label = names.index("label") if names is not None and "label" in names else 0
    require_finite(f"{path}: row, column ", table.shape, [table])
    t = _labels(path, table[:, label])
    x = np.delete(table, label, axis=1)
    if x.min() == 0 and x.max() == 255 and (x == np.rint(x)).all():
        x = x.astype(np.uint8)
    return split_by_class(str(path), x, t)


def _header(path: Path) -> list[str] | None:
    """The column names in lower case, or None if the first line is numbers already."""
    with open_file(path):  # for its error messages
        pass
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            first = next(csv.reader(file), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: is no CSV text in UTF-8 ({error}); save it as such") from error
    if not first:
        raise DataError(f"{path}: its first line is empty; it should hold column names or numbers")
    return None if all(map(_is_number, first)) else [name.strip().lower() for name in first]


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _numbers(path: Path, skip: int) -> NDArray[np.float32]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy only warns of a file without rows
            table: NDArray[Any] = np.loadtxt(
                path,
                np.float32,
                comments=None,
                delimiter=",",
                skiprows=skip,
                ndmin=2,
                encoding="utf-8-sig",
                quotechar='"',
            )
    except (ValueError, OSError, UserWarning) as error:
        rows = "" if skip == 0 else " (rows counted after the header)"
        raise DataError(f"{path}: {error}{rows}; each row holds as many numbers, separated by commas") from error
    if table.nbytes > MAX_BYTES:
        raise DataError(f"{path}: takes {table.nbytes} bytes, more than {MAX_BYTES}; {AS_NPY_FOLDER}")
    return table


def _labels(path: Path, column: NDArray[np.float32]) -> NDArray[np.int64]:
    wrong = (column != np.rint(column)) | (column < 0) | (column >= MAX_CLASSES)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise DataError(
            f"{path}: the label in row {row} (from 0) is {column[row]:g}; labels are whole numbers 0..C-1, in the "
            "column named 'label' or else the first"
        )
    return column.astype(np.int64)
