"""backhand: the same hand-written networks, compiled; by epoch and by call, and the engines beside each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import notes_code as notes
import numpy as np
from numpy_side import Run, notes_dnn
from workloads import Workload

import backhand


def versions() -> dict[str, str]:
    return {"backhand": backhand.__version__}


def network_of(workload: Workload) -> Any:
    """Affine, Relu, ..., SoftmaxWithLoss with the workload's weights."""
    layers: list[Any] = []
    for W, b in workload.weights():
        layers += [backhand.Affine(W, b), backhand.Relu()]
    return backhand.nn.Network(layers[:-1], backhand.SoftmaxWithLoss())


def compiled(workload: Workload, threads: int, engine: str, by_call: bool) -> Run:
    if workload.is_dnn:
        dnn, loss_obj = notes_dnn(workload), notes.MeanSquaredError()
        x, t = workload.x, workload.t
        step = backhand.compile(
            lambda x, y: notes.gradient_descent(dnn, x, y, loss_obj, alpha=0.01),
            x[0],
            t[0],
            engine=engine,
            threads=threads,
        )
        data = x
    else:
        network = network_of(workload)
        optimizer = getattr(backhand, workload.optimizer)(lr=workload.lr)
        x = workload.x if by_call else None
        t, data = workload.t, None if by_call else workload.pixels
        example = np.ones((workload.batch, workload.sizes[0]), workload.dtype), t[: workload.batch]
        step = backhand.compile(network, optimizer, *example, engine=engine, threads=threads)

    def calls(order: Any) -> Any:
        if workload.is_dnn:  # one sample, always the same
            sample, target = x[0], t[0]
            for _ in order:
                loss = step(sample, target)
            return loss
        for row in order:
            loss = step(x[row], t[row])
        return loss

    def epoch(order: Any) -> Any:
        return step.epoch(data, t, order)[-1]

    train: Callable[[Any], Any] = calls if by_call else epoch
    train(workload.order(4))  # compared with the original
    if step.engine != engine:
        raise RuntimeError(f"runs on {step.engine}: {step.reason or step.explain().splitlines()[0]}")
    return _from_the_start(
        train, network if not workload.is_dnn else dnn, None if workload.is_dnn else optimizer, workload
    )


def _from_the_start(train: Run, network: Any, optimizer: Any, workload: Workload) -> Run:
    """Undo the first steps, so that all contenders begin with the same weights."""
    places = network.sequence if workload.is_dnn else [v for v in network.layers.values() if hasattr(v, "W")]
    for place, (W, b) in zip(places, workload.weights(), strict=True):
        place.W[...], place.b[...] = W, b
    for slots in (getattr(optimizer, "m", {}), getattr(optimizer, "v", {})):
        for value in slots.values():
            value[...] = 0
    if hasattr(optimizer, "iter"):
        optimizer.iter = 0
    return train


CONTENDERS = {
    "native, epoch": partial(compiled, engine="native", by_call=False),
    "native, call": partial(compiled, engine="native", by_call=True),
    "numpy, epoch": partial(compiled, engine="numpy", by_call=False),
    "eager": partial(compiled, engine="eager", by_call=True),
}
