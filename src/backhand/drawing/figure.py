"""``backhand.draw``: one function for a figure (SVG) and for a page to step through (HTML)."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from backhand.drawing.scene import Subject
from backhand.drawing.stepper import page
from backhand.drawing.svg import standalone
from backhand.errors import OptionError
from backhand.graph.evaluate import Run
from backhand.graph.graph import Graph

__all__ = ["draw", "notebook_html"]


def draw(
    graph_or_run: Graph | Run, path: str | os.PathLike[str] | None = None, *, level: str = "layer", title: str = ""
) -> str:
    """Draw a graph, or a run with its values and gradients, as the notes do.

    From left to right, a round node for each op, forward values above an edge, gradients below it in a second colour
    (those once ``run.backward`` was called). An array shows its shape, and its numbers up to 3 by 4, else a heat map.
    A figure that gets too wide goes on in a second row.

    Args:
        graph_or_run: what ``backhand.trace`` returns, or ``graph.run(...)``.
        path: where to write it, by its ending: ``.svg`` for a figure, ``.html`` for one self-contained page that steps
            forward and then backward, one node at a time. Without a path nothing is written.
        level: ``"layer"`` draws each call of a layer as one box (a page lets you open it), ``"op"`` opens all.
        title: the figure's title; the names of the inputs by default.

    Returns:
        The SVG text, or the HTML text when ``path`` ends in ``.html``.

    Raises:
        OptionError: another kind of object, level or ending.
        OSError: the file can't be written.

    Source: the figures of notes 000 and 001; Saitoh, Deep Learning from Scratch, chapter 5.

    >>> import backhand
    >>> price = backhand.trace(lambda apple, number, tax: apple * number * tax, 100, 2, 1.1)
    >>> run = price.run(100, 2, 1.1)
    >>> _ = run.backward(1)
    >>> backhand.draw(run)[:4]
    '<svg'
    """
    if not isinstance(graph_or_run, Graph | Run):
        raise OptionError(
            f"draw: expected a Graph or a Run, got {type(graph_or_run).__name__}; "
            "make one with backhand.trace(f, *example_inputs), or graph.run(*inputs) to see values"
        )
    if level not in ("layer", "op"):
        raise OptionError(f"draw: level is {level!r}; it must be 'layer' or 'op'")
    ending = Path(path).suffix.lower() if path is not None else ".svg"
    if ending not in (".svg", ".html"):
        raise OptionError(f"draw: {os.fspath(path or '')!r} ends neither in .svg nor in .html; which should it be?")
    if ending != ".svg":
        text = page(Subject(graph_or_run), level, title)
    elif level == "op":
        subject = Subject(graph_or_run, most=None)
        layers = [k for k, part in enumerate(subject.parts) if part.label is not None]
        text = standalone(subject, subject.scene(layers), title)
    else:
        subject = Subject(graph_or_run)
        text = standalone(subject, subject.scene(()), title)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def notebook_html(drawn: Graph | Run) -> str:
    """What a notebook shows of a run: the figure, and under it the stepper, in a frame of its own."""
    stepper = escape(page(Subject(drawn), "layer"))
    style = "width:100%;height:44rem;border:0"
    frame = f'<iframe srcdoc="{stepper}" style="{style}" title="Step through the graph"></iframe>'
    return f"<div>{draw(drawn)}</div><details><summary>Step through it</summary>{frame}</details>"
