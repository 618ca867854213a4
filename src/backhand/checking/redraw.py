"""Another draw of a layer's random numbers: backward goes with the last forward, not with the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from backhand.checking.contract import broken
from backhand.checking.experiment import Experiment
from backhand.checking.finding import Finding
from backhand.checking.subject import UserCodeError

__all__ = ["another_draw"]


def another_draw(main: Experiment, right: Sequence[str]) -> Iterator[Finding]:
    """A forward that draws other random numbers than the one before it: backward goes with the last one."""
    session = main.subject.start()
    fresh = main.subject.start()
    try:
        session.forward(main.values)
        session.stream = fresh.stream = 1
        outputs, alone = session.forward(main.values), fresh.forward(main.values)
        same = all(np.array_equal(a, b) for a, b in zip(outputs, alone, strict=True))
        drawn = any(not np.array_equal(a, b) for a, b in zip(outputs, main.outputs, strict=True))
        if not same or not drawn:
            return
        given, wanted = session.backward(main.douts), fresh.backward(main.douts)
    except (UserCodeError, ValueError):
        return
    for gradient, expected in wanted.items():
        if (
            gradient in right
            and gradient in given
            and not np.allclose(given[gradient], expected, rtol=1e-9, atol=1e-12)
        ):
            yield broken("stale-mask", gradient, main, what="backward uses the mask of an earlier forward")
            return
