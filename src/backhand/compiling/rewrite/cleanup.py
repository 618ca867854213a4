"""What no result needs, what is computed twice, and what is known before any run."""

from __future__ import annotations

import math

import numpy as np

from backhand.compiling.rewrite.draft import Draft, sweep
from backhand.graph import Constant, Graph, Node
from backhand.graph.ops import TABLE, evaluator

__all__ = ["common_subexpressions", "dead_code", "fold_constants"]

COMMUTATIVE = {"add", "multiply", "equal", "not_equal", "logical_and", "logical_or", "logical_xor", "hypot",
               "bitwise_and", "bitwise_or", "bitwise_xor"}  # fmt: skip
LARGEST = 1024
"""A folded constant holds at most this many elements, or as many as what it was made of."""


def dead_code(graph: Graph) -> Graph:
    """Drop what no result and no new state needs: the first layer's dx, a loss that nobody asks for.

    Random draws stay: each one moves its stream on for the next. Exact.
    """
    return sweep(graph, lambda draft, node: None)


def common_subexpressions(graph: Graph) -> Graph:
    """Compute the same thing once: ``np.exp(x) / np.sum(np.exp(x))``. Two draws of random numbers are two. Exact."""
    seen: dict[object, int] = {}

    def rule(draft: Draft, node: Node) -> int | None:
        if node.op in COMMUTATIVE and len(node.inputs) == 2:
            node = node._replace(inputs=tuple(sorted(node.inputs)))
        first = seen.setdefault(node, len(draft.nodes))  # a node's equality leaves out where it came from
        return first if first < len(draft.nodes) else None

    return sweep(graph, rule)


def fold_constants(graph: Graph) -> Graph:
    """Compute before any run what only depends on constants, as NumPy does it, unless it would be large. Exact.

    An elementwise op of arrays that are one number everywhere, ``np.zeros(n) + 1``, is such an array.
    """
    return sweep(graph, _fold)


def _fold(draft: Draft, node: Node) -> int | None:
    parts = [draft.nodes[i] for i in node.inputs]
    if not parts or any(part.op not in ("constant", "full") for part in parts):
        return None
    try:
        with np.errstate(all="ignore"):
            if all(part.op == "constant" for part in parts):
                values = [part.params[0][1].value for part in parts]
                if math.prod(node.shape) <= max(LARGEST, sum(np.size(value) for value in values)):
                    return draft.constant(evaluator(node.op, node.params)(*values))
            elif TABLE[node.op].elementwise and all(part.op == "full" or not part.shape for part in parts):
                numbers = [
                    p.dtype.type(p.param("value").value) if p.op == "full" else p.param("value").value for p in parts
                ]
                value = Constant(evaluator(node.op, node.params)(*numbers))
                return draft.add(node, "full", dtype=node.dtype, shape=node.shape, value=value, order="C")
    except (ArithmeticError, ValueError):  # 1 / 0 in Python numbers: it is the run that must raise
        pass
    return None
