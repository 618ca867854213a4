"""A run's folder: made whole, found by path or name, locked while it is trained, and every file in it replaced at once.

``config.json`` stands there from the first instant; the rest follows.
"""

import contextlib
import fcntl
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from backhand.data.atomic import atomic_write
from backhand.errors import OptionError, RunError
from backhand.train.settings import Settings

SCHEMA = 1


@dataclass(frozen=True)
class Config:
    """What config.json holds: the settings, and what they met.

    - ``data``: what the data looked like (``backhand.train.samples.Look``);
    - ``network_sha256``: the digest of FILE.py, None for the built-in network;
    - ``versions``: of backhand, numpy and Python.
    """

    settings: Settings
    data: dict[str, Any]
    network_sha256: str | None = None
    versions: dict[str, str] = field(
        default_factory=lambda: {
            "backhand": version("backhand"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        }
    )

    def as_json(self) -> str:
        """The text of config.json."""
        document = {
            "schema": SCHEMA,
            "settings": self.settings.as_json(),
            "data": self.data,
            "network_sha256": self.network_sha256,
            "versions": self.versions,
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class RunFolder:
    """``runs/NAME``. Raises RunError for anything that the disk refuses."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.checkpoints = path / "checkpoints"
        self.weights = path / "weights.safetensors"
        self.report = path / "report.html"

    def config(self) -> Config:
        """What config.json holds. Raises RunError if it is damaged or of another schema."""
        path = self.path / "config.json"
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["schema"] != SCHEMA:
                raise RunError(f"{path}: has schema {document['schema']}; this backhand reads {SCHEMA}")
            config = Config(
                Settings.from_json(document["settings"]),
                document["data"],
                document["network_sha256"],
                document["versions"],
            )
        except OSError as error:
            raise RunError(f"{path}: can't be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError, RecursionError) as error:  # OptionError is a ValueError
            if isinstance(error, RunError):
                raise
            raise RunError(f"{path}: is no config of a run ({error}); it has been damaged or edited") from error
        return config

    def write(self, name: str, content: str | bytes) -> None:
        """Replace a file of the folder: whoever reads it finds the old one or the new one, whole."""
        with writing(self.path), atomic_write(self.path / name) as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def extend(self, config: Config, iterations: int) -> Config:
        """Set the number of iterations in config.json."""
        config = replace(config, settings=replace(config.settings, iterations=iterations))
        self.write("config.json", config.as_json())
        return config

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training this run. The system ends the lock with the process, however that ends."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RunError(
                    f"{self.path} is being trained by another process; wait for it, or stop it with Ctrl-C there"
                ) from error
            for leftover in self.path.glob(".*.tmp"):  # of a process that was killed while it wrote
                leftover.unlink(missing_ok=True)
            yield
        finally:
            os.close(descriptor)


def create(runs: Path, name: str | None, config: Config) -> RunFolder:
    """A new folder ``runs/name`` with config.json in it; without a name it is the data's, counting up: mnist-001.

    Two processes get two folders. Raises OptionError for a name that is no file name, RunError for one that is taken.
    """
    if name is not None and (not name.strip() or name.startswith(".") or "/" in name or "\0" in name):
        raise OptionError(f"name is {name!r}; it needs to be a plain folder name, such as first-try")
    with writing(runs):
        runs.mkdir(parents=True, exist_ok=True)
        # Made aside and then moved as a whole, so that no run is ever seen without its config.
        aside = runs / f".{os.urandom(8).hex()}.tmp"
        aside.mkdir()
        try:
            (aside / "checkpoints").mkdir()
            with atomic_write(aside / "config.json") as file:
                file.write(config.as_json().encode())
            if name is not None:
                if not _moved(aside, runs / name):
                    raise RunError(
                        f"{runs / name} is there already; continue it with --resume {runs / name}, "
                        "or choose another --name"
                    )
                return RunFolder(runs / name)
            return RunFolder(_numbered(aside, runs, config.settings.data))
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def _numbered(aside: Path, runs: Path, data: str) -> Path:
    base = re.sub(r"[^\w-]+", "-", Path(data).stem)[:60].strip("-") or "run"
    taken = [int(m[1]) for path in runs.iterdir() if (m := re.fullmatch(rf"{re.escape(base)}-(\d+)", path.name))]
    number = max(taken, default=0) + 1
    while not _moved(aside, path := runs / f"{base}-{number:03d}"):
        number += 1  # another process was faster
    return path


def _moved(aside: Path, path: Path) -> bool:
    """Whether `aside` took the name `path`: renaming a folder never replaces one that has something in it."""
    if path.exists():
        return False
    try:
        aside.rename(path)
    except OSError:
        if path.exists():
            return False
        raise
    return True


def find(run: str | os.PathLike[str], runs: Path) -> RunFolder:
    """The run at a path, or of that name in `runs`. Raises RunError, with the runs that there are."""
    for path in (Path(run), runs / Path(run)):
        if (path / "config.json").is_file():
            return RunFolder(path)
    there = sorted(path.parent.name for path in runs.glob("*/config.json")) if runs.is_dir() else []
    listed = f"in {runs} there are {', '.join(there[-8:])}" if there else f"there are no runs in {runs}"
    raise RunError(f"{os.fspath(run)}: is no run (a folder with a config.json); {listed}")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """What the disk refuses becomes a RunError."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename or path}: can't be written: {error.strerror}; make room, or choose another --runs folder"
        ) from error
