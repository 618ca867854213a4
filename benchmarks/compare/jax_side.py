"""JAX: a jitted step called from Python, and all steps inside of one lax.scan."""

# ruff: noqa: E402

from __future__ import annotations

from typing import Any

import jax

jax.config.update("jax_enable_x64", True)  # for the DNN; everything else says float32
import jax.numpy as jnp
from numpy_side import Run
from workloads import Workload


def versions() -> dict[str, str]:
    return {"jax": jax.__version__}


def step_of(workload: Workload) -> Any:
    """(parameters, moments, count), x, t, row -> the same after one step, loss."""

    def loss_at(parameters: Any, x: Any, t: Any) -> Any:
        h = x
        for i, (W, b) in enumerate(parameters):
            h = h @ W + b
            if workload.is_dnn:
                h = jax.nn.sigmoid(h)
            elif i < len(parameters) - 1:
                h = jax.nn.relu(h)
        if workload.is_dnn:
            return 0.5 * jnp.sum((h - t) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(h), t[:, None], axis=1))

    def step(state: Any, x: Any, t: Any, row: Any) -> Any:
        parameters, moments, count = state
        xb, tb = (x, t) if workload.is_dnn else (x[row], t[row])
        loss, grads = jax.value_and_grad(loss_at)(parameters, xb, tb)
        if workload.optimizer == "Adam":
            count = count + 1
            rate = (workload.lr * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)).astype(workload.dtype)
            moments = jax.tree.map(
                lambda g, s: (s[0] + 0.1 * (g - s[0]), s[1] + 0.001 * (g * g - s[1])), grads, moments
            )
            new = jax.tree.map(lambda p, s: p - rate * s[0] / (jnp.sqrt(s[1]) + 1e-7), parameters, moments)
        else:
            new = jax.tree.map(lambda p, g: p - workload.lr * g, parameters, grads)
        return (new, moments, count), loss

    return step


def start(workload: Workload) -> Any:
    parameters = [(jnp.asarray(W), jnp.asarray(b)) for W, b in workload.weights()]
    moments = jax.tree.map(lambda p: (jnp.zeros_like(p), jnp.zeros_like(p)), parameters)
    x, t = (workload.x[0], workload.t[0]) if workload.is_dnn else (workload.x, workload.labels)
    return (parameters, moments if workload.optimizer == "Adam" else [], jnp.zeros(())), jnp.asarray(x), jnp.asarray(t)


def jit(workload: Workload, threads: int) -> Run:
    step = jax.jit(step_of(workload), donate_argnums=0)
    state, x, t = start(workload)

    def train(order: Any) -> Any:
        nonlocal state
        for row in jnp.asarray(order):
            state, loss = step(state, x, t, row)
        return loss.block_until_ready() / (2 if workload.is_dnn else 1)

    return train


def scan(workload: Workload, threads: int) -> Run:
    step = step_of(workload)

    def epoch(state: Any, x: Any, t: Any, order: Any) -> Any:
        return jax.lax.scan(lambda state, row: step(state, x, t, row), state, order)

    epoch = jax.jit(epoch, donate_argnums=0)
    state, x, t = start(workload)

    def train(order: Any) -> Any:
        nonlocal state
        state, losses = epoch(state, x, t, jnp.asarray(order))
        return losses.block_until_ready()[-1] / (2 if workload.is_dnn else 1)

    return train


CONTENDERS = {"jit": jit, "scan": scan}
