"""While a trace runs, numpy's functions that make arrays or draw random numbers are replaced, for its thread alone.

They are replaced as attributes of the numpy module, which everyone sees: so each replacement asks whether this very
call comes from a thread that traces, and from a user's Python code; everyone else gets the original. Compiled modules
need more care: their code has no Python frame to ask, and would take a traced array's memory for an ndarray's. For
the time of a trace they get a numpy module of their own, with the originals.
"""

from __future__ import annotations

import functools
import math
import sys
import threading
import types
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from typing import Any

import numpy as np
import numpy.random  # now: NumPy would import it lazily, in the middle of a trace

from backhand.graph.tracing.create import CREATORS, ORIGINAL
from backhand.graph.tracing.math import MATH
from backhand.graph.tracing.tape import active_tape, is_internal

__all__ = ["patched"]

DRAWS = (
    "beta", "binomial", "bytes", "chisquare", "choice", "dirichlet", "exponential", "f", "gamma", "geometric",
    "gumbel", "hypergeometric", "laplace", "logistic", "lognormal", "logseries", "multinomial", "multivariate_normal",
    "negative_binomial", "noncentral_chisquare", "noncentral_f", "normal", "pareto", "permutation", "poisson", "power",
    "rand", "randint", "randn", "random", "random_integers", "random_sample", "ranf", "rayleigh", "sample", "seed",
    "set_state", "shuffle", "standard_cauchy", "standard_exponential", "standard_gamma", "standard_normal",
    "standard_t", "triangular", "uniform", "vonmises", "wald", "weibull", "zipf",
)  # fmt: skip
"""What draws from, or sets, NumPy's global random stream."""


def _patch_creation(name: str, handler: Callable[..., Any]) -> Callable[..., Any]:
    original = ORIGINAL[name]

    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        tape = active_tape()
        if tape is None or is_internal(sys._getframe(1)):
            return original(*args, **kwargs)
        return handler(tape, *args, **kwargs)

    return patched


def _patch_draw(name: str) -> Callable[..., Any]:
    original = getattr(np.random, name)

    @functools.wraps(original)
    def patched(*args: Any, **kwargs: Any) -> Any:
        tape = active_tape()
        if tape is None or tape.draws is None or is_internal(sys._getframe(1)):
            return original(*args, **kwargs)
        return tape.draws("numpy.random", original, name, args, kwargs)

    return patched


def _patch_errors(name: str) -> Callable[..., Any]:
    original = getattr(np, name)

    @functools.wraps(original, updated=())
    def patched(*args: Any, **kwargs: Any) -> Any:
        tape = active_tape()
        if (
            tape is not None
            and not is_internal(sys._getframe(1))
            and {"raise", "call"}.intersection((*args, *kwargs.values()))
        ):
            raise tape.refuse(
                f"np.{name} makes an error of what a value does, and a graph raises none",
                'Use "ignore" and np.where(np.isfinite(x), …), or let the caller look at the result',
            )
        return original(*args, **kwargs)

    return patched


_ERRORS = {name: _patch_errors(name) for name in ("errstate", "seterr")}
_CREATION = {name: _patch_creation(name, handler) for name, handler in CREATORS.items()}
_DRAWING = {name: _patch_draw(name) for name in DRAWS if hasattr(np.random, name)}
_LOCK = threading.Lock()
_SAVED: list[tuple[Any, str, Any]] = []
_USERS = 0


class patched:  # noqa: N801
    """While this context is open, in any thread, numpy's functions ask whether their caller traces."""

    def __enter__(self) -> None:
        global _USERS
        with _LOCK:
            _USERS += 1
            if _USERS > 1:
                return
            _shield_compiled_modules()
            for name, function in (*_CREATION.items(), *_ERRORS.items()):
                _replace(np, name, function)
            for function, traced in MATH.items():
                _replace(math, function.__name__, traced)
            for name, function in _DRAWING.items():
                _replace(np.random, name, function)

    def __exit__(self, *exc: object) -> None:
        global _USERS
        with _LOCK:
            _USERS -= 1
            if _USERS == 0:
                while _SAVED:
                    module, name, original = _SAVED.pop()
                    setattr(module, name, original)


def _replace(module: Any, name: str, value: Any) -> None:
    _SAVED.append((module, name, getattr(module, name)))
    setattr(module, name, value)


def _shield_compiled_modules() -> None:
    """Give every compiled module that holds numpy, or numpy.random, a copy of it that stays unpatched."""
    clean = types.ModuleType("numpy")
    clean.__dict__.update(np.__dict__)
    clean_random = types.ModuleType("numpy.random")
    clean_random.__dict__.update(np.random.__dict__)
    clean.__dict__["random"] = clean_random
    for module, name in _compiled_users(len(sys.modules)):
        value = getattr(module, name, None)
        if value is np or value is np.random:
            _replace(module, name, clean if value is np else clean_random)


@functools.lru_cache(maxsize=1)
def _compiled_users(imported: int) -> list[tuple[Any, str]]:
    """The compiled modules among the ``imported`` ones that hold numpy, and under which name."""
    found = []
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(tuple(EXTENSION_SUFFIXES)):
            found += [(module, name) for name, value in vars(module).items() if value is np or value is np.random]
    return found
