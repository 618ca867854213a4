"""Where everything in a figure goes. The layout itself is graphlay's (Sugiyama's method: layers from left to right,
few crossings, straight edges; deterministic). Here is only how a scene is put to it.

Each value on an edge is itself a box in the middle of that edge, as in Graphviz, so no two values can overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from backhand.drawing.numbers import Picture, text_width
from backhand.drawing.scene import Box, Link, Scene

__all__ = ["CELL", "FONT", "LINE", "SMALL", "Placed", "Placement", "arrange", "blocks"]

FONT, SMALL, LINE = 13.0, 10.5, 16.0
"""Size of numbers and names, of the small print, and the height of a line, in px."""

CELL = 6.0
"""Room between two numbers of a table."""

WIDEST = 2200.0
"""A figure that would be wider than this goes on in a second row, as text does."""

SPACING = {"layer_gap": 22.0, "node_gap": 18.0, "dummy_gap": 14.0, "compound_padding": 14.0, "compound_header": 24.0}
"""Room between columns, between boxes of one column, between lines, and inside a frame, above it for its name."""

APART = 6.0
"""How far from another a line is moved that would run on top of it."""

KNEE = 22.0
"""How far before a value a line turns to its middle."""

Point = tuple[float, float]

_RADIUS = 21.0
_MIDDLE_LEFT = {"offset": {"side": "left", "t": 0.0}}
_MIDDLE_RIGHT = {"offset": {"side": "right", "t": 0.0}}


@dataclass(frozen=True, slots=True)
class Placed:
    """A rectangle by its middle and its size, in px."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a scene's boxes and links are, all coordinates positive.

    ``labels`` holds the middle of each link's values (none for a link without any), ``paths`` its line.
    """

    width: float
    height: float
    boxes: dict[str, Placed]
    labels: dict[str, Placed]
    paths: dict[str, tuple[Point, ...]]


def arrange(scene: Scene) -> Placement:
    """Lay out a scene from left to right."""
    placement = _arrange(scene, routing={"style": "diagonal", "port_sides": "facing_only"})
    if placement.width <= WIDEST:
        return placement
    aspect = WIDEST**2 / (placement.width * placement.height)
    rows = {"max_rows": 400, "max_cut_edges": 40}
    # Only orthogonal edges can go back to the beginning of a new row.
    routing = {"style": "orthogonal"}
    return _arrange(scene, routing=routing, wrap={"viewport_aspect": aspect}, tuning={"wrap": rows})


def _arrange(scene: Scene, **options: Any) -> Placement:
    import graphlay

    graph = graphlay.Graph()
    numbers: dict[str, int] = {}

    def add(name: str, size: tuple[float, float], parent: str, shape: str = "box") -> None:
        inside: dict[str, Any] = {"parent": numbers[parent]} if parent else {}
        numbers[name] = graph.node(name, width=size[0], height=size[1], shape=shape, **inside)

    parents = {box.id: box.parent for box in scene.boxes}
    for box in scene.boxes:
        add(box.id, box_size(box), box.parent, "ellipse" if _is_round(box) else "box")
    kinds = {box.id: box.kind for box in scene.boxes}
    edges: dict[str, list[int]] = {}
    for link in scene.links:
        size = label_size(link)
        start: dict[str, Any] = {"source_port": _MIDDLE_RIGHT} if kinds[link.source] in ("input", "constant") else {}
        if size is None:
            edges[link.id] = [graph.edge(link.source, link.target, **start)]
            continue
        inside = parents[link.source] == parents[link.target]
        add(link.id, size, parents[link.source] if inside else "")
        edges[link.id] = [
            graph.edge(link.source, link.id, target_port=_MIDDLE_LEFT, **start),
            graph.edge(link.id, link.target, source_port=_MIDDLE_RIGHT),
        ]
    made = graphlay.layout(graph, options={"spacing": SPACING, **options})
    return _placement(scene, made, edges)


def _placement(scene: Scene, made: Any, edges: dict[str, list[int]]) -> Placement:
    left, top = made.bounds["min"]["x"] - 8, made.bounds["min"]["y"] - 8
    places = {}
    for name, node in zip(made.ids, made.nodes, strict=True):
        centre, size = node["center"], node["size"]
        places[name] = Placed(centre["x"] - left, centre["y"] - top, size["width"], size["height"])
    paths = {}
    for name, numbers in edges.items():
        lines = [[(point["x"] - left, point["y"] - top) for point in made.edges[k]["points"]] for k in numbers]
        if name in places:
            lines = [_meet(lines[0], places[name].y), _meet(lines[1][::-1], places[name].y)[::-1]]
        paths[name] = tuple(point for line in lines for point in line)
    _part_ways(paths, {link.id: link.source for link in scene.links})
    width, height = made.bounds["max"]["x"] - left + 8, made.bounds["max"]["y"] - top + 8
    boxes = {box.id: places[box.id] for box in scene.boxes}
    labels = {name: places[name] for name in edges if name in places}
    return Placement(width, height, boxes, labels, paths)


def _meet(line: list[Point], y: float) -> list[Point]:
    """A line that ends at a value's side, led to the middle of it: graphlay may straighten it past that."""
    *before, (last_x, last_y) = line
    if last_y == y:
        return line
    x, before_y = before[-1]
    if before_y != last_y:
        return [*before, (last_x, y)]
    if abs(last_x - x) > KNEE:
        return [*before, (last_x - KNEE if last_x > x else last_x + KNEE, last_y), (last_x, y)]
    if len(before) > 1:  # comes round a corner close by: take the corner along
        return [*before[:-1], (x, y), (last_x, y)]
    return [*before, (last_x, y)]


def _part_ways(paths: dict[str, tuple[Point, ...]], sources: dict[str, str]) -> None:
    """Where a line would run on top of another value's, move it aside: two lines must be seen to cross."""
    near: dict[tuple[int, int], list[tuple[str, float, float, float]]] = {}
    for name, line in paths.items():
        for _, axis, at, low, high in _straight(line):
            for slot in (-1, 0, 1):
                near.setdefault((axis, round(at / APART) + slot), []).append((sources[name], at, low, high))
    for name in list(paths):
        pieces = list(_straight(paths[name]))
        turns = {k: axis for k, axis, *_ in pieces}
        for k, axis, at, low, high in pieces:
            if turns.get(k - 1) != 1 - axis or turns.get(k + 1) != 1 - axis:
                continue  # it ends at a box, or passes a value: its place is fixed
            for source, other, start, end in near[axis, round(at / APART)]:
                if source != sources[name] and abs(at - other) < 2 and min(high, end) - max(low, start) > 2:
                    paths[name] = _moved(paths[name], k, axis, other + (APART if at > other else -APART))
                    break


def _straight(line: tuple[Point, ...]) -> Iterator[tuple[int, int, float, float, float]]:
    """The upright (axis 0) and level (axis 1) pieces of a line: number, axis, where, from, to."""
    for k, (start, end) in enumerate(pairwise(line)):
        for axis in (0, 1):
            if abs(start[axis] - end[axis]) < 0.01 and start != end:
                low, high = sorted((start[1 - axis], end[1 - axis]))
                yield k, axis, start[axis], low, high


def _moved(line: tuple[Point, ...], k: int, axis: int, to: float) -> tuple[Point, ...]:
    moved = [(to, y) if axis == 0 else (x, to) for x, y in line[k : k + 2]]
    return (*line[:k], *moved, *line[k + 2 :])


def _is_round(box: Box) -> bool:
    return box.kind == "op" and len(box.label) <= 4


def box_size(box: Box) -> tuple[float, float]:
    """Width and height a box needs for its text; of a frame the least."""
    if _is_round(box):
        return 2 * _RADIUS, 2 * _RADIUS
    if box.kind == "result":
        return max(8.0, text_width(box.label, FONT) + 8), 24.0
    width = max(text_width(box.label, FONT), text_width(box.detail, SMALL)) + 22
    if box.kind == "layer":
        return max(width + 6, 64.0), 64.0
    return max(width, 34.0), 2 * _RADIUS if box.kind == "op" else 28.0


@cache
def blocks(picture: Picture) -> tuple[float, float]:
    """Width and height of a value on an edge: a caption and rows of numbers, or a heat map."""
    width = text_width(picture.caption, SMALL)
    height = LINE - 2 if picture.caption else 0.0
    if picture.heat:
        return max(width, picture.heat_size[0]), height + picture.heat_size[1] + 3
    if picture.rows:
        width = max(width, sum(column_widths(picture)) + (8 if picture.caption else 0))
        height += LINE * len(picture.rows)
    return width, height


def column_widths(picture: Picture) -> list[float]:
    """The widths of a table's columns, with the room between them."""
    columns = zip(*picture.rows, strict=True)
    widths = [max(text_width(cell, FONT) for cell in column) + CELL for column in columns]
    widths[-1] -= CELL
    return widths


def label_size(link: Link) -> tuple[float, float] | None:
    """Room for the values on a link: the forward value above the line, the gradient below; None without any."""
    pictures = [blocks(shown) for shown in (link.forward, link.gradient) if shown is not None]
    if not pictures:
        return None
    return max(width for width, _ in pictures) + 14, 2 * max(height for _, height in pictures) + 10
