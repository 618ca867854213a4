"""Transposes and factors around products and sums."""

import numpy as np
import pytest
from rewriting import check, close, ops

import backhand
from backhand.compiling.rewrite import simplify
from backhand.compiling.rewrite.products import products
from backhand.compiling.rewrite.transposes import transposes

rng = np.random.default_rng(0)
x, W = rng.standard_normal((4, 6)), rng.standard_normal((6, 3))
cube = rng.standard_normal((3, 3, 3))
v, w = rng.standard_normal(4), rng.standard_normal(6)


def softmax(x):
    x = x.T
    x = x - np.max(x, axis=0)
    return (np.exp(x) / np.sum(np.exp(x), axis=0)).T


TRANSPOSED = [
    (lambda x: softmax(x), ["max", "subtract", "exp", "sum", "divide"]),
    (lambda x: np.exp(x.T + x.T * 2).T * 1.5, ["multiply", "add", "exp", "multiply"]),
    (lambda x: (x.T + v).T * 1.5, ["reshape", "add", "multiply"]),
    (lambda x: np.sum(x.T, axis=0), ["sum"]),
    (lambda x: np.max(x.T, axis=1, keepdims=True).T * 2, ["max", "multiply"]),
    (lambda x: np.argmax(x.T, axis=0), ["argmax"]),
    (lambda x: np.sum(x[None].transpose(2, 1, 0), axis=1), None),
    (lambda x: np.sum(x[:, None, :2].transpose(2, 0, 1), axis=2), None),
    (lambda x: np.sum(cube.transpose(2, 0, 1) * x[0, 0], axis=1), None),
    (lambda x: x.T.reshape(3, 8).T * 2, None),
    (lambda x: np.dot(x, W).T + 1, ["transpose", "transpose", "matmul", "add"]),
    (lambda x: np.dot(W.T, x.T).T * 2, ["matmul", "multiply"]),
    (lambda x: (np.outer(v, w) * x).T, None),
    (lambda x: np.where(x.T > 0, x.T, 0.0).T * 2, ["greater", "where", "multiply"]),
    (lambda x: x + x[:, :4] @ x, None),
    (lambda x: x[:, :4] + x[:, :4].T, ["getitem", "transpose", "add"]),
    (lambda x: np.exp(x[:1].T) * np.ones((6, 2)), None),
    (lambda x: np.where(x.T > 0, np.sort(x, axis=0).T, 0.0).T * 2, ["greater", "sort", "where", "multiply"]),
    (lambda x: x.reshape(2, 2, 6).transpose(1, 2, 0).reshape(12, 2).T.copy().reshape(-1) * 2, None),
    (lambda x: x.reshape(2, 2, 3, 2).transpose(0, 2, 1, 3).reshape(6, 4).T * 2, None),
    (lambda x: x.reshape(2, 2, 3, 2).transpose(0, 2, 3, 1).reshape(2, 6, 2).transpose(2, 0, 1) * 2, None),
]


@pytest.mark.parametrize(("f", "left"), TRANSPOSED)
def test_transposes(f, left):
    graph = backhand.trace(f, x)
    check(graph, transposes(graph), x, equal=close)
    after = simplify(graph)
    check(graph, after, x, equal=close)
    assert left is None or ops(after) == left, after


SCALED = [
    (lambda W, w, g: (W * g) @ g, ["square", "matmul"]),
    (lambda W, w, g: (g[None, :] * W) @ g, ["square", "matmul"]),
    (lambda W, w, g: (W * w[:, None]) @ g, ["matmul", "multiply"]),
    (lambda W, w, g: w @ (W * w[:, None]), ["square", "matmul"]),
    (lambda W, w, g: w @ (W * g), ["matmul", "multiply"]),
    (lambda W, w, g: (W * g) @ np.ones((3, 1)), None),
    (lambda W, w, g: np.ones((1, 6)) @ (W * w[:, None]), None),
    (lambda W, w, g: w[:, None] @ g[None, :], ["reshape", "multiply"]),
    (lambda W, w, g: (W * g) @ W.T, ["multiply", "transpose", "matmul"]),  # nothing smaller to scale
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("f", "left"), SCALED)
def test_factors_move_to_the_smaller_side(f, left, dtype):
    inputs = W.astype(dtype), w.astype(dtype), rng.standard_normal(3).astype(dtype)
    graph = backhand.trace(lambda W, w, g: np.exp(f(W, w, g)), *inputs)
    check(graph, products(graph), *inputs, equal=close)
    after = simplify(graph)
    check(graph, after, *inputs, equal=close)
    assert left is None or [op for op in ops(after) if op != "exp"] == left, after


def test_a_scaled_matrix_that_is_needed_itself_is_not_scaled_twice():
    graph = backhand.trace(lambda W, g: ((W * g) @ g, W * g), W, rng.standard_normal(3))
    assert ops(simplify(graph)) == ["multiply", "matmul"]


def test_factors_of_other_dtypes_stay():
    graph = backhand.trace(lambda W, g: (W * g) @ g, W.astype(np.float32), np.arange(3))
    after = simplify(graph)
    check(graph, after, W.astype(np.float32), np.arange(3), equal=close)
