"""One gradient of one experiment, with the questions that the rows of the table ask of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import chain, combinations
from typing import Any

import numpy as np

from backhand.checking.causes.lab import Lab
from backhand.checking.experiment import Measurement
from backhand.checking.reference import Forward, reference
from backhand.checking.subject import Array, UserCodeError

__all__ = ["Evidence", "subsets", "usual_softmax"]

_ROUNDING = 1e-4  # an epsilon in forward, or float32 in either, may come on top of the mistake
_SHARE = 1e-3  # an explanation leaves less than this of the error


class Evidence:
    """What backward gave for one value, what it should have been, and what more can be asked.

    ``hand`` is what backward gave, ``reference`` the derivative of forward, ``dout`` the upstream gradient and ``out``
    the output (of several outputs the first), ``value`` what the gradient is taken by, ``x`` the first input.
    """

    def __init__(self, lab: Lab, gradient: str) -> None:
        self.lab = lab
        self.experiment = experiment = lab.experiment
        self.gradient = gradient
        self.measurement: Measurement = experiment.measurements[gradient]
        self.of = self.measurement.of
        self.reference = self.measurement.reference.value
        self.value = experiment.values[self.of]
        self.out = experiment.outputs[0]
        self.dout = experiment.douts[0]
        given = self.measurement.hand
        self.hand: Array = np.zeros(0) if given is None else np.asarray(given, dtype=float)
        inputs = [experiment.values[name] for name in experiment.subject.inputs]
        self.x: Array | None = inputs[0] if inputs else None

    # -- what is known ----------------------------------------------------------------------------------------------

    @property
    def missing(self) -> bool:
        """Backward gave nothing."""
        return self.measurement.hand is None

    @property
    def fits(self) -> bool:
        """The gradient has its value's shape, and numbers in it."""
        return self.measurement.fits and bool(np.isfinite(self.hand).any())

    @property
    def is_parameter(self) -> bool:
        """By a parameter, not an input."""
        return self.of in self.experiment.subject.parameters

    @property
    def is_loss(self) -> bool:
        """Forward gives one number."""
        return len(self.experiment.outputs) == 1 and self.out.size == 1

    @property
    def batch(self) -> int:
        """How many samples the first input has; 0 if it has no axis for them."""
        source = self.x if self.x is not None and self.x.ndim else self.labels
        axis = self.experiment.subject.batch
        return source.shape[axis] if source is not None and axis is not None and source.ndim > axis else 0

    @cached_property
    def labels(self) -> Array | None:
        """Integer labels, (N,), among the other inputs."""
        for value in self.experiment.subject.constants.values():
            if isinstance(value, np.ndarray) and value.dtype.kind in "iu" and value.ndim == 1:
                return value
        return None

    @cached_property
    def one_hot(self) -> Array | None:
        """The labels as one-hot rows in the shape of x, whichever form they came in."""
        if self.x is None or self.x.ndim != 2:
            return None
        if self.labels is not None and self.labels.size == len(self.x) and self.labels.max() < self.x.shape[1]:
            return np.asarray(np.eye(self.x.shape[1])[self.labels])
        arrays = {**self.experiment.subject.constants, **self.experiment.values}.values()
        for array in arrays:
            fits = np.shape(array) == self.x.shape and array is not self.x
            if fits and np.isin(array, (0, 1)).all() and (np.sum(array, axis=1) == 1).all():
                return np.asarray(array, float)
        return None

    # -- comparing --------------------------------------------------------------------------------------------------

    def explains(self, candidate: Array | float | None) -> bool:
        """Whether backward gave just this, up to what an epsilon makes, and the reference is something else."""
        if candidate is None or np.shape(candidate) != self.hand.shape or not self.hand.size:
            return False
        candidate = np.asarray(candidate, float)
        known = np.isfinite(candidate) & np.isfinite(self.hand)
        if not known.any():
            return False
        left = float(np.abs(self.hand - candidate)[known].max())
        limit = _ROUNDING * float(np.abs(candidate[known]).max()) + 20 * self.bar
        if self.fits:
            seen = known & np.isfinite(self.right)
            if not seen.any():
                return False
            limit = min(limit, _SHARE * float(np.abs(self.hand - self.right)[seen].max()))
        return left <= limit and bool(np.abs(candidate[known]).max() > 0)

    @property
    def bar(self) -> float:
        """The largest error bar of the reference."""
        bar = self.measurement.reference.bar
        return float(np.nanmax(bar)) if np.isfinite(bar).any() else 0.0

    @cached_property
    def factor(self) -> float | None:
        """c where backward gave c times the reference; None if it isn't a multiple, or is the reference itself."""
        if not self.fits:
            return None
        known = np.isfinite(self.reference) & np.isfinite(self.hand)
        square = float(np.sum(self.reference[known] ** 2))
        if square == 0:
            return None
        c = float(np.sum(self.hand[known] * self.reference[known])) / square
        return c if abs(c - 1) > 1e-3 and c != 0 and self.explains(c * self.reference) else None

    @cached_property
    def off(self) -> Array:
        """Which entries are wrong."""
        size = float(np.nanmax(np.abs(self.right), initial=0))
        with np.errstate(invalid="ignore"):
            return np.asarray(np.abs(self.hand - self.right) > 1e-6 * size + 20 * self.bar)

    # -- asking more ------------------------------------------------------------------------------------------------

    def forward(self, values: Mapping[str, Array], constants: Mapping[str, Any] | None = None) -> Array | None:
        """The output at other values; None if forward raises there."""
        try:
            return self.experiment.subject.start().forward({**self.experiment.values, **values}, constants)[0]
        except UserCodeError:
            return None

    def backward(
        self,
        dout: Array | None = None,
        values: Mapping[str, Array] | None = None,
        constants: Mapping[str, Any] | None = None,
    ) -> Array | None:
        """What backward gives with another upstream gradient, or at other values; None if it raises."""
        session = self.experiment.subject.start()
        douts = self.experiment.douts if dout is None else (dout, *self.experiment.douts[1:])
        try:
            session.forward({**self.experiment.values, **(values or {})}, constants)
            given = session.backward(douts).get(self.gradient)
        except UserCodeError:
            return None
        return None if given is None else np.asarray(given, float)

    def derivative(self, dout: Array | None = None, values: Mapping[str, Array] | None = None) -> Array | None:
        """The reference with another upstream gradient, or at other values; None where that is too much."""
        if values is None:
            return self.derivative_by(self.of, self.dout if dout is None else dout)
        if self.lab.too_large(self.of):
            return None
        forward = Forward(self.experiment.subject, {**self.experiment.values, **values})
        douts = self.experiment.douts if dout is None else (dout, *self.experiment.douts[1:])
        try:
            return reference(forward, self.of, douts).value
        except UserCodeError:
            return None

    def derivative_by(self, name: str, dout: Array) -> Array | None:
        """The right gradient by any value for another upstream gradient; None where it is too large."""
        jacobian = self.lab.jacobian(name)
        if jacobian is None:
            return None
        douts = np.concatenate([np.ravel(each) for each in (dout, *self.experiment.douts[1:])])
        return np.asarray((jacobian @ douts).reshape(self.experiment.values[name].shape))

    @cached_property
    def right(self) -> Array:
        """The reference with every entry, where the Jacobian is small enough to know them."""
        if np.isfinite(self.reference).all():
            return self.reference
        whole = self.derivative(self.dout)
        return self.reference if whole is None else whole

    @cached_property
    def jacobian(self) -> Array | None:
        """d(out)/d(value), (entries, *out), of a single output; None where it is too large, or out is a number."""
        found = self.lab.jacobian(self.of)
        if found is None or len(self.experiment.outputs) > 1 or not self.out.ndim:
            return None
        return found.reshape(self.value.size, *self.out.shape)

    @cached_property
    def by_sample(self) -> Array | None:
        """The reference by each sample's output alone, (N, *value's shape): they add up to the reference."""
        return None if self.jacobian is None else self.by_sample_of(self.of)

    def by_sample_of(self, name: str) -> Array | None:
        """The same by any value."""
        found = self.lab.jacobian(name)
        if found is None or not self.out.ndim or len(self.experiment.outputs) > 1:
            return None
        terms = (found * self.dout.ravel()).reshape(len(found), len(self.out), -1).sum(axis=-1)
        return np.asarray(terms.T.reshape(len(self.out), *self.experiment.values[name].shape))

    @cached_property
    def entry_by_entry(self) -> bool:
        """Whether each entry of the output depends on the same entry of the value alone."""
        if self.out.shape != self.value.shape or not self.value.ndim:
            return False
        half = np.arange(self.value.size) % 2 == 0
        moved = np.random.default_rng(2).permutation(half).reshape(self.value.shape)
        other = self.forward({self.of: np.where(moved, self.value * 0.7 + 0.1, self.value)})
        return other is not None and bool(np.allclose(other[~moved], self.out[~moved], rtol=1e-12, atol=0))

    def others(self) -> Iterator[tuple[str, Array]]:
        """The right gradients by the other values, with their names."""
        for name, measurement in self.experiment.measurements.items():
            if name != self.gradient:
                right: Array | None = measurement.reference.value
                if not np.isfinite(measurement.reference.value).all():  # it passed a quick look
                    right = self.derivative_by(measurement.of, self.dout)
                if right is not None:
                    yield name, right


def usual_softmax(x: Array, axis: int = -1) -> Array:
    """exp(x) / sum(exp(x)) along an axis."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def subsets(axes: int) -> Iterator[tuple[int, ...]]:
    """All sets of axes, the empty one first."""
    return chain.from_iterable(combinations(range(axes), size) for size in range(axes + 1))
