"""``backhand.check``: measure a layer in several configurations, ask for the causes of what is off, and report."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backhand.checking import causes
from backhand.checking.adapters import adapt
from backhand.checking.adapters.guard import quiet
from backhand.checking.adapters.parameters import with_parameters
from backhand.checking.adapters.things import name_of
from backhand.checking.contract import broken, kept_without_copy, promises
from backhand.checking.example import Example
from backhand.checking.experiment import Experiment, measure
from backhand.checking.extremes import extremes, float32_agreement, one_sample, whole_numbers
from backhand.checking.finding import Finding, Report
from backhand.checking.judge import crash, gradients
from backhand.checking.redraw import another_draw
from backhand.checking.subject import Subject, UserCodeError
from backhand.checking.ties import ties
from backhand.errors import CheckError

__all__ = ["check", "check_examples"]

SEEDS = 2  # further seeds at the same shapes
ELSEWHERE = 9  # further configurations


def check(layer: Any, *inputs: Any, params: Sequence[str] | Mapping[str, Any] | None = None, seed: int = 0) -> Report:
    """Is this backward right, and if not, why and where.

    The code is taken as it is and called on copies: nothing in the layer changes. Its gradients, by every input and
    parameter, are compared with the derivative of its own forward at several values and shapes, and so are the promises
    that a layer makes to its neighbours (not to write into ``dout``, to be called twice, ...).

    Args:
        layer: an object with forward and backward (or a call and ``grad``, ``loss`` and ``gradient``, ...), a class
            without arguments, a pair ``(forward, backward)`` of functions, a function that returns its value and its
            gradient.
        inputs: what forward takes, in order: arrays, numbers, labels, flags.
        params: names of the parameters, where they aren't recognised, or a mapping from names to values to check it at.
        seed: of the random upstream gradients and further inputs.

    Returns:
        The report; true if nothing is wrong and nothing undecided.

    Raises:
        CheckError: it can't be checked with these inputs; says what to pass.

    >>> import numpy as np, backhand
    >>> x = np.array([[1.0, -0.5], [-2.0, 3.0]])
    >>> report = backhand.check(backhand.Sigmoid(), x)
    >>> bool(report), report.verdict
    (True, 'ok')
    """
    if isinstance(layer, type | tuple | list) or _is_code(layer):
        make: Callable[[], Any] = lambda: layer  # noqa: E731
    else:
        try:
            original = copy.deepcopy(layer)
        except Exception as error:
            raise CheckError(
                f"check: a {type(layer).__name__} can't be copied ({type(error).__name__}: {error}), and a check runs "
                "on copies; pass one without open files, generators and modules in it"
            ) from error
        make = lambda: copy.deepcopy(original)  # noqa: E731
    names: Sequence[str] | None = None
    if isinstance(params, Mapping):
        make = with_parameters(make, params)
    elif params is not None:
        names = tuple(params)
    return check_examples([Example(make, tuple(map(_plain, inputs)), params=names)], name=name_of(layer), seed=seed)


def _is_code(thing: Any) -> bool:
    """Functions, and what JAX makes of them, have nothing of their own to copy."""
    return type(thing).__name__ in ("function", "builtin_function_or_method", "method", "custom_vjp")


def _plain(value: Any) -> Any:
    return np.array(value) if isinstance(value, np.ndarray) else copy.deepcopy(value)


def check_examples(examples: Sequence[Example], *, name: str | None = None, seed: int = 0) -> Report:
    """The report on one thing in several configurations: the first that runs is the main one.

    Raises:
        CheckError: none of them fits.
    """
    start = time.perf_counter()
    with quiet():
        report = _report(list(examples), name, seed)
    return replace(report, seconds=time.perf_counter() - start)


def _report(examples: list[Example], name: str | None, seed: int) -> Report:
    failure: UserCodeError | CheckError | None = None
    for number, example in enumerate(examples):
        try:
            subject = adapt(example, examples[number + 1 :], name)
            main = measure(subject, seed)
            random = _differs(main)
        except (UserCodeError, CheckError) as error:
            failure = failure or error
            continue
        return _report_on(main) if not random else _not_deterministic(main, random)
    if isinstance(failure, UserCodeError):
        _refuse_if_guessed(failure, examples)
        called = name or name_of(examples[0].make())
        cause = causes.explain_crash(failure, examples, name)
        return Report(called, (crash(failure, "", cause),), line=failure.source)
    raise failure or CheckError("check: there is nothing to check: no example was given")


MISTAKES = (NameError, AttributeError)  # these are the code's own, whatever it is given


def _refuse_if_guessed(failure: UserCodeError, examples: Sequence[Example]) -> None:
    """What raises because it isn't given what it needs is no mistake.

    Raises:
        CheckError: forward doesn't take these inputs, or backward has an argument that nobody can guess.
    """
    unknown = ", ".join(failure.unknown)
    if isinstance(failure.error, NameError) or (failure.phase == "backward" and not unknown):
        return
    if failure.phase != "backward" and isinstance(failure.error, MISTAKES):
        return
    where = f" ({failure.source})" if failure.source else ""
    given = ", ".join(f"{np.shape(v)}" if isinstance(v, np.ndarray) else f"{v!r:.30}" for v in examples[0].inputs)
    if unknown:
        raise CheckError(
            f"check: backward raises {failure}{where}, and what its argument {unknown} stands for isn't clear; pass a "
            "pair of functions (forward, backward) in which backward takes dout, or dout and a cache"
        ) from failure
    raise CheckError(
        f"check: {failure.phase} raises {failure}{where} for inputs {given or 'none'}; pass inputs that it takes, in "
        "the order of its arguments"
    ) from failure


def _differs(main: Experiment) -> float:
    """How far apart the outputs of two fresh instances are for the same inputs and random state."""
    again = main.subject.start().forward(main.values)
    apart = 0.0
    for one, two in zip(main.outputs, again, strict=True):
        if one.shape != two.shape or not np.array_equal(one, two, equal_nan=True):
            apart = max(apart, float(np.abs(one - two).max()) if one.shape == two.shape else float("inf"))
    return apart


def _not_deterministic(main: Experiment, size: float) -> Report:
    finding = replace(broken("not-deterministic", "forward", main, size=size), verdict="undecided")
    return Report(main.subject.name, (finding,), main.subject.shape, line=main.subject.source)


def _report_on(main: Experiment) -> Report:
    subject = main.subject
    experiments, crashes = _experiments(main)
    findings = gradients(experiments)
    right = [finding.gradient for finding in findings if finding.verdict == "ok"]
    findings += crashes
    felt = [gradient for gradient in right if _is_felt(main, gradient)]
    findings += promises(main, experiments, felt)
    single: dict[str, float] = {}
    notes: list[str] = []
    if not subject.large:
        findings += [*extremes(main), *whole_numbers(main, felt), *one_sample(main, felt)]
        findings += [*ties(main, felt), *another_draw(main, felt)]
        single = float32_agreement(main, felt)
        notes += kept_without_copy(main, felt)
    if single:
        notes.append(f"In float32 the gradients are within {max(single.values()):.1e} of those in float64.")
    closeness = {
        gradient: max(e.measurements[gradient].size for e in experiments if gradient in e.measurements)
        for gradient in right
    }
    return Report(
        name=subject.name,
        findings=tuple(findings),
        shape=subject.shape,
        agreement=closeness,
        method={g: m.reference.method for g, m in main.measurements.items()},
        configurations=tuple(e.label for e in experiments),
        line=subject.source,
        notes=tuple(notes),
    )


def _is_felt(main: Experiment, gradient: str) -> bool:
    """Whether a gradient is more than rounding; that of a bias before a norm, which takes it away again, is none."""
    sizes = {
        name: float(np.abs(measurement.hand).max(initial=0))
        for name, measurement in main.measurements.items()
        if measurement.hand is not None
    }
    return sizes.get(gradient, 0.0) > 1e-12 * max(sizes.values(), default=0.0)


def _for_one_sample(main: Experiment) -> bool:
    """Whether the inputs are one sample: code for just that, which raises for a batch, is right for its own network."""
    first = main.values[main.subject.inputs[0]] if main.subject.inputs else None
    return first is not None and first.ndim > 1 and first.shape[0] == 1


def _experiments(main: Experiment) -> tuple[list[Experiment], list[Finding]]:
    """The main one, other values, other shapes; and what raised on the way."""
    experiments, crashes = [main], []
    if main.subject.large:
        return experiments, []
    subjects: list[tuple[Subject, int]] = [(main.subject, main.seed + 1 + number) for number in range(SEEDS)]
    elsewhere = main.subject.elsewhere()
    for number in range(ELSEWHERE):
        other = next(elsewhere, None)
        if other is None:
            break
        if other.trusted:
            subjects.append((other, main.seed + 1 + SEEDS + number))
    for subject, seed in subjects:
        try:
            experiment = measure(subject, seed, quick=True)
        except UserCodeError as error:
            if error.phase == "backward":
                said = crash(error, f"{subject.label}, seed {seed}")
                crashes.append(replace(said, verdict="convention") if _for_one_sample(main) else said)
            continue
        if all(np.isfinite(out).all() for out in experiment.outputs):
            experiments.append(experiment)
    return experiments, crashes[:1]
