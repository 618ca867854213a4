"""What can't be traced runs as it is: if that is only the gradient or only the update, the other is compiled."""

import copy
import random
import re

import numpy as np
import pytest

import backhand
from backhand.errors import NotFiniteError

T = np.eye(3)[[0, 1, 2, 0, 1, 2]]


class Clipped(backhand.Adam):
    """Decides by the gradient's norm, and shrinks the gradient in place."""

    def update(self, params, grads):
        norm = np.sqrt(sum(np.sum(g * g) for g in grads.values()))
        if norm > 0.3:
            for g in grads.values():
                g *= 0.3 / norm
        super().update(params, grads)


class Noisy(backhand.TwoLayerNet):
    """Draws from a stream that no trace sees."""

    def gradient(self, x, t):
        return super().gradient(x + 0.1 * random.random(), t)


def batch(seed):
    return np.random.default_rng(seed).random((6, 7)), T


@pytest.mark.parametrize(
    ("net", "optimizer", "said"),
    [
        (backhand.TwoLayerNet, Clipped, "the update runs as it is, and only the gradient is compiled: "),
        (Noisy, backhand.Adam, "the gradient runs as it is, and only the update is compiled: "),
    ],
)
@pytest.mark.parametrize("engine", ["native", "numpy"])
def test_one_half_compiled_trains_as_the_code_itself(net, optimizer, said, engine):
    networks = [net(7, 5, 3, weight_init_std=0.5, rng=np.random.default_rng(0)) for _ in range(2)]
    optimizers = [optimizer(0.05), optimizer(0.05)]
    with pytest.warns(RuntimeWarning, match=re.escape(said)):
        step = backhand.compile(networks[1], optimizers[1], *batch(0), engine=engine)
    assert step.engine == engine
    assert step.reason.startswith(said)
    assert said in step.explain()
    for seed in range(8):
        if seed == 5:  # a schedule
            optimizers[0].lr = optimizers[1].lr = 0.01
        random.seed(seed)
        loss = networks[0].loss(*batch(seed)) if net is backhand.TwoLayerNet else None
        random.seed(seed)
        optimizers[0].update(networks[0].params, networks[0].gradient(*batch(seed)))
        random.seed(seed)
        found = step(*batch(seed))
        assert loss is None or found == pytest.approx(loss, rel=1e-10)
        for key, value in networks[0].params.items():
            np.testing.assert_allclose(networks[1].params[key], value, rtol=1e-9, atol=1e-13)
    assert step.verified


def test_an_epoch_of_a_half():
    one = backhand.TwoLayerNet(7, 5, 3, rng=np.random.default_rng(0))
    two, (x, t) = copy.deepcopy(one), batch(1)
    order = np.array([[0, 1, 2], [3, 4, 5], [5, 0, 3]])
    with pytest.warns(RuntimeWarning, match="only the gradient"):
        step = backhand.compile(two, Clipped(0.1), x[:3], t[:3])
    losses, eager = step.epoch(x, t, order), Clipped(0.1)
    for row, loss in zip(order, losses, strict=True):
        assert one.loss(x[row], t[row]) == pytest.approx(loss, rel=1e-10)
        eager.update(one.params, one.gradient(x[row], t[row]))


def test_neither_half():
    net, (x, t) = Noisy(7, 5, 3), batch(0)
    with pytest.warns(RuntimeWarning, match="the step runs as it is: .*if norm > 0.3") as caught:
        step = backhand.compile(net, Clipped(), x, t)
    assert len(caught) == 1
    assert step.engine == "eager"
    assert np.isfinite(step(x, t))


def test_a_half_that_gives_nan_asks_the_layers_why():
    net, (x, t) = backhand.TwoLayerNet(7, 5, 3, rng=np.random.default_rng(0)), batch(0)
    with pytest.warns(RuntimeWarning, match="only the gradient"):
        step = backhand.compile(net, Clipped(0.1), x, t)
    for _ in range(3):
        step(x, t)
    x[2, 3] = np.nan
    with pytest.raises(NotFiniteError):
        step(x, t)
