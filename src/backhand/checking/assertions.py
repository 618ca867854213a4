"""Checks that fail a test: what :mod:`backhand.testing` offers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backhand.checking.finding import Report

__all__ = ["assert_gradients", "gradient_tests"]


def assert_gradients(
    layer: Any, *inputs: Any, params: Sequence[str] | Mapping[str, Any] | None = None, seed: int = 0
) -> Report:
    """Check a layer, or a pair of functions, as :func:`backhand.check` does.

    Returns:
        The report, if nothing is wrong or undecided.

    Raises:
        AssertionError: something is; its message is the report.
        CheckError: it can't be checked with these inputs.

    >>> import numpy as np
    >>> import backhand
    >>> assert_gradients(backhand.Sigmoid(), np.linspace(-1, 1, 15).reshape(3, 5)).verdict
    'ok'
    """
    __tracebackhide__ = True  # pytest then shows the report, not this line
    from backhand.checking.check import check

    report = check(layer, *inputs, params=params, seed=seed)
    _assert_right(report)
    return report


def gradient_tests(path: str | Path, *names: str, seed: int = 0) -> Callable[[str], None]:
    """A parametrised pytest test: each layer and function pair of a Python file, or each that is named, is one case.

    ``path`` is relative to the file that calls this. The file is run in a child process, as ``backhand check`` does.

    Raises:
        CheckError: there is no such file or name, or the file can't be run.
    """
    import pytest

    from backhand.checking.isolate import check_file, names_in

    file = Path(sys._getframe(1).f_globals.get("__file__", "")).parent / path

    @pytest.mark.parametrize("name", names or names_in(file))
    def test(name: str) -> None:
        __tracebackhide__ = True
        for report in check_file(file, [name], seed=seed):
            _assert_right(report)

    return test


def _assert_right(report: Report) -> None:
    __tracebackhide__ = True
    if not report:
        raise AssertionError(str(report))
