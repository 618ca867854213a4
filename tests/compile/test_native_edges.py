"""What C and NumPy do differently if nobody takes care: axes of length 1, numbers that a dtype hasn't, mixed dtypes."""

import numpy as np
import pytest
from native_programs import recorded, same_steps

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int64])
def test_the_largest_along_axes_of_length_1(dtype):
    def f(*arrays):
        return [
            np.argmax(x, axis=axis, keepdims=keep) if n else np.argmin(x, axis=axis, keepdims=keep)
            for x in arrays
            for axis in (None, *range(x.ndim))
            for keep in (False, True)
            for n in (0, 1)
        ]

    shapes = [(1, 4), (4, 1), (1, 1), (1,), (3, 1, 4), (1, 3, 1), (2, 1, 1, 3), (1, 2, 3)]
    arrays = [RNG.integers(0, 9, shape).astype(dtype) for shape in shapes]
    assert same_steps(recorded(f, *arrays), arrays) == []


def test_integers_beside_numbers_that_their_dtype_has_not():
    def f(small, signed):
        return [
            op(x, number)
            for x in (small, signed)
            for number in (-1, 300, 70000, -70000, 5)
            for op in (np.less, np.greater_equal, np.equal, np.not_equal, lambda x, n: np.less(n, x))
        ] + [np.clip(small, -1, 1), np.clip(small, 2, 300), np.clip(signed, -70000, 70000), np.clip(signed, -2, 2)]

    small, signed = np.array([0, 1, 5, 44, 255], np.uint8), np.array([-30000, -1, 0, 4, 30000], np.int16)
    assert same_steps(recorded(f, small, signed), [small, signed]) == []


def test_a_product_that_a_parameter_of_a_wider_dtype_takes_along():
    class Layer:
        def __init__(self, dtype):
            self.W = np.ones((4, 3), dtype)

        def step(self, x, d):
            self.W -= 0.1 * (x.T @ d)
            return np.sum(self.W)

    x, d = RNG.standard_normal((5, 4)).astype(np.float32), RNG.standard_normal((5, 3)).astype(np.float32)
    for dtype in (np.float64, np.float32):
        assert same_steps(recorded(Layer(dtype).step, x, d), [x, d]) == []
