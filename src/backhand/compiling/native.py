"""From C text to a loaded library: compiled once by the machine's C compiler, then kept in the user's cache folder.

An entry of the cache is loaded only if the user alone can have written it and it is whole; any other is built again.
"""

from __future__ import annotations

import atexit
import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

__all__ = ["NativeError", "load"]

FLAGS = (
    "-std=gnu11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-fopenmp-simd", "-pthread",
    # What may be assumed without changing a result: nobody asks errno or the floating-point flags; integers wrap.
    "-fno-strict-aliasing", "-fno-math-errno", "-fno-trapping-math", "-fwrapv",
    "-ffp-contract=off",  # a * b + c rounds twice, as in NumPy
)  # fmt: skip
NATIVE = ("-march=native",)
TIME_LIMIT = 60.0
"""Seconds that the compiler may take."""


class NativeError(Exception):
    """There is no compiled program; the message says why in one line."""


def load(source: str, headers: Mapping[str, str]) -> ctypes.CDLL:
    """The library of a C program, which includes ``headers``, compiled or from the cache.

    Raises:
        NativeError: there is no C compiler, it fails or hangs, or what it makes can't be stored or loaded.
    """
    compiler = find_compiler()
    key = hashlib.sha256(
        "\0".join([source, *headers.values(), *compiler, *FLAGS, _compiler_version(compiler), _cpu()]).encode()
    ).hexdigest()
    for find in (cache_folder, _own_folder):
        folder = find()
        if folder is None:
            continue
        entry = folder / f"{key}.so"
        if _is_whole(entry, key):
            return _open(entry)
        try:
            _build(source, headers, compiler, entry, key)
        except OSError:  # read-only, full
            continue
        return _open(entry)
    raise NativeError("no folder to keep the compiled program in can be written")


def find_compiler() -> tuple[str, ...]:
    """The C compiler as a command: $CC, or cc, gcc or clang.

    Raises:
        NativeError: there is none.
    """
    for wish in (os.environ.get("CC", ""), "cc", "gcc", "clang"):
        words = shlex.split(wish)
        found = shutil.which(words[0]) if words else None
        if found:
            return found, *words[1:]
    raise NativeError("there is no C compiler (cc, gcc or clang, or the one that the variable CC names)")


def cache_folder() -> Path | None:
    """The user's cache folder for compiled programs, made if need be; None if it isn't the user's own."""
    from platformdirs import user_cache_dir

    try:
        folder = Path(os.environ.get("BACKHAND_CACHE") or user_cache_dir("backhand")) / "native"
        if not folder.is_absolute() and "BACKHAND_CACHE" not in os.environ:  # "~/.cache", a folder named "~" right here
            return None
        folder = folder.absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (OSError, RuntimeError):  # read-only; no HOME
        return None
    return folder if _is_own(folder, stat.S_ISDIR) else None


@lru_cache(maxsize=1)
def _own_folder() -> Path | None:
    """A folder for this process alone, for when the cache can't be used."""
    try:
        folder = tempfile.mkdtemp(prefix="backhand-")
    except OSError:
        return None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _is_own(path: Path, kind: object) -> bool:
    """Is it of that kind, ours, and writable for nobody else? Links are not followed."""
    try:
        found = path.lstat()
    except OSError:
        return False
    if not hasattr(os, "geteuid"):
        return bool(kind(found.st_mode))  # type: ignore[operator]
    return bool(kind(found.st_mode)) and found.st_uid == os.geteuid() and not found.st_mode & 0o022  # type: ignore[operator]


def _is_whole(entry: Path, key: str) -> bool:
    """Is the entry ours and as we wrote it: does its digest, at its end, fit?"""
    if not _is_own(entry, stat.S_ISREG):
        return False
    try:
        content = entry.read_bytes()
    except OSError:
        return False
    return content[-32:] == _digest(content[:-32], key)


def _digest(content: bytes, key: str) -> bytes:
    return hashlib.sha256(key.encode() + content).digest()


def _open(entry: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(entry))
    except OSError as error:
        raise NativeError(f"the compiled program can't be loaded: {error}") from error


def _build(source: str, headers: Mapping[str, str], compiler: tuple[str, ...], entry: Path, key: str) -> None:
    with tempfile.TemporaryDirectory(prefix="build-", dir=entry.parent) as folder:
        text, made = Path(folder) / "step.c", Path(folder) / "step.so"
        text.write_text(source, encoding="utf-8")
        for name, content in headers.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        command = [*compiler, *NATIVE, *FLAGS, "-o", str(made), str(text), "-lm"]
        said = _run(command)
        if said and "march" in said:  # not every compiler knows the machine
            said = _run([part for part in command if part not in NATIVE])
        if "No space left" in said:
            raise OSError(said)
        if said:
            raise NativeError(f"the C compiler {compiler[0]} failed: {said}")
        built = made.read_bytes()
        made.write_bytes(built + _digest(built, key))
        made.chmod(0o700)
        os.replace(made, entry)


def _run(command: list[str]) -> str:
    """Run a compiler; gives the first line of what it complains about, empty if it succeeded."""
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise NativeError(f"the C compiler {command[0]} can't be run: {error.strerror}") from error
    try:
        said = process.communicate(timeout=TIME_LIMIT)[1].decode(errors="replace")
    except subprocess.TimeoutExpired:
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)  # cc1 and as, too
        process.kill()
        process.communicate()
        raise NativeError(f"the C compiler {command[0]} did not finish in {TIME_LIMIT:g} seconds") from None
    if process.returncode == 0:
        return ""
    lines = [line for line in said.splitlines() if "error" in line] or said.splitlines()
    return lines[0].strip() if lines else f"exit code {process.returncode}"


def _compiler_version(compiler: tuple[str, ...]) -> str:
    """What changes when the compiler is replaced; asking it for its version would cost a process at every start."""
    path = os.path.realpath(compiler[0])
    try:
        found = os.stat(path)
    except OSError as error:
        raise NativeError(f"the C compiler {compiler[0]} is gone: {error.strerror}") from error
    return f"{path} {found.st_size} {found.st_mtime_ns}"


@lru_cache(maxsize=1)
def _cpu() -> str:
    """The processor's name and abilities: -march=native is for one kind."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    kept = {line.split(":")[0].strip(): line for line in lines if line.startswith(("model name", "flags", "Features"))}
    return platform.machine() + "\n".join(kept.values())
