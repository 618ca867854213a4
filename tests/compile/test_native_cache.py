"""Compiled programs are kept in the user's cache folder, and loaded only if the user alone can have written them."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from native_programs import recorded

from backhand.compiling import native
from backhand.compiling.program import build


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKHAND_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "native"


@pytest.fixture
def graph():
    return recorded(lambda x: np.exp(x) * 2, np.ones(3))


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Puts a program of one's own in the place of the C compiler; gives a function that says how often it ran."""

    def put(script):
        path, log = tmp_path / "my cc", tmp_path / "log"
        path.write_text(f'#!/bin/sh\necho run >> "{log}"\n{script}\n')
        path.chmod(0o755)
        monkeypatch.setenv("CC", f"'{path}'")
        return lambda: len(log.read_text().split()) if log.exists() else 0

    return put


def works(program):
    return program.engine == "native" and np.allclose(program.run([np.zeros(3)])[0], 2)


def test_compiled_once_then_loaded(folder, graph, compiler):
    runs = compiler('exec cc "$@"')
    assert works(build(graph))
    assert works(build(graph))
    assert runs() == 1
    (entry,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(entry.stat().st_mode) == 0o700


def damaged(entry):
    entry.write_bytes(entry.read_bytes()[:-100])


def flipped(entry):
    content = bytearray(entry.read_bytes())
    content[len(content) // 2] ^= 1
    entry.write_bytes(content)


def replaced(entry):
    entry.write_bytes(b"\x7fELF not a library of ours")


def writable(entry):
    entry.chmod(0o770)


def linked(entry):
    entry.rename(entry.with_name("elsewhere"))
    entry.symlink_to(entry.with_name("elsewhere"))


def emptied(entry):
    entry.write_bytes(b"")


@pytest.fixture
def copied(folder, graph, monkeypatch, tmp_path):
    """An entry in a folder from which nothing has been loaded yet: a loaded library's file mustn't be touched."""
    build(graph)
    (entry,) = folder.iterdir()
    monkeypatch.setenv("BACKHAND_CACHE", str(tmp_path / "second"))
    second = tmp_path / "second" / "native" / entry.name
    second.parent.mkdir(mode=0o700, parents=True)
    second.write_bytes(entry.read_bytes())
    second.chmod(0o700)
    return second


@pytest.mark.parametrize("attack", [damaged, flipped, replaced, writable, linked, emptied])
def test_an_entry_that_is_not_whole_or_not_ours_is_built_again(graph, copied, attack, monkeypatch):
    built = []
    build_entry = native._build
    monkeypatch.setattr(native, "_build", lambda *given: built.append(given) or build_entry(*given))
    attack(copied)
    assert works(build(graph))
    assert len(built) == 1
    assert not copied.is_symlink()
    assert stat.S_IMODE(copied.stat().st_mode) == 0o700
    assert works(build(graph))
    assert len(built) == 1


def test_a_whole_entry_of_ours_is_loaded(graph, copied, monkeypatch):
    monkeypatch.setattr(native, "_build", None)
    assert works(build(graph))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_another_user_s_entry_is_built_again(graph, copied):
    os.chown(copied, 12345, 12345)
    assert works(build(graph))
    assert copied.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_a_folder_that_others_can_write_is_not_used(folder, graph, mode):
    folder.mkdir(parents=True)
    folder.chmod(mode)
    assert works(build(graph))
    assert list(folder.iterdir()) == []


def test_a_folder_that_can_t_be_made(folder, graph):
    folder.parent.parent.joinpath("cache").write_text("a file stands here")
    assert works(build(graph))


@pytest.mark.parametrize(
    "said",
    ["cc1: error: No space left on device", "ld: final link failed: No space left on device\nld: error: it failed"],
)
def test_a_full_disk(folder, graph, compiler, said):
    compiler(f'case "$*" in */cache/*) echo "{said}" >&2; exit 1;; esac; exec cc "$@"')
    assert works(build(graph))
    assert list(folder.iterdir()) == []


def test_a_folder_from_which_nothing_may_be_run(folder, graph, monkeypatch, tmp_path, compiler):
    """As on a disk that is mounted noexec."""
    load = native.ctypes.CDLL

    def refuse(name, *given):
        if str(folder) in str(name):
            raise OSError(f"{name}: failed to map segment from shared object")
        return load(name, *given)

    runs = compiler('exec cc "$@"')
    monkeypatch.setattr(native.ctypes, "CDLL", refuse)
    assert works(build(graph))
    assert works(build(graph))
    assert runs() == 2, "one for the folder, one for the process"


def test_the_compiler_s_own_files_go_where_there_is_room(folder, graph, compiler):
    compiler('touch "$TMPDIR/cc0.s" || exit 1; case "$TMPDIR" in */cache/native/*) exec cc "$@";; esac; exit 1')
    assert works(build(graph))
    assert [entry.suffix for entry in folder.iterdir()] == [".so"]


def test_a_folder_with_spaces_and_other_letters(tmp_path, graph, monkeypatch):
    monkeypatch.setenv("BACKHAND_CACHE", str(tmp_path / "역전파 des élèves"))
    assert works(build(graph))
    assert len(list((tmp_path / "역전파 des élèves" / "native").iterdir())) == 1


def test_without_a_home(tmp_path):
    code = (
        "import numpy as np; from backhand.graph import record; from backhand.compiling.program import build;"
        "g = record(lambda x: x * 3, np.ones(2)).graph; p = build(g); print(p.engine, p.run([np.ones(2)])[0].sum())"
    )
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["native", "6.0"]


def test_no_compiler(graph, folder, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "")
    program = build(graph)
    assert program.engine == "numpy"
    assert "no C compiler" in program.note
    assert "\n" not in program.note
    assert np.allclose(program.run([np.zeros(3)])[0], 2)


def test_a_compiler_that_fails(graph, folder, compiler):
    compiler('echo "step.c:1: error: not today" >&2; exit 1')
    program = build(graph)
    assert (program.engine, "not today" in program.note) == ("numpy", True)


def test_a_compiler_that_makes_nothing_that_loads(graph, folder, compiler):
    compiler('while [ "$1" != -o ]; do shift; done; echo nonsense > "$2"')
    program = build(graph)
    assert (program.engine, "can't be loaded" in program.note) == ("numpy", True)


def test_a_compiler_that_makes_nothing(graph, folder, compiler):
    compiler("exit 0")
    program = build(graph)
    assert (program.engine, "made nothing" in program.note) == ("numpy", True)


def test_a_compiler_that_doesn_t_know_the_machine_and_doesn_t_say_why(graph, folder, compiler):
    compiler('case "$*" in *-march=*) exit 1;; esac; exec cc "$@"')
    assert works(build(graph))


def test_a_variable_cc_that_can_t_be_read(graph, folder, monkeypatch):
    monkeypatch.setenv("CC", "gcc '-O2")
    program = build(graph)
    assert (program.engine, "variable CC" in program.note) == ("numpy", True)


def test_ctrl_c_ends_the_compiler_too(tmp_path, graph, folder, compiler, ctrl_c):
    compiler(f'sleep 60 & echo $! > "{tmp_path}/child"; sleep 0.3; kill -INT $PPID; wait')
    with pytest.raises(KeyboardInterrupt):
        build(graph)
    assert gone(int((tmp_path / "child").read_text()))
    assert list(folder.iterdir()) == []


def test_a_compiler_that_hangs(tmp_path, graph, folder, compiler, monkeypatch):
    monkeypatch.setattr(native, "TIME_LIMIT", 0.3)
    compiler(f'sleep 60 & echo $! > "{tmp_path}/child"; wait')
    program = build(graph)
    assert (program.engine, "did not finish" in program.note) == ("numpy", True)
    child = int((tmp_path / "child").read_text())
    assert gone(child)


def gone(process):
    """Has it ended? It was killed with its parent; the system may need a moment to bury it."""
    for _ in range(100):
        try:
            if Path(f"/proc/{process}/stat").read_text().split()[2] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.01)
    return False


def test_other_headers_are_another_entry(folder, compiler):
    """Those of a newer backhand: a program of the same text is not the same."""
    runs = compiler('exec cc "$@"')
    source = '#include "a.h"\n__attribute__((visibility("default"))) int number(void) { return NUMBER; }\n'
    assert [native.load(source, {"a.h": f"#define NUMBER {n}"}).number() for n in (1, 2, 1)] == [1, 2, 1]
    assert runs() == 2


def test_another_compiler_or_source_is_another_entry(folder, graph, compiler):
    runs = compiler('exec cc "$@"')
    build(graph)
    build(recorded(lambda x: np.exp(x) * 3, np.ones(3)))
    compiler('# newer\nexec cc "$@"')
    build(graph)
    assert runs() == 3
    assert len(list(folder.iterdir())) == 3
