"""Checkpoints: one file each, whole or not there; a damaged one is noticed, and the one before it is used.

A file is named after its iteration and the SHA-256 of its bytes: ``000000600-0123456789abcdef.safetensors``. It holds
flat bytes only: the arrays of the snapshot, the losses, and a JSON document. Reading it executes nothing.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backhand.data.atomic import atomic_write
from backhand.errors import RunError
from backhand.train.history import History
from backhand.train.state import Snapshot

SCHEMA = 1
KEPT = 2
_NAME = re.compile(r"(\d{9,})-([0-9a-f]{16})\.safetensors")


@dataclass
class Checkpoint:
    """All that a run needs to go on: after ``iteration`` iterations, which took ``seconds`` in all.

    ``loop_seconds`` is the part of them that went into the training loop alone.
    """

    iteration: int
    seconds: float
    loop_seconds: float
    history: History
    state: Snapshot


def write(folder: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; when it is safely on the disk, remove all but the newest two."""
    from safetensors.numpy import save

    document = {
        "schema": SCHEMA,
        "iteration": checkpoint.iteration,
        "seconds": checkpoint.seconds,
        "loop_seconds": checkpoint.loop_seconds,
        "evaluations": checkpoint.history.evaluations_as_json(),
        "nodes": checkpoint.state.nodes,
    }
    arrays = {str(i): buffer for i, buffer in enumerate(checkpoint.state.buffers)}
    arrays["losses"] = checkpoint.history.losses_array()
    # As an array, not as safetensors' metadata: the size of that is limited.
    arrays["document"] = np.frombuffer(json.dumps(document).encode(), np.uint8)
    content = save(arrays)
    path = folder / f"{checkpoint.iteration:09d}-{_digest(content)}.safetensors"
    with atomic_write(path) as file:
        file.write(content)
    sync_folder(folder)
    older = [p for p in newest_first(folder) if p != path and _iteration(p) <= checkpoint.iteration]
    for other in folder.iterdir():
        # Older ones, damaged ones that were passed over, and what a killed process left half-written.
        if other not in (path, *older[: KEPT - 1]):
            other.unlink(missing_ok=True)


def newest_first(folder: Path) -> list[Path]:
    """The checkpoint files of a folder."""
    paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: (_iteration(path), path.stat().st_mtime_ns), reverse=True)


def read(path: Path) -> Checkpoint:
    """Read a checkpoint. Raises RunError if it is damaged: a single wrong bit is noticed."""
    from safetensors.numpy import load

    content = path.read_bytes()
    match = _NAME.fullmatch(path.name)
    if match is None or match[2] != _digest(content):
        raise RunError(f"the checkpoint {path.name} is damaged ({len(content)} bytes, their SHA-256 is not its name's)")
    try:
        arrays = load(content)
        document = json.loads(arrays.pop("document").tobytes())
        if document["schema"] != SCHEMA:
            raise RunError(f"the checkpoint {path.name} has schema {document['schema']}; this backhand reads {SCHEMA}")
        losses = arrays.pop("losses")
        buffers = [arrays[str(i)] for i in range(len(arrays))]
        return Checkpoint(
            document["iteration"],
            document["seconds"],
            document["loop_seconds"],
            History.from_parts(losses, document["evaluations"]),
            Snapshot(document["nodes"], buffers),
        )
    except RunError:
        raise
    except Exception as error:  # the digest is right, so it was written like this: by another program
        raise RunError(f"the checkpoint {path.name} is none that backhand wrote ({type(error).__name__})") from error


def sync_folder(folder: Path) -> None:
    """Have the folder's entries on the disk, so that a power cut does not undo a rename."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _iteration(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def unreadable_and_newest(folder: Path) -> tuple[list[str], Checkpoint | None]:
    """What is wrong with the checkpoints newer than the newest readable one, and that one, if any."""
    complaints: list[str] = []
    for path in newest_first(folder) if folder.is_dir() else []:
        try:
            return complaints, read(path)
        except (RunError, OSError) as error:
            complaints.append(str(error))
    return complaints, None
