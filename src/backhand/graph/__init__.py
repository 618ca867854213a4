"""The ground floor: the computation graph. Needs NumPy alone. See docs/graph.md."""

from backhand.graph.differentiate import differentiate, grad
from backhand.graph.evaluate import Contribution, Run
from backhand.graph.graph import Constant, Graph, Layer, Node, Source, State
from backhand.graph.trace import Recording, record, trace

__all__ = [
    "Constant",
    "Contribution",
    "Graph",
    "Layer",
    "Node",
    "Recording",
    "Run",
    "Source",
    "State",
    "differentiate",
    "grad",
    "record",
    "trace",
]
