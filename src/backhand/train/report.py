"""report.html: one page that shows how a training went. It loads nothing from anywhere."""

import shlex
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from backhand.train import figures, pictures
from backhand.train.evaluate import Examination, Mistake
from backhand.train.folder import Config, RunFolder
from backhand.train.memory import Array
from backhand.train.page import page
from backhand.train.samples import image_size
from backhand.train.training import Training

if TYPE_CHECKING:
    from backhand.train.run import Result

_CLASSES_IN_A_TABLE = 30
_UNITS = 60


def write_report(
    folder: RunFolder, config: Config, training: Training, examination: Examination, result: "Result"
) -> None:
    """Write curves.png and report.html into the run's folder."""
    folder.write("curves.png", figures.curves_png(training.history, (result.train_accuracy, result.test_accuracy)))
    sections = [
        ("Summary", _summary(config, training, result)),
        ("Curves", _curves(training, result)),
        ("Which classes are mixed up", _confusion(examination, training.data.classes)),
        ("The worst mistakes", _mistakes(examination, config, training)),
        ("The first layer's weights", _weights(config, training)),
        ("Gradient norms by layer", _norms(training)),
    ]
    title = f"{folder.path.name}: {result.test_accuracy:.2%} of the test samples recognised"
    folder.write("report.html", page(title, sections))


def _summary(config: Config, training: Training, result: "Result") -> str:
    s = config.settings
    network = f"{s.network} {' '.join(s.arguments)}" if s.network else f"TwoLayerNet, {s.hidden} hidden neurons"
    count = sum(value.size for value in training.network.params.values())
    shapes = ", ".join(f"{key} {value.shape}" for key, value in list(training.network.params.items())[:12])
    rows = [
        ("test accuracy", f"{result.test_accuracy:.4f}"),
        ("train accuracy", f"{result.train_accuracy:.4f}"),
        ("last loss", f"{result.final_loss:.4f}"),
        ("iterations", f"{result.iterations:,} of {s.iterations:,}, batches of {s.batch}"),
        ("time", f"{result.seconds:.1f} s; {result.microseconds_per_iteration:.0f} µs an iteration"),
        ("data", f"{s.data}: {config.data['train']:,} samples to train, {config.data['test']:,} to test"),
        ("network", network),
        ("parameters", f"{count:,}: {shapes}" + (" ..." if len(training.network.params) > 12 else "")),
        ("optimizer", f"{s.optimizer}, learning rate {s.lr:g}"),
        ("numbers", f"{s.dtype}, seed {s.seed}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in config.versions.items())),
    ]
    table = "".join(f"<tr><th scope=row>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in rows)
    stopped = ""
    if result.interrupted:
        command = f"backhand train --resume {shlex.quote(str(result.run))}"
        stopped = f"<p>Stopped before its end. To go on: <code>{escape(command)}</code></p>"
    return f"{stopped}<table class=facts>{table}</table>"


def _curves(training: Training, result: "Result") -> str:
    history = training.history
    if not history.losses:
        return "<p>No iteration has been done yet.</p>"
    at_the_end = result.train_accuracy, result.test_accuracy
    return _chart(
        figures.loss_lines(history),
        "loss",
        result.iterations,
        "The loss of each iteration's batch, after its update"
        + (", as means; the band holds the least and the largest." if len(history.losses) > 400 else "."),
        f"Line chart of the loss: from {history.losses[0]:.3g} to {history.losses[-1]:.3g}.",
    ) + _chart(
        figures.accuracy_lines(history, at_the_end),
        "accuracy",
        result.iterations,
        "The share of all samples that is recognised, once an epoch and at the end.",
        f"Line chart of the accuracies: at the end {result.train_accuracy:.4f} on training samples, "
        f"{result.test_accuracy:.4f} on test samples.",
    )


def _norms(training: Training) -> str:
    lines = figures.norm_lines(training.history)
    if not lines:
        return "<p>No iteration has been done yet.</p>"
    alt = "Line chart, logarithmic: " + ", ".join(f"{line.name} at the end {line.y[-1]:.3g}" for line in lines[:20])
    return _chart(
        lines,
        "gradient norm",
        training.iteration,
        "The Euclidean norm of each parameter's gradient on one batch, once an epoch. Norms that shrink towards the "
        "first layer by orders of magnitude mean that it hardly learns; norms that grow mean that training diverges.",
        alt,
        logarithmic=True,
    )


def _chart(
    lines: list[figures.Line], y: str, iterations: int, caption: str, alt: str, logarithmic: bool = False
) -> str:
    legend = ""
    if len(lines) > 1:
        legend = "".join(
            f'<li><span style="background:{figures.colour(i)}"></span>{escape(line.name)}</li>'
            for i, line in enumerate(lines)
        )
        legend = f"<ul class=legend>{legend}</ul>"
    drawing = figures.svg(lines, y, iterations, logarithmic).replace(
        "<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1
    )
    return f"<figure class=chart>{drawing}{legend}<figcaption>{escape(caption)}</figcaption></figure>"


def _confusion(examination: Examination, classes: tuple[str, ...]) -> str:
    if len(classes) > _CLASSES_IN_A_TABLE:
        return _most_confused(examination.confusion, classes)
    matrix = examination.confusion
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    head = "".join(f"<th scope=col>{escape(name)}</th>" for name in classes)
    body = "".join(
        f"<tr><th scope=row>{escape(name)}</th>"
        + "".join(_cell(int(n), float(share), i == j) for j, (n, share) in enumerate(zip(row, parts, strict=True)))
        + f"<td class=share>{parts[i]:.1%}</td></tr>"
        for i, (name, row, parts) in enumerate(zip(classes, matrix, shares, strict=True))
    )
    return (
        "<p>A row is what test samples are; a column is what the network took them for.</p>"
        f"<div class=wide><table class=confusion><thead><tr><td></td>{head}<th scope=col>right</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(count: int, share: float, right: bool) -> str:
    if not count:
        return "<td class=none>0</td>"
    # Mistakes are rare: the root makes them visible beside the diagonal.
    strength = 0.45 * share if right else min(0.12 + 1.2 * share**0.5, 0.7)
    colour = "59,130,246" if right else "232,113,10"
    return f'<td style="background:rgba({colour},{strength:.2f})">{count}</td>'


def _most_confused(matrix: Array, classes: tuple[str, ...]) -> str:
    off = matrix - np.diag(np.diag(matrix))
    pairs = [divmod(int(i), len(classes)) for i in np.argsort(off, axis=None)[::-1][:20]]
    rows = "".join(
        f"<tr><td>{escape(classes[i])}</td><td>{escape(classes[j])}</td><td>{off[i, j]}</td></tr>"
        for i, j in pairs
        if off[i, j]
    )
    return (
        f"<p>The most frequent mistakes; a table of all {len(classes)} classes would be too large.</p><table>"
        "<thead><tr><th scope=col>is</th><th scope=col>taken for</th><th scope=col>times</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _mistakes(examination: Examination, config: Config, training: Training) -> str:
    if not examination.mistakes:
        return "<p>Not one test sample was taken for something else.</p>"
    items = "".join(_mistake(mistake, config, training) for mistake in examination.mistakes)
    return (
        "<p>Test samples taken for something else, those first where the network was surest. "
        "Under each: what it is → what it was taken for, and the probability given to that.</p>"
        f"<div class=tiles>{items}</div>"
    )


def _mistake(mistake: Mistake, config: Config, training: Training) -> str:
    classes = training.data.classes
    is_, taken = classes[mistake.label], classes[mistake.predicted]
    text = f"<b>{escape(is_)} → {escape(taken)}</b> {mistake.probability:.1%}<br><small>test {mistake.index}</small>"
    size = image_size(config.data["shape"])
    if size is None:
        return f"<figure><figcaption>{text}</figcaption></figure>"
    sample = training.batches.samples(training.data.x_test, slice(mistake.index, mistake.index + 1)).reshape(size)
    image = pictures.grey(sample, config.data["low"], config.data["high"])
    alt = escape(f"test sample {mistake.index}: {is_}, taken for {taken}")
    return f'<figure><img src="{image}" alt="{alt}"><figcaption>{text}</figcaption></figure>'


def _weights(config: Config, training: Training) -> str:
    size = image_size(config.data["shape"])
    if size is None:
        return "<p>The samples are no images, so their weights make none.</p>"
    found = _first_layer(training.network.params, size[0] * size[1])
    if found is None:
        return f"<p>No parameter has one weight for each of the {size[0]} x {size[1]} pixels.</p>"
    name, units = found
    tiles = "".join(
        f'<img src="{pictures.signed(unit.reshape(size))}" alt="weights of hidden neuron {i}" title="neuron {i}">'
        for i, unit in enumerate(units[:_UNITS])
    )
    shown = f"; the first {_UNITS} of {len(units)}" if len(units) > _UNITS else ""
    return (
        f"<p>{escape(name)}, an image for each hidden neuron{shown}: where a bright pixel makes it more active (red) "
        "or less (blue), each scaled to its own largest weight.</p>"
        f'<div class="tiles weights">{tiles}</div>'
    )


def _first_layer(params: Any, pixels: int) -> tuple[str, Array] | None:
    """The first 2-D parameter with a weight for each pixel, as (neurons, pixels)."""
    for key, value in params.items():
        if value.ndim == 2 and pixels in value.shape:
            return str(key), value.T if value.shape[0] == pixels else value
    return None
