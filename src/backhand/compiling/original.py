"""What a training step does, in the user's own code: the gradient, and the update of the book's optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from backhand.errors import NetworkError

__all__ = ["Training", "training", "trains"]


def trains(network: Any, arguments: tuple[Any, ...]) -> bool:
    """Is ``compile(network, *arguments)`` about a network and its optimizer, or else about a plain function?

    Raises:
        NetworkError: it is a network without an optimizer.
    """
    if not callable(getattr(network, "gradient", None)) or isinstance(network, type):
        return False
    if arguments and callable(getattr(arguments[0], "update", None)) and not isinstance(arguments[0], dict):
        if getattr(network, "params", None) is None or not callable(getattr(network, "loss", None)):
            raise NetworkError(
                f"compile: a {type(network).__name__} has gradient, but a network that is trained has params (a dict "
                "of arrays) and loss(x, t) too; for anything else compile a function of your own"
            )
        return True
    if callable(network):
        return False
    raise NetworkError(
        f"compile: after the {type(network).__name__} comes its optimizer, which has update(params, grads): "
        "backhand.compile(network, backhand.SGD(lr=0.1), x, t)"
    )


class Training(NamedTuple):
    """A step of training as functions: the whole, of a batch; and its halves.

    ``step`` and ``gradient`` give the loss before the update, ``gradient`` the gradient too, which ``update`` takes.
    ``example`` makes a gradient of zeros.
    """

    step: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], tuple[Any, Any]]
    update: Callable[[Any], None]
    example: Callable[[], dict[Any, Any]]

    def by_halves(self, x: Any, t: Any) -> Any:
        """The step by the two halves, which need not be the code itself."""
        loss, grads = self.gradient(x, t)
        self.update(grads)
        return loss


def training(network: Any, optimizer: Any) -> Training:
    """What a step of this network and optimizer does."""

    def step(x: Any, t: Any) -> Any:
        loss, grads = _loss_and_gradient(network, x, t)
        optimizer.update(network.params, grads)
        return loss

    def gradient(x: Any, t: Any) -> tuple[Any, Any]:
        return _loss_and_gradient(network, x, t)

    def update(grads: Any) -> None:
        optimizer.update(network.params, grads)

    def example() -> dict[Any, Any]:
        return {key: np.zeros_like(value) for key, value in network.params.items()}

    return Training(step, gradient, update, example)


def _loss_and_gradient(network: Any, x: Any, t: Any) -> tuple[Any, Any]:
    """The loss is what ``network.loss`` gave inside of ``gradient``, so it costs no second pass and draws no random
    number of its own. Only where ``gradient`` doesn't call it exactly once, it is called here, before the update.
    """
    losses: list[Any] = []
    with _Observed(network, losses):
        grads = network.gradient(x, t)
    return losses[0] if len(losses) == 1 else network.loss(x, t), grads


class _Observed:
    """While this is open, what ``network.loss`` returns is kept in ``losses``."""

    def __init__(self, network: Any, losses: list[Any]) -> None:
        self.network, self.losses = network, losses

    def __enter__(self) -> None:
        network, losses, loss = self.network, self.losses, self.network.loss
        self.before = vars(network).get("loss") if hasattr(network, "__dict__") else None

        def observed(*args: Any, **kwargs: Any) -> Any:
            value = loss(*args, **kwargs)
            losses.append(value)
            return value

        try:
            network.loss = observed
            self.placed = True
        except AttributeError:  # __slots__, or frozen: its losses stay unseen
            self.placed = False

    def __exit__(self, *exc: object) -> None:
        if not self.placed:
            return
        if self.before is None:
            del self.network.loss
        else:
            self.network.loss = self.before
