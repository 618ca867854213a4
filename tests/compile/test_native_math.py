"""exp, log and tanh in C: within two units in the last place, with NumPy's infinities, NaNs and signs."""

import numpy as np
import pytest
from native_programs import built, recorded

pytestmark = pytest.mark.usefixtures("processor")
FUNCTIONS = (np.exp, np.log, np.tanh)
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 5e-324, 1e-310, 1e-40, 710.0, -745.2, 88.8, -103.9, 1e308]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_functions_of_our_own(dtype):
    rng = np.random.default_rng(0)
    wide = rng.uniform(-1, 1, 20000) * 10.0 ** rng.integers(-20, 4, 20000)
    with np.errstate(all="ignore"):
        x = np.concatenate([wide, np.exp(rng.uniform(-700, 700, 20000)), rng.uniform(-20, 20, 20000), SPECIAL]).astype(
            dtype
        )
        exact = [f(x.astype(np.longdouble)) for f in FUNCTIONS]
        numpys = [f(x) for f in FUNCTIONS]
        got = built(recorded(lambda x: [f(x) for f in FUNCTIONS], x)).run([x])
        for f, a, b, reference in zip(FUNCTIONS, got, exact, numpys, strict=True):
            assert np.array_equal(np.isnan(a), np.isnan(reference)), f
            assert np.array_equal(np.isinf(a), np.isinf(reference)), f
            fine = np.isfinite(reference)
            step = np.spacing(np.abs(reference[fine]))
            error = np.abs(a[fine].astype(np.longdouble) - b[fine]) / np.maximum(
                step, np.finfo(dtype).smallest_subnormal
            )
            assert error.max() <= 2, (f, x[fine][error.argmax()])
            zero = (reference == 0) & (f is not np.log)
            assert np.array_equal(np.signbit(a[zero]), np.signbit(reference[zero]))


def test_choices_pass_nan_on_as_numpy_does():
    a, b = np.array([1.0, np.nan, 3.0, np.nan, -0.5]), np.array([2.0, 0.0, np.nan, np.nan, 0.5])

    def every(a, b):
        made = [np.maximum(a, b), np.minimum(a, b), np.fmax(a, b), np.fmin(a, b), np.clip(a, 0.0, b), a.max(), a.min()]
        return [*made, a > b, a <= b, a != b, np.sign(a), np.abs(a), np.sum(a), np.argmax(a), a[:, None].max(axis=1)]

    graph = recorded(every, a, b)
    for got, expected in zip(built(graph).run([a, b]), graph(a, b), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_arithmetic_rounds_as_numpy_s_bit_for_bit():
    rng = np.random.default_rng(0)
    x, y, z = rng.standard_normal((3, 1000)).astype(np.float32)

    def every(x, y, z):
        return [x * y + z, x * x - y * y, (x + y) / (z - y), np.sqrt(np.abs(x * y - z)), x * 0.1 + y * 0.3]

    graph = recorded(every, x, y, z)
    for got, expected in zip(built(graph).run([x, y, z]), graph(x, y, z), strict=True):
        assert got.tobytes() == expected.tobytes()


def test_a_long_float32_sum_is_as_good_as_numpy_s_pairwise_one():
    x = np.random.default_rng(0).uniform(0, 1, 10**6).astype(np.float32)
    got = built(recorded(lambda x: [x.sum(), x.mean()], x)).run([x])
    exact = x.astype(np.float64).sum()
    assert abs(got[0] - exact) / exact < 1e-6
    assert abs(got[1] - exact / 1e6) / (exact / 1e6) < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_logarithm_of_a_sum_of_exponentials(dtype):
    """A stable softplus is ``np.logaddexp(0, x)``."""
    with np.errstate(all="ignore"):
        values = np.concatenate([np.random.default_rng(0).uniform(-30, 30, 2000), SPECIAL]).astype(dtype)
        a, b = values, values[::-1].copy()
        expected = [np.logaddexp(a, b), np.logaddexp(a, a), np.logaddexp(dtype(0), a)]
        program = built(
            recorded(lambda a, b: [np.logaddexp(a, b), np.logaddexp(a, a), np.logaddexp(dtype(0), a)], a, b)
        )
        got = program.run([a, b])
    assert "NumPy" not in [row.how for row in program.explain()]
    for mine, right in zip(got, expected, strict=True):
        assert np.array_equal(np.isnan(mine), np.isnan(right))
        assert np.array_equal(np.isinf(mine), np.isinf(right))
        fine = np.isfinite(right)
        np.testing.assert_array_max_ulp(mine[fine], right[fine], 4)
