"""The examples of the table, run: what check says of a few wrong lines. The page of causes is made of it."""

from __future__ import annotations

import linecache
from types import ModuleType
from typing import Any

import numpy as np

from backhand.checking.causes.row import Row
from backhand.checking.check import check
from backhand.checking.finding import Report

__all__ = ["arrays", "report_on"]


def arrays() -> dict[str, Any]:
    """What the examples are called with, under the names that their calls use."""
    rng = np.random.default_rng(0)
    labels = np.array([3, 0, 2, 1, 0])
    return {
        "x": rng.normal(size=(5, 3)),
        "x2": rng.normal(size=(5, 3)),
        "W": rng.normal(size=(3, 2)),
        "b": rng.normal(size=2),
        "gamma": rng.normal(size=3) + 1,
        "beta": rng.normal(size=3),
        "y": rng.normal(size=(5, 2)),
        "t": rng.normal(size=(5, 2)),
        "scores": rng.normal(size=(5, 4)),
        "labels": labels,
        "one_hot": np.eye(4)[labels],
        "sequence": rng.normal(size=(2, 5, 3)),
        "ids": np.array([2, 0, 2, 1, 0]),
    }


def softmax(x: Any) -> Any:
    """Over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def report_on(row: Row) -> Report:
    """What check says of a row's example."""
    file = f"<{row.id}>"
    code = row.example.strip() + "\n"
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    module = ModuleType(row.id)
    names = vars(module) | {"np": np, "softmax": softmax} | arrays()
    exec(compile(code, file, "exec"), names)
    thing, *inputs = eval(f"[{row.call}]", names)
    return check(thing, *inputs)
