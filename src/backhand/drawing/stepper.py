"""One self-contained HTML file that walks through a graph: forward, then backward, one node at a time.

It holds a figure for every layer opened on its own, one with all closed and one with all open, each laid out here;
the page's script only shows and hides. It loads nothing: no network, no font, no other file.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from html import escape
from importlib.resources import files
from typing import Any

from backhand.drawing.scene import Scene, Subject
from backhand.drawing.steps import backward_step, forward_step
from backhand.drawing.svg import render, summary

__all__ = ["MOST_NODES", "page"]

MOST_NODES = 2000
"""The layers of a larger graph can't be opened in one file: it would be too heavy for a browser."""

IN_FULL = 250
"""A graph with more nodes than this has no figure with all layers open."""

BESIDE_ALL = 12
"""With more layers than this, each opens in a figure of its own with its neighbours, not within the whole one."""


def page(subject: Subject, level: str, title: str = "") -> str:
    """The HTML text; ``level`` says whether the layers are open at first."""
    title = title or summary(subject)
    scenes = _scenes(subject)
    first = "all" if level == "op" and "all" in scenes else "none"
    steps = _Steps(subject, scenes)
    figures = {name: steps.scene(scene, title) for name, scene in scenes.items()}
    home = {f"n{i}": f"p{k}" for i, k in subject.home.items()} if len(scenes) > 1 else {}
    data = {"first": first, "home": home, "scenes": figures, "html": steps.html}
    parts = {
        "TITLE": escape(title),
        "LEGEND": _legend(subject),
        "STYLE": _asset("figure.css") + _asset("stepper.css"),
        "SCRIPT": _asset("stepper.js"),
        "FIGURE": figures[first]["svg"],
        "TRANSCRIPT": "\n".join(f"<li>{steps.html[key]}</li>" for key in figures[first]["steps"]),
        "HINT": "" if len(scenes) > 1 else " hidden",
        "DATA": json.dumps(data, ensure_ascii=False).replace("</", "<\\/"),
    }
    text = _asset("stepper.html")
    head, *rest = text.split("{{")
    return head + "".join(parts[piece.split("}}", 1)[0]] + piece.split("}}", 1)[1] for piece in rest)


def _legend(subject: Subject) -> str:
    forward, gradient = (f"<span class='key {kind}'>{{}}</span>" for kind in ("forward", "gradient"))
    if subject.run is None:
        return f"Each edge carries an array of the {forward.format('shape')} above it."
    text = f"Each edge carries its {forward.format('forward value')} above the line"
    return (
        f"{text}, and below it the {gradient.format('gradient')} that flows back." if subject.backward else f"{text}."
    )


def _asset(name: str) -> str:
    return files("backhand.drawing").joinpath(name).read_text(encoding="utf-8")


def _scenes(subject: Subject) -> dict[str, Scene]:
    layers = [k for k, part in enumerate(subject.parts) if part.label is not None]
    nodes = len(subject.home)
    scenes = {"none": subject.scene(())}
    if not layers or nodes > MOST_NODES:
        return scenes
    for k in layers:
        scenes[f"p{k}"] = subject.scene({k}, None if len(layers) <= BESIDE_ALL else subject.neighbours(k))
    if nodes <= IN_FULL:
        scenes["all"] = subject.scene(layers)
    return scenes


class _Steps:
    """The text of every step that some figure needs, written once: by ``f-`` or ``b-`` and the id of its box."""

    def __init__(self, subject: Subject, opens: Collection[str]) -> None:
        self.subject = subject
        self.opens = opens
        self.html: dict[str, str] = {}

    def scene(self, scene: Scene, title: str) -> dict[str, Any]:
        boxes = [box for box in scene.boxes if box.kind in ("op", "layer")]
        for box in boxes:
            if f"f-{box.id}" not in self.html:
                self.html[f"f-{box.id}"] = forward_step(self.subject, box, box.id in self.opens)
                self.html[f"b-{box.id}"] = backward_step(self.subject, box, box.id in self.opens)
        forward: Iterable[str] = (f"f-{box.id}" for box in boxes)
        backward = (f"b-{box.id}" for box in reversed(boxes))
        steps = [key for key in (*forward, *backward) if self.html[key]]
        return {"svg": render(self.subject, scene, title), "steps": steps}
