"""What several questions about one experiment share: Jacobians, and forward's traced graph in pieces."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from backhand.checking.causes.pieces import Pieces
from backhand.checking.experiment import Experiment
from backhand.checking.reference import Forward
from backhand.checking.subject import Array, UserCodeError

__all__ = ["Lab"]

STEP = 2e-5  # of a value's size: two runs an entry, and accurate to about 1e-9, which is enough to compare with
_ENTRIES, _CELLS = 600, 400_000  # of a value, and of a Jacobian, at most


class Lab:
    """One experiment, and what was found out about it."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self._jacobians: dict[str, Array | None] = {}

    def jacobian(self, name: str) -> Array | None:
        """d(outputs)/d(value), (entries, outputs), both flat; None where that is too much, or forward raises."""
        if name not in self._jacobians:
            self._jacobians[name] = self._measured(name)
        return self._jacobians[name]

    def too_large(self, name: str) -> bool:
        """Whether a value has too many entries to move them one by one."""
        outputs = sum(out.size for out in self.experiment.outputs)
        size = self.experiment.values[name].size
        return size > _ENTRIES or size * outputs > _CELLS

    def _measured(self, name: str) -> Array | None:
        if self.too_large(name):
            return None
        value = self.experiment.values[name]
        outputs = sum(out.size for out in self.experiment.outputs)
        rows = []
        try:
            forward = self._forward
            analytic = forward.is_analytic(name)
            step = STEP * forward.sizes[name]
            for entry in range(value.size):
                flat = np.zeros(value.size)
                flat[entry] = 1.0
                direction = flat.reshape(value.shape)
                if analytic:
                    rows.append(forward.along(name, direction).value)
                else:
                    above, below = (forward({name: value + sign * step * direction}) for sign in (1, -1))
                    rows.append((above - below) / (2 * step))
        except UserCodeError:
            return None
        return np.array(rows).reshape(value.size, outputs)

    @cached_property
    def _forward(self) -> Forward:
        return Forward(self.experiment.subject, self.experiment.values)

    @cached_property
    def pieces(self) -> Pieces | None:
        """Forward's graph, whose backward can be altered; None where it can't be traced."""
        return Pieces.of(self.experiment)
