"""A placed scene as SVG text, which reads in light and dark, on paper and aloud."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files

from backhand.drawing.layout import CELL, FONT, LINE, SMALL, Placed, Placement, arrange, blocks, column_widths
from backhand.drawing.numbers import Picture
from backhand.drawing.scene import Box, Link, Scene, Subject

__all__ = ["render", "standalone"]


def standalone(subject: Subject, scene: Scene, title: str = "") -> str:
    """A whole SVG document, with its style inside."""
    style = files("backhand.drawing").joinpath("figure.css").read_text(encoding="utf-8")
    return render(subject, scene, title or summary(subject), f"<style>{style}</style>", 'role="img"')


def render(subject: Subject, scene: Scene, title: str, style: str = "", role: str = 'role="group"') -> str:
    """The ``<svg>`` element of a scene. Boxes and links carry their ids in ``data-id``, links the ids of their ends."""
    placement = arrange(scene)
    width, height = placement.width, placement.height
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="backhand" {role} aria-label="{escape(title)}" '
        f'viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}">'
    )
    parts = [head, f"<title>{escape(title)}</title>", f"<desc>{escape(describe(subject, scene))}</desc>", style, _ARROW]
    parts += [_frame(box, placement.boxes[box.id]) for box in scene.boxes if box.kind == "frame"]
    parts += [_link(link, placement) for link in scene.links]
    parts += [_box(box, placement.boxes[box.id], subject) for box in scene.boxes if box.kind != "frame"]
    return "\n".join(part for part in parts if part) + "\n</svg>"


_ARROW = (
    '<defs><marker id="backhand-arrow" viewBox="0 0 8 8" refX="7.8" refY="4" markerWidth="8" markerHeight="8" '
    'markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" d="M0 0.5 8 4 0 7.5z"/></marker></defs>'
)


def summary(subject: Subject) -> str:
    """A title for a figure: the names of the inputs."""
    graph = subject.graph
    names = [subject.name(i) for i in graph.inputs]
    listed = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
    return f"Computation graph of {listed}" if names else "Computation graph"


def describe(subject: Subject, scene: Scene) -> str:
    """What the figure shows, in words."""
    ops = [box for box in scene.boxes if box.kind in ("op", "layer")]
    text = f"From left to right, {len(subject.graph.inputs)} inputs and {len(ops)} operations: "
    text += ", ".join(box.label + box.detail for box in ops[:30]) + (", …" if len(ops) > 30 else "") + "."
    if subject.run is not None:
        text += " Forward values stand above each edge"
        text += ", gradients below it." if subject.backward else "."
    return text


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, text: str, kind: str, anchor: str = "middle", size: float = FONT) -> str:
    place = f'x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(text)}</text>'


def _frame(box: Box, at: Placed) -> str:
    x, y = at.x - at.width / 2, at.y - at.height / 2
    return (
        f'<g class="frame" data-id="{box.id}"><rect x="{_n(x)}" y="{_n(y)}" width="{_n(at.width)}" '
        f'height="{_n(at.height)}" rx="10"/>{_text(x + 12, y + 18, box.label + box.detail, "label", "start")}</g>'
    )


def _box(box: Box, at: Placed, subject: Subject) -> str:
    x, y = at.x - at.width / 2, at.y - at.height / 2
    middle = at.y + FONT * 0.35
    if box.kind == "result":
        return f'<g class="result" data-id="{box.id}">{_text(at.x, middle, box.label, "name") if box.label else ""}</g>'
    radius = {"op": at.height / 2, "layer": 8, "input": 14, "constant": 4}[box.kind]
    shape = f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(at.width)}" height="{_n(at.height)}" rx="{_n(radius)}"/>'
    if box.detail:
        words = _text(at.x, middle - 7, box.label, "label") + _text(at.x, middle + 10, box.detail, "small", size=SMALL)
    else:
        size = 18 if box.kind == "op" and len(box.label) <= 2 else FONT
        words = _text(at.x, at.y + size * 0.35, box.label, "label", size=size)
    return f'<g class="{box.kind}" data-id="{box.id}"><title>{escape(_tooltip(box, subject))}</title>{shape}{words}</g>'


def _tooltip(box: Box, subject: Subject) -> str:
    graph = subject.graph
    if box.kind == "layer":
        return f"{box.label}{box.detail}: {len(box.members)} operations"
    if not box.members:
        return box.label
    node = graph.nodes[box.members[0]]
    text = f"{graph.labels[box.members[0]]}: {node.op if box.kind == 'op' else box.kind}, {node.type}"
    return f"{text}\n{node.source.code} ({node.source})" if node.source else text


def _link(link: Link, placement: Placement) -> str:
    d = "M" + " ".join(f"{_n(x)} {_n(y)}" for x, y in placement.paths[link.id])
    text = f'<g class="link" data-id="{link.id}" data-from="{link.source}" data-to="{link.target}">'
    text += f'<path d="{d}" marker-end="url(#backhand-arrow)"/>'
    if link.id in placement.labels:
        at = placement.labels[link.id]
        if link.forward is not None:
            height = blocks(link.forward)[1]
            text += f'<g class="forward">{"".join(_picture(link.forward, at.x, at.y - 4 - height))}</g>'
        if link.gradient is not None:
            text += f'<g class="gradient">{"".join(_picture(link.gradient, at.x, at.y + 4))}</g>'
    return text + "</g>"


def _picture(shown: Picture, x: float, top: float) -> Iterator[str]:
    """A value with its middle at x, from ``top`` down."""
    y = top
    if shown.caption:
        yield _text(x, y + SMALL, shown.caption, "small", size=SMALL)
        y += LINE - 2
    if shown.heat:
        width, height = shown.heat_size
        yield (
            f'<image class="heat" x="{_n(x - width / 2)}" y="{_n(y + 1)}" width="{_n(width)}" height="{_n(height)}" '
            f'preserveAspectRatio="none" href="{shown.heat}"/>'
            f'<rect class="heat" x="{_n(x - width / 2)}" y="{_n(y + 1)}" width="{_n(width)}" height="{_n(height)}"/>'
        )
    if not shown.rows:
        return
    widths = column_widths(shown)
    left, right = x - sum(widths) / 2, x + sum(widths) / 2
    for row, cells in enumerate(shown.rows):
        end = left
        for cell, width in zip(cells, widths, strict=True):
            end += width
            gap = CELL if end < right - 0.01 else 0
            yield _text(end - gap, y + row * LINE + FONT - 1, cell, "number", "end")
    if shown.caption:
        bottom = y + LINE * len(shown.rows)
        for edge, inward in ((left - 4, 3), (right + 4, -3)):
            yield f'<path class="bracket" d="M{_n(edge + inward)} {_n(y)}H{_n(edge)}V{_n(bottom)}h{inward}"/>'
