"""The .npy format, read with suspicion: numbers only, nothing unpickled, the size held against the header.

Source: NumPy's ``numpy.lib.format``.
"""

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from backhand.data.bounded import AS_NPY_FOLDER, MAX_BYTES, open_file, read_up_to
from backhand.errors import DataError


class Header(NamedTuple):
    """What a .npy header says, and where its values begin."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype[Any]
    offset: int

    @property
    def nbytes(self) -> int:
        """Bytes that the values take."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_header(stream: IO[bytes], name: str | Path, file_size: int) -> Header:
    """Read the header at the beginning of ``stream`` and hold it against the file's size in bytes.

    Raises ``DataError`` for what is no .npy file, has another size than it says, or holds other things than numbers.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            version = np.lib.format.read_magic(stream)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, dtype = read(stream)
    except Exception as error:  # the header is a Python literal: a damaged one fails in many ways
        raise DataError(f"{name}: is no .npy file ({error}); write it with numpy.save") from error
    header = Header(shape, "F" if fortran else "C", dtype, stream.tell())
    if dtype.kind not in "biuf":
        raise DataError(f"{name}: holds {dtype} values; only numbers are read: convert with .astype and save it again")
    if min(shape, default=0) < 0 or header.offset + header.nbytes != file_size:
        raise DataError(
            f"{name}: has {file_size} bytes, and its header promises shape {shape} of {dtype}, "
            f"which takes {header.offset + header.nbytes}; it is damaged: write it again"
        )
    return header


def read_array(stream: IO[bytes], name: str | Path, file_size: int) -> NDArray[Any]:
    """Read a .npy stream of ``file_size`` bytes into memory; more than ``MAX_BYTES`` is a ``DataError``."""
    header = read_header(stream, name, file_size)
    if header.nbytes > MAX_BYTES:
        raise DataError(f"{name}: takes {header.nbytes} bytes, more than {MAX_BYTES}; {AS_NPY_FOLDER}")
    values = read_up_to(stream, header.nbytes)
    if len(values) < header.nbytes:
        raise DataError(f"{name}: is truncated; write it again")
    try:
        return np.ndarray(header.shape, header.dtype, buffer=values, order=header.order)
    except ValueError as error:
        raise DataError(f"{name}: its shape {header.shape} is none that NumPy can hold ({error})") from error


def map_npy(path: Path, mode: Literal["r", "c"]) -> NDArray[Any]:
    """A .npy file as a plain array over a memory map: read-only (``"r"``) or copy-on-write (``"c"``).

    With ``"c"`` the array may be written to; what is written stays in this process and never reaches the file.
    Raises ``DataError`` if the file is missing, damaged, empty, or no array of numbers.
    """
    with open_file(path) as file:
        header = read_header(file, path, os.fstat(file.fileno()).st_size)
        if header.nbytes == 0:
            raise DataError(f"{path}: holds no values (shape {header.shape})")
        try:
            mapped = np.memmap(file, header.dtype, mode, header.offset, header.shape, header.order)
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: can't be memory-mapped ({error}); copy it to a local disk") from error
    return np.asarray(mapped)


def value_chunks(path: Path, size: int = 1 << 22) -> Iterator[NDArray[Any]]:
    """All values of a .npy file in storage order, ``size`` at a time: read, not mapped, so that no page stays."""
    with open_file(path) as file:
        header = read_header(file, path, os.fstat(file.fileno()).st_size)
        while (chunk := np.fromfile(file, header.dtype, size)).size:
            yield chunk
