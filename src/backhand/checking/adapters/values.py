"""Other values and other shapes that a thing still takes, made from those that it was given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backhand.checking.subject import Array, Subject, UserCodeError

__all__ = ["Varied", "first_sample", "other_sizes", "redrawn", "resized", "shapes"]

PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23)


@dataclass
class Varied(Subject):
    """A subject that makes its own other values and shapes from those that it was given.

    Attributes:
        further: makers of the same thing in other configurations; what gives None doesn't run.
    """

    further: tuple[Callable[[], Varied | None], ...] = ()

    def draw(self, seed: int) -> dict[str, Array]:
        """See :meth:`Subject.draw`."""
        if seed == 0:
            return dict(self.values)
        rng = np.random.default_rng(seed)
        return {name: redrawn(array, rng) for name, array in self.values.items()}

    def elsewhere(self) -> Iterator[Subject]:
        """See :meth:`Subject.elsewhere`."""
        for make in self.further:
            subject = make()
            if subject is not None:
                yield subject

    def one_sample(self) -> Subject | None:
        """See :meth:`Subject.one_sample`."""
        return first_sample(self)


def redrawn(array: Array, rng: np.random.Generator) -> Array:
    """Random values like these: probabilities stay probabilities, positive numbers positive, one-hot rows and masks are
    shuffled; constant arrays (b = 0, gamma = 1) don't stay constant."""
    if array.size == 0 or not np.isfinite(array).all():
        return array.copy()
    if array.ndim and np.isin(array, (0.0, 1.0)).all() and (np.ptp(array) > 0 or _one_hot(array)):
        return np.asarray(array[rng.permutation(array.shape[0])] if array.ndim > 1 else array.copy())
    if array.size > 1 and np.ptp(array) == 0:
        return np.asarray(array + 0.5 * rng.standard_normal(array.shape))
    noise = np.exp(0.3 * rng.standard_normal(array.shape))
    if array.min() >= 0:
        rows = array[rng.permutation(array.shape[0])] if array.ndim else array
        if array.max() < 1:
            jittered = rows**noise
            whole = array.ndim > 1 and np.allclose(array.sum(axis=-1), 1)
            return jittered / jittered.sum(axis=-1, keepdims=True) if whole else np.asarray(jittered)
        away = 0.05 * float(array.max()) * rng.random(array.shape)  # from 0, where many a function has its kink
        return np.asarray(rows * noise + np.where(rows == 0, away, 0.0))
    if array.size == 1:
        return np.asarray(array * noise)
    mixed = rng.permutation(array.ravel()).reshape(array.shape)
    return np.asarray(mixed * noise + 0.2 * array.std() * rng.standard_normal(array.shape))


def _one_hot(array: Array) -> bool:
    """Rows with a single 1 among zeros."""
    return array.ndim > 0 and array.size > 0 and bool(np.isin(array, (0, 1)).all() and (array.sum(axis=-1) == 1).all())


def resized(array: Any, sizes: Mapping[int, int], rng: np.random.Generator, axes: tuple[int, ...] | None = None) -> Any:
    """The array with each axis of an old size brought to the new one, filled with entries of the old one."""
    if not isinstance(array, np.ndarray) or array.size == 0:
        return array
    shape = tuple(sizes.get(n, n) if axes is None or axis in axes else n for axis, n in enumerate(array.shape))
    if array.ndim == 2 and _one_hot(array):
        return np.eye(shape[1], dtype=array.dtype)[rng.integers(0, shape[1], shape[0])]
    for axis, (old, new) in enumerate(zip(array.shape, shape, strict=True)):
        if old != new:
            array = np.take(array, rng.integers(0, old, new), axis=axis)
    return array


def _near(sizes: set[int]) -> dict[int, int]:
    """For each size another one: the nearest prime that is not in use, so that no two axes have the same."""
    taken, found = set(sizes), {}
    for size in sorted(sizes - {1}):
        prime = min((p for p in PRIMES if p not in taken), key=lambda p: (abs(p - size), -p), default=size)
        found[size] = prime
        taken.add(prime)
    return found


def other_sizes(subject: Varied) -> Iterator[Callable[[], Varied | None]]:
    """Makers of the same thing in other shapes: another batch; all sizes new, prime and distinct; one sample."""
    first = next((subject.values[name] for name in subject.inputs if subject.values[name].ndim), None)
    if first is None:
        return
    axis = subject.batch
    batch = first.shape[axis] if axis is not None and axis < first.ndim > 1 else 0
    along = (axis or 0,)
    used = {size for array in subject.values.values() for size in array.shape}
    fresh = [prime for prime in PRIMES[1:] if prime not in used]
    if fresh and batch:
        yield lambda: _variant(subject, {batch: fresh[0]}, along, inputs_only=True)
    sizes = _near(used)
    if sizes and all(array.size < 1000 for array in subject.values.values()):
        yield lambda: _variant(subject, sizes, None, inputs_only=False)
    if batch > 1:
        yield lambda: _variant(subject, {batch: 1}, along, inputs_only=True)


def _variant(
    subject: Varied, sizes: Mapping[int, int], axes: tuple[int, ...] | None, inputs_only: bool
) -> Varied | None:
    """The subject at other sizes, if forward runs there and gives finite numbers."""
    rng = np.random.default_rng(1)
    if inputs_only and len(subject.inputs) > 1 and not subject.parameters:
        # A functional pair: weights are inputs, too. Only what goes along with the first input's batch changes: where
        # its size is nothing else's, all that has it; else, what has as many axes.
        first, elsewhere = subject.values[subject.inputs[0]], [a.shape[1:] for a in subject.values.values()]
        alone = not any(size in shape for size in sizes for shape in elsewhere)
        kept = {name for name in subject.inputs[1:] if subject.values[name].ndim != first.ndim and not alone}
    else:
        kept = set()
    values = {}
    for name, array in subject.values.items():
        if (inputs_only and name in subject.parameters) or name in kept:
            values[name] = array.copy()
        else:
            values[name] = resized(array, sizes, rng, axes)
    values = {name: redrawn(array, rng) for name, array in values.items()}
    constants = {name: resized(value, sizes, rng, axes) for name, value in subject.constants.items()}
    moved = any(values[name].shape != subject.values[name].shape for name in subject.parameters)
    variant = replace(
        subject, values=values, constants=constants, further=(), trusted=not moved, label=shapes(values, subject)
    )
    try:
        outputs = variant.start().forward()
    except UserCodeError:
        return None
    changed = any(values[name].shape != subject.values[name].shape for name in values)
    if not changed or not all(np.isfinite(out).all() for out in outputs):
        return None
    if inputs_only and not all(out.shape[:1] in ((), (*sizes.values(),)) for out in outputs):
        return None  # the first axis isn't the batch's: channels, which have been broadcast
    return variant


def first_sample(subject: Varied) -> Varied | None:
    """The subject on x[0] in place of x[:1], if that is a sample: forward then gives the same."""
    name = subject.inputs[0] if subject.inputs else ""
    if not name or subject.batch != 0 or subject.values[name].ndim < 2:
        return None
    batch = subject.values[name].shape[0]
    along = [n for n in subject.inputs if subject.values[n].ndim and subject.values[n].shape[0] == batch]
    if subject.parameters == () and len(subject.inputs) > 1:  # weights are inputs, too
        along = [n for n in along if subject.values[n].ndim >= subject.values[name].ndim]
    labels = [n for n, v in subject.constants.items() if isinstance(v, np.ndarray) and v.shape[:1] == (batch,)]

    def taken(index: Any) -> Varied:
        values = {n: array[index].copy() if n in along else array.copy() for n, array in subject.values.items()}
        constants = {n: value[index] if n in labels else value for n, value in subject.constants.items()}
        return replace(subject, values=values, constants=constants, further=(), label=shapes(values, subject))

    one, batch_of_one = taken(0), taken(slice(0, 1))
    try:
        outs, outs_of_one = one.start().forward(), batch_of_one.start().forward()
    except UserCodeError:
        return None
    for out, whole in zip(outs, outs_of_one, strict=True):
        expected = whole if whole.ndim == 0 else whole[0]
        if out.shape != expected.shape or not np.allclose(out, expected):
            return None
    return one


def shapes(values: Mapping[str, Array], subject: Varied) -> str:
    """``x (3, 5)``: the inputs' shapes in words."""
    names = [name for name in values if name not in subject.parameters]
    return ", ".join(f"{name} {values[name].shape if values[name].ndim else 'a number'}" for name in names)
