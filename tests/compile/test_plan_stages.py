"""What the plan makes of a program: which loops are shared, what is written in place, folded, and used again."""

import numpy as np
from make_golden import PROGRAMS
from native_programs import built, recorded, same_steps

from backhand.compiling.memory import layout
from backhand.compiling.plan import plan
from backhand.compiling.rewrite import simplify


def planned(function, *inputs):
    return plan(simplify(recorded(function, *inputs)))


def kinds(made):
    return [stage.kind for stage in made.stages]


def block(made):
    """The bytes of memory between the stages."""
    return layout(made, [[n] for n in range(len(made.stages))])[1]


X = np.ones((200, 300))


def test_a_chain_and_its_sums_are_one_set_of_loops():
    made = planned(lambda x: (np.sum(np.exp(x * 2) - 1, axis=0), np.sum(np.tanh(x))), X)
    assert kinds(made) == ["loops"]
    assert len(made.stages[0].nests) == 2


def test_what_doesn_t_leave_the_loops_has_no_memory():
    made = planned(lambda x: (np.exp(x) + 1) * np.exp(x) * np.exp(x) * 3, X)
    assert kinds(made) == ["loops"]
    assert made.local
    assert block(made) == X.nbytes  # the result alone


def test_loops_are_those_of_memory_also_for_a_transposed_view():
    made = planned(lambda x: np.exp(x.T) * 2, X)
    assert made.stages[0].nests[0].extents == (200, 300)
    assert same_steps(recorded(lambda x: x + x.T, np.random.rand(5, 5)), [np.random.rand(5, 5)]) == []


class Update:
    def __init__(self, momentum=None):
        self.W, self.v, self.momentum = np.ones((300, 40)), np.ones((300, 40)), momentum

    def step(self, x, d):
        if self.momentum is None:
            self.W -= 0.1 * np.dot(x.T, d)
        else:
            self.v *= self.momentum
            self.v -= 0.1 * np.dot(x.T, d)
            self.W += self.v
        return np.sum(x)


def test_an_update_is_folded_into_its_product_and_in_place():
    made = planned(Update().step, X, np.ones((200, 40)))
    assert sorted(kinds(made)) == ["loops", "product"]
    (fold,) = made.folds.values()
    (state,) = made.graph.state
    assert made.owner[state.output] == state.input == fold.base
    assert block(made) <= 64  # the sum


def test_momentum_is_folded_too():
    made = planned(Update(0.9).step, X, np.ones((200, 40)))
    assert len(made.folds) == 1
    assert made.commits == {}
    assert same_steps(recorded(Update(0.9).step, X, np.ones((200, 40))), [X, np.ones((200, 40))]) == []


def test_an_old_value_that_is_read_later_is_kept_until_then():
    class Late:
        def __init__(self):
            self.W = np.ones((3, 3))

        def step(self, x):
            old = self.W * 1
            self.W -= 0.1 * x
            return np.sum(self.W @ old.T) + np.sum(old)

    assert same_steps(recorded(Late().step, np.eye(3)), [np.eye(3)]) == []


def test_an_old_value_that_is_read_across_is_not_overwritten_in_the_same_loops():
    class Across:
        def __init__(self):
            self.W = np.random.default_rng(0).random((6, 6))

        def step(self, x):
            cross = np.sum(self.W * self.W.T * x)
            self.W -= 0.1 * x
            return cross

    x = np.arange(36.0).reshape(6, 6)
    assert same_steps(recorded(Across().step, x), [x]) == []


def test_writes_go_into_the_array_where_nobody_needs_the_old_one():
    def windows(x):
        out = np.zeros((300, 300))
        for a in range(3):
            out[a : a + 200, a:] += x[:, a:]
        return np.sum(out * out)

    made = planned(windows, X)
    assert block(made) < 2 * 300 * 300 * 8  # no copy for each write
    assert same_steps(recorded(windows, X), [X]) == []


def test_memory_is_used_again_after_its_last_use():
    def deep(x, W):
        for _ in range(20):
            x = np.tanh(x @ W)
        return x.sum()

    made = planned(deep, np.ones((50, 100)), np.ones((100, 100)))
    assert block(made) <= 2 * 50 * 100 * 8 + 64


def test_the_notes_networks_are_few_stages():
    net, dnn = (make() for make in PROGRAMS.values())
    assert len(net.explain()) <= 16
    assert len(dnn.explain()) <= 40
    assert not any(row.how == "NumPy" for program in (net, dnn) for row in program.explain())


def test_explain_counts_bytes_and_operations():
    program = built(recorded(lambda x, W: np.sum(np.exp(x @ W)), np.ones((400, 300)), np.ones((300, 200))))
    product, loop = program.explain()
    assert product.flops == 2 * 400 * 300 * 200
    assert product.bytes == 8 * (400 * 300 + 300 * 200 + 400 * 200)
    assert (product.how, loop.how) in {("BLAS", "loop"), ("NumPy", "loop")}
    assert loop.flops == 2 * 400 * 200
    assert "test_plan_stages.py" in loop.where


def test_without_blas_large_products_are_numpy_s(monkeypatch):
    monkeypatch.setattr("backhand.compiling.native_engine.find_blas", lambda: None)
    graph, d = recorded(Update(0.9).step, X, np.ones((200, 40))), np.random.default_rng(0).random((200, 40))
    program = built(graph)
    assert [row.how for row in program.explain()].count("NumPy") == 1
    assert same_steps(graph, [X, d]) == []


def test_a_long_chain_takes_no_recursion():
    def long(x):
        for _ in range(3000):
            x = x * 1.001 + 0.001
        return x

    assert len(planned(long, np.ones(3)).stages) < 20
