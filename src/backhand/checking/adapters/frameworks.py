"""``torch.autograd.Function`` and ``jax.custom_vjp``: derivatives written by hand for a framework that is installed.

Neither library is imported here unless it already is: who hands over such an object has it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backhand.checking.adapters.guard import call, defined, seeded
from backhand.checking.adapters.inputs import sort_inputs
from backhand.checking.adapters.naming import gradient_name
from backhand.checking.adapters.values import Varied, other_sizes, shapes
from backhand.checking.example import Example
from backhand.checking.subject import Array, Session, Values

__all__ = ["framework_subject"]

Pullback = Callable[[Sequence[Array]], list[Array | None]]
"""From the upstream gradients to those of the inputs; None for one without."""
Run = Callable[[Mapping[str, Any], Sequence[str]], tuple[list[Array], Pullback]]
"""From the arguments by name, and the names of those that are differentiated by, to the outputs and the way back."""


@dataclass
class FrameworkSubject(Varied):
    """A function of arrays with a backward of its own, inside of a framework.

    Attributes:
        order: the names of the arguments.
        run_once: runs forward.
    """

    order: tuple[str, ...] = ()
    run_once: Run | None = None

    def start(self, *, readonly: bool = False) -> FrameworkSession:
        """See :meth:`Subject.start`."""
        return FrameworkSession(self)


class FrameworkSession(Session):
    """See :class:`Session`. What it is given and what it gives are NumPy arrays."""

    def __init__(self, subject: FrameworkSubject) -> None:
        self.subject = subject
        self._pullback: Pullback | None = None
        self._last: dict[str, Array] = {}

    def forward(self, values: Values | None = None, constants: Mapping[str, Any] | None = None) -> tuple[Array, ...]:
        """See :meth:`Session.forward`."""
        subject = self.subject
        given = {**subject.values, **(values or {}), **subject.constants, **(constants or {})}
        if any(np.iscomplexobj(given[name]) for name in subject.values):
            raise TypeError("the framework's functions are run on real numbers only")
        seeded()
        assert subject.run_once is not None
        outputs, self._pullback = call("forward", subject.run_once, given, subject.inputs)
        return tuple(np.array(out) for out in outputs)

    def backward(self, douts: Sequence[Array]) -> dict[str, Array]:
        """See :meth:`Session.backward`."""
        assert self._pullback is not None
        found = call("backward", self._pullback, douts)
        pairs = zip(self.subject.inputs, found, strict=True)
        self._last = {gradient_name(name): np.array(array) for name, array in pairs if array is not None}
        return dict(self._last)

    def returned(self) -> dict[str, Array]:
        """See :meth:`Session.returned`."""
        return self._last

    @property
    def written(self) -> frozenset[str]:
        """See :attr:`Session.written`: the frameworks themselves refuse writes into what a gradient is taken by."""
        return frozenset()


def framework_subject(thing: Any, example: Example, name: str) -> FrameworkSubject | None:
    """The subject of a ``torch.autograd.Function`` class or a ``jax.custom_vjp`` object; None for anything else."""
    torch, jax = sys.modules.get("torch"), sys.modules.get("jax")
    if torch is not None and isinstance(thing, type) and issubclass(thing, torch.autograd.Function):
        function: Any = thing
        forward, backward, run = function.forward, function.backward, _torch(torch, function)
        inputs = sort_inputs(_without_context(forward), example.inputs)
        shape = "torch.autograd.Function"
    elif jax is not None and isinstance(thing, jax.custom_vjp):
        forward, backward, run = thing.fun, thing.bwd, _jax(jax, thing)
        inputs = sort_inputs(forward, example.inputs)
        shape = "jax.custom_vjp"
    else:
        return None
    subject = FrameworkSubject(
        name=name,
        shape=shape,
        values=dict(inputs.values),
        constants=inputs.constants,
        gradients={gradient_name(each): each for each in inputs.values},
        source=defined(thing if shape.startswith("torch") else forward),
        forward_source=defined(forward),
        backward_source=defined(backward),
        settings=dict(example.settings),
        order=inputs.order,
        run_once=run,
    )
    subject.label = ", ".join(filter(None, (shapes(subject.values, subject), example.label)))
    subject.further = tuple(other_sizes(subject))
    return subject


def _without_context(forward: Callable[..., Any]) -> Callable[..., Any]:
    """``forward(ctx, x, W)`` as a bound method: without ctx."""
    return forward.__get__(object())  # type: ignore[no-any-return]


def _torch(torch: Any, function: Any) -> Run:
    def run(given: Mapping[str, Any], by: Sequence[str]) -> tuple[list[Array], Pullback]:
        arguments = {
            name: torch.tensor(np.array(value), requires_grad=name in by) if isinstance(value, np.ndarray) else value
            for name, value in given.items()
        }
        made = function.apply(*arguments.values())
        outputs = [out for out in (made if isinstance(made, tuple) else (made,)) if torch.is_tensor(out)]

        def back(douts: Sequence[Array]) -> list[Array | None]:
            upstream = [torch.tensor(np.array(d)).to(out.dtype) for d, out in zip(douts, outputs, strict=True)]
            pairs = [(out, d) for out, d in zip(outputs, upstream, strict=True) if out.requires_grad]
            inputs = [arguments[name] for name in by]
            found = torch.autograd.grad(
                [out for out, _ in pairs], inputs, [d for _, d in pairs], retain_graph=True, allow_unused=True
            )
            return [None if gradient is None else gradient.detach().numpy() for gradient in found]

        return [out.detach().numpy() for out in outputs], back

    return run


def _jax(jax: Any, function: Any) -> Run:
    def run(given: Mapping[str, Any], by: Sequence[str]) -> tuple[list[Array], Pullback]:
        def only(*moving: Any) -> Any:
            return function(*{**given, **dict(zip(by, moving, strict=True))}.values())

        with jax.enable_x64(True):  # in float32 no difference of values tells anything
            made, pull = jax.vjp(only, *[jax.numpy.asarray(given[name]) for name in by])
        leaves, structure = jax.tree_util.tree_flatten(made)

        def back(douts: Sequence[Array]) -> list[Array | None]:
            with jax.enable_x64(True):
                upstream = [jax.numpy.asarray(d, dtype=out.dtype) for d, out in zip(douts, leaves, strict=True)]
                found = map(np.asarray, pull(jax.tree_util.tree_unflatten(structure, upstream)))
                return [g if g.dtype.kind == "f" else None for g in found]  # of integers it gives an empty dtype

        return [np.asarray(out) for out in leaves], back

    return run
