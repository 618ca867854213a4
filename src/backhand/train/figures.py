"""The curves of a run, drawn by matplotlib: for curves.png, and as SVG that takes the page's text colour."""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backhand.train.history import History
from backhand.train.memory import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Middle tones: readable on white and on black.
COLOURS = ("#3b82f6", "#e8710a", "#22a06b", "#d6409f", "#8b5cf6", "#0e9ab0", "#b58900", "#dc4c4c", "#7d8799", "#5f9e16")
_TEXT = "#010203"  # stands for the page's own text colour
_POINTS = 400


@dataclass(frozen=True)
class Line:
    """A line of a chart: x, y, and, if y is a mean, the least and the largest value around."""

    name: str
    x: Array
    y: Array
    low: Array | None = None
    high: Array | None = None


def loss_lines(history: History) -> list[Line]:
    """The loss by iteration; of many iterations, means of at most 400 groups with their least and largest loss."""
    losses = history.losses_array()
    size = max(-(-len(losses) // _POINTS), 1)
    if size == 1:
        return [Line("loss", np.arange(len(losses)), losses)]
    groups = [losses[start : start + size] for start in range(0, len(losses), size)]
    x = np.array([i * size + (len(group) - 1) / 2 for i, group in enumerate(groups)])
    mean, low, high = (np.array([f(group) for group in groups]) for f in (np.mean, np.min, np.max))
    return [Line("loss", x, mean, low, high)]


def accuracy_lines(history: History, at_the_end: tuple[float, float]) -> list[Line]:
    """Both accuracies by iteration; those at the end, (train, test), are the last points."""
    last = len(history.losses) - 1
    before = [e for e in history.evaluations if e.iteration < last]
    x = np.array([*(e.iteration for e in before), last])
    train, test = at_the_end
    return [
        Line("train", x, np.array([*(e.train_accuracy for e in before), train])),
        Line("test", x, np.array([*(e.test_accuracy for e in before), test])),
    ]


def norm_lines(history: History) -> list[Line]:
    """The norm of each parameter's gradient by iteration."""
    x = np.array([e.iteration for e in history.evaluations])
    names = history.evaluations[0].gradient_norms if history.evaluations else ()
    return [Line(name, x, np.array([e.gradient_norms[name] for e in history.evaluations])) for name in names]


def load() -> None:
    """Load what draws."""
    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401


def curves_png(history: History, at_the_end: tuple[float, float]) -> bytes:
    """Loss and accuracies side by side, as PNG; `at_the_end` as in ``accuracy_lines``."""
    with _quietly():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(10, 4))
        left, right = figure.subplots(1, 2, gridspec_kw={"left": 0.06, "right": 0.96, "bottom": 0.14, "top": 0.9})
        for axes, lines, title in (
            (left, loss_lines(history), "loss"),
            (right, accuracy_lines(history, at_the_end), "accuracy"),
        ):
            _draw(axes, lines, len(history.losses))
            axes.set(title=title)
        right.legend([line.get_label() for line in right.get_lines()], frameon=False, loc="lower right")
        png = io.BytesIO()
        figure.savefig(png, format="png", dpi=120)
        return png.getvalue()


def svg(lines: Sequence[Line], y: str, iterations: int, logarithmic: bool = False) -> str:
    """A chart of `lines` as an ``<svg>`` element without names: those are for the page to set.

    The axis of x holds all `iterations`, so that the charts of a run can be compared.
    """
    with _quietly():
        import matplotlib
        from matplotlib.figure import Figure

        figure = Figure(figsize=(7.2, 3.2))
        figure.patch.set_alpha(0)
        axes = figure.subplots(gridspec_kw={"left": 0.13, "right": 0.95, "bottom": 0.16, "top": 0.96})
        _draw(axes, lines, iterations)
        if logarithmic and any((line.y > 0).any() for line in lines):
            axes.set_yscale("log", nonpositive="mask")
        axes.set(ylabel=y)
        axes.patch.set_alpha(0)
        axes.tick_params(colors=_TEXT, which="both")
        axes.xaxis.label.set_color(_TEXT)
        axes.yaxis.label.set_color(_TEXT)
        axes.spines[:].set_color(_TEXT)
        text = io.StringIO()
        # The salt makes ids (and so the whole page) the same every time, and different in each chart of a page.
        with matplotlib.rc_context({"svg.hashsalt": y}):
            figure.savefig(text, format="svg", metadata={"Date": None})
    body = text.getvalue()
    body = re.sub(r"<metadata>.*?</metadata>", "", body[body.index("<svg") :], flags=re.DOTALL)
    body = re.sub(r' (width|height)="[\d.]+pt"', "", body, count=2)
    return body.replace(_TEXT, "currentColor")


def colour(index: int) -> str:
    """The colour of a chart's line; from the eleventh on they come again."""
    return COLOURS[index % len(COLOURS)]


def _draw(axes: "Axes", lines: Sequence[Line], iterations: int) -> None:
    from matplotlib.ticker import MaxNLocator

    last = max(iterations - 1, 1)
    axes.set(xlabel="iteration", xlim=(-0.03 * last, 1.03 * last))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for index, line in enumerate(lines):
        axes.plot(line.x, line.y, color=colour(index), linewidth=1.4, marker="." if len(line.x) < 40 else "")
        axes.get_lines()[-1].set_label(line.name)
        if line.low is not None and line.high is not None:
            axes.fill_between(line.x, line.low, line.high, color=colour(index), alpha=0.2, linewidth=0)
    axes.grid(visible=True, color="#808080", alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


@contextmanager
def _quietly() -> Iterator[None]:
    """No warning of matplotlib's (a cache folder that can't be written, say) is worth an alarm in a report."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
