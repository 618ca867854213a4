"""The oracle is ``struct``: every expected file is spelled out byte by byte, as the format's description says."""

import gzip
import hashlib
import math
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from hypothesis.extra import numpy as hnp

import backhand.data.mnist
from backhand.data import read_idx, write_idx
from backhand.errors import DataError, DTypeError, ShapeError

LETTERS = {"uint8": (0x08, "B"), "int8": (0x09, "b"), "int16": (0x0B, "h"), "int32": (0x0C, "i")}
LETTERS |= {"float32": (0x0D, "f"), "float64": (0x0E, "d")}
IMAGES = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 2, 3) + bytes(range(12))


def spelled_out(array: np.ndarray) -> bytes:
    code, letter = LETTERS[array.dtype.name]
    header = struct.pack(f">4B{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + struct.pack(f">{array.size}{letter}", *array.ravel().tolist())


ARRAYS = st.sampled_from(sorted(LETTERS)).flatmap(
    lambda name: hnp.arrays(
        np.dtype(name).newbyteorder(">") if name == "float64" else name,
        hnp.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
    )
)


@given(ARRAYS, st.booleans())
def test_every_array_is_written_as_the_format_says_and_read_back(tmp_path_factory, array, zipped):
    path = tmp_path_factory.getbasetemp() / ("round_trip.idx.gz" if zipped else "round_trip.idx")
    write_idx(path, array)
    content = path.read_bytes()
    assert (gzip.decompress(content) if zipped else content) == spelled_out(array)
    back = read_idx(path)
    assert back.shape == array.shape
    assert back.dtype == array.dtype.newbyteorder("=")
    assert back.dtype.isnative
    assert back.flags.writeable
    np.testing.assert_array_equal(back, array)


def test_gzip_is_told_by_its_content_not_by_its_name(tmp_path):
    named_plain, named_gz = tmp_path / "images", tmp_path / "images.gz"
    named_plain.write_bytes(gzip.compress(IMAGES))
    named_gz.write_bytes(IMAGES)
    expected = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for source in (named_plain, str(named_gz), IMAGES, gzip.compress(IMAGES)):
        np.testing.assert_array_equal(read_idx(source), expected)


def test_as_many_dimensions_as_numpy_has(tmp_path):
    array = np.array(7, dtype=np.int16).reshape((1,) * 64)
    write_idx(tmp_path / "deep.idx", array)
    assert read_idx(tmp_path / "deep.idx").shape == array.shape


@pytest.mark.parametrize("part", ["x_train", "t_train", "x_test", "t_test"])
def test_the_real_mnist_files(part):
    file = backhand.data.mnist.FILES[part]
    path = Path(backhand.data.mnist.__file__).parent / "mnist_files" / file.name
    array = read_idx(path)
    content = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()
    assert hashlib.sha256(content).hexdigest() == file.sha256


PACKED = gzip.compress(IMAGES, mtime=0)
DAMAGED = {
    "empty": (b"", "has no bytes"),
    "two bytes": (b"\0\0", "has 2 bytes"),
    "header cut": (IMAGES[:10], "ends within the header"),
    "truncated": (IMAGES[:-1], "truncated: its header promises 2x2x3 uint8 values, 12 bytes, and 11 are there"),
    "only a header": (IMAGES[:16], "and 0 are there"),
    "too long": (IMAGES + b"\0", "too long"),
    "text": (b"label,pixel0\n", "not IDX: it begins with the bytes 6c 61 62 65"),
    "type code": (b"\0\0\x0a\x01\0\0\0\x01\0", "not IDX"),
    "not zero": (b"\0\1\x08\x01\0\0\0\x01\0", "not IDX"),
    "claims 2**40": (bytes([0, 0, 8, 2]) + struct.pack(">2I", 2**20, 2**20), "1099511627776 bytes, and the limit is"),
    "claims 2**32 x 255": (bytes([0, 0, 14, 255]) + b"\xff" * 1020, "the limit is"),
    "claims 2**29, holds none": (bytes([0, 0, 8, 1]) + struct.pack(">I", 2**29), "truncated"),
    "65 dimensions": (bytes([0, 0, 8, 65]) + struct.pack(">I", 1) * 65 + b"\7", "none that NumPy can hold"),
    "0 x 2**32 x 2**32": (
        bytes([0, 0, 8, 3]) + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1),
        "none that NumPy can hold",
    ),
    "gzip cut": (PACKED[:-9], "gzip stream is damaged"),
    "gzip without its checksum": (PACKED[:-4], "gzip stream is damaged"),
    "gzip of another checksum": (PACKED[:-8] + b"\1\2\3\4" + PACKED[-4:], "gzip stream is damaged"),
    "gzip magic only": (b"\x1f\x8b", "gzip stream is damaged"),
    "gzip and then rubbish": (PACKED + b"rubbish", "gzip stream is damaged"),
    "gzip garbled": (PACKED[:10] + b"\xff" + PACKED[11:], "gzip stream is damaged"),
    "gzip of gzip": (gzip.compress(PACKED), "not IDX"),
    "gzip bomb": (gzip.compress(IMAGES + bytes(1 << 26), compresslevel=1), "too long"),
    "gzip bomb, nothing else": (gzip.compress(bytes(1 << 26), compresslevel=1), "not IDX"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_are_refused_by_name_and_without_allocating(tmp_path, case):
    content, message = DAMAGED[case]
    path = tmp_path / "some-images-idx3-ubyte"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with pytest.raises(DataError) as caught:
            read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(path) in str(caught.value)
    assert message in str(caught.value)
    assert peak < 4 << 20  # the largest honest file here holds 12 values


def test_a_bomb_that_tells_the_truth_is_stopped_by_max_bytes():
    bomb = gzip.compress(bytes([0, 0, 8, 1]) + struct.pack(">I", 1 << 26) + bytes(1 << 26), compresslevel=1)
    assert len(bomb) < 2 << 20
    with pytest.raises(DataError, match=r"67108864 bytes, and the limit is 1000000; if that is right, raise max_bytes"):
        read_idx(bomb, max_bytes=1_000_000)


def test_max_bytes_is_the_size_that_still_passes():
    assert read_idx(IMAGES, max_bytes=12).shape == (2, 2, 3)
    with pytest.raises(DataError):
        read_idx(IMAGES, max_bytes=11)


def test_what_is_no_file_is_refused_and_nothing_hangs(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match=str(path)):
            read_idx(path)


def test_another_digest_is_refused():
    digest = hashlib.sha256(IMAGES).hexdigest()
    assert read_idx(gzip.compress(IMAGES), sha256=digest).size == 12
    with pytest.raises(DataError, match="is another file"):
        read_idx(IMAGES[:-1] + b"\0", sha256=digest)


def test_what_idx_cannot_hold_is_not_written(tmp_path):
    path = tmp_path / "kept.idx"
    path.write_bytes(b"precious")
    with pytest.raises(DTypeError, match=r"kept\.idx: IDX has no type code for int64"):
        write_idx(path, np.arange(3))
    with pytest.raises(ShapeError, match="32-bit"):
        write_idx(path, np.empty((0, 2**32), np.uint8))
    with pytest.raises(DataError, match="can't be written"):
        write_idx(tmp_path / "no" / "folder.idx", np.zeros(1, np.uint8))
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_equal_arrays_give_equal_files(tmp_path):
    array = np.arange(math.prod((3, 4)), dtype=np.int32).reshape(3, 4)
    write_idx(tmp_path / "a.gz", array)
    write_idx(tmp_path / "b.gz", array[:, ::-1][:, ::-1])  # not contiguous
    content = (tmp_path / "a.gz").read_bytes()
    assert content == (tmp_path / "b.gz").read_bytes()
    assert content[4:8] == bytes(4)  # RFC 1952: the time of writing, 0 for none
