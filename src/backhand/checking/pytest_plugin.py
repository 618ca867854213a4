"""The pytest plugin: the fixture ``check_gradients``. Loading it loads neither NumPy nor anything else of backhand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

__all__ = ["check_gradients"]


@pytest.fixture
def check_gradients() -> Callable[..., Any]:
    """``check_gradients(layer, *inputs)`` gives the report, or fails the test with it if a gradient is wrong."""
    from backhand.checking.assertions import assert_gradients

    return assert_gradients
