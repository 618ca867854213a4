"""Random layers with state: what a replay returns and leaves behind is what the code would have, call after call."""

import copy

import numpy as np
from hypothesis import given, settings, strategies as st
from test_notes_and_book import same

from backhand.errors import TraceError
from backhand.graph import record

ACTIONS = (
    "read", "write", "rebind", "momentum", "swap", "count", "cache", "use_cache", "list", "tuple", "view", "alias",
    "class", "draw", "dict", "row", "scalar", "reset",
)  # fmt: skip


class Layer:
    shared = np.ones(3)

    def __init__(self, actions):
        self.actions = actions
        self.a, self.b = np.arange(3.0), np.ones(3)
        self.n = 1
        self.cache = None
        self.items = [np.zeros(3), np.full(3, 2.0)]
        self.pair = (np.ones(3), np.zeros(3))
        self.flat = np.arange(6.0)
        self.part = self.flat[2:5]
        self.same = self.a
        self.d = {"m": np.zeros(3), "lazy": None}
        self.s = np.float64(0.5)

    def forward(self, x):
        y = x * 1
        for action, k in self.actions:
            y = getattr(self, f"do_{action}")(y, 0.25 + k / 8)
        return y

    def do_read(self, y, k):
        return y + self.a * k

    def do_write(self, y, k):
        self.a += y * k
        return y

    def do_rebind(self, y, k):
        self.b = self.b * k + y
        return y

    def do_momentum(self, y, k):
        self.d["m"] *= k
        self.d["m"] -= y
        return y + self.d["m"]

    def do_swap(self, y, k):
        self.a, self.b = self.b, self.a
        return y - self.a

    def do_count(self, y, k):
        self.n += 1
        return y * k**self.n

    def do_cache(self, y, k):
        self.cache = y * k
        return y

    def do_use_cache(self, y, k):
        return y if self.cache is None else y + self.cache * k

    def do_list(self, y, k):
        self.items[0] = self.items[1] - y
        self.items[1][...] *= k
        return y + self.items[0]

    def do_tuple(self, y, k):
        h, c = self.pair
        self.pair = (np.tanh(c + y), h * k)
        return y + self.pair[0]

    def do_view(self, y, k):
        self.part += y * k
        return y + self.flat.sum()

    def do_alias(self, y, k):
        return y + self.same * k

    def do_class(self, y, k):
        Layer.shared = Layer.shared * k
        return y + self.shared

    def do_draw(self, y, k):
        return y * np.random.rand(3)

    def do_dict(self, y, k):
        if self.d["lazy"] is None:
            self.d["lazy"] = np.zeros_like(y)
        self.d["lazy"] = self.d["lazy"] * k + y
        return y - self.d["lazy"]

    def do_row(self, y, k):
        self.items[1][1:] = y[:2]
        self.a[0] = y[2]
        return y

    def do_scalar(self, y, k):
        self.s = self.s * k + np.sum(y)
        return y + self.s

    def do_reset(self, y, k):
        self.b[:] = 0
        return y


KEPT = ("a", "b", "n", "items", "pair", "flat", "part", "same", "d", "s")


def state(layer):
    return [getattr(layer, name) for name in KEPT], layer.shared


def same_state(one, two):
    (mine, shared), (theirs, other) = one, two
    return same(shared, other) and all(
        (a is None and b is None)
        or same([v for v in a.values() if v is not None], [v for v in b.values() if v is not None])
        if isinstance(a, dict)
        else same(a, b)
        for a, b in zip(mine, theirs, strict=True)
    )


def recorded(layer, x):
    try:
        return record(layer.forward, x), ""
    except TraceError as error:
        return None, str(error)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(0, 7)), min_size=1, max_size=7),
    st.integers(0, 100),
    st.integers(0, 2),
)
def test_a_random_layer(actions, seed, warm):
    rng = np.random.default_rng(seed)
    layer, twin = Both(actions), Both(actions)
    for _ in range(warm):
        x = rng.standard_normal(3)
        layer.call(x), twin.call(x)
    before = copy.deepcopy(state(layer.layer))
    recording, refusal = recorded(layer.layer, rng.standard_normal(3))
    assert "bug of backhand" not in refusal
    assert same_state(state(layer.layer), before)
    if recording is None:
        return  # a refusal is an answer
    recording.graph.verify()
    for _ in range(3):
        x = rng.standard_normal(3)
        try:
            made = layer.call(x, recording.replay)
        except TraceError:
            layer.calls -= 1
            break  # the objects are not as they were traced: it says so
        assert same(made, twin.call(x))
    x = rng.standard_normal(3)
    assert same(layer.call(x), twin.call(x))  # whatever state it reads, it is the code's own


class Both:
    """A layer with a class attribute and a random stream of its own."""

    def __init__(self, actions):
        self.layer = Layer(actions)
        self.shared = np.ones(3)
        self.calls = 0

    def call(self, x, function=None):
        Layer.shared = self.shared
        self.calls += 1
        np.random.seed(self.calls)
        try:
            return (function or self.layer.forward)(x)
        finally:
            self.shared, Layer.shared = Layer.shared, np.ones(3)
