import numpy as np
import pytest

from backhand.data import load_dataset
from backhand.errors import DataError


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    return path


def rows(label=lambda i: i % 2, count=28):
    """Feature 1 numbers the samples, so that a test sees where each went."""
    return [(label(i), i + 0.5, -i) for i in range(count)]


def text(rows, header=""):
    return header + "".join(",".join(map(str, row)) + "\n" for row in rows)


def expected_split(labels):
    """By counting: the 7th, 14th, ... of each class is for testing."""
    seen, train, test = {}, [], []
    for i, label in enumerate(labels):
        seen[label] = seen.get(label, 0) + 1
        (test if seen[label] % 7 == 0 else train).append(i)
    return train, test


@pytest.mark.parametrize("label", [lambda i: i % 2, lambda i: i // 14, lambda i: i % 4, lambda i: int(i < 3)])
def test_every_seventh_sample_of_a_class_is_for_testing(tmp_path, label):
    train, test = expected_split([label(i) for i in range(28)])
    for _ in range(2):  # always the same
        data = load_dataset(write(tmp_path, text(rows(label))))
        assert data.x_train.dtype == np.float32
        np.testing.assert_array_equal(data.x_train, [[i + 0.5, -i] for i in train])
        np.testing.assert_array_equal(data.x_test, [[i + 0.5, -i] for i in test])
        np.testing.assert_array_equal(data.t_train, [label(i) for i in train])
        np.testing.assert_array_equal(data.t_test, [label(i) for i in test])


@pytest.mark.parametrize(
    ("header", "order"),
    [
        ("", [0, 1, 2]),
        ("digit,a,b\n", [0, 1, 2]),
        ("label,a,b\n", [0, 1, 2]),
        ("a,b,Label\n", [1, 2, 0]),
        ('"a","label","b"\n', [1, 0, 2]),
        ("a, label ,b\r\n", [1, 0, 2]),
    ],
)
def test_the_label_is_the_column_of_that_name_or_the_first(tmp_path, header, order):
    table = [[row[i] for i in order] for row in rows()]
    data = load_dataset(write(tmp_path, text(table, header)))
    plain = load_dataset(write(tmp_path, text(rows())))
    np.testing.assert_array_equal(data.x_train, plain.x_train)
    np.testing.assert_array_equal(data.t_test, plain.t_test)


def test_a_byte_order_mark_is_no_label(tmp_path):
    plain = load_dataset(write(tmp_path, text(rows())))
    for header in ("", "label,a,b\n"):
        data = load_dataset(write(tmp_path, text(rows(), header), "utf-8-sig"))
        np.testing.assert_array_equal(data.x_train, plain.x_train)
        np.testing.assert_array_equal(data.t_train, plain.t_train)


def test_pixels_are_bytes_and_features_are_not(tmp_path):
    pixels = [(i % 2, 0, 255, i) for i in range(28)]
    assert load_dataset(write(tmp_path, text(pixels))).x_train.dtype == np.uint8
    for other in (254, 256, 255.5, -1):
        table = [(i % 2, other, 0, i) for i in range(28)]
        data = load_dataset(write(tmp_path, text(table)))
        assert data.x_train.dtype == np.float32
        assert data.x_train[0, 0] == other


WRONG = {
    "empty": ("", "first line is empty"),
    "only a header": ("label,a,b\n", "no data"),
    "one column": ("1\n2\n", "has one column"),
    "a word": (text(rows()) + "1,cat,3\n", "'cat'"),
    "ragged": (text(rows()) + "1,2\n", "number of columns changed from 3 to 2"),
    "semicolons": ("1;2;3\n4;5;6\n", "separated by commas"),
    "a hole": (text(rows()) + "1,,3\n", "could not convert"),
    "NaN": (text(rows()) + "1,nan,3\n", "[28, 1] is nan"),
    "too large": (text(rows()) + "1,1e99,3\n", "[28, 1] is inf"),
    "half a label": (text(rows()) + "1.5,2,3\n", "the label in row 28 (from 0) is 1.5"),
    "negative label": (text(rows()) + "-1,2,3\n", "is -1"),
    "huge label": (text(rows()) + "70000,2,3\n", "is 70000"),
    "too few": (text(rows(count=12)), "no class has 7"),
    "binary": ("label,\0\n1,2\n", "table.csv"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(tmp_path, case):
    content, message = WRONG[case]
    path = write(tmp_path, content)
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    assert str(path) in str(caught.value)
    assert message in str(caught.value)


def test_another_encoding(tmp_path):
    with pytest.raises(DataError, match="UTF-8"):
        load_dataset(write(tmp_path, "é,a,b\n1,2,3\n", "latin-1"))
