"""Inputs with equal entries: what a maximum gives to several that are the largest must add up to dout."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from backhand.checking.contract import broken
from backhand.checking.experiment import Experiment
from backhand.checking.finding import Finding
from backhand.checking.subject import Array, UserCodeError

__all__ = ["ties"]

STEP = 1e-6


def ties(main: Experiment, right: Sequence[str]) -> Iterator[Finding]:
    """Equal entries that are moved together stay equal: along such a direction a maximum is smooth.

    Each entry's own derivative has a kink there, and any share of dout is right for it; the shares must add up to dout.
    """
    gradients = {g: of for g, of in main.subject.gradients.items() if g in right and of in main.subject.inputs}
    if not gradients or len(main.outputs) > 1:
        return
    # 0 and whole numbers, where other kinks are, stay out of it.
    values = {of: np.round(main.values[of] * 1.2) / 2 + 0.137 for of in gradients.values()}
    rng = np.random.default_rng(41)
    moves: dict[float, float] = {}
    directions = {
        of: np.array([moves.setdefault(v, float(rng.uniform(0.5, 1.5))) for v in value.ravel()]).reshape(value.shape)
        for of, value in values.items()
    }
    try:
        found = main.run(values)[1]
        left, here, over = (_loss(main, values, directions, step) for step in (-STEP, 0.0, STEP))
    except UserCodeError:
        return
    if any(g not in found or found[g].shape != values[of].shape for g, of in gradients.items()):
        return
    mine = sum(float(np.sum(found[g] * directions[of])) for g, of in gradients.items())
    truth = (over - left) / (2 * STEP)
    scale = sum(float(np.sum(np.abs(found[g] * directions[of]))) for g, of in gradients.items()) + abs(truth)
    kink = abs((over - here) - (here - left)) / STEP
    if np.isfinite(scale) and kink < 1e-4 * scale and abs(mine - truth) > 1e-3 * scale:
        gradient, of = next(iter(gradients.items()))
        how = "too large" if abs(mine) > abs(truth) else "too small"
        yield broken("max-ties", gradient, main, size=abs(mine - truth) / scale, of=of, how=how)


def _loss(main: Experiment, values: Mapping[str, Array], directions: Mapping[str, Array], step: float) -> float:
    moved = {of: value + step * directions[of] for of, value in values.items()}
    (out,) = main.run(moved, main.douts)[0]
    return float(np.sum(out * main.douts[0]))
