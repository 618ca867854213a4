"""A whole network that is wrong: find the first layer whose own backward is, though its upstream gradient is right.

The layers are listened to while the network runs forward and back. Then the output of each, and its input, is pushed a
little, and how the loss moves is compared with the ``dout`` that the layer was given and the ``dx`` that it gave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from backhand.checking import causes
from backhand.checking.adapters import adapt
from backhand.checking.adapters.places import Path, get, spelled
from backhand.checking.adapters.plain import PlainSession, PlainSubject
from backhand.checking.adapters.taps import Call, Taps, layers_of
from backhand.checking.example import Example
from backhand.checking.experiment import Experiment, measure
from backhand.checking.finding import Cause
from backhand.checking.lines import line_of
from backhand.checking.slopes import differences
from backhand.checking.subject import Array, UserCodeError
from backhand.errors import CheckError
from backhand.graph.graph import Source

__all__ = ["Blame", "blame"]


@dataclass(frozen=True)
class Blame:
    """Who is wrong in a network.

    Attributes:
        layer: where it stands: ``layers['Relu1']``; empty if each layer is right, and the network puts their gradients
            together wrongly.
        kind: its class.
        gradient: which of its gradients.
        cause: as the table has it for the layer by itself, if it can be run so.
        line: the layer's backward.
    """

    layer: str
    kind: str
    gradient: str
    cause: Cause | None
    line: Source | None


def blame(experiment: Experiment) -> Blame | None:
    """The layer to blame for what is wrong in an experiment; None if it holds no layers, or can't be listened to."""
    subject = experiment.subject
    if not isinstance(subject, PlainSubject) or not layers_of(subject.start().thing):
        return None
    calls, forward_calls = _listen(experiment)
    glue = Blame("", type(subject.start().thing).__name__, "", None, subject.backward_source)
    clearly = [gradient for gradient in experiment.wrong if not experiment.measurements[gradient].close]
    back = sorted((call for call in calls if call.backward_order is not None), key=_order)
    for call in back:
        number = next(index for index, each in enumerate(calls) if each is call) % forward_calls
        if not _right(experiment, number, "output", call.output, call.dout):
            return glue
        gradient = "dx" if not _right(experiment, number, "input", _first(call), call.dx) else ""
        gradient = gradient or next((g for g in clearly if _belongs(subject, g, call.path)), "")
        if gradient:
            return _blamed(experiment, call, gradient)
    return glue if back else None


def _order(call: Call) -> int:
    return -1 if call.backward_order is None else call.backward_order


def _first(call: Call) -> Array | None:
    value = call.inputs[0] if call.inputs else None
    return value if isinstance(value, np.ndarray) and value.dtype.kind == "f" else None


def _listen(experiment: Experiment) -> tuple[list[Call], int]:
    """Every call of a layer in one run of forward and backward; and how many forward alone makes.

    A network's ``gradient(x, t)`` runs forward once more.
    """
    taps = Taps()
    session = _tapped(experiment, taps)
    session.forward(experiment.values)
    forward_calls = len(taps.calls)
    session.backward(experiment.douts)
    return taps.calls, forward_calls


def _tapped(experiment: Experiment, taps: Taps) -> PlainSession:
    session = experiment.subject.start()
    assert isinstance(session, PlainSession)
    taps.attach(session.thing)
    return session


def _right(
    experiment: Experiment, number: int, side: Literal["input", "output"], at: Array | None, given: Array | None
) -> bool:
    """Whether a gradient at one side of a layer is how the network's outputs move; true if there is nothing to ask."""
    if at is None or given is None or at.shape != given.shape:
        return True
    size = float(np.sqrt(np.mean(np.square(at)))) or 1.0
    takes_dout = experiment.subject.takes_dout
    weights = [np.ravel(dout) if takes_dout else np.ones(dout.size) for dout in experiment.douts]
    direction = np.random.default_rng(37).choice((-1.0, 1.0), at.shape)

    def outputs(step: complex) -> Array:
        taps = Taps(push=(number, side, np.asarray(step.real * size * direction)))
        found = _tapped(experiment, taps).forward(experiment.values)
        return np.concatenate([np.ravel(out) for out in found])

    try:
        slope = differences(outputs, outputs(0.0))
    except UserCodeError:
        return True
    weight = np.concatenate(weights)
    truth, mine = float(weight @ slope.value) / size, float(np.sum(given * direction))
    slack = float(np.abs(weight) @ (slope.bar + np.abs(slope.jump))) / size
    return abs(mine - truth) <= slack + 1e-4 * max(float(np.linalg.norm(given)), abs(truth))


def _belongs(subject: PlainSubject, gradient: str, path: Path) -> bool:
    """Whether a parameter lives in a layer, under any of its names."""
    places: Sequence[Path] = subject.paths.get(subject.gradients[gradient], ())
    return any(place[: len(path)] == path for place in places)


def _blamed(experiment: Experiment, call: Call, gradient: str) -> Blame:
    """Run the layer by itself on what it was given, and ask the table."""
    subject = experiment.subject
    assert isinstance(subject, PlainSubject)

    def make() -> object:
        session = subject.start()
        session.forward(experiment.values)
        return get(session.thing, call.path)

    name, kind = spelled(call.path), type(get(subject.start().thing, call.path)).__name__
    try:
        alone = measure(adapt(Example(make, call.inputs), (), kind), experiment.seed)
    except (UserCodeError, CheckError):
        return Blame(name, kind, gradient, None, None)
    for own in alone.wrong:
        if not alone.measurements[own].close:
            cause = causes.explain(alone, own)
            return Blame(name, kind, own, cause, (cause and cause.line) or line_of(alone.subject, own))
    if gradient == "dx":
        return Blame(name, kind, gradient, None, alone.subject.backward_source)
    return Blame("", subject.name, "", None, subject.backward_source)  # its dW is right, the network's isn't
