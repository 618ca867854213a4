"""PyTorch: the usual training loop, the same compiled, and torch.compile of plain NumPy code."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy_side import Run
from torch import nn
from torch.nn import functional
from workloads import Workload


def versions() -> dict[str, str]:
    return {"torch": torch.__version__}


def module_of(workload: Workload) -> Any:
    layers: list[Any] = []
    for W, b in workload.weights():
        linear = nn.Linear(*W.shape, dtype=torch.from_numpy(W).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(W).T)
            linear.bias.copy_(torch.from_numpy(b))
        layers += [linear, nn.Sigmoid() if workload.is_dnn else nn.ReLU()]
    return nn.Sequential(*(layers if workload.is_dnn else layers[:-1]))


def optimizer_of(workload: Workload, parameters: Any) -> Any:
    if workload.optimizer == "Adam":
        return torch.optim.Adam(parameters, workload.lr, eps=1e-7, fused=True)
    return torch.optim.SGD(parameters, workload.lr, fused=True)


def data_of(workload: Workload) -> tuple[Any, Any]:
    if workload.is_dnn:
        return torch.from_numpy(workload.x[0]), torch.from_numpy(workload.t[0])
    return torch.from_numpy(workload.x), torch.from_numpy(workload.labels)


def loss_of(workload: Workload) -> Any:
    if workload.is_dnn:  # the notes' gradient, which has no 1/n
        return lambda y, t: 0.5 * ((y - t) ** 2).sum()
    return functional.cross_entropy


def eager(workload: Workload, threads: int) -> Run:
    torch.set_num_threads(threads)
    module, loss_function, (x, t) = module_of(workload), loss_of(workload), data_of(workload)
    optimizer = optimizer_of(workload, module.parameters())

    def train(order: Any) -> Any:
        for row in torch.from_numpy(order):
            xb, tb = (x, t) if workload.is_dnn else (x[row], t[row])
            optimizer.zero_grad(set_to_none=True)
            loss = loss_function(module(xb), tb)
            loss.backward()
            optimizer.step()
        return loss.detach() / (2 if workload.is_dnn else 1)

    return train


def compiled(workload: Workload, threads: int) -> Run:
    """One graph for the whole step, batch and update included, without a global interpreter lock's worth of wrapper."""
    import torch._inductor.config as inductor

    torch.set_num_threads(threads)
    inductor.cpp_wrapper = True
    inductor.freezing = False
    parameters = [torch.from_numpy(value) for pair in workload.weights() for value in pair]
    moments = [torch.zeros_like(p) for p in parameters for _ in range(2)]
    count = torch.zeros((), dtype=parameters[0].dtype)
    loss_function, (x, t) = loss_of(workload), data_of(workload)
    activation = torch.sigmoid if workload.is_dnn else torch.relu
    last = len(parameters) // 2 - 1

    def loss_at(parameters: list[Any], xb: Any, tb: Any) -> Any:
        h = xb
        for i in range(last + 1):
            h = h @ parameters[2 * i] + parameters[2 * i + 1]
            if i < last or workload.is_dnn:
                h = activation(h)
        return loss_function(h, tb)

    @torch.compile(fullgraph=True, dynamic=False)
    def step(parameters: list[Any], moments: list[Any], count: Any, row: Any) -> Any:
        xb, tb = (x, t) if workload.is_dnn else (x[row], t[row])
        grads, loss = torch.func.grad_and_value(loss_at)(parameters, xb, tb)
        if workload.optimizer == "Adam":
            count += 1
            rate = workload.lr * torch.sqrt(1 - 0.999**count) / (1 - 0.9**count)
            for i, (p, g) in enumerate(zip(parameters, grads, strict=True)):
                m, v = moments[2 * i], moments[2 * i + 1]
                m.lerp_(g, 0.1)
                v.mul_(0.999).addcmul_(g, g, value=0.001)
                p.sub_(rate * m / (torch.sqrt(v) + 1e-7))
        else:
            for p, g in zip(parameters, grads, strict=True):
                p.sub_(g, alpha=workload.lr)
        return loss

    def train(order: Any) -> Any:
        with torch.no_grad():
            for row in torch.from_numpy(order):
                loss = step(parameters, moments, count, row)
        return loss / (2 if workload.is_dnn else 1)

    return train


def compiled_numpy(workload: Workload, threads: int) -> Run:
    """The step as a function of NumPy arrays, forward, backward and update by hand, given to torch.compile."""
    torch.set_num_threads(threads)
    values = [value for pair in workload.weights() for value in pair]
    if workload.optimizer == "Adam":
        values += [np.zeros_like(v) for v in values for _ in range(2)] + [np.zeros(())]
    function = _numpy_dnn(workload) if workload.is_dnn else _numpy_net(workload)
    step = torch.compile(function, fullgraph=True, dynamic=False)
    x, t = (workload.x[0], workload.t[0]) if workload.is_dnn else (workload.x, workload.t)

    def train(order: Any) -> Any:
        nonlocal values
        with torch.no_grad():
            for row in order:
                loss, values = step(values, *((x, t) if workload.is_dnn else (x[row], t[row])))
        return loss

    return train


def _numpy_net(workload: Workload) -> Any:
    count, lr, n, adam = len(workload.sizes) - 1, workload.lr, workload.batch, workload.optimizer == "Adam"

    def step(values: Any, x: Any, t: Any) -> Any:
        hs = [x]
        for i in range(count):
            z = hs[-1] @ values[2 * i] + values[2 * i + 1]
            hs.append(np.maximum(z, 0) if i < count - 1 else z)
        z = hs[-1] - np.max(hs[-1], axis=1, keepdims=True)
        e = np.exp(z)
        total = np.sum(e, axis=1, keepdims=True)
        loss = np.sum(np.log(total)) / n - np.sum(z * t) / n
        d = (e / total - t) / n
        grads = [None] * (2 * count)
        for i in range(count - 1, -1, -1):
            grads[2 * i], grads[2 * i + 1] = hs[i].T @ d, np.sum(d, axis=0)
            if i:
                d = (d @ values[2 * i].T) * (hs[i] > 0)
        if not adam:
            return loss, [v - lr * g for v, g in zip(values, grads, strict=True)]
        iteration = values[-1] + 1
        rate = lr * np.sqrt(1 - 0.999**iteration) / (1 - 0.9**iteration)
        new, moments = [], []
        for i, g in enumerate(grads):
            m, v = values[2 * count + 2 * i], values[2 * count + 2 * i + 1]
            m, v = m + 0.1 * (g - m), v + 0.001 * (g * g - v)
            moments += [m, v]
            new.append(values[i] - (rate * m / (np.sqrt(v) + 1e-7)).astype(np.float32))
        return loss, new + moments + [iteration]

    return step


def _numpy_dnn(workload: Workload) -> Any:
    count, lr = len(workload.sizes) - 1, workload.lr

    def step(values: Any, x: Any, y: Any) -> Any:
        hs = [x]
        for i in range(count):
            hs.append(1 / (1 + np.exp(-(hs[-1] @ values[2 * i] + values[2 * i + 1]))))
        d = hs[-1] - y
        loss = 0.5 * np.mean(d * d)
        new = [None] * (2 * count)
        for i in range(count - 1, -1, -1):
            g = d * hs[i + 1] * (1 - hs[i + 1])
            d = values[2 * i] @ g
            new[2 * i] = values[2 * i] - lr * np.outer(hs[i], g)
            new[2 * i + 1] = values[2 * i + 1] - lr * g
        return loss, new

    return step


CONTENDERS = {"eager": eager, "compile": compiled, "compile of NumPy": compiled_numpy}
