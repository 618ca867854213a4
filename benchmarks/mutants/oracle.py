"""What a layer does, seen without backhand: the opinion on whether a planted edit changes anything at all.

It calls a thing in its own shape of code, on a battery of inputs, and writes down all that a user could notice. It
knows nothing of `backhand.checking`.
"""

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np


def gradients(thing: Any, inputs: tuple[Any, ...], dout: Any = None, lr: float = 0.5) -> tuple[Any, dict[str, Any]]:
    """Forward and backward once: the output, and everything that came out of backward, by name.

    ``dout`` is a function from the output to the upstream gradient; without it, ones.
    """
    make = dout or (lambda out: np.ones_like(out))
    if isinstance(thing, tuple):
        out, cache = thing[0](*inputs)
        given = make(np.asarray(out, float))
        returned = thing[1](given, cache)
        return out, numbered(returned)
    if not isinstance(thing, type) and not hasattr(thing, "forward") and not hasattr(thing, "gradient"):
        out, gradient = thing(*inputs)
        return out, numbered(gradient)
    if hasattr(thing, "gradient"):
        return thing.loss(*inputs), dict(thing.gradient(*inputs))
    before = {name: np.copy(value) for name, value in held(thing).items() if isinstance(value, np.ndarray)}
    out = thing.forward(*inputs)
    out = np.array(out, dtype=float)
    names = thing.backward.__code__.co_varnames[1 : thing.backward.__code__.co_argcount]
    given = make(out) if out.ndim else float(make(out))
    updates = len(names) > 1
    returned = thing.backward(given, lr) if updates else thing.backward(given)
    found = numbered(returned)
    for name, value in held(thing).items():
        if updates and name in before and isinstance(value, np.ndarray) and value.shape == before[name].shape:
            found[f"update of {name}"] = (before[name] - value) / lr
        elif name.startswith("d") and name not in ("dtype", "diff", "dropout_ratio", "delta"):
            found[name] = value
    return out, {name: copy.deepcopy(value) for name, value in found.items()}


def held(thing: Any) -> dict[str, Any]:
    """The attributes, and what is in dicts among them."""
    found = {}
    for name, value in vars(thing).items():
        if name in ("params", "grads") and isinstance(value, dict):
            found.update({f"{'d' if name == 'grads' else ''}{key}": item for key, item in value.items()})
        else:
            found[name] = value
    return found


def numbered(returned: Any) -> dict[str, Any]:
    """What backward returned, one entry a gradient."""
    parts = returned if isinstance(returned, tuple) else (returned,)
    return {f"returned {number} of {len(parts)}": part for number, part in enumerate(parts)}


def behaviour(make: Callable[[int], Any], feed: Callable[[int, int], tuple[Any, ...]]) -> list[tuple[str, Any]]:
    """All that the battery shows. ``make(size)`` gives a fresh thing, ``feed(size, seed)`` its inputs."""
    seen: list[tuple[str, Any]] = []
    for size in (0, 1):
        for seed in (0, 1):
            attempt(
                seen, f"plain {size} {seed}", lambda size=size, seed=seed: plain(make(size), feed(size, seed), seed)
            )
    attempt(seen, "twice", lambda: twice(make(0), feed(0, 0)))
    attempt(seen, "held on to", lambda: held_on_to(make(0), feed(0, 0)))
    attempt(seen, "other size after", lambda: after(make(0), feed(0, 1), feed(0, 0)))
    attempt(seen, "tied", lambda: plain(make(0), tied(feed(0, 2)), 2))
    attempt(seen, "integers", lambda: plain(make(0), integers(feed(0, 2)), 2))
    for scale in (50.0, -50.0, 800.0, -800.0):
        attempt(seen, f"scale {scale}", lambda scale=scale: plain(make(0), scaled(feed(0, 0), scale), 0))
    attempt(seen, "one sample", lambda: plain(make(0), cut(feed(0, 0)), 0))
    return seen


def attempt(seen: list[tuple[str, Any]], name: str, experiment: Callable[[], Any]) -> None:
    """One experiment; that it raises, and that it warns, is a result too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            seen.append((name, experiment()))
        except Exception as error:
            seen.append((name, type(error).__name__))
    seen.append((f"{name}, warnings", sorted({str(w.message) for w in caught})))


def plain(thing: Any, inputs: tuple[Any, ...], seed: int) -> Any:
    """The output and gradients, and whether backward wrote into what it was given."""
    kept = copy.deepcopy(inputs)
    handed: list[Any] = []

    def dout(out: Any) -> Any:
        handed.append(np.random.default_rng(seed).normal(size=np.shape(out)))
        handed.append(np.copy(handed[0]))
        return handed[0]

    np.random.seed(seed)
    out, found = gradients(thing, inputs, dout)
    wrote = [not same(a, b) for a, b in zip(inputs, kept, strict=True)]
    return np.copy(out), found, wrote, not handed or same(handed[0], handed[1])


def twice(thing: Any, inputs: tuple[Any, ...]) -> Any:
    """The same call two times on one object, and a third on other values."""
    np.random.seed(3)
    found = [gradients(thing, inputs, upstream) for _ in range(2)]
    other = tuple(a * 0.5 if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in inputs)
    return [*found, gradients(thing, other, upstream)]


def held_on_to(thing: Any, inputs: tuple[Any, ...]) -> Any:
    """Whether what backward returned stays as it was when the layer is called again."""
    if not hasattr(thing, "backward"):
        return True
    arguments = (0.5,) if thing.backward.__code__.co_argcount > 2 else ()
    returned = []
    for scale in (1.0, 2.0):
        out = np.asarray(thing.forward(*inputs), float)
        returned.append(thing.backward(scale * upstream(out), *arguments))
        returned.append(copy.deepcopy(returned[0]))
    return same(returned[1], returned[3])


def upstream(out: Any) -> Any:
    """Unequal numbers: against ones, softmax and normalisation have no gradient."""
    return np.cos(np.arange(np.size(out)) + 1.0).reshape(np.shape(out))


def after(thing: Any, first: tuple[Any, ...], second: tuple[Any, ...]) -> Any:
    """Another call first."""
    np.random.seed(4)
    gradients(thing, first, upstream)
    return gradients(thing, second, upstream)


def tied(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Values in steps of a half: many are equal."""
    return tuple(np.round(a * 1.2) / 2 if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in inputs)


def integers(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The first input as whole numbers."""
    first = inputs[0]
    return (np.round(3 * first).astype(int) if isinstance(first, np.ndarray) else first, *inputs[1:])


def scaled(inputs: tuple[Any, ...], scale: float) -> tuple[Any, ...]:
    """The first input times ``scale``."""
    first = inputs[0]
    return (first * scale if isinstance(first, np.ndarray) and first.dtype.kind == "f" else first, *inputs[1:])


def cut(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """The first sample alone, as a batch of one."""
    n = len(inputs[0])
    return tuple(a[:1] if isinstance(a, np.ndarray) and len(a) == n else a for a in inputs)


def same(a: Any, b: Any) -> bool:
    """Equal up to rounding, in structure, shape and kind of number."""
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray | float | int | np.generic):
        if not isinstance(b, np.ndarray | float | int | np.generic):
            return False
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or (a.dtype.kind == "f") != (b.dtype.kind == "f"):
            return False
        if a.dtype.kind not in "fiub":
            return bool(np.all(a == b))
        return bool(np.allclose(a.astype(float), b.astype(float), rtol=1e-9, atol=1e-12, equal_nan=True))
    return type(a) is type(b) and (a == b if isinstance(a, str | bool) else True)


def difference(original: list[tuple[str, Any]], mutant: list[tuple[str, Any]]) -> str:
    """The first experiment in which they differ; empty if the edit changes nothing that the battery shows."""
    for (name, before), (_, now) in zip(original, mutant, strict=True):
        if not same(before, now):
            return name
    return ""
