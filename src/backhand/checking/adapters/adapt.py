"""Find out how a thing is called: try the likely readings, and take the one whose gradients fit best."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from backhand.checking.adapters import tensors
from backhand.checking.adapters.guard import defined
from backhand.checking.adapters.harvest import Found, in_result, kept, kept_outputs, returned, snapshot
from backhand.checking.adapters.inputs import Inputs, sort_inputs
from backhand.checking.adapters.naming import gradient_name, likeness_to_truth
from backhand.checking.adapters.parameters import (
    Held,
    current,
    held_parameters,
    inputs_unaccounted,
    learning_rate,
    moved,
    own_methods,
    still_there,
    unaccounted,
)
from backhand.checking.adapters.places import Path, get, leaves
from backhand.checking.adapters.plain import PlainSubject
from backhand.checking.adapters.plan import (
    Functions,
    Plan,
    backward_calls,
    forward_methods,
    gives_nothing,
    guessed,
    is_callable,
    leaves_no_doubt,
    pairs,
)
from backhand.checking.adapters.things import as_object, name_of
from backhand.checking.adapters.values import other_sizes, shapes
from backhand.checking.example import Example
from backhand.checking.subject import Array, UserCodeError
from backhand.errors import CheckError

__all__ = ["adapt"]

_CLEARS = re.compile(r"zero|clear|reset", re.IGNORECASE)
_TRIALS = 80  # readings that are tried at most


@dataclass
class _Trial:
    """A reading that ran: how many of its gradients are right, and how many fit in shape."""

    subject: PlainSubject
    right: int
    fitting: int

    @property
    def score(self) -> tuple[int, int]:
        return self.right, self.fitting

    @property
    def complete(self) -> bool:
        """All is right, by the first input too, unless it is a network, which gives its parameters' gradients."""
        subject = self.subject
        first = next(iter(subject.inputs), None)
        by_input = first is None or first in subject.gradients.values() or subject.plan.backward == "gradient"
        return by_input and self.right == len(subject.gradients)


def adapt(example: Example, others: Sequence[Example] = (), name: str | None = None) -> PlainSubject:
    """The subject of an example; ``others`` are further configurations of the same thing.

    Raises:
        CheckError: nothing in it looks like forward and backward, or it doesn't fit the inputs; says what to pass.
        UserCodeError: forward or backward raised in every reading; this is the likeliest reading's.
    """
    made = example.make()
    convert, plans = as_object(made)
    make = example.make
    example = replace(example, make=lambda: convert(make()))
    thing = example.make()
    called = name or name_of(made)
    best: _Trial | None = None
    empty: PlainSubject | None = None
    failure: UserCodeError | None = None
    tried = 0
    for subject in _readings(thing, example, called, plans):
        tried += 1
        if tried > _TRIALS:
            break
        try:
            trial = _try(subject)
        except UserCodeError as error:
            error.unknown = guessed(thing, subject.plan, subject.order)
            failure = _likelier(failure, error)
            if subject.plan.certain and error.phase == "backward" and best is None:
                break
            continue
        if trial is None and empty is None and gives_nothing(_backward_of(thing, subject.plan)):
            empty = subject
        if trial is not None and (best is None or trial.score > best.score):
            best = trial
        if best is not None and (best.complete or best.subject.plan.certain):
            break
    if best is None and empty is not None:  # a backward without a gradient is a mistake, not a riddle
        best = _try(replace(empty, plan=replace(empty.plan, certain=True)))
    if best is None:
        raise _no_reading(thing, example, called, tried, failure)
    subject = best.subject
    more = [lambda each=each: _other_example(each, called) for each in others]
    subject.further = (*more, *other_sizes(subject))
    return subject


def _backward_of(thing: Any, plan: Plan) -> Any:
    return getattr(thing, plan.backward) if plan.backward else None


def _other_example(example: Example, name: str) -> PlainSubject | None:
    try:
        return adapt(example, (), name)
    except (UserCodeError, CheckError):
        return None


def _likelier(old: UserCodeError | None, new: UserCodeError) -> UserCodeError:
    """Of two failures the one to tell: the first that happened in the user's own code, backward's before forward's."""

    def rank(error: UserCodeError) -> int:
        return (error.source is not None) + 2 * (error.phase == "backward" and error.source is not None)

    return new if old is None or rank(new) > rank(old) else old


def _no_reading(
    thing: Any, example: Example, name: str, tried: int, failure: UserCodeError | None
) -> CheckError | UserCodeError:
    if failure is not None and failure.source is not None:
        return failure
    shapes_given = ", ".join(_shape_in_words(value) for value in example.inputs) or "no inputs"
    if not tried:
        methods = [each for each in dir(thing) if not each.startswith("_") and callable(getattr(thing, each, None))]
        return CheckError(
            f"check: {name} has nothing like forward and backward for {len(example.inputs)} inputs ({shapes_given}); "
            f"its methods are {', '.join(methods) or 'none'}. Pass a layer object, or a pair (forward, backward)"
        )
    why = f": {failure}" if failure is not None else ""
    return CheckError(
        f"check: no way of calling {name} with {shapes_given} gives a gradient{why}. Pass inputs in the order in which "
        "its forward takes them"
    )


def _shape_in_words(value: Any) -> str:
    return f"an array {value.shape}" if isinstance(value, np.ndarray) else f"{value!r:.40}"


# -- readings -------------------------------------------------------------------------------------------------------


def _readings(thing: Any, example: Example, name: str, plans: list[Plan] | None) -> Iterator[PlainSubject]:
    """Each way of calling it, the likeliest first, as a subject without gradients yet."""
    if plans is not None:
        for plan in plans:
            yield _bare(thing, example, name, plan, sort_inputs(thing.forward, example.inputs))
        return
    for forward, backward in pairs(thing, len(example.inputs)):
        inputs = sort_inputs(getattr(thing, forward), example.inputs)
        for tensor in ("", "inputs", "both") if tensors.class_of(thing) else ("",):
            call = "__call__" if tensor and is_callable(thing) else forward
            yield from _splits(thing, example, name, Plan(call, backward, "all", tensors=tensor), inputs)
    for forward in forward_methods(thing, len(example.inputs)):
        yield from _with_gradient(thing, example, name, Plan(forward, "", "first"))


def _with_gradient(thing: Any, example: Example, name: str, plan: Plan) -> Iterator[PlainSubject]:
    """A method that returns the loss and its gradients."""
    bare = _bare(thing, example, name, plan, sort_inputs(getattr(thing, plan.forward), example.inputs))
    try:
        result = bare.start().raw_forward(bare.values, bare.constants)
    except UserCodeError:
        return
    if isinstance(result, tuple) and len(result) > 1 and np.size(result[0]) == 1:
        yield bare


def _splits(thing: Any, example: Example, name: str, plan: Plan, inputs: Inputs) -> Iterator[PlainSubject]:
    """For what forward returns: which part is output, which is cache; and then how backward is called."""
    bare = _bare(thing, example, name, plan, inputs)
    session = bare.start()
    try:
        result = session.raw_forward(bare.values, bare.constants)
    except UserCodeError:
        yield bare  # its trial raises the same again, to be told
        return
    splits: list[tuple[str, int]] = [("all", 1)]  # which part of the result, and how many outputs that is
    places: tuple[Path, ...] = ()
    if result is None:
        places = kept_outputs(session.thing, leaves(bare.example.make()), session.arrays())
        splits = [("attribute", 1)] if places else []
    elif isinstance(result, tuple | list) and len(result) > 1:
        whole, cached = ("all", len(result)), [("last", len(result) - 1), ("first", 1)]
        splits = [cached[0], whole, cached[1]] if isinstance(thing, Functions) else [whole, *cached]
    for split, outputs in splits:
        for roles, keywords in backward_calls(getattr(thing, plan.backward), inputs.order, outputs):
            if "cache" in roles and split in ("all", "attribute"):
                continue
            function = getattr(thing, plan.backward)
            single = (split != "last" and split != "first") or "cache" in roles
            certain = single and not tensors.class_of(thing) and leaves_no_doubt(function, roles, keywords, outputs)
            reading = replace(plan, split=split, roles=roles, keywords=keywords, certain=certain)
            yield replace(bare, plan=reading, outputs_at=places, takes_dout=reading.takes_dout)


def _bare(thing: Any, example: Example, name: str, plan: Plan, inputs: Inputs) -> PlainSubject:
    forward = getattr(thing, plan.forward)
    backward = getattr(thing, plan.backward) if plan.backward else forward
    subject = PlainSubject(
        name=name,
        shape=_shape_of_code(thing, plan),
        values=dict(inputs.values),
        constants=inputs.constants,
        takes_dout=plan.takes_dout,
        source=defined(forward if isinstance(thing, Functions) else type(thing)),
        forward_source=defined(forward),
        backward_source=defined(backward),
        settings=dict(example.settings),
        batch=example.batch,
        example=example,
        plan=plan,
        order=inputs.order,
        scalars=inputs.scalars,
        inside=inputs.inside,
    )
    subject.label = ", ".join(filter(None, (shapes(subject.values, subject), example.label)))
    return subject


def _shape_of_code(thing: Any, plan: Plan) -> str:
    if isinstance(thing, Functions):
        if thing.backward is None:
            return f"function {_named(thing.forward)} that gives its gradient"
        return f"functions {_named(thing.forward)} and {_named(thing.backward)}"
    if not plan.backward:
        return f"class with {plan.forward} that gives its gradients"
    return f"class with {plan.forward} and {plan.backward}"


def _named(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", type(function).__name__)


# -- trying one -----------------------------------------------------------------------------------------------------


def _try(bare: PlainSubject) -> _Trial | None:
    """Run one reading, see where its gradients are, and how many fit a difference quotient; None if none is there.

    Raises:
        UserCodeError: forward or backward raised.
    """
    subject = _with_parameters(bare, warm=False)
    if subject is None or not subject.parameters:
        warm = _with_parameters(bare, warm=True)
        if warm is not None and (subject is None or warm.parameters):
            subject = warm
    if subject is None:
        return None
    trial = _judged(subject)
    for other in _by_another_input(subject) if trial.right < len(subject.gradients) else ():
        instead = _judged(other)
        if instead.score > trial.score:
            trial = instead
    return trial


def _by_another_input(subject: PlainSubject) -> Iterator[PlainSubject]:
    """The same reading, with its one gradient by an input taken for that of another input of this shape: what
    ``gradient(y_true, y_pred)`` gives is by the second."""
    mine = [gradient for gradient in subject.sources if subject.gradients[gradient] in subject.inputs]
    if len(mine) != 1:
        return
    of = subject.gradients[mine[0]]
    for name in subject.inputs:
        if name == of or likeness_to_truth(name) != likeness_to_truth(of):
            continue  # a wrong sign must not make it the gradient by the labels
        if subject.values[name].shape == subject.values[of].shape:
            new = {gradient: gradient_name(name) if gradient == mine[0] else gradient for gradient in subject.gradients}
            yield replace(
                subject,
                gradients={new[g]: name if g == mine[0] else value for g, value in subject.gradients.items()},
                sources={new[g]: source for g, source in subject.sources.items()},
            )


def _judged(subject: PlainSubject) -> _Trial:
    session = subject.start()
    outputs = session.forward()
    rng = np.random.default_rng(7)
    douts = tuple(np.asarray(rng.standard_normal(out.shape)) for out in outputs)
    gradients = session.backward(douts)
    fitting = [g for g in subject.sources if g in gradients and gradients[g].shape == _value(subject, g).shape]
    right = [g for g in fitting if _agrees(subject, g, gradients[g], outputs, douts)]
    return _Trial(subject, len(right), len(fitting))


def _value(subject: PlainSubject, gradient: str) -> Array:
    return subject.values[subject.gradients[gradient]]


def _with_parameters(bare: PlainSubject, warm: bool) -> PlainSubject | None:
    """The subject with its parameters and the places of its gradients, as one run shows them."""
    subject = replace(bare, warm=warm)
    session = subject.start()
    held = held_parameters(session.thing, subject)
    outputs = session.forward()
    held = {name: each for name, each in held.items() if still_there(session.thing, each)}
    before, old = snapshot(session.thing), current(session.thing, held)
    rng = np.random.default_rng(7)
    douts = tuple(np.asarray(rng.standard_normal(out.shape)) for out in outputs)
    result, _ = session.call_backward(douts)
    few = len(returned(result)) < len(subject.inputs)  # in (y_true, y_pred) the one gradient is by the second
    names = sorted(subject.inputs, key=likeness_to_truth) if few else subject.inputs
    inputs = {name: subject.values[name] for name in names}
    places = {name: (held[name].paths, array) for name, array in old.items()}
    local = not subject.plan.takes_dout and outputs[0].size > 1  # f'(x): what it returns is by the input
    found = in_result(result, inputs, {} if local else old)
    left = {} if found.keys() & inputs.keys() or returned(result) else inputs
    for more in (
        kept(session.thing, left, places, before, changed=True),
        moved(old, current(session.thing, held), held),
        own_methods(session.thing, held, douts, subject.plan),
        kept(session.thing, left, places, before, changed=False),
    ):
        found = {**more, **found}
    if not found and not subject.plan.certain:
        return None
    return _complete(subject, held, old, found, learning_rate(session.thing, subject.plan))


def _complete(
    subject: PlainSubject, held: Mapping[str, Held], old: Mapping[str, Array], found: Found, lr: float
) -> PlainSubject | None:
    missing = [*inputs_unaccounted(subject, found), *unaccounted(subject, held, found)]
    if not found and not missing:
        return None
    parameters = tuple(name for name in held if name in found or name in missing)
    values = dict(subject.values) | {name: _real(old[name]) for name in parameters}
    fresh = subject.start().thing
    return replace(
        subject,
        values=values,
        parameters=parameters,
        gradients={gradient_name(name): name for name in values if name in found or name in missing},
        sources={gradient_name(name): source for name, source in found.items()},
        paths={name: held[name].paths for name in parameters},
        native={name: values[name] for name in parameters if _is_native(fresh, held[name], values[name])},
        scalars=subject.scalars | {name for name in parameters if not isinstance(held[name].array, np.ndarray)},
        lr=lr,
        updated=frozenset(name for name, source in found.items() if source.kind == "update"),
        clears=any(_CLEARS.search(name) for name in dir(fresh)),
    )


def _is_native(fresh: Any, held: Held, value: Array) -> bool:
    """Whether a fresh thing holds this very parameter, in float64."""
    try:
        array = get(fresh, held.paths[0])
    except (AttributeError, LookupError, TypeError):
        return False
    return isinstance(array, np.ndarray) and array.dtype == np.float64 and np.array_equal(array, value)


def _real(value: Any) -> Array:
    array = np.array(value)
    return array if array.dtype.kind == "f" and array.itemsize >= 8 else array.astype(np.float64)


def _agrees(
    subject: PlainSubject, gradient: str, given: Array, outputs: Sequence[Array], douts: Sequence[Array]
) -> bool:
    """Whether a gradient fits a difference quotient along one random direction: a quick look, no verdict."""
    name = subject.gradients[gradient]
    value = subject.values[name]
    direction = np.random.default_rng(11).integers(0, 2, value.shape, dtype=np.int8) * 2.0 - 1.0
    h = 1e-6 * max(1.0, float(np.abs(value).max(initial=0)))
    session = subject.start()
    try:
        above = session.forward({name: np.asarray(value + h * direction)})
        below = session.forward({name: np.asarray(value - h * direction)})
    except UserCodeError:
        return False
    slope = sum(float(np.sum(d * (a - b))) for d, a, b in zip(douts, above, below, strict=True)) / (2 * h)
    with np.errstate(all="ignore"):
        mine = float(np.sum(given * direction))
        size = max(abs(slope), float(np.sqrt(np.sum(given.astype(float) ** 2))))
    return abs(mine - slope) <= 1e-3 * size + 1e-9
