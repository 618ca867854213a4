"""Where two lines meet they cross: none runs on top of another value's."""

from itertools import combinations, pairwise

import pytest

from backhand.drawing.layout import arrange
from backhand.drawing.scene import Subject
from backhand.notes.figures import FIGURES


def pieces(line):
    for start, end in pairwise(line):
        for axis in (0, 1):
            if abs(start[axis] - end[axis]) < 0.01:
                yield axis, start[axis], *sorted((start[1 - axis], end[1 - axis]))


def on_top(one, two):
    (axis, at, *run), (other_axis, other, *other_run) = one, two
    shared = min(run[1], other_run[1]) - max(run[0], other_run[0])
    return axis == other_axis and abs(at - other) < 2 and shared > 2


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
def test_no_line_lies_on_another_values_line(figure):
    subject = Subject(figure.run())
    layers = [k for k, part in enumerate(subject.parts) if part.label is not None]
    for opened in ((), *({k} for k in layers), layers):
        scene = subject.scene(opened)
        paths = arrange(scene).paths
        for a, b in combinations(scene.links, 2):
            if a.source != b.source:
                lying = [(p, q) for p in pieces(paths[a.id]) for q in pieces(paths[b.id]) if on_top(p, q)]
                assert not lying, f"{a.source}→{a.target} and {b.source}→{b.target}, open: {opened}"
