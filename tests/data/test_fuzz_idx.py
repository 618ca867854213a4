"""Random damage to valid IDX files: what comes out is a ``DataError``, or exactly what ``struct`` reads there."""

import gzip
import random
import struct
import tracemalloc

import numpy as np
import pytest

from backhand.data import read_idx
from backhand.errors import DataError

LETTER = {0x08: "B", 0x09: "b", 0x0B: "h", 0x0C: "i", 0x0D: "f", 0x0E: "d"}


def by_struct(content: bytes) -> tuple[tuple[int, ...], list[float]]:
    """The shape and values of an IDX file; ``struct.error`` unless it is one, to the byte."""
    _, letter, ndim = content[:2], LETTER[content[2]], content[3]
    shape = struct.unpack_from(f">{ndim}I", content, 4)
    size = int(np.prod(shape, dtype=object)) if shape else 1
    return shape, list(struct.unpack(f">{size}{letter}", content[4 + 4 * ndim :]))


def seeds(rng: random.Random) -> list[bytes]:
    files = []
    for code, letter in LETTER.items():
        for shape in ((), (0,), (5,), (2, 3), (2, 2, 2)):
            size = int(np.prod(shape, dtype=int))
            values = [rng.randrange(100) for _ in range(size)]
            files.append(
                struct.pack(f">4B{len(shape)}I", 0, 0, code, len(shape), *shape)
                + struct.pack(f">{size}{letter}", *values)
            )
    return files + [gzip.compress(file, mtime=0) for file in files]


def damaged(content: bytes, other: bytes, rng: random.Random) -> bytes:
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(6):
            case 0:
                del data[at:]
            case 1:
                data[at:at] = rng.randbytes(rng.randrange(1, 9))
            case 2:
                del data[at : at + rng.randrange(1, 9)]
            case 3:
                data[at : at + 1] = bytes([rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))])
            case 4:
                data[at:] = other[at:]
            case 5:
                data[at : at + 4] = struct.pack(">I", rng.choice((0, 1, 2, 3, 2**31, 2**32 - 1)))
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_damage_gives_an_error_or_the_right_array(seed):
    rng = random.Random(seed)
    files = seeds(rng)
    read = 0
    tracemalloc.start()
    try:
        for _ in range(1500):
            content = damaged(rng.choice(files), rng.choice(files), rng)
            try:
                array = read_idx(content)
            except DataError:
                continue
            read += 1
            plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            assert plain[:2] == b"\0\0"
            shape, values = by_struct(plain)
            assert array.shape == shape
            np.testing.assert_array_equal(array.ravel(), np.array(values, dtype=array.dtype))
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert 20 < read < 1000  # the damage is neither always fatal nor mostly harmless
