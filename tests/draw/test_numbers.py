"""How values look: numbers, tables, heat maps."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from backhand.drawing.numbers import heat_map, number, picture, text_width


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (220.00000000000003, "220"),
        (110.00000000000001, "110"),
        (2.2, "2.2"),
        (-0.5, "−0.5"),
        (650, "650"),
        (12345.678, "12346"),
        (123456789.0, "1.235e8"),
        (1.5e-9, "1.5e−9"),
        (0.0, "0"),
        (-0.0, "0"),
        (True, "True"),
        (np.float32(0.1), "0.1"),
        (np.int64(-3), "−3"),
        (float("nan"), "nan"),
        (float("-inf"), "−∞"),
        (10**400, "∞"),
        (1 + 2j, "1+2i"),
    ],
)
def test_a_number_is_short(value, text):
    assert number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_is_right_to_four_digits(value):
    shown = float(number(value).replace("−", "-"))
    assert shown == pytest.approx(value, rel=5.1e-4, abs=1e-320)


def test_small_arrays_are_tables_and_larger_ones_heat_maps():
    small = picture(np.array([[1.0, -0.5], [-2.0, 3.0]]))
    assert small.caption == "(2, 2)"
    assert small.rows == (("1", "−0.5"), ("−2", "3"))
    assert not small.heat
    large = picture(np.zeros((100, 784)))
    assert large.caption == "(100, 784)"
    assert large.heat
    assert not large.rows
    assert picture(np.array(5.0)).rows == (("5",),)
    assert picture(np.zeros((0, 3))).caption == "(0, 3)"
    assert picture(np.zeros((2, 3, 4))).heat, "three axes are no table"


def pixels(array):
    kind, data = heat_map(array).split(",", 1)
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")).astype(int)


def test_a_heat_map_tells_sign_size_and_what_is_not_finite():
    seen = pixels(np.array([[2.0, 1.0, 0.0, -1.0, -2.0, np.nan]]))[0]
    red, blue, strength = seen[:, 0], seen[:, 2], seen[:, 3]
    assert (red[:2] > blue[:2]).all(), "positive is orange"
    assert (blue[3:5] > red[3:5]).all(), "negative is blue"
    assert strength[0] > strength[1] > strength[2] == 0
    assert strength[4] > strength[3] > 0
    assert tuple(seen[5]) == (200, 0, 200, 255)


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_heat_map_stays_small(rows, columns):
    height, width, _ = pixels(np.ones((rows, columns))).shape
    assert (height, width) == (min(rows, 64), min(columns, 64))


@pytest.mark.parametrize(
    "array", [np.full((5, 5), np.inf), np.ones((6, 6), bool), np.full((5, 5), 1j), np.zeros((9, 9))]
)
def test_every_kind_of_array_has_a_picture(array):
    assert picture(array).heat.startswith("data:image/png")


def test_wide_letters_take_two_places():
    assert text_width("사과", 10) == pytest.approx(text_width("abcd", 10))
