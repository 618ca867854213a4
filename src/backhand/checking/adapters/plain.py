"""A plain Python thing (an object with two methods, or a pair of functions) as a Subject, called by its plan."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.checking.adapters import tensors
from backhand.checking.adapters.guard import call, seeded
from backhand.checking.adapters.harvest import Source, number_of, read, returned
from backhand.checking.adapters.local import times_dout
from backhand.checking.adapters.optimizer import LEARNING_RATE, AnyOptimizer
from backhand.checking.adapters.places import Path, get, put, spelled
from backhand.checking.adapters.plan import Plan
from backhand.checking.adapters.values import Varied
from backhand.checking.example import Example
from backhand.checking.subject import Array, Session, Subject, UserCodeError, Values

__all__ = ["PlainSession", "PlainSubject"]


@dataclass(frozen=True)
class Node:
    """What an op's ``gradient(out_grad, node)`` asks about its call."""

    op: Any
    inputs: tuple[Any, ...]
    value: Any


_UNTIL = {"all": slice(None), "last": slice(None, -1), "first": slice(0, 1)}


@dataclass
class PlainSubject(Varied):
    """See :class:`Subject`.

    Attributes:
        example: how it is made.
        plan: how it is called.
        order: the names of forward's arguments.
        scalars: the values that are Python numbers, not arrays.
        inside: of a value that stands inside of an argument (a dict of weights, a list), the argument and its place.
        paths: where each parameter lives; all places of a shared array.
        sources: where each gradient is found.
        lr: what an update is divided by.
        warm: parameters are made by the first forward.
        native: the parameters that a fresh thing has by itself, so that they needn't be put there.
        outputs_at: the places of the outputs that forward leaves in the object and doesn't return.
    """

    example: Example = field(default_factory=lambda: Example(object, ()))
    plan: Plan = field(default_factory=lambda: Plan("forward", "backward", "all"))
    order: tuple[str, ...] = ()
    scalars: frozenset[str] = frozenset()
    inside: dict[str, tuple[str, Path]] = field(default_factory=dict)
    paths: dict[str, tuple[Path, ...]] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    lr: float = LEARNING_RATE
    warm: bool = False
    native: dict[str, Array] = field(default_factory=dict)
    outputs_at: tuple[Path, ...] = ()

    def start(self, *, readonly: bool = False) -> PlainSession:
        """A fresh, independent instance."""
        return PlainSession(self, readonly)

    def tracing(self, values: Values) -> tuple[Callable[..., Any], list[Any], dict[str, str]] | None:
        """See :meth:`Subject.tracing`."""
        if self.plan.tensors or self.plan.split == "attribute" or self.inside:
            return None
        session = self.start()
        session.forward(values)
        names = {name: spelled(self.paths[name][0]) for name in self.parameters} | {name: name for name in self.inputs}
        return getattr(session.thing, self.plan.forward), session.arrays(), names

    def same_object(self, other: Subject) -> bool:
        """See :meth:`Subject.same_object`."""
        return isinstance(other, PlainSubject) and other.example is self.example and super().same_object(other)


class PlainSession(Session):
    """See :class:`Session`."""

    def __init__(self, subject: PlainSubject, readonly: bool = False) -> None:
        self.subject = subject
        self.readonly = readonly
        seeded()
        self.thing = call("make", subject.example.make)
        self.cache: Any = None
        self.outputs: tuple[Array, ...] = ()
        self.given: dict[str, Any] = {}
        self._handed: dict[str, tuple[Any, Any]] = {}  # by name: what was handed over, and what it was a copy of
        self._set: dict[str, Array] = {}  # by name: the values that the parameters have now
        self._calls: tuple[list[Any], Any] = ([], None)
        self._returned: dict[str, Array] = {}
        self._started = False
        if subject.warm:
            self._warm_up()
        elif not readonly:
            for name, value in subject.native.items():
                self._set[name] = value
                self._handed[name] = (get(self.thing, subject.paths[name][0]), value)

    # -- forward ----------------------------------------------------------------------------------------------------

    def forward(self, values: Values | None = None, constants: Mapping[str, Any] | None = None) -> tuple[Array, ...]:
        """See :meth:`Session.forward`."""
        subject = self.subject
        wanted = {**subject.values, **(values or {})}
        if values is not None or not self._started:
            for name in subject.parameters:
                if self._set.get(name) is not wanted[name]:
                    self._put(name, wanted[name])
        self._started = True
        self._give(wanted, {**subject.constants, **(constants or {})})
        return self._run_forward()

    def _warm_up(self) -> None:
        self._give(self.subject.values, self.subject.constants)
        self._run_forward()
        self._handed = {}

    def _give(self, values: Values, constants: Mapping[str, Any]) -> None:
        """Fresh copies of forward's arguments."""
        subject = self.subject
        self.given = {
            name: self._hand(name, values[name]) if name in values else copy.deepcopy(constants[name])
            for name in subject.order
        }
        for name, (argument, path) in subject.inside.items():
            call("make", put, self.given[argument], path, self._hand(name, values[name]))

    def raw_forward(self, values: Values, constants: Mapping[str, Any]) -> Any:
        """What forward itself returns."""
        self._give(values, constants)
        return self._call_forward()

    def arrays(self) -> list[Any]:
        """What forward was given."""
        return list(self.given.values())

    def _call_forward(self) -> Any:
        seeded(self.stream)
        plan = self.subject.plan
        arguments = self.arrays()
        if plan.tensors:
            arguments = [tensors.wrap(self.thing, value) for value in arguments]
        function = call("forward", getattr, self.thing, plan.forward)
        result = call("forward", function, *arguments)
        self._calls = (arguments, result)
        return result

    def _run_forward(self) -> tuple[Array, ...]:
        plan = self.subject.plan
        result = self._call_forward()
        parts: list[Any] = []
        if plan.split == "attribute":
            parts = [call("forward", get, self.thing, path) for path in self.subject.outputs_at]
        elif plan.split == "all":
            parts = [array for _, array in returned(result)]
        else:
            parts = [array for _, array in returned(result[_UNTIL[plan.split]])]
            self.cache = result[-1] if plan.split == "last" or len(result) == 2 else tuple(result[1:])
        if not parts:
            raise UserCodeError(
                TypeError(f"{plan.forward} gave {type(result).__name__}, not an array"),
                "forward",
                self.subject.forward_source,
            )
        self.outputs = tuple(np.array(_number(part)) for part in parts)
        return tuple(output.copy() for output in self.outputs)

    def _put(self, name: str, value: Array) -> None:
        array: Any = self._hand(name, value)
        for path in self.subject.paths[name]:
            call("make", put, self.thing, path, array)
        self._set[name] = value

    def _hand(self, name: str, value: Any) -> Any:
        """A fresh copy to give away."""
        if name in self.subject.scalars:
            return value.item() if isinstance(value, np.ndarray | np.generic) else value
        array = np.array(value)
        if self.readonly:
            array.flags.writeable = False
        self._handed[name] = (array, value)
        return array

    # -- backward ---------------------------------------------------------------------------------------------------

    def backward(self, douts: Sequence[Array]) -> dict[str, Array]:
        """See :meth:`Session.backward`."""
        subject = self.subject
        updated = [subject.gradients[g] for g, source in subject.sources.items() if source.kind == "update"]
        before = {name: np.array(get(self.thing, subject.paths[name][0])) for name in updated}
        result, handed = self.call_backward(douts)
        self._returned = {}
        for gradient, source in subject.sources.items():
            array = number_of(self._read(gradient, source, result, before, handed))
            if array is not None:
                self._returned[gradient] = array
        found = {gradient: np.array(array) for gradient, array in self._returned.items()}
        if not subject.plan.takes_dout:
            found = {
                name: array
                if subject.sources[name].kind == "method"
                else times_dout(array, self.outputs, douts, self._shape_of(name))
                for name, array in found.items()
            }
        return found

    def returned(self) -> dict[str, Array]:
        """See :meth:`Session.returned`."""
        return self._returned

    def call_backward(self, douts: Sequence[Array]) -> tuple[Any, list[Any]]:
        """What backward returned, and the copies of ``douts`` that it was given."""
        plan = self.subject.plan
        handed = [self._dout(number, dout) for number, dout in enumerate(douts)]
        positional = [value for role in plan.roles for value in self._arguments(role, handed)]
        named = {name: self._argument(role, handed) for name, role in plan.keywords}
        function = getattr(self.thing, plan.backward) if plan.backward else lambda: self.cache
        result = call("backward", function, *positional, **named)
        for method, roles in plan.then:
            call("backward", getattr(self.thing, method), *[self._argument(role, handed) for role in roles])
        self._set = {}  # backward may have moved parameters
        return result, handed

    def _read(self, gradient: str, source: Source, result: Any, before: dict[str, Array], douts: list[Any]) -> Any:
        name = self.subject.gradients[gradient]
        if source.kind == "update":
            return (before[name] - np.asarray(get(self.thing, self.subject.paths[name][0]))) / self.subject.lr
        if source.kind == "method":
            return call("backward", getattr(self.thing, source.key), *douts)
        if source.kind == "kept":
            try:
                return get(self.thing, source.key)
            except (AttributeError, LookupError, TypeError):
                return None
        return read(source, result)

    def _shape_of(self, gradient: str) -> tuple[int, ...]:
        return self.subject.values[self.subject.gradients[gradient]].shape

    def _dout(self, number: int, dout: Array) -> Any:
        if np.ndim(dout) == 0 and not self.subject.plan.tensors:
            return np.asarray(dout).item()
        name = "dout" if len(self.outputs) == 1 else f"dout[{number}]"
        array = np.array(dout)
        if self.readonly:
            array.flags.writeable = False
        self._handed[name] = (array, dout)
        return array

    def _arguments(self, role: str, douts: list[Any]) -> Sequence[Any]:
        """What a role stands for: one argument, or each part of the cache."""
        if role == "caches":
            return self.cache if isinstance(self.cache, tuple | list) else (self.cache,)
        return (self._argument(role, douts),)

    def _argument(self, role: str, douts: list[Any]) -> Any:
        kind, _, which = role.partition(":")
        if self.subject.plan.tensors == "both" and kind == "dout":
            return tensors.wrap(self.thing, douts[int(which or 0)])
        if kind == "dout":
            return self._like_result(douts) if isinstance(self._calls[1], dict) else douts[int(which or 0)]
        if kind == "input":
            return self.given[which]
        if kind == "cache":
            return self.cache
        if kind == "node":
            return (
                self._calls[1] if self.subject.plan.tensors else Node(self.thing, tuple(self.arrays()), self._calls[1])
            )
        return {
            "douts": tuple(douts),
            "out": self.outputs[0].copy() if self.outputs else None,
            "lr": self.subject.lr,
            "optimizer": AnyOptimizer() if kind == "optimizer" else None,
            "true": True,
        }[kind]

    def _like_result(self, douts: list[Any]) -> dict[str, Any]:
        """The upstream gradients in the form of the dict that forward returned."""
        keys = [key for key, value in self._calls[1].items() if number_of(value) is not None]
        return dict(zip(keys, douts, strict=True))

    @property
    def written(self) -> frozenset[str]:
        """See :attr:`Session.written`."""
        return frozenset(
            name
            for name, (array, original) in self._handed.items()
            if not np.array_equal(array, original)
            and not np.array_equal(array, original, equal_nan=array.dtype.kind in "fc")
        )

    def overwrite(self, name: str) -> bool:
        """See :meth:`Session.overwrite`. Where backward is given its inputs again, they are its caller's affair."""
        array = self._handed.get(name, (None, None))[0]
        plan = self.subject.plan
        again = any(role.startswith("input") for role in (*plan.roles, *(role for _, role in plan.keywords)))
        if again or not isinstance(array, np.ndarray):
            return False
        array += 1
        return True


def _number(value: Any) -> Any:
    array = number_of(value)
    return np.asarray(value) if array is None else array
