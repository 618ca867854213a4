"""From C text to a loaded library: compiled once by the machine's C compiler, then kept in the user's cache folder.

An entry of the cache is loaded only if the user alone can have written it and it is whole; any other is built again.
Where there is no such folder, or nothing can be loaded from it, the library is built for this process alone.
"""

from __future__ import annotations

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
    # GCC moves data by way of MMX registers where there is no AVX, and long double is NaN in the whole process then.
    *(("-mno-mmx",) if platform.machine() in ("x86_64", "AMD64", "i386", "i686") else ()),
)  # fmt: skip
NATIVE = ("-march=native",)
TIME_LIMIT = 60.0
"""Seconds that the compiler may take."""


class NativeError(Exception):
    """There is no compiled program; the message says why in one line."""


_unkept: dict[str, ctypes.CDLL] = {}
"""What was built for this process alone, by key."""


def load(source: str, headers: Mapping[str, str]) -> ctypes.CDLL:
    """The library of a C program, which includes ``headers``, compiled or from the cache.

    Raises:
        NativeError: there is no C compiler, it fails or hangs, or what it makes can't be stored or loaded.
    """
    compiler = find_compiler()
    parts = [source, *headers.values(), *compiler, *FLAGS, _compiler_version(compiler), _cpu()]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    folder = cache_folder()
    if folder is not None:
        entry = folder / f"{key}.so"
        try:
            if not _is_whole(entry, key):
                _build(source, headers, compiler, entry, key)
            return ctypes.CDLL(str(entry))
        except OSError:  # read-only, full, or nothing there may be run
            pass
    if key not in _unkept:
        _unkept[key] = _load_unkept(source, headers, compiler, key)
    return _unkept[key]


def _load_unkept(source: str, headers: Mapping[str, str], compiler: tuple[str, ...], key: str) -> ctypes.CDLL:
    """Build in a folder that is gone afterwards: once loaded, a library needs its file no more."""
    try:
        with tempfile.TemporaryDirectory(prefix="backhand-", ignore_cleanup_errors=True) as folder:
            entry = Path(folder) / f"{key}.so"
            _build(source, headers, compiler, entry, key)
            try:
                return ctypes.CDLL(str(entry))
            except OSError as error:
                raise NativeError(f"the compiled program can't be loaded: {error}") from error
    except OSError as error:
        raise NativeError(f"no folder for the compiled program can be written: {error}") from error


def find_compiler() -> tuple[str, ...]:
    """The C compiler as a command: $CC, or cc, gcc or clang.

    Raises:
        NativeError: there is none.
    """
    try:
        chosen = shlex.split(os.environ.get("CC", ""))
    except ValueError as error:
        raise NativeError(f"the variable CC is no command: {error}") from error
    for words in (chosen, ["cc"], ["gcc"], ["clang"]):
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


def _build(source: str, headers: Mapping[str, str], compiler: tuple[str, ...], entry: Path, key: str) -> None:
    """Raises OSError if the folder can't hold it, NativeError if the compiler fails."""
    with tempfile.TemporaryDirectory(prefix="build-", dir=entry.parent) as folder:
        text, made = Path(folder) / "step.c", Path(folder) / "step.so"
        text.write_text(source, encoding="utf-8")
        for name, content in headers.items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        for native in (NATIVE, ()):  # not every compiler knows the machine
            complaint = _complaint([*compiler, *native, *FLAGS, "-o", str(made), str(text), "-lm"], folder)
            if complaint is None:
                break
        else:
            raise NativeError(f"the C compiler {compiler[0]} failed: {complaint}")
        if not made.is_file():
            raise NativeError(f"the C compiler {compiler[0]} said nothing and made nothing")
        built = made.read_bytes()
        made.write_bytes(built + _digest(built, key))
        made.chmod(0o700)
        os.replace(made, entry)


def _complaint(command: list[str], folder: str) -> str | None:
    """Run a compiler, whose own files go into a folder; gives its first complaint, None if it succeeded.

    Raises OSError if the disk is full.
    """
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": folder}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise NativeError(f"the C compiler {command[0]} can't be run: {error.strerror}") from error
    try:
        said = process.communicate(timeout=TIME_LIMIT)[1].decode(errors="replace")
    except BaseException as error:  # Ctrl-C doesn't reach it in its own session
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)  # cc1 and as, too
        process.kill()
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        raise NativeError(f"the C compiler {command[0]} did not finish in {TIME_LIMIT:g} seconds") from None
    if process.returncode == 0:
        return None
    lines = [line for line in said.splitlines() if "error" in line] or said.splitlines()
    complaint = lines[0].strip() if lines else f"exit code {process.returncode}"
    if "No space left" in said or "quota exceeded" in said:
        raise OSError(complaint)
    return complaint


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
