"""A dataset that memory could not hold trains through its memory map."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

ROWS, SIDE = 180_000, 64
LIMIT = 300 << 20  # Python, NumPy, Matplotlib, a compiled network and the buffers of one evaluation take 270


def test_training_and_evaluating_stay_within_a_limit_that_the_data_exceed(tmp_path: Path) -> None:
    folder = tmp_path / "large"
    folder.mkdir()
    # Sparse: nothing but holes, which read as zeros.
    x = np.lib.format.open_memmap(folder / "x_train.npy", "w+", np.uint8, (ROWS, SIDE, SIDE))
    assert x.nbytes > 2 * LIMIT
    del x
    np.save(folder / "t_train.npy", np.zeros(ROWS, np.uint8))
    np.save(folder / "x_test.npy", np.zeros((50, SIDE, SIDE), np.uint8))
    np.save(folder / "t_test.npy", np.zeros(50, np.uint8))

    # RLIMIT_DATA counts the memory that is a process's own; a mapped file's pages belong to the file.
    child = subprocess.run(
        [sys.executable, "-m", "backhand", "train", "--data", folder, "--hidden", "2", "--iterations", "20", "--json"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT)),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert child.returncode == 0, child.stderr
    assert json.loads(child.stdout.splitlines()[-1])["iterations"] == 20
