"""Inputs with equal entries: what a maximum gives to several that are the largest must add up to dout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from backhand.checking.contract import broken
from backhand.checking.experiment import Experiment
from backhand.checking.finding import Finding
from backhand.checking.reference import typical_size
from backhand.checking.slopes import differences
from backhand.checking.subject import Array, UserCodeError

__all__ = ["ties"]


def ties(main: Experiment, right: Sequence[str]) -> Iterator[Finding]:
    """Equal entries that are moved together stay equal: along such a direction a maximum is smooth.

    Each entry's own derivative has a kink there, and any share of dout is right for it; the shares must add up to dout.
    """
    gradients = {g: of for g, of in main.subject.gradients.items() if g in right and of in main.subject.inputs}
    if not gradients or len(main.outputs) > 1:
        return
    # Two levels, the same for all inputs, as the values have them: positive inputs stay positive.
    low, middle, high = np.quantile(
        np.concatenate([main.values[of].ravel() for of in gradients.values()]), (0.2, 0.5, 0.8)
    )
    values = {of: np.where(main.values[of] > middle, high, low) for of in gradients.values()}
    rng = np.random.default_rng(41)
    moves: dict[float, float] = {}
    directions = {
        of: np.array([moves.setdefault(v, float(rng.uniform(0.5, 1.5))) for v in value.ravel()]).reshape(value.shape)
        for of, value in values.items()
    }
    step = typical_size(np.array([low, high]))

    def line(at: complex) -> Array:
        return _loss(main, values, directions, at.real * step)

    try:
        found = main.run(values)[1]
        slope = differences(line, line(0.0))
    except UserCodeError:
        return
    if any(g not in found or found[g].shape != values[of].shape for g, of in gradients.items()):
        return
    mine = sum(float(np.sum(found[g] * directions[of])) for g, of in gradients.items())
    truth, bar = float(slope.value[0]) / step, float(slope.bar[0] + abs(slope.jump[0])) / step
    scale = sum(float(np.sum(np.abs(found[g] * directions[of]))) for g, of in gradients.items()) + abs(truth)
    if np.isfinite(scale) and abs(mine - truth) > bar + 1e-3 * scale:
        gradient, of = next(iter(gradients.items()))
        how = "too large" if abs(mine) > abs(truth) else "too small"
        yield broken("max-ties", gradient, main, size=abs(mine - truth) / scale, of=of, how=how)


def _loss(main: Experiment, values: Mapping[str, Array], directions: Mapping[str, Array], step: float) -> Array:
    moved = {of: value + step * directions[of] for of, value in values.items()}
    (out,) = main.run(moved, main.douts)[0]
    return np.array([np.sum(out * main.douts[0])])
