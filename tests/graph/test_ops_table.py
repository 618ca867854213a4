"""Every rule of the op table: against differences, against HIPS autograd, in first and second order, and with mutants."""

from dataclasses import replace
from importlib import import_module

import autograd
import autograd.numpy as anp
import numpy as np
import pytest

import backhand
from backhand.graph.ops import TABLE
from op_cases import CASES, Case

module = import_module("backhand.graph.differentiate")  # `backhand.graph.differentiate` is the function of that name


def prepare(case, seed=0):
    rng = np.random.default_rng([seed, *map(ord, case.id)])
    inputs = [make(rng) for make in case.inputs]
    graph = backhand.trace(lambda *args: case.code(np, *args), *inputs)
    u = rng.standard_normal(np.shape(case.code(np, *inputs)))
    return rng, inputs, graph, u


def slope(f, x, direction, h=1e-3):
    """The derivative of f at x along a direction, by central differences with three Richardson steps."""
    d = [(f(x + k * direction) - f(x - k * direction)) / (2 * k) for k in (h, h / 2, h / 4)]
    e = [(4 * d[1] - d[0]) / 3, (4 * d[2] - d[1]) / 3]
    return (16 * e[1] - e[0]) / 15


def gradients(graph, case, inputs, u):
    derived = backhand.differentiate(graph, wrt=list(case.wrt))
    derived.verify()
    return derived, derived(*inputs, *((u,) if u.ndim else ()))


def check_first(case, rng, inputs, graph, u):
    _, found = gradients(graph, case, inputs, u)
    scale = 1.0 if u.ndim else float(u)
    for number, gradient in zip(case.wrt, found, strict=True):
        x = inputs[number]
        assert np.shape(gradient) == np.shape(x)
        for _ in range(2):
            direction = rng.standard_normal(np.shape(x))
            if case.op == "astype":
                h = 0.5
            else:
                h = 1e-3

            def f(value, number=number):
                args = list(inputs)
                args[number] = value
                return float(np.sum(u * case.code(np, *args)))

            expected = slope(f, x, direction, h)
            actual = float(np.sum(gradient * direction)) * scale
            assert actual == pytest.approx(expected, rel=case.tol, abs=case.tol)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_first_order(case):
    rng, inputs, graph, u = prepare(case)
    assert case.op in [node.op for node in graph.nodes]
    graph.verify()
    np.testing.assert_array_equal(graph(*inputs), case.code(np, *inputs))
    check_first(case, rng, inputs, graph, u)


@pytest.mark.parametrize("case", [c for c in CASES if c.oracle], ids=lambda c: c.id)
def test_agrees_with_autograd(case):
    _, inputs, graph, u = prepare(case, seed=1)
    _, found = gradients(graph, case, inputs, u)
    for number, gradient in zip(case.wrt, found, strict=True):
        vjp, _ = autograd.make_vjp(lambda *args: case.code(anp, *args), number)(*inputs)
        expected = vjp(u if u.ndim else 1.0)
        np.testing.assert_allclose(gradient, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", [c for c in CASES if c.second], ids=lambda c: c.id)
def test_second_order(case):
    rng, inputs, graph, u = prepare(case, seed=2)
    first, found = gradients(graph, case, inputs, u)
    more = (u,) if u.ndim else ()
    weights = [rng.standard_normal(np.shape(g)) for g in found]

    def phi(*args):
        return sum(float(np.sum(w * g)) for w, g in zip(weights, first(*args, *more), strict=True))

    second = backhand.differentiate(first, wrt=list(case.wrt))
    second.verify()
    results = second(*inputs, *more, *[w for w, g in zip(weights, found, strict=True) if np.shape(g)])
    if not all(np.shape(g) for g in found):  # a scalar gradient's seed is 1: weigh it by hand
        return check_scalar_second(case, inputs, first, more, rng)
    for number, gradient in zip(case.wrt, results, strict=True):
        direction = rng.standard_normal(np.shape(inputs[number]))

        def f(value, number=number):
            args = list(inputs)
            args[number] = value
            return phi(*args)

        expected = slope(f, inputs[number], direction)
        assert float(np.sum(gradient * direction)) == pytest.approx(expected, rel=1e-5, abs=1e-5)
    return None


def check_scalar_second(case, inputs, first, more, rng):
    for which, number in enumerate(case.wrt):
        if np.shape(inputs[number]):
            continue
        second = backhand.differentiate(first, wrt=number, outputs=which)
        expected = slope(lambda v, n=number, w=which: float(first(*swap(inputs, n, v), *more)[w]), inputs[number], 1.0)
        assert float(second(*inputs, *more)) == pytest.approx(expected, rel=1e-5, abs=1e-5)


def swap(inputs, number, value):
    args = list(inputs)
    args[number] = float(value) if isinstance(args[number], float) else np.asarray(value)
    return args


def mutants(row, position):
    """The ways in which a rule is spoiled."""

    def spoil(change):
        if row.variadic is not None:
            original = row.variadic
            return replace(
                row,
                variadic=lambda i, *a, **k: change(original(i, *a, **k)) if i == position else original(i, *a, **k),
            )
        rules = list(row.rules)
        original = rules[position]
        rules[position] = lambda *a, **k: change(original(*a, **k))
        return replace(row, rules=tuple(rules))

    yield "factor", spoil(lambda g: g * 1.01)
    yield "sign", spoil(lambda g: -g)
    yield "zero", spoil(lambda g: g * 0)


def fails(case, prepared):
    module._template.cache_clear()
    rng, inputs, graph, u = prepared
    try:
        check_first(case, rng, inputs, graph, u)
    except AssertionError:
        return True
    finally:
        module._template.cache_clear()
    return False


def differentiated(case, graph):
    """The inputs of the op under test whose rules this case uses."""
    row = TABLE[case.op]
    inputs = next(node.inputs for node in graph.nodes if node.op == case.op)
    for position, source in enumerate(inputs):
        node = graph.nodes[source]
        if row.rule(position) is not None and module.is_real(node) and node.op not in ("constant", "full"):
            yield position


@pytest.mark.parametrize("op", sorted({case.op for case in CASES}))
def test_mutants_are_killed(op, monkeypatch):
    """A factor of 1.01, a sign, a zero in any one rule: some case of the op must see it."""
    alive = {}
    for case in (c for c in CASES if c.op == op):
        prepared = prepare(case, seed=3)
        for position in differentiated(case, prepared[2]):
            for name, mutant in mutants(TABLE[op], position):
                if alive.get((position, name)) is not False:
                    with monkeypatch.context() as patch:
                        patch.setitem(TABLE, op, mutant)
                        alive[position, name] = not fails(case, prepared)
    assert alive
    assert [mutant for mutant, lives in alive.items() if lives] == []


BROADCAST = [c for c in CASES if c.note in ("row", "both", "broadcast", "rows", "batch broadcast")]


@pytest.mark.parametrize("case", BROADCAST, ids=lambda c: c.id)
def test_a_forgotten_sum_over_a_broadcast_axis_is_seen(case, monkeypatch):
    def forgotten(gradient, shape):
        have = np.shape(gradient.value)
        lead = len(have) - len(shape)
        key = (0,) * lead + tuple(slice(0, 1) if n == 1 else slice(None) for n in shape)
        return gradient[key] if have != shape else gradient

    prepared = prepare(case, seed=4)
    monkeypatch.setattr(module, "_unbroadcast", forgotten)
    assert fails(case, prepared)


def test_every_row_with_a_rule_has_a_case():
    tested = {case.op for case in CASES}
    for row in TABLE.values():
        if row.rules or row.variadic:
            assert row.name in tested, f"add a case for {row.name} to tests/graph/op_cases.py"


def test_a_case_says_what_it_tests():
    assert len({case.id for case in CASES}) == len(CASES)
    assert all(isinstance(case, Case) for case in CASES)
