"""Listening at the layers inside of a network: what each was given and gave, and a push at its input or output."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backhand.checking.adapters.harvest import number_of
from backhand.checking.adapters.naming import BACKWARD, FORWARD
from backhand.checking.adapters.places import Path, inside
from backhand.checking.adapters.plan import is_callable
from backhand.checking.subject import Array

__all__ = ["Call", "Taps", "layers_of"]


@dataclass
class Call:
    """One forward of one layer, and the backward that went with it.

    Attributes:
        path: where the layer stands in the network.
        layer: the object.
        inputs: what forward was given, copied.
        output: what it gave, if that was one array.
        dout, dx: what backward was given and gave first; None as long as it wasn't called, or took or gave no array.
        backward_order: the number of its backward among all.
    """

    path: Path
    layer: Any
    inputs: tuple[Any, ...]
    output: Array | None
    dout: Array | None = None
    dx: Array | None = None
    backward_order: int | None = None


@dataclass
class Taps:
    """Put around the layers of one network object; ``push`` moves the input or output of one forward call.

    ``push`` is the number of the call, ``"input"`` or ``"output"``, and what is added.
    """

    calls: list[Call] = field(default_factory=list)
    push: tuple[int, str, Array] | None = None
    _busy: list[Any] = field(default_factory=list)

    def attach(self, network: Any) -> None:
        """Listen from now on: each layer gets a subclass of its class, whose methods report."""
        for path, layer in layers_of(network):
            kind = type(layer)
            methods: dict[str, Any] = {}
            for names, tap in ((FORWARD, self._forward), (BACKWARD, self._backward)):
                for name in names:
                    if callable(getattr(kind, name, None)) and (name != "__call__" or is_callable(layer)):
                        methods[name] = tap(path, getattr(kind, name))
            try:
                layer.__class__ = type(kind.__name__, (kind,), {**methods, "__module__": kind.__module__})
            except TypeError:  # __slots__: it isn't listened to
                continue

    def _call(self, layer: Any, method: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        self._busy.append(layer)
        try:
            return method(layer, *given, **named)
        finally:
            self._busy.pop()

    def _forward(self, path: Path, method: Callable[..., Any]) -> Callable[..., Any]:
        def forward(layer: Any, *given: Any, **named: Any) -> Any:
            if any(each is layer for each in self._busy):  # forward, from within __call__
                return method(layer, *given, **named)
            number = len(self.calls)
            call = Call(path, layer, tuple(_copy(value) for value in given), None)
            self.calls.append(call)
            if self.push is not None and self.push[:2] == (number, "input"):
                given = (given[0] + self.push[2], *given[1:])
            result = self._call(layer, method, given, named)
            if self.push is not None and self.push[:2] == (number, "output"):
                result = result + self.push[2]
            call.output = number_of(result)
            call.output = None if call.output is None else np.array(call.output)
            return result

        return forward

    def _backward(self, path: Path, method: Callable[..., Any]) -> Callable[..., Any]:
        def backward(layer: Any, *given: Any, **named: Any) -> Any:
            if any(each is layer for each in self._busy):
                return method(layer, *given, **named)
            dout = next((_array(value) for value in (*given, *named.values()) if _array(value) is not None), None)
            result = self._call(layer, method, given, named)
            mine = [call for call in self.calls if call.layer is layer and call.backward_order is None]
            if mine:
                first = result[0] if isinstance(result, tuple) and result else result
                mine[-1].dout, mine[-1].dx = dout, _array(first)
                mine[-1].backward_order = sum(call.backward_order is not None for call in self.calls)
            return result

        return backward


def layers_of(network: Any) -> list[tuple[Path, Any]]:
    """The objects inside of a network that have a forward and a backward by name, nearest first; not itself."""
    found: list[tuple[Path, Any]] = []
    seen: dict[int, Any] = {id(network): network}
    queue: deque[tuple[Path, Any]] = deque(((step,), value) for step, value in inside(network))
    while queue and len(seen) < 5000:
        path, value = queue.popleft()
        if id(value) in seen or isinstance(value, np.ndarray | np.generic | str | bytes | int | float):
            continue
        seen[id(value)] = value
        kind = type(value)
        if any(callable(getattr(kind, name, None)) for name in BACKWARD) and hasattr(value, "__dict__"):
            found.append((path, value))
        queue.extend(((*path, step), item) for step, item in inside(value))
    return found


def _array(value: Any) -> Array | None:
    array = number_of(value)
    if array is None or (array.ndim and array.dtype.kind != "f"):
        return None
    return np.array(array, dtype=np.float64)


def _copy(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else value
