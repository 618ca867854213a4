"""Arrays in places that a walk misses, or that are no plain arrays: right, or refused with the way out."""

import collections
import threading
import types

import numpy as np
import pytest
from numpy import asarray as imported_asarray
from test_notes_and_book import same
from test_trace_dangers import OTHER, Box, X, check, refused

import backhand
from backhand.errors import TraceError
from backhand.graph import record
from backhand.graph.tracing.tape import active_tape


def replays(f, *holders):
    """The graph follows what ``holders``, functions that change what f reaches, do to the arrays it reaches."""
    recording = record(f, X)
    for change in holders:
        change()
        assert same(recording.replay(OTHER), f(OTHER))


def test_a_dict_by_id_is_refused():
    class Momentum:
        def __init__(self):
            self.W, self.v = np.ones((2, 3)), {}

        def __call__(self, g):
            if id(self.W) not in self.v:
                self.v[id(self.W)] = np.zeros_like(self.W)
            self.v[id(self.W)] = 0.9 * self.v[id(self.W)] - 0.1 * g
            self.W += self.v[id(self.W)]

    fresh, warm = Momentum(), Momentum()
    warm(X)
    for optimizer in (fresh, warm):
        assert "name or number as the key" in refused(optimizer, X, match=r"self\.v\[\d+\] has the id")


def test_layers_in_a_set_and_in_the_library_s_containers():
    class Scale:
        def __init__(self):
            self.W = np.arange(3.0)

    layers, data = {Scale()}, collections.UserDict(W=np.arange(3.0))
    (layer,) = layers

    def f(x):
        for one in layers:
            x = x * (one.W + 1)
        return x * data["W"][::-1]

    replays(f, lambda: layer.W.fill(3), lambda: data["W"].fill(5))


def test_arrays_in_an_array_of_objects():
    weights = np.empty(2, object)
    weights[0], weights[1] = np.ones(3), np.ones((1, 3))

    def f(x):
        for w in weights:
            x = x * (w * 2)
        return x

    before = list(weights)
    replays(f, lambda: weights[0].fill(3), lambda: weights[1].fill(4))
    assert all(a is b for a, b in zip(weights, before, strict=True))


def test_arrays_of_a_module_inside_a_module(monkeypatch):
    package, inner = types.ModuleType("outer_of_test"), types.ModuleType("outer_of_test.inner")
    package.inner, inner.W, inner.b = inner, np.ones((3, 1)), np.ones(3)

    def first(x):
        return x * package.inner.W.T

    def f(x):
        return first(x) + package.inner.b

    replays(f, lambda: inner.W.fill(3), lambda: inner.b.fill(4))


def test_a_view_of_an_array_from_where_the_walk_does_not_look():
    W = types.MappingProxyType({"W": np.arange(6.0).reshape(3, 2)})
    refused(lambda x: x @ W["W"][::-1], X, match="lives where a trace doesn't look")


def test_fields_and_texts_are_refused():
    fields = np.zeros(3, dtype=[("W", float), ("b", float)])
    assert "array of its own" in refused(lambda x: x * fields["W"], X, match="a part of fields is used")
    refused(lambda x: x == "a", np.array(["a", "b"]), match="x has dtype <U1")
    refused(lambda x: x, np.array(["2020-01-01"], "M8[D]"), match="x has dtype datetime64")


def test_a_complex_array_and_number_are_no_constants():
    box = Box(W=np.array([1j, 2.0]), c=2j)
    graph = backhand.trace(lambda x, z: x * box.W * z, np.ones(2), 1j).verify()
    assert [s.name for s in graph.state] == ["box.W"]
    assert same(graph(np.full(2, 3.0), 2 + 1j), 3 * box.W * (2 + 1j))


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.parametrize("kind", [np.matrix, np.ma.MaskedArray])
def test_a_subclass_whose_operators_differ_is_refused(kind):
    m = kind(X)
    assert "np.asarray(x)" in refused(lambda x: x * 2, m, match="whose operators may mean something else")
    refused(lambda x: x * np.sum(m), X, match="whose operators may mean something else")


def test_an_array_s_flags_are_not_touched():
    W = np.ones(3)

    def by_attribute(x):
        W.flags.writeable = False
        return x * W

    def by_key(x):
        x.flags["WRITEABLE"] = False
        return x * W

    x = X.copy()
    for f in (by_attribute, by_key):
        assert "outside" in refused(f, x, match="is set")
    assert W.flags.writeable
    assert x.flags.writeable
    check(lambda x: x * float(x.flags.c_contiguous and x.flags["OWNDATA"]), X.copy(), other=(OTHER.copy(),))


def test_numpy_s_error_settings_are_what_they_were():
    before = np.geterr()

    def f(x):
        np.seterr(all="ignore")
        return x / (x - x)

    backhand.trace(f, X)
    assert np.geterr() == before


@pytest.mark.parametrize(
    "change",
    [
        lambda z: z.put([0], [5.0]),
        lambda z: z.flat.__setitem__(1, 5.0),
        lambda z: z.view().__setitem__(1, 5.0),
        lambda z: z.partition(1),
    ],
)
def test_a_constant_has_no_back_door(change):
    def f(x):
        z = np.zeros(3)
        change(z)
        return x * z

    assert "in <lambda>" in refused(f, X, match="can't be traced")


def test_code_that_sees_the_tracer_or_goes_around_it():
    def by_type(x):
        return x * 2 if type(x) is np.ndarray else x * 3

    def around(x):
        z = np.zeros(3)
        imported_asarray(z)[1] = 5.0
        return x * z

    for f in (by_type, around):
        refused(f, X, match="where isinstance is right")


def test_a_value_that_the_code_takes_out_of_a_tracer():
    W = np.ones(3)

    def f(x):
        return x * (W.value if hasattr(W, "value") else W)

    assert "return x * (W.value" in refused(f, X, match="would be frozen into the graph")


def test_masked_values_as_a_result():
    assert "np.where(mask, x, 0)" in refused(lambda x: x[x > 0], X, match="values read through a mask are returned")


def test_a_range_as_an_index():
    def f(x):
        y = x.copy()
        y[range(2), range(2)] += 1
        return y

    check(f, X)


def test_the_size_of_a_number_s_type_depends_on_its_value():
    refused(lambda x: x.astype(np.min_scalar_type(x[0] + 0)), np.array([3], np.uint16), match=r"np\.min_scalar_type")


def test_another_thread_with_the_same_objects_is_refused():
    net = Box(W=np.ones(3))
    started, done, seen = threading.Event(), threading.Event(), []

    def other():
        started.wait(10)
        try:
            seen.append(X * net.W)
        except TraceError as error:
            seen.append(str(error))
        done.set()

    def f(x):
        y = x * net.W
        if active_tape() is not None:
            started.set()
            done.wait(10)
        return y

    thread = threading.Thread(target=other)
    thread.start()
    refused(f, X, match="used in another thread")
    thread.join()
    assert "used in another thread" in seen[0]


def through_a_view(x):
    flat = x.reshape(-1)
    flat[0] = 100.0
    return x * 1


def into_a_copy(x):
    y = x * 1
    flat = y.ravel()
    flat[1] = 100.0
    return y + flat.reshape(y.shape)


def beside_a_copy(x):
    y = x * 1
    flat = y.reshape(-1)
    y[0] = 7.0
    return flat


def contiguous(x):
    y = x * 1
    z = np.ascontiguousarray(y)
    z[0] = 7.0
    return y


@pytest.mark.parametrize("f", [through_a_view, into_a_copy, beside_a_copy, contiguous])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_write_through_a_reshape_holds_for_one_order_in_memory(f, order):
    other = {"C": "F", "F": "C"}[order]
    graph = backhand.trace(f, np.array(X, order=order)).verify()
    assert same(graph(np.array(OTHER, order=order)), f(np.array(OTHER, order=order)))
    assert not same(f(np.array(OTHER, order=other)), f(np.array(OTHER, order=order)))
    for wrong in (np.array(OTHER, order=other), np.repeat(OTHER, 2, axis=1)[:, ::2]):
        with pytest.raises(backhand.errors.GraphError, match="another order"):
            graph(wrong)


def test_any_order_in_memory_where_it_makes_no_difference():
    def f(x):
        out = np.zeros((3, 2))
        out.reshape(-1)[1] = 5.0  # its own array, always in C order
        out[1:] += x.reshape(3, 2)[1:]
        flat = x.flatten()
        flat[0] = 2.0
        flat += 1
        return out, flat, x.reshape(-1) * 2

    check(f, X.copy(), other=(np.asfortranarray(OTHER),))
    check(f, np.asfortranarray(X), other=(OTHER,))
