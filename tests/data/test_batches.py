import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

from backhand.data import load_dataset, load_mnist, one_hot, take
from backhand.errors import DTypeError, LabelError

IMAGES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.just(1), st.integers(1, 4), st.integers(1, 4)))


def test_a_batch_of_pixels_is_load_mnist_to_the_last_bit():
    data = load_dataset("mnist")
    index = np.random.default_rng(0).integers(0, 60000, 500)
    (x_train, _), _ = load_mnist()
    assert take(data.x_train, index).tobytes() == x_train[index].tobytes()
    (images, _), _ = load_mnist(flatten=False)
    assert take(data.x_train, index, flatten=False).tobytes() == images[index].tobytes()
    assert take(data.x_train, index, flatten=False).shape == (500, 1, 28, 28)


def test_every_pixel_value_is_the_number_nearest_to_its_255th():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 256)
    for dtype in (np.float32, np.float64):
        batch = take(pixels, slice(None), dtype)
        assert batch.dtype == dtype
        exact = [dtype(value / 255) for value in range(256)]  # Python's division, correctly rounded
        np.testing.assert_array_equal(batch[0], exact)


@given(IMAGES, st.data())
def test_a_batch_holds_the_samples_asked_for(x, data):
    index = np.array(data.draw(st.lists(st.integers(0, len(x) - 1), max_size=12)), dtype=np.int64)
    batch = take(x, index)
    assert batch.shape == (len(index), x[0].size)
    for row, i in zip(batch, index, strict=True):
        np.testing.assert_array_equal(row, x[i].ravel() / np.float32(255))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("stored", [np.uint8, np.float16, np.float32, np.float64, ">f4"])
@pytest.mark.parametrize("index", [slice(0, 2), np.array([0, 1])])
def test_floats_are_taken_as_they_are_and_a_batch_is_always_new(dtype, stored, index):
    x = np.array([[0, 3], [200, 7], [5, 5]], dtype=stored)
    batch = take(x, index, dtype)
    assert batch.dtype == dtype
    assert batch.dtype.isnative
    expected = x[:2] / dtype(255) if stored is np.uint8 else x[:2]
    np.testing.assert_array_equal(batch, expected)
    batch[:] = -1
    assert x.min() >= 0


def test_one_hot():
    rows = one_hot(np.array([1, 0, 2, 1], dtype=np.uint8), 3, np.float32)
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]])
    assert one_hot(np.zeros(0, int), 4).shape == (0, 4)


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0], [255]])
def test_a_label_that_is_no_class_is_refused(labels):
    with pytest.raises(LabelError, match=r"3 classes need 0\.\.2"):
        one_hot(np.array(labels), 3)


def test_labels_that_are_no_integers_are_refused():
    with pytest.raises(DTypeError, match="t has dtype float64"):
        one_hot(np.array([0.0, 1.0]), 3)
