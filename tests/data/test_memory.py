"""A dataset many times larger than the memory it may use.

What counts is the memory that a process allocates, which nothing but its end gives back: a child gets a hard limit of
it, and reports its peak. The pages of a mapped file are not counted: they are the system's file cache, which grows
into free memory and shrinks at once when anyone needs it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from backhand.data import load_dataset
from backhand.errors import DataError

SAMPLES = 5_000_000  # of 784 bytes: 3.9 GB
LIMIT = 200 << 20

CHILD = """
import resource, sys
import numpy as np
from backhand.data import load_dataset, take

def allocated():
    return sum(int(line.split()[1]) * 1024 for line in open("/proc/self/status") if line.startswith("RssAnon:"))

limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
try:
    np.ones(limit, np.uint8)
except MemoryError:
    pass
else:
    sys.exit("the limit does not hold")
data = load_dataset(sys.argv[1])
peak = allocated()
rng = np.random.default_rng(0)
for step in range(40):
    index = np.append(rng.integers(0, len(data.x_train), 99), len(data.x_train) - 1)
    batch, labels = take(data.x_train, index), data.t_train[index]
    assert batch.shape == (100, 784) and batch.dtype == np.float32 and labels.shape == (100,)
    assert batch[-1, -1] == 1 and labels[-1] == 9
    peak = max(peak, allocated())
print(peak)
"""


def sparse_npy(path: Path, shape: tuple[int, ...], dtype: str, last: float) -> None:
    """A .npy file of zeros and one last value, of which the disk keeps the ends alone."""
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
        size = file.tell() + int(np.prod(shape, dtype=int)) * np.dtype(dtype).itemsize
        file.truncate(size)
        file.seek(size - np.dtype(dtype).itemsize)
        file.write(np.array(last, dtype).tobytes())


def peak_memory(folder: Path) -> int:
    child = [sys.executable, "-c", CHILD, str(folder), str(LIMIT)]
    env = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # its buffers, one a core, would count
    return int(subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout)


def fill(folder: Path, samples: int, dtype: str, last: float) -> None:
    sparse_npy(folder / "x_train.npy", (samples, 784), dtype, last)
    sparse_npy(folder / "t_train.npy", (samples,), "|u1", 9)
    sparse_npy(folder / "x_test.npy", (1000, 784), dtype, last)
    sparse_npy(folder / "t_test.npy", (1000,), "|u1", 9)


def test_batches_of_bytes_larger_than_memory(tmp_path):
    fill(tmp_path, SAMPLES, "|u1", 255)
    assert (tmp_path / "x_train.npy").stat().st_size > 15 * LIMIT
    assert peak_memory(tmp_path) < LIMIT // 2


def test_a_nan_far_into_a_file_is_found_and_its_place_told(tmp_path):
    fill(tmp_path, 20_000, "<f4", float("nan"))
    with pytest.raises(DataError, match=r"x_train\.npy: x_train\[19999, 783\] is nan"):
        load_dataset(tmp_path)


def test_floats_larger_than_memory_are_looked_through_for_nan_within_it(tmp_path):
    fill(tmp_path, SAMPLES // 10, "<f4", 1)
    assert (tmp_path / "x_train.npy").stat().st_size > 7 * LIMIT
    assert peak_memory(tmp_path) < LIMIT // 2
