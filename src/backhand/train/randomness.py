"""The state of random generators as JSON can hold it, and back."""

import random
from typing import Any

import numpy as np

from backhand.errors import RunError

_BIT_GENERATORS = ("MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64")


def kind_of(value: object) -> str | None:
    """What sort of random generator `value` is; None if it is none (or has no state, as the system's).

    >>> kind_of(np.random.default_rng(0)), kind_of(0)
    ('Generator PCG64', None)
    """
    if isinstance(value, np.random.Generator):
        return f"Generator {type(value.bit_generator).__name__}"
    if isinstance(value, np.random.BitGenerator):
        return f"BitGenerator {type(value).__name__}"
    if isinstance(value, np.random.RandomState):
        return "RandomState"
    return "Random" if type(value) is random.Random else None


def state_of(generator: Any) -> Any:
    """The state of a generator: numbers, strings, lists and dicts."""
    match kind_of(generator):
        case "Random":
            return generator.getstate()
        case "RandomState":
            return _plain(generator.get_state(legacy=False))
        case kind if kind and kind.startswith("Generator"):
            return _plain(generator.bit_generator.state)
        case _:
            return _plain(generator.state)


def set_state(generator: Any, state: Any) -> None:
    """Put a generator of the same kind into a state from ``state_of``.

    >>> a, b = np.random.default_rng(1), np.random.default_rng(2)
    >>> set_state(b, state_of(a))
    >>> a.random() == b.random()
    True
    """
    match kind_of(generator):
        case "Random":
            version, words, gauss = state
            generator.setstate((version, tuple(words), gauss))
        case "RandomState":
            generator.set_state(_arrays(state))
        case kind if kind and kind.startswith("Generator"):
            generator.bit_generator.state = _arrays(state)
        case _:
            generator.state = _arrays(state)


def new(kind: str) -> Any:
    """A generator of this kind, in any state. Raises RunError for a kind that NumPy hasn't."""
    if kind == "Random":
        return random.Random()
    if kind == "RandomState":
        return np.random.RandomState()
    outer, _, name = kind.partition(" ")
    if name not in _BIT_GENERATORS:
        raise RunError(f"the checkpoint holds a random generator of the unknown kind {kind}; it can't be resumed here")
    bits = getattr(np.random, name)()
    return np.random.Generator(bits) if outer == "Generator" else bits


def _plain(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    return {"words": state.tolist()} if isinstance(state, np.ndarray) else state


def _arrays(state: Any) -> Any:
    if not isinstance(state, dict):
        return state
    if state.keys() == {"words"}:
        return np.array(state["words"], np.uint64)
    return {key: _arrays(value) for key, value in state.items()}
