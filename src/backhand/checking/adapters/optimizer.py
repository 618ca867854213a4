"""An optimizer that any layer can be given: plain gradient descent, in every manner of asking that people have."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["LEARNING_RATE", "AnyOptimizer"]

LEARNING_RATE = 1.0
"""What stands for lr: the gradient is then exactly how far the parameter moved."""


class AnyOptimizer:
    """``w = opt.update(w, dw)``, ``opt.update(params, grads)``, ``opt(w, dw)``, ``opt.step(layer)``."""

    def __init__(self) -> None:
        for name in ("lr", "learning_rate", "alpha", "eta", "current_learning_rate"):
            setattr(self, name, LEARNING_RATE)

    def update(self, *given: Any, **named: Any) -> Any:
        """Moves what looks like a parameter by what looks like its gradient; gives the moved array, too."""
        given = tuple(value for value in (*given, *named.values()) if not isinstance(value, str | int | float))
        if len(given) == 1:  # a layer, or its list of (parameter, gradient) pairs
            return self._layer(given[0])
        parameter, gradient = given[-2:]
        if isinstance(parameter, dict):
            for key in parameter:
                parameter[key] -= LEARNING_RATE * gradient[key if key in gradient else f"d{key}"]
            return parameter
        if isinstance(parameter, list | tuple):
            return [self.update(p, g) for p, g in zip(parameter, gradient, strict=False)]
        return parameter - LEARNING_RATE * np.asarray(gradient)

    def _layer(self, layer: Any) -> None:
        if isinstance(layer, list | tuple):
            for parameter, gradient in layer:
                parameter -= LEARNING_RATE * gradient
        elif hasattr(layer, "params") and hasattr(layer, "grads"):
            self.update(layer.params, layer.grads)
        else:
            for name in [name for name in vars(layer) if f"d{name}" in vars(layer)]:
                setattr(layer, name, getattr(layer, name) - LEARNING_RATE * getattr(layer, f"d{name}"))

    __call__ = step = apply = get_update = optimize = update_params = apply_gradients = update
