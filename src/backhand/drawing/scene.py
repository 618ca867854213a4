"""What a figure holds, before anyone knows where: boxes, links between them, and the values on the links."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from backhand.drawing.numbers import Picture, number, picture, shape_text
from backhand.drawing.parts import MOST_PARTS, Part, split
from backhand.graph.evaluate import Run
from backhand.graph.graph import Graph

__all__ = ["Box", "Link", "Scene", "Subject"]

PATH, WORD = re.compile(r"\w+(\.\w+|\['[^'\[\]]+'\]|\[\d+\])+"), re.compile(r"[^\W\d]\w*(?:\[\d+\])*")
"""Where a parameter lives, ``net.layers['Affine1'].W``, and the words of such a path."""


@dataclass(frozen=True, slots=True)
class Box:
    """One thing a figure draws.

    Attributes:
        id: ``n7`` for node 7, ``c7-3`` for the constant 7 as node 3 reads it, ``p2`` for part 2, ``r0`` for result 0.
        kind: ``op`` (round), ``input``, ``constant``, ``layer`` (closed), ``frame`` (open), ``result``.
        label, detail: what stands in it, and the small print under that.
        parent: the id of the frame it stands in, or "".
        members: the nodes it stands for.
    """

    id: str
    kind: str
    label: str
    detail: str = ""
    parent: str = ""
    members: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """One edge: the value of ``node`` on its way from one box to another.

    ``forward`` is the picture of the value, None where nothing is known or it stands in the box already;
    ``gradient`` that of what flows back along this edge, None without one.
    """

    id: str
    source: str
    target: str
    node: int
    forward: Picture | None
    gradient: Picture | None


@dataclass(frozen=True, slots=True)
class Scene:
    """Boxes and links, each box after those it reads."""

    boxes: tuple[Box, ...]
    links: tuple[Link, ...]


class Subject:
    """What is drawn: a graph, and its values and gradients as far as they are known; in ``most`` parts at most."""

    def __init__(self, drawn: Graph | Run, most: int | None = MOST_PARTS) -> None:
        self._most = most
        self.graph = drawn if isinstance(drawn, Graph) else drawn.graph
        self.run = None if isinstance(drawn, Graph) else drawn
        self._flows: dict[int, dict[int, Any]] = {}

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The layers and the nodes between them."""
        return split(self.graph, self._most)

    @property
    def backward(self) -> bool:
        """Whether there are gradients to show."""
        return self.run is not None and self.run.gradients is not None

    def value(self, node: int) -> Any:
        """The value of a node; a constant has one even without a run. None if it is not known."""
        if self.run is not None:
            return self.run.values[node]
        return self.constant(node) if self.graph.nodes[node].op == "constant" else None

    def constant(self, node: int) -> Any:
        """The value that stands in a constant node."""
        return self.graph.nodes[node].param("value").value

    def gradient(self, node: int) -> Any:
        """dL/d(node), None without one."""
        return self.run.gradients[node] if self.run is not None and self.run.gradients is not None else None

    def flow(self, node: int, position: int) -> Any:
        """What ``node`` sends down to its input number ``position``; None without a gradient."""
        if self.run is None or not self.backward:
            return None
        if node not in self._flows:
            self._flows[node] = {c.position: c.downstream for c in self.run.contributions(node)}
        return self._flows[node].get(position)

    def name(self, node: int) -> str:
        """What the figure calls the value of a node: the user's name, a constant's value, or ``%7``."""
        if self.graph.nodes[node].op == "constant":
            value = self.constant(node)
            return number(value) if np.ndim(value) == 0 else f"constant {shape_text(np.shape(value))}"
        return self._names[node]

    @cached_property
    def _names(self) -> tuple[str, ...]:
        """The graph's labels, a path cut down to as much of its end as no other has: ``W1``, ``Affine1.W``."""
        paths = [WORD.findall(label) if PATH.fullmatch(label) else [label] for label in self.graph.labels]
        ends = [
            [".".join(path[-k:]) for k in range(1, len(path))] + [label]
            for path, label in zip(paths, self.graph.labels, strict=True)
        ]
        taken = Counter(end for path in ends for end in set(path))
        return tuple(next((end for end in path if taken[end] == 1), path[-1]) for path in ends)

    def scene(self, expanded: Collection[int], only: Collection[int] | None = None) -> Scene:
        """The figure with these parts open (by their number in ``parts``), and no others.

        ``only`` leaves out the parts that are not in it, and what only those read.
        """
        return _Builder(self, expanded, only).build()

    def neighbours(self, part: int) -> set[int]:
        """A part and those that read from it or that it reads."""
        near = {part}
        for i in self.parts[part].members:
            for other in (*self.graph.nodes[i].inputs, *self.graph.consumers[i]):
                if other in self.home:
                    near.add(self.home[other])
        return near

    def owner(self, node: int) -> int | None:
        """The one layer that reads a parameter: when it is open, the parameter stands inside. None for arguments."""
        readers = {self.home[i] for i in self.graph.consumers[node]}
        if len(readers) != 1 or node not in self._parameters:
            return None
        return readers.pop()

    @cached_property
    def _parameters(self) -> frozenset[int]:
        return frozenset(state.input for state in self.graph.state)

    @cached_property
    def home(self) -> dict[int, int]:
        """In which part a node stands; inputs and constants stand in none."""
        return {i: k for k, part in enumerate(self.parts) for i in part.members}

    def forward_picture(self, node: int) -> Picture | None:
        """The picture of a node's value; of an array without values the shape; of a number without value none."""
        value = self.value(node)
        if value is not None:
            return picture(value)
        shape = self.graph.nodes[node].shape
        return Picture(shape_text(shape), (), "", (0, 0), f"array of shape {shape_text(shape)}") if shape else None


class _Builder:
    """Collects boxes and links in the order in which the graph runs."""

    def __init__(self, subject: Subject, expanded: Collection[int], only: Collection[int] | None) -> None:
        self.subject, self.graph = subject, subject.graph
        self.expanded, self.only = expanded, only
        self.boxes: list[Box] = []
        self.links: list[Link] = []
        self.box_of: dict[int, str] = {}
        self.owned: dict[int | None, list[int]] = {}

    def build(self) -> Scene:
        shown = [k for k in range(len(self.subject.parts)) if self.only is None or k in self.only]
        read = {s for k in shown for i in self.subject.parts[k].members for s in self.graph.nodes[i].inputs}
        for i in self.graph.inputs:
            if self.only is None or i in read:
                owner = self.subject.owner(i)
                self.owned.setdefault(owner if owner in self.expanded else None, []).append(i)
        self._inputs(None)
        for k in shown:
            self._part(k)
        for k, i in enumerate(self.graph.outputs):
            self._result(k, i)
        return Scene(tuple(self.boxes), tuple(self.links))

    def _add(self, box: Box) -> None:
        self.boxes.append(box)
        for i in box.members:
            self.box_of[i] = box.id

    def _inputs(self, owner: int | None) -> None:
        for i in self.owned.get(owner, ()):
            parent = "" if owner is None else f"p{owner}"
            self._add(Box(f"n{i}", "input", self.subject.name(i), parent=parent, members=(i,)))

    def _part(self, k: int) -> None:
        part = self.subject.parts[k]
        if part.label is None or k in self.expanded:
            parent = ""
            if part.label is not None:
                parent = f"p{k}"
                self.boxes.append(Box(parent, "frame", part.label, part.detail, members=part.members))
                self._inputs(k)
            for i in part.members:
                self._add(Box(f"n{i}", "op", self.graph.nodes[i].symbol, parent=parent, members=(i,)))
                for position, source in enumerate(self.graph.nodes[i].inputs):
                    self._link(source, f"n{i}", parent, [(i, position)])
        else:
            self._add(Box(f"p{k}", "layer", part.label, part.detail, members=part.members))
            inside = set(part.members)
            reads: dict[int, list[tuple[int, int]]] = {}
            for i in part.members:
                for position, source in enumerate(self.graph.nodes[i].inputs):
                    if source not in inside and self.graph.nodes[source].op != "constant":
                        reads.setdefault(source, []).append((i, position))
            for source, edges in reads.items():
                self._link(source, f"p{k}", "", edges)

    def _link(self, source: int, target: str, parent: str, edges: Sequence[tuple[int, int]]) -> None:
        number_of_target = len(self.links)
        if self.graph.nodes[source].op == "constant":
            box = Box(f"c{source}-{number_of_target}", "constant", self.subject.name(source), parent=parent)
            self.boxes.append(box)
            self.links.append(Link(f"e{number_of_target}", box.id, target, source, None, None))
        elif source in self.box_of:
            flows = [flow for i, position in edges if (flow := self.subject.flow(i, position)) is not None]
            gradient = picture(sum(flows[1:], flows[0])) if flows else None
            forward = self.subject.forward_picture(source)
            self.links.append(Link(f"e{number_of_target}", self.box_of[source], target, source, forward, gradient))

    def _result(self, k: int, i: int) -> None:
        if self.graph.nodes[i].op == "constant" and self.only is None:
            self._add(Box(f"c{i}-r{k}", "constant", self.subject.name(i), members=(i,)))
        if i not in self.box_of:
            return
        label = self.subject.name(i) if self.graph.nodes[i].name else ""
        self.boxes.append(Box(f"r{k}", "result", label))
        # Where a result is also read by other nodes its gradient is a sum; what arrived from outside is not kept.
        alone = not self.graph.consumers[i] and self.graph.outputs.count(i) == 1
        gradient = self.subject.gradient(i) if alone else None
        forward = self.subject.forward_picture(i)
        shown = picture(gradient) if gradient is not None else None
        self.links.append(Link(f"e{len(self.links)}", self.box_of[i], f"r{k}", i, forward, shown))
