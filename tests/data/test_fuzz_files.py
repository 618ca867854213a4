"""Random damage to every kind of file that ``load_dataset`` reads: a ``DataError``, or a dataset, and no other end."""

import random
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from backhand.data import Dataset, load_dataset
from backhand.errors import DataError

RNG = np.random.default_rng(1)
ARRAYS = {
    "x_train": RNG.integers(0, 256, (6, 3, 2), dtype=np.uint8),
    "t_train": np.arange(6) % 3,
    "x_test": RNG.integers(0, 256, (3, 3, 2), dtype=np.uint8),
    "t_test": np.arange(3),
}
HUGE = 1 << 25  # no file here holds a kilobyte of values; PIL's own tables take a few megabytes


def damaged(content: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randrange(1, 6)]
            case 2:
                data[at:at] = rng.choice((b"9", b"-", b"(", b"'", b",", b"\n", b"\0", b"99999999", rng.randbytes(3)))
            case 3:
                data[at : at + 4] = b"\xff\xff\xff\x7f"
            case 4:
                del data[at:]
    return bytes(data)


def load_damaged(source, path, rounds, seed=0):
    """Every dataset that can still be read after damage to ``path``."""
    rng = random.Random(seed)
    content = path.read_bytes()
    refused = named = 0
    tracemalloc.start()
    try:
        for _ in range(rounds):
            path.write_bytes(damaged(content, rng))
            try:
                data = load_dataset(source)
            except DataError as error:
                refused += 1
                named += str(source) in str(error)
            else:
                assert isinstance(data, Dataset)
                yield data
        assert tracemalloc.get_traced_memory()[1] < HUGE
    finally:
        tracemalloc.stop()
    assert refused == named
    assert refused > rounds // 10  # the damage is real


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_whose_checksums_leave_only_the_right_values(tmp_path, save):
    path = tmp_path / "digits.npz"
    save(path, **ARRAYS)
    for data in load_damaged(path, path, 400):
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(getattr(data, name), array)


@pytest.mark.parametrize("name", ["x_train", "t_test"])
def test_npy(tmp_path, name):
    for part, array in ARRAYS.items():
        np.save(tmp_path / f"{part}.npy", array)
    for data in load_damaged(tmp_path, tmp_path / f"{name}.npy", 400):
        assert len(data.x_train) == len(data.t_train)
        assert max(data.t_test) < len(data.classes)


def test_csv(tmp_path):
    path = tmp_path / "table.csv"
    lines = ["label,a,b", *(f"{i % 2},{i}.5,{-i}" for i in range(20))]
    path.write_text("\n".join(lines))
    for data in load_damaged(path, path, 400):
        assert np.isfinite(data.x_train).all()
        assert len(data.x_train) == len(data.t_train)


@pytest.mark.parametrize("name", ["0.png", "6.png"])
def test_png(tmp_path, name):
    (tmp_path / "a").mkdir()
    for i in range(7):
        Image.fromarray(ARRAYS["x_train"][0] + np.uint8(i)).save(tmp_path / "a" / f"{i}.png")
    original = load_dataset(tmp_path)
    for data in load_damaged(tmp_path, tmp_path / "a" / name, 400):
        np.testing.assert_array_equal(data.x_train, original.x_train)
        np.testing.assert_array_equal(data.x_test, original.x_test)
