"""Other inputs than usual: very large ones, integers, float32, a single sample without its batch axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from backhand.checking.contract import broken
from backhand.checking.experiment import Experiment, measure
from backhand.checking.finding import Finding
from backhand.checking.subject import Array, UserCodeError
from backhand.graph.graph import Source

__all__ = ["extremes", "float32_agreement", "one_sample", "whole_numbers"]

SCALES = (50.0, 800.0)


def extremes(main: Experiment) -> Iterator[Finding]:
    """Inputs of +-50 and +-800 give finite numbers, where the result itself is one.

    Whether it is, is asked of longdouble, whose exponent is longer on most machines: softmax of 800 is a number, exp
    of 800 is none.
    """
    name = next(iter(main.subject.inputs), None)
    if name is None or main.values[name].size == 0 or main.values[name].min() >= 0:
        return
    rng = np.random.default_rng(31)
    for scale in SCALES:
        values = {**main.values, name: np.asarray(rng.choice((-scale, scale), main.values[name].shape))}
        try:
            outputs, gradients = main.run(values)
            bad = _bad(outputs, gradients)
            line, warning = _first_warning(main, values)
            if not bad:
                if line is not None:
                    yield _only_warns(main, scale, line, warning)
                    return
                continue
            longer = {key: np.asarray(value, dtype=np.longdouble) for key, value in values.items()}
            outputs, gradients = main.run(longer)
        except UserCodeError:
            return
        truth = outputs if bad == "forward" else (gradients[bad],)
        if all(np.isfinite(each).all() and (np.abs(each) < np.finfo(np.float64).max).all() for each in truth):
            id, phase = ("overflow", "forward") if bad == "forward" else ("not-finite", "backward")
            warning = warning or "it gives inf or NaN"
            size = float("inf")
            yield broken(id, bad, main, line=line, phase=phase, size=size, scale=f"{scale:g}", warning=warning)
            return


def _only_warns(main: Experiment, scale: float, line: Source, warning: str) -> Finding:
    said = broken("overflow", "forward", main, line=line, phase="forward", scale=f"{scale:g}", warning=warning)
    return replace(said, verdict="ok", sentence=f"{said.sentence} What comes out is right all the same.")


def _bad(outputs: Sequence[Array], gradients: dict[str, Array]) -> str:
    """``forward`` or the gradient that isn't finite; empty if all is."""
    if not all(np.isfinite(out).all() for out in outputs):
        return "forward"
    return next((name for name, gradient in gradients.items() if not np.isfinite(gradient).all()), "")


def _first_warning(main: Experiment, values: dict[str, Array]) -> tuple[Source | None, str]:
    """The user's line at which NumPy would warn first, and of what."""
    try:
        with np.errstate(over="raise", invalid="raise", divide="raise"):
            main.run(values)
    except UserCodeError as error:
        if isinstance(error.error, FloatingPointError):
            return error.source, str(error.error)
    return None, ""


def whole_numbers(main: Experiment, right: Sequence[str]) -> Iterator[Finding]:
    """An input of integers gives the gradient that the same numbers give as floats."""
    name = next(iter(main.subject.inputs), None)
    if name is None or main.values[name].ndim == 0:
        return
    whole = np.rint(3 * main.values[name] / max(float(np.abs(main.values[name]).max(initial=0)), 1e-300))
    try:
        outputs, floats = main.run({name: whole})
        if not all(np.isfinite(each).all() for each in (*outputs, *floats.values())):
            return
        integer_outputs, integers = main.run({name: whole.astype(np.int64)})
    except UserCodeError:
        return  # refusing integers is allowed
    if not all(np.allclose(a, b, equal_nan=True) for a, b in zip(outputs, integer_outputs, strict=True)):
        return
    for gradient, given in floats.items():
        other = integers.get(gradient)
        if gradient in right and other is not None and other.shape == given.shape and not _close(given, other):
            size = float(np.abs(other - given).max() / (np.abs(given).max() or 1.0))
            how = f"off by {size:.2g} of its size"
            yield broken("integer-dtype", gradient, main, size=size, name=name, how=how)
            return


def _close(a: Array, b: Array) -> bool:
    return bool(np.all(np.abs(a - b) <= 1e-6 * (np.abs(a).max(initial=0) + 1e-300)))


def one_sample(main: Experiment, right: Sequence[str]) -> Iterator[Finding]:
    """If forward takes one sample without a batch axis, as a batch of one, then backward takes it, too."""
    single = main.subject.one_sample()
    if single is None:
        return
    name = single.inputs[0]
    try:
        experiment = measure(single, 0, quick=True)
    except UserCodeError as raised:
        # Batches only, and it says so itself: nothing can go wrong unseen.
        said = broken("one-sample", "backward", main, line=raised.source, name=name, error=str(raised))
        yield replace(said, verdict="ok")
        return
    for gradient, measurement in experiment.measurements.items():
        if gradient in right and measurement.wrong and not measurement.close:
            hand, size = measurement.hand, measurement.size
            shape = f"{gradient} has shape {hand.shape}" if hand is not None else f"{gradient} is missing"
            error = f"{gradient} is off by {size:.2g} of its size" if measurement.fits else shape
            yield broken("one-sample", gradient, main, verdict="convention", name=name, error=error, size=size)
            return


def float32_agreement(main: Experiment, right: Sequence[str]) -> dict[str, float]:
    """How far the gradients in float32 are from those in float64, relative: reported apart, not judged."""
    values = {name: value.astype(np.float32) for name, value in main.values.items()}
    try:
        single = main.run(values, [np.asarray(dout, dtype=np.float32) for dout in main.douts])[1]
        double = main.run()[1]
    except UserCodeError:
        return {}
    found = {}
    for gradient in right:
        a, b = double.get(gradient), single.get(gradient)
        if a is not None and b is not None and a.shape == b.shape and a.size:
            with np.errstate(all="ignore"):
                found[gradient] = float(np.abs(a - b).max() / (np.abs(a).max() or 1.0))
    return found
