"""Datasets saved by NumPy: one .npz file, or a folder of .npy files that is mapped instead of read."""

import zipfile
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from backhand.data.bounded import open_file
from backhand.data.npy import map_npy, read_array, value_chunks
from backhand.data.parts import Parts, require_finite
from backhand.errors import DataError

_ALIASES = {"t_train": "y_train", "t_test": "y_test"}  # Keras's names


def load_npz(path: Path) -> Parts:
    """``x_train, t_train, x_test, t_test`` (or Keras's ``y_train, y_test``) of a .npz file, read into memory."""
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            return Parts(*(_member(archive, path, name) for name in Parts._fields))
    except DataError:
        raise
    except Exception as error:  # damaged, encrypted, or compressed in some unknown way: each has its own exception
        raise DataError(f"{path}: is no readable .npz file ({error}); write it with numpy.savez") from error


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> NDArray[Any]:
    names = archive.namelist()
    member = next((n for n in (f"{name}.npy", f"{_ALIASES.get(name)}.npy") if n in names), None)
    if member is None:
        raise DataError(f"{path}: holds no array {_spelled(name)}, only {names}; add it with numpy.savez")
    with archive.open(member) as stream:
        array = read_array(stream, f"{path}: {member}", archive.getinfo(member).file_size)
    if array.dtype.kind == "f":
        require_finite(f"{path}: {name}", array.shape, [array])
    return array


def load_npy_folder(folder: Path) -> Parts:
    """``x_train.npy, t_train.npy, x_test.npy, t_test.npy`` of a folder as read-only memory maps.

    They may be larger than memory: floats are looked through once for NaN, a few megabytes at a time, and then only
    the batches that training asks for are read.
    """
    return Parts(*(_mapped(folder, name) for name in Parts._fields))


def _mapped(folder: Path, name: str) -> NDArray[Any]:
    paths = [folder / f"{name}.npy", folder / f"{_ALIASES.get(name)}.npy"]
    path = next((p for p in paths if p.exists()), None)
    if path is None:
        raise DataError(f"{folder}: holds no file {_spelled(name, '.npy')}; add it with numpy.save")
    array = map_npy(path, "r")
    if not array.flags.c_contiguous:
        raise DataError(f"{path}: is in Fortran order, so a sample lies all over the file; save it in C order")
    if array.dtype.kind == "f":
        require_finite(f"{path}: {name}", array.shape, value_chunks(path))
    return array


def _spelled(name: str, suffix: str = "") -> str:
    return f"{name}{suffix}" + (f" (nor {_ALIASES[name]}{suffix})" if name in _ALIASES else "")
