"""Every kind of source gives the arrays that went into it, or a ``DataError`` that names the file and what to do."""

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from backhand.data import Dataset, load_dataset, load_mnist
from backhand.errors import DataError

RNG = np.random.default_rng(3)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (20, 4, 3), dtype=np.uint8),
    "t_train": RNG.integers(0, 5, 20),
    "x_test": RNG.integers(0, 256, (6, 4, 3), dtype=np.uint8),
    "t_test": np.array([0, 1, 2, 3, 4, 4]),
}
FLOATS = ARRAYS | {name: RNG.normal(size=ARRAYS[name].shape).astype(np.float32) for name in ("x_train", "x_test")}


def save_npz(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    np.savez_compressed(folder / "digits.npz", **arrays)
    return folder / "digits.npz"


def save_npy(folder: Path, arrays: dict[str, np.ndarray]) -> Path:
    (folder / "digits").mkdir()
    for name, array in arrays.items():
        np.save(folder / "digits" / f"{name}.npy", array)
    return folder / "digits"


def assert_holds(data: Dataset, arrays: dict[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        loaded = getattr(data, name)
        assert type(loaded) is np.ndarray
        assert loaded.dtype == array.dtype
        np.testing.assert_array_equal(loaded, array)


def error(source: Path | str) -> str:
    with pytest.raises(DataError) as caught:
        load_dataset(source)
    assert str(source) in str(caught.value)
    return str(caught.value)


def test_mnist_comes_as_bytes_and_nothing_large_is_converted(shared_cache):
    data = load_dataset("mnist")
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False, flatten=False)
    assert_holds(data, {"x_train": x_train, "t_train": t_train, "x_test": x_test, "t_test": t_test})
    assert data.classes == tuple("0123456789")
    assert isinstance(data.x_train.base, np.memmap) or isinstance(data.x_train.base.base, np.memmap)


@pytest.mark.parametrize("save", [save_npz, save_npy])
@pytest.mark.parametrize("arrays", [ARRAYS, FLOATS])
def test_numpy_files(tmp_path, save, arrays):
    path = save(tmp_path, arrays)
    for source in (path, str(path)):
        data = load_dataset(source)
        assert_holds(data, arrays)
        assert data.name == str(path)
        assert data.classes == ("0", "1", "2", "3", "4")


@pytest.mark.parametrize("save", [save_npz, save_npy])
def test_kerass_names_and_its_columns_of_labels(tmp_path, save):
    keras = {"x_train": ARRAYS["x_train"], "y_train": ARRAYS["t_train"][:, None]}
    keras |= {"x_test": ARRAYS["x_test"], "y_test": ARRAYS["t_test"][:, None]}
    assert_holds(load_dataset(save(tmp_path, keras)), ARRAYS)


def test_an_uncompressed_npz(tmp_path):
    np.savez(tmp_path / "plain.npz", **ARRAYS)
    assert_holds(load_dataset(tmp_path / "plain.npz"), ARRAYS)


def test_a_folder_of_npy_files_is_mapped_and_read_only(tmp_path):
    data = load_dataset(save_npy(tmp_path, FLOATS))
    assert isinstance(data.x_train.base, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        data.x_train[0] = 0


WRONG = {
    "missing samples": ({"x_test": None}, "x_test"),
    "missing labels": ({"t_train": None}, "t_train"),
    "lengths": ({"t_train": ARRAYS["t_train"][:-1]}, "x_train has 20 samples and t_train 19 labels"),
    "float labels": ({"t_test": ARRAYS["t_test"].astype(float)}, "t_test has dtype float64; labels are integers"),
    "one-hot labels": ({"t_test": np.eye(5)[ARRAYS["t_test"]]}, "if they are one-hot, save t.argmax"),
    "negative label": ({"t_test": np.array([0, 1, 2, 3, 4, -1])}, "labels -1..4; number the classes 0..C-1"),
    "no label": ({"t_test": np.array([0, 1, 2, 3, 4, 2**40])}, "labels 0..1099511627776"),
    "unlike samples": ({"x_test": ARRAYS["x_test"][:, :3]}, "make them alike"),
    "unlike dtypes": ({"x_test": FLOATS["x_test"]}, "make them alike"),
    "flat": ({"x_test": ARRAYS["x_test"][:, 0, 0]}, "x_test has shape (6,)"),
    "integers": ({"x_test": ARRAYS["x_test"].astype(int)}, "save pixels 0..255 as uint8"),
    "text": ({"x_test": ARRAYS["x_test"].astype(str)}, "only numbers are read"),
    "NaN": (FLOATS | {"x_test": np.where(np.arange(72).reshape(6, 4, 3) == 41, np.nan, 0)}, "x_test[3, 1, 2] is nan"),
    "infinity": (FLOATS | {"x_train": np.full((20, 4, 3), np.inf, np.float16)}, "x_train[0, 0, 0] is inf"),
}


@pytest.mark.parametrize("save", [save_npz, save_npy])
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said(tmp_path, save, case):
    change, message = WRONG[case]
    arrays = {name: array for name, array in (ARRAYS | change).items() if array is not None}
    assert message in error(save(tmp_path, arrays))


@pytest.mark.parametrize("save", [save_npz, save_npy])
def test_no_samples(tmp_path, save):
    said = error(save(tmp_path, ARRAYS | {"x_test": ARRAYS["x_test"][:0], "t_test": ARRAYS["t_test"][:0]}))
    assert "(0, 4, 3)" in said


class Planted:
    """Unpickling it would create a file."""

    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


@pytest.mark.parametrize("save", [save_npz, save_npy])
def test_nothing_is_unpickled(tmp_path, monkeypatch, save):
    monkeypatch.chdir(tmp_path)
    said = error(save(tmp_path, ARRAYS | {"x_test": np.array([Planted()], dtype=object)}))
    assert "only numbers are read" in said
    (tmp_path / "pickled.npz").write_bytes(pickle.dumps(Planted()))
    assert "is no readable .npz file" in error(tmp_path / "pickled.npz")
    assert not (tmp_path / "executed").exists()


def test_a_member_that_promises_more_than_it_holds(tmp_path):
    path = save_npz(tmp_path, {name: array for name, array in ARRAYS.items() if name != "x_train"})
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("x_train.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    assert "x_train.npy: has 128 bytes, and its header promises" in error(path)


def test_a_member_too_large_for_memory_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2147483648, 1), }".ljust(117) + b"\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
    # The directory at the end of the file, where the archive says how large the member is:
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\1\2") + 24
    content[at : at + 4] = (2147483648 + 128).to_bytes(4, "little")
    path.write_bytes(content)
    said = error(path)
    assert "more than 1073741824" in said
    assert "folder of .npy files" in said


@pytest.mark.parametrize("damage", ["truncated", "flipped", "empty", "text"])
def test_a_damaged_npz(tmp_path, damage):
    path = save_npz(tmp_path, ARRAYS)
    content = bytearray(path.read_bytes())
    at = content.index(b"x_train.npy") + 300  # among the compressed values
    content[at] ^= 0xFF
    path.write_bytes({"truncated": content[:-30], "flipped": content, "empty": b"", "text": b"1,2,3\n"}[damage])
    error(path)


def test_a_damaged_npy_is_named(tmp_path):
    folder = save_npy(tmp_path, ARRAYS)
    path = folder / "t_test.npy"
    content = path.read_bytes()
    for damaged in (content[:-1], content + b"\0", b"", content[:9], content.replace(b"shape", b"shap\xff")):
        path.write_bytes(damaged)
        assert str(path) in error(folder)


def test_fortran_order_is_read_from_npz_and_refused_where_it_would_be_slow(tmp_path):
    arrays = ARRAYS | {"x_train": np.asfortranarray(ARRAYS["x_train"])}
    assert_holds(load_dataset(save_npz(tmp_path, arrays)), ARRAYS)
    assert "save it in C order" in error(save_npy(tmp_path, arrays))


@pytest.mark.parametrize("source", ["no-such-thing", "no-such.npz", "no-such.csv", "photo.jpg"])
def test_an_unknown_source(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").touch()
    error(source)


def test_a_dataset_is_frozen():
    data = load_dataset("mnist")
    with pytest.raises(AttributeError):
        data.name = "other"
    assert data == data
    assert data != load_dataset("mnist")
