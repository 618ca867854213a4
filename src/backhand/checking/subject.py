"""One checkable thing brought into one form, whatever its shape of code.

A :class:`Subject` is bound to one configuration: the shapes, dtypes and settings of its inputs, and one way to make the
thing. The adapters make subjects; the reference, the contract and the causes only use what stands here.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from backhand.graph.graph import Source

__all__ = ["LARGE", "Array", "Session", "Subject", "UserCodeError", "Values"]

Array = NDArray[Any]
LARGE = 1_000_000  # entries of inputs and parameters together
Values = Mapping[str, Array]
"""Arrays by name: the differentiable inputs under the names of forward's arguments (``x``), the parameters under
theirs (``W``, ``b``, ``W1``)."""


class UserCodeError(Exception):
    """The user's own code raised something, or gave something that is no gradient.

    Attributes:
        error: what it raised.
        phase: ``"make"``, ``"forward"`` or ``"backward"``.
        source: the user's innermost line.
        unknown: arguments of backward that had to be guessed.
    """

    def __init__(self, error: BaseException, phase: str, source: Source | None) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error
        self.phase = phase
        self.source = source
        self.unknown: tuple[str, ...] = ()


class Session(ABC):
    """One fresh instance of the thing, alive from one call to the next: no array in it is shared with anything else.

    ``stream`` says which random numbers the next forward draws.
    """

    stream: int = 0

    @abstractmethod
    def forward(self, values: Values | None = None, constants: Mapping[str, Any] | None = None) -> tuple[Array, ...]:
        """Set parameters and inputs to ``values`` (those left out keep the subject's), run forward on fresh copies.

        Returns:
            The outputs, as arrays (a single number has shape ()), which share no memory with the instance.

        Raises:
            UserCodeError: the code raised.
        """

    @abstractmethod
    def backward(self, douts: Sequence[Array]) -> dict[str, Array]:
        """Run backward, with an upstream gradient for each output, on fresh copies.

        For a thing that takes no ``dout`` (a loss with ``grad()``), what it gave is multiplied by ``douts``.

        Returns:
            The gradients by name (``dx``, ``dW``, ``dW1``), as they were given: shapes and dtypes are not mended. A
            gradient that the code doesn't give is missing. They share no memory with the instance.

        Raises:
            UserCodeError: the code raised.
        """

    @abstractmethod
    def returned(self) -> dict[str, Array]:
        """The gradients of the last backward as the code itself handed them out: not copies."""

    @property
    @abstractmethod
    def written(self) -> frozenset[str]:
        """What of that which was handed over has been written into so far: ``dout``, ``x``, ``W``, ..."""

    def overwrite(self, name: str) -> bool:
        """Write into the array that forward was given as ``name``, as its owner may; False where that can't be done."""
        return False


@dataclass
class Subject(ABC):
    """One checkable thing in one configuration.

    Attributes:
        name: ``Affine``, ``affine_forward``.
        shape: the shape of code, in words: ``class with forward and backward``.
        values: the differentiable inputs and the parameters, float64 unless ``dtype`` asks otherwise, inputs first,
            in the order of forward's arguments.
        parameters: which of ``values`` are parameters.
        constants: the other inputs, by name: labels, flags, sizes.
        gradients: of which value each gradient is: ``{"dx": "x", "dW": "W"}``; those that the code could give.
        takes_dout: whether backward takes an upstream gradient.
        source: where it is defined; ``forward_source`` and ``backward_source`` are its two halves.
        label: the configuration in words: ``x (3, 5), one-hot labels``.
        settings: what the configuration chose besides shapes, for the causes: ``{"pad": 1}``.
        trusted: forward was given this configuration by its owner. Where it was made up by bringing an object's own
            parameters to other shapes, a failure may be ours, and only a cause is confirmed there.
        batch: which axis of the first input counts the samples; None if there is none.
        updated: parameters that backward itself moves: the gradient is found in how far.
        refuses_complex: the values at which forward raises for complex numbers, as far as that is known; all
            configurations share it.
        clears: it has a method such as ``zero_grad``, so that gradients may be added up until it is called.
    """

    name: str
    shape: str
    values: dict[str, Array]
    parameters: tuple[str, ...] = ()
    constants: dict[str, Any] = field(default_factory=dict)
    gradients: dict[str, str] = field(default_factory=dict)
    takes_dout: bool = True
    source: Source | None = None
    forward_source: Source | None = None
    backward_source: Source | None = None
    label: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    trusted: bool = True
    batch: int | None = 0
    updated: frozenset[str] = frozenset()
    clears: bool = False
    refuses_complex: set[str] = field(default_factory=set)

    @property
    def large(self) -> bool:
        """Whether every run is expensive: then the fewest that decide are made."""
        return sum(array.size for array in self.values.values()) > LARGE

    @property
    def inputs(self) -> tuple[str, ...]:
        """Which of ``values`` are inputs."""
        return tuple(name for name in self.values if name not in self.parameters)

    @abstractmethod
    def start(self, *, readonly: bool = False) -> Session:
        """A fresh, independent instance.

        With ``readonly`` the upstream gradients, inputs and parameters are handed over as arrays that refuse to be
        written into, so that the traceback names the user's line.
        """

    def tracing(self, values: Values) -> tuple[Callable[..., Any], list[Any], dict[str, str]] | None:
        """Forward as :func:`backhand.trace` takes it, its arguments at these values, and the name that each value has
        among the graph's inputs then; None where there is no such function."""
        return None

    @abstractmethod
    def draw(self, seed: int) -> dict[str, Array]:
        """Other values of the same shapes that forward takes (probabilities stay probabilities); 0 gives its own."""

    @abstractmethod
    def elsewhere(self) -> Iterator[Subject]:
        """The same thing in other configurations: other shapes, a batch, one sample, other settings; lazily."""

    def one_sample(self) -> Subject | None:
        """The same thing on the first sample alone, without a batch axis; None if forward gives something else then."""
        return None

    def same_object(self, other: Subject) -> bool:
        """Whether one instance can be run in both configurations: only inputs differ."""
        return all(self.values[name].shape == other.values[name].shape for name in self.parameters)

    def run(
        self, values: Values | None = None, douts: Sequence[Array] | None = None
    ) -> tuple[tuple[Array, ...], dict[str, Array]]:
        """Forward, and with ``douts`` backward, on a fresh instance: the outputs and the gradients."""
        session = self.start()
        outputs = session.forward(values)
        return outputs, session.backward(douts) if douts is not None else {}
