"""An update folded into the product that it takes: W - lr * (A @ B) is one product that starts from W."""

from __future__ import annotations

from typing import NamedTuple

from backhand.compiling.kinds import Kinds

__all__ = ["Fold", "fold_updates"]


class Fold(NamedTuple):
    """node = beta * base + alpha * product: each of alpha and beta is a sign and the number nodes that multiply."""

    product: int
    base: int
    alpha: tuple[int, tuple[int, ...]]
    beta: tuple[int, tuple[int, ...]]


def fold_updates(kinds: Kinds) -> dict[int, Fold]:
    """By node, the updates of state that a product can take along; their kind becomes ``"product"``.

    The product and the multiplications by numbers between are not computed apart any more.
    """
    graph = kinds.graph
    updated = {s.output: s.input for s in graph.state if s.output is not None}
    folds: dict[int, Fold] = {}
    for position, state in updated.items():
        node = graph.nodes[position]
        if kinds.kind[position] != "map" or node.op not in ("add", "subtract"):
            continue
        first, second = (_scaled(kinds, i) for i in node.inputs)
        if node.op == "subtract":
            second = (-second[0], *second[1:])
        for (sign, numbers, inner, way), (beta, weights, base, path) in ((first, second), (second, first)):
            alike = graph.nodes[inner][3:5] == node[3:5]  # in shape and dtype
            if base == state and kinds.kind[inner] == "product" and alike:
                if not all(_alone(kinds, i) for i in (*way, inner, *path)) or inner in updated:
                    continue
                folds[position] = Fold(inner, base, (sign, numbers), (beta, weights))
                kinds.kind[position] = "product"
                for i in (*way, inner, *path):
                    kinds.kind[i], kinds.stored[i] = "folded", False
                break
    return folds


def _scaled(kinds: Kinds, position: int) -> tuple[int, tuple[int, ...], int, tuple[int, ...]]:
    """A node as sign * numbers * inner, and the nodes that this takes apart."""
    graph = kinds.graph
    sign = 1
    numbers: tuple[int, ...] = ()
    way: tuple[int, ...] = ()
    while kinds.kind[position] == "map":
        node = graph.nodes[position]
        scales = [i for i in node.inputs if kinds.kind[i] == "number"]
        rest = [i for i in node.inputs if kinds.kind[i] != "number"]
        if node.op not in ("negative", "multiply") or len(rest) != 1:
            break
        if graph.nodes[rest[0]].shape != node.shape or graph.nodes[rest[0]].dtype != node.dtype:
            break
        sign *= -1 if node.op == "negative" else 1
        numbers += tuple(scales)
        way += (position,)
        position = rest[0]
    return sign, numbers, position, way


def _alone(kinds: Kinds, position: int) -> bool:
    return len(kinds.graph.consumers[position]) == 1 and position not in kinds.graph.outputs
