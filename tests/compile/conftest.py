import signal

import numpy as np
import pytest


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, also where the tests run in the background and wouldn't see it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(params=["this processor", "any processor"])
def processor(request, tmp_path_factory, monkeypatch):
    """Compiles for the processor as it is, and for any of its kind: vectors are short then, and nothing is fused."""
    if request.param == "any processor":
        path = tmp_path_factory.mktemp("compiler") / "cc"
        refusal = "cc1: error: bad value 'native' for '-march=' switch"
        path.write_text(f'#!/bin/sh\ncase "$*" in *-march=*) echo "{refusal}" >&2; exit 1;; esac\nexec cc "$@"\n')
        path.chmod(0o755)
        monkeypatch.setenv("CC", str(path))
    yield
    assert np.longdouble(2) + np.longdouble(1) == 3, "the program has left the processor's old registers in use"
