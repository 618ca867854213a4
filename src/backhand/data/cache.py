"""Decoded arrays kept between runs as .npy files, so that the next load is a memory map."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from backhand.data.atomic import atomic_write
from backhand.data.npy import map_npy
from backhand.errors import DataError


def cache_folder() -> Path | None:
    """Where backhand keeps decoded data: ``$BACKHAND_CACHE``, or else the user's cache folder (``~/.cache/backhand``).

    None when the user has no home. The folder need not exist, and may be deleted at any time.

    >>> folder = cache_folder()
    >>> folder is None or folder.is_absolute()
    True
    """
    if chosen := os.environ.get("BACKHAND_CACHE"):
        return Path(chosen).absolute()
    import platformdirs

    try:
        folder = Path(platformdirs.user_cache_dir("backhand"))
    except RuntimeError:  # no home
        return None
    return folder if folder.is_absolute() else None  # older platformdirs: "~/.cache", a folder named "~" right here


def cached_array(
    name: str, shape: tuple[int, ...], dtype: DTypeLike, build: Callable[[], NDArray[Any]]
) -> NDArray[Any]:
    """The array that ``build()`` makes, from the cache file ``name`` if that holds such a shape and dtype.

    Otherwise it is built and stored, atomically and readable by its owner alone; two processes may do so at once.
    Where the cache can't be used (read-only, full, no home), the array is built in memory. The array may be written to:
    the map is copy-on-write, and neither the file nor another process sees it.
    """
    folder = cache_folder()
    if folder is None:
        return build()
    path = folder / name
    stored = _stored(path, shape, dtype)
    if stored is not None:
        return stored
    array = build()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_write(path, mode=0o600) as file:
            np.lib.format.write_array(file, array, allow_pickle=False)
    except OSError:
        return array
    stored = _stored(path, shape, dtype)
    return array if stored is None else stored


def _stored(path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any] | None:
    try:
        array = map_npy(path, "c")
    except DataError:  # not there yet, or damaged: it is built again
        return None
    return array if array.shape == shape and array.dtype == dtype else None
