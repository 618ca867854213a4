"""Opening and reading files that may be damaged or hostile: no pipe to hang on, no allocation ahead of the data."""

import stat
from pathlib import Path
from typing import BinaryIO, Protocol

from backhand.errors import DataError

MAX_BYTES = 1 << 30
"""The largest array, in bytes, that is read into memory whole (1 GiB). A larger one is memory-mapped instead."""

AS_NPY_FOLDER = (
    "save it as a folder of .npy files (x_train.npy, t_train.npy, x_test.npy, t_test.npy), which is memory-mapped"
)
"""The remedy for whatever is larger than MAX_BYTES."""

_CHUNK = 1 << 20


class Readable(Protocol):
    """A binary stream, as far as it is needed here."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; none at the end."""
        ...


def open_file(path: str | Path) -> BinaryIO:
    """Open a regular file for reading; a missing one, a folder, a pipe or a device is a ``DataError``."""
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # opening a pipe would wait for its writer for ever
            raise DataError(f"{path}: is a folder or a device; a file is needed")
        return open(path, "rb")
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror}); check the path and its permissions") from error


def read_up_to(stream: Readable, size: int) -> bytearray:
    """Up to ``size`` bytes of the stream, fewer only at its end; memory grows with what arrives, not with ``size``."""
    data = bytearray()
    while len(data) < size and (chunk := stream.read(min(_CHUNK, size - len(data)))):
        data += chunk
    return data
