"""The steps of a stepper: for each box what happens there on the way forward and on the way back, with numbers."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from html import escape
from pathlib import PurePath
from typing import Any

import numpy as np

from backhand.drawing.numbers import heat_map, number, shape_text, spread
from backhand.drawing.scene import Box, Subject
from backhand.graph.evaluate import Contribution
from backhand.graph.ops import TABLE

__all__ = ["backward_step", "forward_step"]

TABLE_SIDE = 6
"""A step shows an array of at most this many rows and columns in full, a larger one as a heat map."""

_INFIX = {"+", "−", "×", "÷", "@", "<", "≤", ">", "≥", "=", "≠", "^", "**"}


def forward_step(subject: Subject, box: Box, opens: bool = False) -> str:
    """What a box computes, as HTML: the expression, the values that go in and the one that comes out.

    ``opens`` says whether the page can open the box.
    """
    hint = ""
    if box.kind == "layer":
        inputs, outputs = _boundary(subject, box)
        title = f"{box.label}{box.detail}: {len(box.members)} operations"
        hint = _hint("open it to see them") if opens else ""
    else:
        (node,) = box.members
        inputs, outputs = list(dict.fromkeys(subject.graph.nodes[node].inputs)), [node]
        title = f"{subject.name(node)} = {expression(subject, node)}"
    text = f"<h2><span class='way'>Forward</span> {escape(title)}{hint}</h2>{_source(subject, box)}"
    cards = [_card(subject.name(i), subject.value(i), subject.graph.nodes[i].shape) for i in inputs]
    results = [_card(subject.name(i), subject.value(i), subject.graph.nodes[i].shape, "result") for i in outputs]
    arrow = _sign("→") if cards else ""
    return f"{text}<div class='cards'>{''.join(cards)}{arrow}{''.join(results)}</div>"


def backward_step(subject: Subject, box: Box, opens: bool = False) -> str:
    """What a box sends back, as HTML: upstream gradient, local derivative and their product. "" without any."""
    return _backward_layer(subject, box, opens) if box.kind == "layer" else _backward_op(subject, box.members[0])


def _backward_op(subject: Subject, node: int) -> str:
    run = subject.run
    contributions = run.contributions(node) if run is not None and subject.backward else ()
    if not contributions:
        return ""
    name = subject.name(node)
    title = f"through {name} = {expression(subject, node)}"
    rows = "".join(_contribution(subject, name, contribution) for contribution in contributions)
    return f"<h2><span class='way back'>Backward</span> {escape(title)}</h2>{rows}{_several(subject, contributions)}"


def _contribution(subject: Subject, name: str, flow: Contribution) -> str:
    target = subject.name(flow.input)
    upstream = _card(f"upstream ∂L/∂{name}", flow.upstream, None, "gradient")
    downstream = _card(f"∂L/∂{target}", flow.downstream, None, "gradient result")
    if flow.local is None:
        middle = f"{_sign('→')}<p class='rule'>{escape(flow.rule)}</p>{_sign('→')}"
        note = f"where {escape(_legend(subject, name, flow))}"
    else:
        middle = _sign("×") + _card(f"local ∂{name}/∂{target}", flow.local, None) + _sign("=")
        note = f"rule: <code>{escape(flow.rule)}</code>, where {escape(_legend(subject, name, flow))}"
        note += escape(_summed(subject, flow))
    return f"<div class='cards'>{upstream}{middle}{downstream}</div><p class='note'>{note}</p>"


def _legend(subject: Subject, name: str, flow: Contribution) -> str:
    """What the letters of a rule stand for, those that occur in it: ``g = ∂L/∂price, b = tax``."""
    inputs, rule = subject.graph.nodes[flow.node].inputs, TABLE[subject.graph.nodes[flow.node].op].rule(flow.position)
    letters = list(inspect.signature(rule).parameters)[2:] if rule is not None else []
    meaning = {"g": f"∂L/∂{name}", "y": name}
    meaning |= {letter: subject.name(i) for letter, i in zip(letters, inputs, strict=False)}
    used = {a: b for a, b in meaning.items() if a != b and re.search(rf"\b{a}\b", flow.rule)}
    return ", ".join(f"{letter} = {meant}" for letter, meant in used.items())


def _summed(subject: Subject, flow: Contribution) -> str:
    before, after = np.shape(flow.upstream), subject.graph.nodes[flow.input].shape
    if before == after:
        return ""
    target = f"the shape {shape_text(after)}" if after else "one number"
    return f"; summed to {target}, because the value was broadcast to {shape_text(before)}"


def _several(subject: Subject, contributions: Iterable[Contribution]) -> str:
    notes = []
    for i in dict.fromkeys(flow.input for flow in contributions):
        readers = len(subject.graph.consumers[i])
        if readers > 1:
            notes.append(f"{subject.name(i)} is read {readers} times; what comes back from each is added up.")
    return "".join(f"<p class='note'>{escape(note)}</p>" for note in notes)


def _hint(text: str) -> str:
    return f"<span class='hint'>; {text}</span>"


def _backward_layer(subject: Subject, box: Box, opens: bool) -> str:
    inputs, outputs = _boundary(subject, box)
    inside = set(box.members)
    upstream = [_gradient_card(subject, "upstream ", i) for i in outputs]
    downstream = []
    for i in inputs:
        edges = [(k, p) for k in sorted(inside) for p, s in enumerate(subject.graph.nodes[k].inputs) if s == i]
        flows = [flow for k, p in edges if (flow := subject.flow(k, p)) is not None]
        if flows:
            downstream.append(_card(f"∂L/∂{subject.name(i)}", sum(flows[1:], flows[0]), None, "gradient result"))
    if not downstream:
        return ""
    title = f"through {box.label}{box.detail}"
    hint = _hint("open it to see each local derivative") if opens else ""
    cards = f"<div class='cards'>{''.join(upstream)}{_sign('→')}{''.join(downstream)}</div>"
    return f"<h2><span class='way back'>Backward</span> {escape(title)}{hint}</h2>{cards}"


def _gradient_card(subject: Subject, prefix: str, node: int) -> str:
    gradient = subject.gradient(node)
    return "" if gradient is None else _card(f"{prefix}∂L/∂{subject.name(node)}", gradient, None, "gradient")


def _boundary(subject: Subject, box: Box) -> tuple[list[int], list[int]]:
    """The nodes outside a layer that it reads, and its own that are read outside or are results."""
    graph, inside = subject.graph, set(box.members)
    reads = dict.fromkeys(s for i in box.members for s in graph.nodes[i].inputs if s not in inside)
    inputs = [i for i in reads if graph.nodes[i].op != "constant"]
    outside = [i for i in box.members if i in graph.outputs or any(k not in inside for k in graph.consumers[i])]
    return inputs, outside


def expression(subject: Subject, node: int) -> str:
    """One node as one would write it: ``apple × apple_num``, ``exp(x)``, ``sum(x, axis=0)``."""
    made = subject.graph.nodes[node]
    names = [subject.name(i) for i in made.inputs]
    if len(names) == 2 and made.symbol in _INFIX:
        return f"{names[0]} {made.symbol} {names[1]}"
    params = [f"{key}={value}" for key, value in made.params if value is not None and value is not False]
    return f"{made.op}({', '.join(names + params)})"


def _source(subject: Subject, box: Box) -> str:
    source = subject.graph.nodes[box.members[0]].source
    if source is None or box.kind == "layer" or not source.code:
        return ""
    where = f"{PurePath(source.file).name}:{source.line}"
    return f"<p class='note'><code>{escape(source.code)}</code> <span>{escape(where)}</span></p>"


def _sign(text: str) -> str:
    return f"<span class='sign'>{text}</span>"


def _card(title: str, value: Any, shape: tuple[int, ...] | None, kind: str = "") -> str:
    known = value is not None
    kind = f"card {kind}".strip()
    body = show(value) if known else f"<p class='note'>{shape_text(shape) if shape else ''}</p>"
    return f"<figure class='{kind}'><figcaption>{escape(title)}</figcaption>{body}</figure>"


def show(value: Any) -> str:
    """A value as HTML: a number, a table, or a heat map with its range."""
    if np.ndim(value) == 0:
        return f"<p class='number'>{number(value[()] if isinstance(value, np.ndarray) else value, 6)}</p>"
    array = np.asarray(value)
    caption = f"<p class='note'>{shape_text(array.shape)}</p>"
    if array.size == 0:
        return caption
    flat = array.reshape(-1, array.shape[-1])
    if array.ndim <= 2 and max(flat.shape) <= TABLE_SIDE:
        rows = "".join("<tr>" + "".join(f"<td>{number(cell, 3)}</td>" for cell in row) + "</tr>" for row in flat)
        return f"{caption}<table>{rows}</table>"
    text = f"{shape_text(array.shape)}, {spread(array)}"
    scale = min(8.0, 220 / flat.shape[1], 150 / flat.shape[0])
    width, height = max(12, round(flat.shape[1] * scale)), max(8, round(flat.shape[0] * scale))
    image = f"<img src='{heat_map(array)}' width='{width}' height='{height}' alt='heat map'>"
    return f"{image}<p class='note'>{escape(text)}</p>"
