"""``load_mnist`` as the book has it. The oracles: the published digests, and NumPy's and Python's own arithmetic."""

import hashlib
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import backhand.data.mnist
from backhand.data import load_mnist
from backhand.errors import DataError

SHA256 = {
    "x_train": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "t_train": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "x_test": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t_test": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def digest(array: np.ndarray) -> str:
    """SHA-256 of the array as an IDX file."""
    header = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return hashlib.sha256(header + array.tobytes()).hexdigest()


def assert_is_mnist(loaded) -> None:
    (x_train, t_train), (x_test, t_test) = loaded
    images = {"x_train": x_train.reshape(-1, 28, 28), "x_test": x_test.reshape(-1, 28, 28)}
    assert {name: digest(a) for name, a in (images | {"t_train": t_train, "t_test": t_test}).items()} == SHA256


def test_raw_values_are_those_of_the_published_files():
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False)
    assert (x_train.shape, t_train.shape, x_test.shape, t_test.shape) == (
        (60000, 784),
        (60000,),
        (10000, 784),
        (10000,),
    )
    assert {a.dtype for a in (x_train, t_train, x_test, t_test)} == {np.dtype(np.uint8)}
    assert_is_mnist(((x_train, t_train), (x_test, t_test)))


def test_normalized_values_are_the_books_to_the_last_bit():
    raw = load_mnist(normalize=False)
    for (x, t), (x_raw, t_raw) in zip(load_mnist(), raw, strict=True):
        book = x_raw.astype(np.float32)
        book /= 255.0
        assert x.dtype == np.float32
        assert x.tobytes() == book.tobytes()
        assert (x.min(), x.max()) == (0, 1)
        np.testing.assert_array_equal(t, t_raw)


def test_images_keep_their_shape_unless_flattened():
    (x_train, _), (x_test, _) = load_mnist(flatten=False)
    assert x_train.shape == (60000, 1, 28, 28)
    assert x_test.shape == (10000, 1, 28, 28)
    np.testing.assert_array_equal(x_test[0, 0, 7], load_mnist()[1][0][0][7 * 28 : 8 * 28])


def test_one_hot_labels_are_the_books():
    for (_, rows), (_, t) in zip(load_mnist(one_hot_label=True), load_mnist(), strict=True):
        assert rows.dtype == np.float64
        np.testing.assert_array_equal(rows, np.eye(10)[t])


@pytest.mark.parametrize("normalize", [True, False])
def test_arrays_are_plain_and_writing_into_them_reaches_nobody_else(normalize):
    for _ in range(2):
        (x_train, t_train), _ = load_mnist(normalize)
        assert type(x_train) is type(t_train) is np.ndarray
        assert x_train[0].max() > 0
        assert t_train[0] == 5
        x_train[0] = 0
        t_train[0] = 9


def test_nothing_but_numpy_is_imported_for_it(shared_cache):
    code = "import sys; from backhand.data import load_mnist; load_mnist(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in modules
    assert not {"PIL", "pooch", "requests", "platformdirs", "matplotlib"} & set(modules)


def test_a_damaged_packaged_file_is_refused(tmp_path, empty_cache, monkeypatch):
    original = Path(backhand.data.mnist.__file__).parent / "mnist_files"
    for file in original.glob("*.gz"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    labels = tmp_path / "t10k-labels-idx1-ubyte.gz"
    labels.write_bytes((tmp_path / "train-labels-idx1-ubyte.gz").read_bytes())
    monkeypatch.setattr(backhand.data.mnist, "_FOLDER", tmp_path)
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz: is another file"):
        load_mnist(normalize=False)


LOAD = "from backhand.data import load_mnist; load_mnist(normalize=False)"
LOAD_AND_PRINT = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_mnist import assert_is_mnist
from backhand.data import load_mnist
assert_is_mnist(load_mnist(normalize=False))
"""


def test_two_processes_that_load_for_the_first_time_are_both_right(empty_cache):
    processes = [subprocess.Popen([sys.executable, "-c", LOAD_AND_PRINT]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert sorted(path.name for path in empty_cache.iterdir()) == sorted(f"mnist-{name}-uint8.npy" for name in SHA256)


def test_killed_while_loading_for_the_first_time_the_next_load_is_right(empty_cache):
    for entries in (1, 2, 3):
        process = subprocess.Popen([sys.executable, "-c", LOAD])
        while process.poll() is None and len(list(empty_cache.glob("*"))) < entries:
            time.sleep(0.0005)
        process.kill()  # SIGKILL, while an array is being written or has just been
        process.wait()
    assert_is_mnist(load_mnist(normalize=False))


@pytest.mark.parametrize("name", ["mnist-x_test-uint8.npy", "mnist-t_train-uint8.npy"])
@pytest.mark.parametrize(
    "damage", ["truncated", "longer", "empty", "garbled header", "other shape", "pickle", "folder"]
)
def test_a_damaged_cache_file_is_made_anew(empty_cache, name, damage):
    load_mnist(normalize=False)
    path = empty_cache / name
    content = path.read_bytes()
    match damage:
        case "truncated":
            path.write_bytes(content[:-1])
        case "longer":
            path.write_bytes(content + b"\0")
        case "empty":
            path.write_bytes(b"")
        case "garbled header":
            path.write_bytes(content[:20] + b"\xff(((" + content[24:])
        case "other shape":
            np.save(path, np.zeros((5, 28, 28), np.uint8))
        case "pickle":
            np.save(path, np.array([{}], dtype=object), allow_pickle=True)
        case "folder":
            path.unlink()
            path.mkdir()
    assert_is_mnist(load_mnist(normalize=False))
    if damage != "folder":
        assert path.read_bytes() == content
