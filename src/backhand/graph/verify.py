"""The law of graphs, checked."""

from __future__ import annotations

from backhand.errors import GraphError
from backhand.graph.constant import Constant
from backhand.graph.graph import Graph, Node
from backhand.graph.ops import TABLE, infer, signature_of

__all__ = ["verify"]


def verify(graph: Graph) -> None:
    """Raise GraphError for the first node that breaks the law; see :meth:`Graph.verify`."""
    inputs = []
    for position, node in enumerate(graph.nodes):
        if any(not 0 <= source < position for source in node.inputs):
            raise _broken(position, node, f"reads {node.inputs}; a node may only read nodes before it")
        if tuple(sorted(node.params)) != node.params:
            raise _broken(position, node, "has params that are not sorted by name")
        if node.op == "input":
            inputs.append(position)
            continue
        if node.op == "constant":
            constant = node.param("value")
            if not isinstance(constant, Constant):
                raise _broken(position, node, "is a constant without a Constant as its value")
            found = signature_of(constant.value)
        elif node.op not in TABLE:
            raise _broken(position, node, "is no row of the op table")
        else:
            read = tuple(graph.nodes[i].known for i in node.inputs)
            try:
                found = infer(node.op, node.params, read)
            except Exception as error:
                raise _broken(position, node, f"can't be computed from its inputs {read}: {error}") from error
        if found != (node.shape, node.dtype, node.weak):
            raise _broken(position, node, f"says it is {(node.shape, node.dtype, node.weak)}; NumPy makes it {found}")
    if sorted(graph.inputs) != inputs:
        raise GraphError(f"Graph.inputs is {graph.inputs}, but the input nodes are {tuple(inputs)}")
    size = len(graph.nodes)
    ends = [*graph.outputs, *(s.output for s in graph.state if s.output is not None), *(s.input for s in graph.state)]
    if any(not 0 <= position < size for position in ends):
        raise GraphError(f"an output or state of the graph is none of its {size} nodes")
    if graph.results.leaves != len(graph.outputs):
        raise GraphError(f"{len(graph.outputs)} outputs, but the structure of the results holds {graph.results.leaves}")
    own = sum(1 for s in graph.state if not s.argument)
    if graph.arguments.leaves + own != len(graph.inputs):
        raise GraphError(
            f"{len(graph.inputs)} inputs, but the structure of the arguments holds {graph.arguments.leaves} and the "
            f"state {own}"
        )


def _broken(position: int, node: Node, what: str) -> GraphError:
    where = f" ({node.source}: {node.source.code})" if node.source else ""
    return GraphError(f"node {position}, {node.op}{where}, {what}")
