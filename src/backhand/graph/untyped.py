"""NumPy without its types: for code that hands traced arrays to NumPy's functions, whose stubs know only ndarrays."""

from __future__ import annotations

from typing import Any

import numpy

__all__ = ["np"]

np: Any = numpy
