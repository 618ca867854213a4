"""How long a check takes: the notes' TwoLayerNet(784, 50, 10), and a layer with ten million parameters.

Beside the full check of the network (all its gradients, at several values and shapes, and its contract) the notes'
numerical gradient of the same network at one batch, and torch's gradcheck of the same function, if torch is installed.

Run: ``python benchmarks/check_time.py``. Needed: the network in less than 1 s.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

import backhand

REPETITIONS = 5
BATCH = 10


def seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def network() -> tuple[backhand.TwoLayerNet, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    net = backhand.TwoLayerNet(784, 50, 10, rng=rng)
    return net, rng.random((BATCH, 784)), np.eye(10)[rng.integers(0, 10, BATCH)]


def gradcheck(fast: bool) -> Callable[[], object] | None:
    try:
        import torch
    except ImportError:
        return None
    net, x, t = network()
    params = [torch.tensor(value, requires_grad=True) for value in net.params.values()]
    batch, labels = torch.tensor(x), torch.tensor(t.argmax(axis=1))

    def loss(W1: object, b1: object, W2: object, b2: object) -> object:
        return torch.nn.functional.cross_entropy(torch.relu(batch @ W1 + b1) @ W2 + b2, labels)

    # Its own settings find fault with this right network (kinks, 1e-5 of a small gradient): only the time is asked.
    return lambda: torch.autograd.gradcheck(loss, params, fast_mode=fast, raise_exception=False)


def main() -> None:
    net, x, t = network()
    backhand.check(backhand.Relu(), x[:, :5])  # once uncounted: imports
    contenders: dict[str, tuple[Callable[[], object] | None, int]] = {
        "backhand.check": (lambda: backhand.check(net, x, t), REPETITIONS),
        "numerical_gradient of the notes": (lambda: net.numerical_gradient(x, t), 1),
        "torch gradcheck": (gradcheck(fast=False), 1),
        "torch gradcheck, fast_mode": (gradcheck(fast=True), REPETITIONS),
    }
    print(f"TwoLayerNet(784, 50, 10), batch of {BATCH}{'':8}{'seconds':>10}{'to check':>10}")
    ours = 0.0
    for name, (action, repetitions) in contenders.items():
        if action is None:
            print(f"{name:42}{'not installed':>20}")
            continue
        median = statistics.median(seconds(action) for _ in range(repetitions))
        ours = ours or median
        print(f"{name:42}{median:10.3f}{median / ours:10.1f}")

    rng = np.random.default_rng(0)
    affine = backhand.Affine(rng.standard_normal((3163, 3163)) / 60, np.zeros(3163))
    wide = rng.standard_normal((3, 3163))
    took = seconds(lambda: backhand.check(affine, wide))
    print(f"{'backhand.check of Affine, 10,007,732 parameters':42}{took:10.3f}")


if __name__ == "__main__":
    main()
