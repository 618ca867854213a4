"""Causes of layers that work entry by entry: masks and activation derivatives."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from backhand.checking.causes.dense import dense_candidates
from backhand.checking.causes.evidence import Evidence
from backhand.checking.causes.row import UNCLEAR, Facts, Row
from backhand.checking.subject import Array

__all__ = ["ROWS"]

FEW = 5  # points that a polynomial of degree 2 is fitted through, at least


def _slopes(e: Evidence) -> tuple[Array, Array] | None:
    """The local derivative of forward, and the one that backward uses, by entry: for a layer that has one."""
    if not e.fits or e.is_loss or not e.entry_by_entry:
        return None
    usable = np.abs(e.dout) > 1e-3 * np.abs(e.dout).max()
    if not usable.all():
        return None
    return e.right / e.dout, e.hand / e.dout


def _levels(slopes: Array) -> Array:
    """The values that a piecewise constant slope takes, small to large."""
    return np.unique(np.round(slopes, 6))


def _two_levels(e: Evidence) -> tuple[Array, Array, float, float] | None:
    """Both slopes of a layer whose slope has two values."""
    slopes = _slopes(e)
    if slopes is None:
        return None
    right, given = slopes
    levels = _levels(right)
    if len(levels) != 2:
        return None
    return right, given, float(levels[0]), float(levels[1])


def _draws_in_backward(e: Evidence) -> bool:
    """Whether backward gives something else when it is called again after the same forward."""
    from backhand.checking.subject import UserCodeError

    session = e.experiment.subject.start()
    try:
        session.forward(e.experiment.values)
        first, second = (session.backward(e.experiment.douts).get(e.gradient) for _ in range(2))
    except UserCodeError:
        return False
    return first is not None and second is not None and first.shape == second.shape and not np.allclose(first, second)


def _random_mask(e: Evidence) -> bool:
    """Whether forward's slope is no function of x: neighbours in order of x switch on and off."""
    slopes = _slopes(e)
    if slopes is None:
        return False
    inside = slopes[0].ravel()[np.argsort(e.value.ravel())]
    return int(np.sum(np.abs(np.diff(inside)) > 1e-6)) > 6


def _stale_mask(e: Evidence) -> Facts | None:
    if not e.fits or e.experiment.subject.updated:
        return None
    if _draws_in_backward(e):
        return {"what": "backward draws a new mask"}
    two = _two_levels(e)
    if two is None or not _random_mask(e):
        return None
    _, given, low, high = two
    levels = _levels(given)
    mixed = len(levels) == 2 and np.allclose(levels, [low, high], atol=1e-5)
    agrees = float(np.mean(np.abs(two[0] - given) < 1e-6))
    return {"what": "backward uses a mask of another call"} if mixed and 0.1 < agrees < 0.9 else None


def _inverted(e: Evidence) -> Facts | None:
    two = _two_levels(e)
    if two is None:
        pieces = e.lab.pieces if e.fits and e.factor is None else None
        return {} if pieces and any(e.explains(each) for each in pieces.with_a_mask_inverted(e.of)) else None
    right, given, low, high = two
    return {} if np.allclose(given, low + high - right, atol=1e-5 * max(abs(high), abs(low))) else None


def _forgotten(e: Evidence) -> Facts | None:
    found = _forgotten_by_entry(e)
    return _forgotten_inside(e) if found is None and not e.entry_by_entry else found


def _forgotten_by_entry(e: Evidence) -> Facts | None:
    """Constant where the right slope has two values; in general: also where the right gradient is 0."""
    two = _two_levels(e)
    if two is not None:
        _, given, _, high = two
        constant = float(given.ravel()[0])
        level = constant == 1 or abs(constant - high) < 1e-5 or not two[2]
        return {} if level and constant != 0 and np.allclose(given, constant, atol=1e-6) else None
    slopes = _slopes(e)
    if slopes is not None and len(_levels(slopes[0])) == 1:
        return UNCLEAR
    if not e.fits:
        return None
    known = np.isfinite(e.right)
    right, hand = e.right[known], e.hand[known]
    zero = np.abs(right) <= 20 * e.bar
    if not 0.1 < zero.mean() < 0.95 or np.mean(hand[zero] != 0) < 0.5:
        return None
    kept, given = right[~zero], hand[~zero]
    c = float(np.sum(kept * given) / np.sum(kept * kept))
    return {} if c and np.allclose(given, c * kept, rtol=1e-5) else None


def _forgotten_inside(e: Evidence) -> Facts | None:
    """A mask inside of forward, before or behind a product."""
    pieces = e.lab.pieces if e.fits and e.factor is None else None
    return {} if pieces and any(e.explains(each) for each in pieces.without_a_mask(e.of)) else None


def _comparison(e: Evidence) -> Facts | None:
    slopes = _slopes(e)
    if slopes is None:
        return None
    right, given = slopes
    levels = _levels(right)
    if not 1 <= len(levels) <= 3:
        return None
    known = np.min(np.abs(given[..., None] - levels), axis=-1) < 1e-5
    if not known.all() and not (len(levels) == 1 and len(_levels(given)) == 2):
        return None
    wrong = e.value[np.abs(right - given) > 1e-6]
    return {"low": f"{wrong.min():.3g}", "high": f"{wrong.max():.3g}"} if wrong.size else None


def _derivative_missing(e: Evidence) -> Facts | None:
    if not e.fits:
        return None
    if not e.is_loss and e.entry_by_entry and e.explains(e.dout):
        return {"line": ""}
    if any(e.explains(candidate) for candidate in dense_candidates(e, e.dout)):
        return {"line": ""}
    return _skipped(e)


def _skipped(e: Evidence) -> Facts | None:
    """One function inside of forward, taken for the identity in backward."""
    pieces = e.lab.pieces
    if pieces is None:
        return None
    for line, candidate in pieces.without_a_derivative(e.of):
        if e.explains(candidate):
            return {"line": line}
    return None


def _of_the_output(a: Array) -> Iterator[Array]:
    """The derivatives of sigmoid and tanh as they are written with the output: wrong where ``a`` is the input."""
    yield from (a * (1 - a), 1 - a**2)


def _of_the_input(a: Array) -> Iterator[Array]:
    """The same as they are written with the input: wrong where ``a`` is the output."""
    s = 0.5 + 0.5 * np.tanh(a / 2)
    yield from (s * (1 - s), 1 - np.tanh(a) ** 2)


def _derivative_of_x(e: Evidence) -> Facts | None:
    if not e.fits or e.is_loss:
        return None
    if e.entry_by_entry:
        if e.explains(e.derivative(values={e.of: e.out})):
            return {"what": "of the output instead of the input"}
        if any(e.explains(e.dout * slope) for slope in _of_the_output(e.value)):
            return {"what": "of the input as if it were the output"}
        if e.explains(_with_x_in_place_of_the_output(e)):
            return {"what": "of the input as if it were the output"}
        if min((e.value > 0).sum(), (e.value <= 0).sum()) < FEW:
            return UNCLEAR
    places = [(_of_the_input, e.out, "of the output as if it were the input")]
    places += [(_of_the_output, z, "of the input as if it were the output") for z in _before_activation(e)]
    for slopes, a, what in places:
        for slope in slopes(a):
            if any(e.explains(candidate) for candidate in dense_candidates(e, e.dout * slope)):
                return {"what": what}
    return None


def _with_x_in_place_of_the_output(e: Evidence) -> Array | None:
    """Where the slope is a polynomial of the output (y - y^2, 1 - y^2, y + alpha): that polynomial of x."""
    slopes = e.right / e.dout
    made = np.empty_like(slopes)
    for side in (e.value > 0, e.value <= 0):
        if side.sum() < FEW:
            return None
        powers = np.vander(e.out[side], 3)
        fit, *_ = np.linalg.lstsq(powers, slopes[side], rcond=None)
        if not np.allclose(powers @ fit, slopes[side], atol=1e-6):
            return None
        made[side] = np.vander(e.value[side], 3) @ fit
    return np.asarray(e.dout * made)


def _before_activation(e: Evidence) -> Iterator[Array]:
    """x W + b, for each x and W that fit, and their sum: what may stand before an activation."""
    values = e.experiment.values
    inputs = [values[name] for name in e.experiment.subject.inputs]
    total = np.zeros(e.out.shape)
    found = 0
    for W in values.values():
        for x in inputs:
            fits = W.ndim == 2 and x.ndim == 2 and x is not W and x.shape[1] == W.shape[0]
            if fits and (len(x), W.shape[1]) == e.out.shape:
                total, found = total + x @ W, found + 1
    if not found:
        return
    for b in values.values():
        if b.shape == e.out.shape[1:]:
            yield total + b
    yield total


ROWS = (
    Row(
        "stale-mask",
        "{what}: {gradient} isn't that of this forward.",
        "draw the mask once in every forward, keep it, and use the same one in backward",
        "backward called twice after one forward gives two answers; or its slopes are forward's two values at other "
        "entries",
        """
class Dropout:
    def forward(self, x):
        return x * (np.random.rand(*x.shape) > 0.5)
    def backward(self, dout):
        return dout * (np.random.rand(*dout.shape) > 0.5)
""",
        "Dropout(), x",
        _stale_mask,
        verdict="wrong",
    ),
    Row(
        "mask-inverted",
        "The mask is the wrong way round, in forward or in backward: {gradient} passes where it has to stop.",
        "use the same mask in both: out[mask] = 0 in forward, dx[mask] = 0 in backward",
        "the slopes of backward are forward's two values exchanged, entry by entry",
        """
class Relu:
    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0, x)
    def backward(self, dout):
        return dout * self.mask
""",
        "Relu(), x",
        _inverted,
    ),
    Row(
        "mask-forgotten",
        "{gradient} passes everywhere: the mask (or the slope below 0) is missing in backward.",
        "multiply by the mask that forward made: dx = dout * (x > 0)",
        "backward gives the right gradient where it isn't 0, and something else than 0 where it is",
        """
class Relu:
    def forward(self, x):
        self.out = np.maximum(0, x)
        return self.out
    def backward(self, dout):
        return dout * (self.out >= 0)
""",
        "Relu(), x",
        _forgotten,
    ),
    Row(
        "mask-comparison",
        "The mask of {gradient} compares with the wrong number: wrong for {of} between {low} and {high}.",
        "compare with the number at which forward changes",
        "the slopes of backward are forward's own values, at the wrong entries",
        """
class Relu:
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)
    def backward(self, dout):
        return dout * (self.x > 1)
""",
        "Relu(), x",
        _comparison,
    ),
    Row(
        "activation-derivative-missing",
        "{gradient} lacks the derivative of the activation{at}: dout is passed on as if it were the identity.",
        "multiply dout by the derivative first: for a sigmoid, dout * out * (1 - out)",
        "backward gives what it had to give if the activation were the identity",
        """
class Tanh:
    def forward(self, x):
        return np.tanh(x)
    def backward(self, dout):
        return dout
""",
        "Tanh(), x",
        _derivative_missing,
    ),
    Row(
        "activation-derivative-of-x",
        "The derivative of the activation in {gradient} is taken {what}.",
        "write the derivative of what you kept: 1 - out**2 needs tanh(x), out * (1 - out) needs sigmoid(x)",
        "backward gives the activation's derivative with x and the output exchanged",
        """
class Sigmoid:
    def forward(self, x):
        self.x = x
        return 1 / (1 + np.exp(-x))
    def backward(self, dout):
        return dout * self.x * (1 - self.x)
""",
        "Sigmoid(), x",
        _derivative_of_x,
    ),
)
