"""A first layer whose batch is mostly zeros: which products can leave the zeros out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from backhand.compiling.c_products import is_small, operand, sizes
from backhand.compiling.plan import Plan

__all__ = ["DENSEST", "Sparse", "density", "find_sparse"]

DENSEST = 0.35
"""The largest share of nonzeros with which leaving out the zeros pays."""
SAMPLED = 512
"""Samples that are looked at to find the density."""


class Sparse(NamedTuple):
    """An input of batches that nothing but products reads, as ``X @ W`` and ``X.T @ D``."""

    input: int
    rows: int
    columns: int
    forward: tuple[int, ...]
    backward: tuple[int, ...]


def find_sparse(plan: Plan) -> Sparse | None:
    """The input of a plan whose zeros could be left out, if there is one."""
    graph = plan.graph
    state = {s.input for s in graph.state}
    for position in graph.inputs:
        node = graph.nodes[position]
        if position in state or len(node.shape) != 2 or node.dtype.char not in "fd":
            continue
        found = _products(plan, position, state)
        if found is not None and found.forward:
            return found
    return None


def _products(plan: Plan, position: int, state: set[int]) -> Sparse | None:
    graph, kinds = plan.graph, plan.kinds
    rows, columns = shape = graph.nodes[position].shape
    product_of = {fold.product: node for node, fold in plan.folds.items()}
    forward: list[int] = []
    backward: list[int] = []
    stack = [(position, False)]
    while stack:
        source, turned = stack.pop()
        for reader in graph.consumers[source]:
            node = graph.nodes[reader]
            if kinds.kind[reader] == "view" and node.op in ("transpose", "reshape"):
                flat = node.op == "reshape"
                if (node.shape != shape) if flat else (node.shape != shape[::-1] or turned):
                    return None
                stack.append((reader, turned or not flat))
                continue
            stage = product_of.get(reader, reader)
            if (
                kinds.kind[stage] != "product"
                or node.op != "matmul"
                or node.inputs[0] != source
                or source in node.inputs[1:]
            ):
                return None
            lanes = 64 // node.dtype.itemsize
            right = operand(plan, node.inputs[1])
            if right.offset or right.strides != (node.shape[1], 1) or (not turned and right.owner not in state):
                return None
            if is_small(plan, stage) or sizes(plan, stage)[1] < lanes or (not turned and stage in plan.folds):
                return None
            (backward if turned else forward).append(stage)
    return Sparse(position, rows, columns, tuple(forward), tuple(backward))


def density(samples: np.ndarray) -> float:
    """The share of nonzeros, from some of the samples, spread over all of them."""
    some = samples[:: max(1, len(samples) // SAMPLED)]
    return float(np.count_nonzero(some)) / max(1, some.size)
