"""The C text of the notes' networks: kept beside the tests, readable, and without a compiler's warning."""

import re
import subprocess

import pytest
from make_golden import GOLDEN, PROGRAMS

from backhand.compiling.blas import find_blas
from backhand.compiling.c_source import headers
from backhand.compiling.native import FLAGS, NATIVE, find_compiler


@pytest.mark.skipif(find_blas() is None, reason="products are written for BLAS")
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_text_is_the_golden_one(name):
    kept = (GOLDEN / f"{name}.c").read_text()
    assert PROGRAMS[name]().source == kept, "if this is meant: python tests/compile/make_golden.py"


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("machine", [NATIVE, ()], ids=["this processor", "any processor"])
def test_no_warnings(name, machine, tmp_path):
    for file, text in headers().items():
        (tmp_path / file).write_text(text)
    (tmp_path / "step.c").write_text((GOLDEN / f"{name}.c").read_text())
    command = [*find_compiler(), *FLAGS, *machine, "-Wall", "-Wextra", "-Werror"]
    command.append("-Wno-pass-failed")  # clang: a loop that it could not turn into vector code
    command += ["-o", str(tmp_path / "step.so"), str(tmp_path / "step.c")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_has_the_user_s_names_and_says_where_each_part_came_from(name):
    text = (GOLDEN / f"{name}.c").read_text()
    assert "Affine1_W" in text or "W1" in text or "sequence" in text or re.search(r"\b\w+_W\b", text)
    kernels = re.findall(r"((?:/\* .* \*/\n)*)(?:BH_CONTRACT\n)?static (?:NOINLINE )?void k\d+_\w+\(", text)
    assert len(kernels) > 5
    assert all("notes_code.py:" in comment or "book.py:" in comment for comment in kernels)


def test_every_symbol_is_static_or_has_our_prefix(tmp_path):
    text = (GOLDEN / "two_layer_net.c").read_text() + "".join(headers().values())
    exported = re.findall(r"^EXPORT \w+ (\w+)\(", text, re.M)
    assert exported
    assert all(name.startswith("bh_") for name in exported)
    assert not re.findall(r"^(?!static|EXPORT|INLINE|SPARE|typedef|struct|enum|#|/|\s)\w[\w *]* \w+\(.*\{$", text, re.M)
