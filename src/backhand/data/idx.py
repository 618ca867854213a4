"""The IDX format of the MNIST files: two zero bytes, a type code, the number of dimensions, their sizes, the values.

Sizes are 32-bit and everything is big-endian. Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of
handwritten digits", section "File formats", http://yann.lecun.com/exdb/mnist/.
"""

import gzip
import hashlib
import io
import math
import os
import struct
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backhand.data.atomic import atomic_write
from backhand.data.bounded import MAX_BYTES, Readable, open_file, read_up_to
from backhand.errors import DataError, DTypeError, ShapeError

TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_CODES = {name: code for code, name in TYPES.items()}
_KNOWN = ", ".join(f"0x{code:02X} ({name})" for code, name in TYPES.items())


def read_idx(
    source: str | os.PathLike[str] | bytes, *, max_bytes: int = MAX_BYTES, sha256: str | None = None
) -> NDArray[Any]:
    """Read an IDX file, plain or gzipped (told apart by content, not by name), into a new array of native byte order.

    ``source`` is a path, or the file's content as bytes. The header is read and judged first; then memory grows with
    the data that really arrives, up to what the header promises and never beyond ``max_bytes`` of values.
    With ``sha256``, the uncompressed content must have that hexadecimal digest.

    Raises ``DataError``, naming the file and what is wrong with it, for anything that is not exactly one IDX array:
    missing, empty, truncated, over-long, no IDX, larger than ``max_bytes``, damaged gzip, another digest.

    >>> read_idx(bytes([0, 0, 0x0B, 1,  0, 0, 0, 2,  0, 1,  0xFF, 0xFE]))
    array([ 1, -2], dtype=int16)
    """
    name = "IDX data in memory" if isinstance(source, bytes) else os.fspath(source)
    try:
        with _uncompressed(source) as stream:
            return _parse(stream, name, max_bytes, sha256)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name}: its gzip stream is damaged ({error}); get the file again") from error
    except OSError as error:
        raise DataError(f"{name}: reading failed ({error.strerror}); get the file again") from error


def write_idx(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write an array as an IDX file, gzipped when ``path`` ends in ``.gz``; an existing file is replaced whole.

    Any shape that IDX holds (each size below 2**32), of dtype uint8, int8, int16, int32, float32 or float64 in either
    byte order. Raises ``DTypeError`` or ``ShapeError`` for what IDX can't hold, ``DataError`` for a file that can't be
    written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     write_idx(f"{folder}/weights.gz", np.array([[1.5, 2.5]], dtype=np.float32))
    ...     read_idx(f"{folder}/weights.gz")
    array([[1.5, 2.5]], dtype=float32)
    """
    if array.dtype.name not in _CODES:
        raise DTypeError(f"{path}: IDX has no type code for {array.dtype}; convert to one of {', '.join(_CODES)}")
    if max(array.shape, default=0) >= 2**32:
        raise ShapeError(f"{path}: IDX sizes are 32-bit, so shape {array.shape} does not fit; write it in parts")
    header = struct.pack(f">HBB{array.ndim}I", 0, _CODES[array.dtype.name], array.ndim, *array.shape)
    content = header + array.astype(array.dtype.newbyteorder(">"), copy=False).tobytes()
    if os.fspath(path).endswith(".gz"):
        content = gzip.compress(content, compresslevel=6, mtime=0)  # mtime=0: equal arrays give equal files
    try:
        with atomic_write(path) as file:
            file.write(content)
    except OSError as error:
        raise DataError(f"{path}: can't be written ({error.strerror}); check the folder and the free space") from error


@contextmanager
def _uncompressed(source: str | os.PathLike[str] | bytes) -> Iterator[Readable]:
    with io.BytesIO(source) if isinstance(source, bytes) else open_file(os.fspath(source)) as raw:
        gzipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if gzipped:
            with gzip.GzipFile(fileobj=raw, mode="rb") as stream:
                yield stream
        else:
            yield raw


def _parse(stream: Readable, name: str, max_bytes: int, sha256: str | None) -> NDArray[Any]:
    magic = read_up_to(stream, 4)
    if len(magic) < 4:
        raise DataError(f"{name}: has {len(magic) or 'no'} bytes, and an IDX file at least 4; get the file again")
    zeros, code, ndim = struct.unpack(">HBB", magic)
    if zeros != 0 or code not in TYPES:
        raise DataError(
            f"{name}: is not IDX: it begins with the bytes {magic.hex(' ')}, and IDX with 00 00 and a type code, "
            f"one of {_KNOWN}"
        )
    sizes = read_up_to(stream, 4 * ndim)
    if len(sizes) < 4 * ndim:
        raise DataError(f"{name}: is truncated: it ends within the header; get the file again")
    shape = struct.unpack(f">{ndim}I", sizes)
    dtype = np.dtype(TYPES[code])
    promised = math.prod(shape) * dtype.itemsize
    what = f"{'x'.join(map(str, shape)) or 'one'} {dtype} values, {promised} bytes"
    if promised > max_bytes:
        raise DataError(
            f"{name}: its header promises {what}, and the limit is {max_bytes}; if that is right, raise max_bytes"
        )
    values = read_up_to(stream, promised)
    if len(values) < promised:
        raise DataError(f"{name}: is truncated: its header promises {what}, and {len(values)} are there; get it again")
    if stream.read(1):  # also makes gzip compare its checksum
        raise DataError(f"{name}: is too long: its header promises {what}, and more follows; it is not one IDX array")
    if sha256 is not None and (digest := _sha256(magic, sizes, values)) != sha256:
        raise DataError(f"{name}: is another file: its content has SHA-256 {digest}, not {sha256}; get the original")
    try:
        array: NDArray[Any] = np.ndarray(shape, dtype, buffer=values)
    except ValueError as error:  # more than 64 dimensions, or 0 x 2**32 x 2**32
        raise DataError(f"{name}: its shape {shape} is none that NumPy can hold ({error})") from error
    return array.byteswap(inplace=True) if sys.byteorder == "little" else array


def _sha256(*parts: bytearray) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
