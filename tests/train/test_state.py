"""A snapshot taken back into newly built objects makes them what the old ones were, aliases and all."""

import json
import random
from collections import OrderedDict, deque, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from backhand.nn import Adam, TwoLayerNet
from backhand.train.restore import MissingTwinError, restore
from backhand.train.state import Snapshot, take


def carried(root: dict[str, Any], twin: dict[str, Any]) -> dict[str, Any]:
    """`twin` after taking over what `root` was, through JSON and bytes as a checkpoint does it."""
    snapshot = take(root)
    assert not snapshot.left_out
    nodes = json.loads(json.dumps(snapshot.nodes))
    restore(Snapshot(nodes, [buffer.copy() for buffer in snapshot.buffers]), twin)
    return twin


def same(a: Any, b: Any) -> bool:
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        return list(map(repr, a)) == list(map(repr, b)) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple | deque):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(repr(a) == repr(b))


arrays = hnp.arrays(
    st.one_of(hnp.floating_dtypes(), hnp.integer_dtypes(), hnp.boolean_dtypes(), hnp.complex_number_dtypes()),
    hnp.array_shapes(min_dims=0, min_side=0, max_side=3),
)
literals = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=5),
    st.complex_numbers(), st.frozensets(st.integers(0, 9), max_size=1),
    arrays.filter(lambda a: a.size > 0).map(lambda a: a.flat[0]),
)  # fmt: skip
keys = st.one_of(st.text(max_size=3), st.integers(), st.tuples(st.integers(), st.text(max_size=2)))
values = st.recursive(
    st.one_of(literals, arrays),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.lists(inner, max_size=3).map(deque),
        st.dictionaries(keys, inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3).map(OrderedDict),
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(values, values)
def test_any_plain_value_comes_back_whatever_stood_there_before(value: Any, before: Any) -> None:
    assert same(carried({"root": value}, {"root": before})["root"], value)


def test_one_array_at_two_places_is_one_again_and_keeps_the_twins_own_memory() -> None:
    class Layer:
        def __init__(self, W: Any) -> None:
            self.W = W

    def build() -> dict[str, Any]:
        params = {"W": np.zeros((2, 3))}
        return {"params": params, "layer": Layer(params["W"])}

    old, new = build(), build()
    old["params"]["W"] += 7
    kept = new["layer"].W
    carried(old, new)
    assert new["params"]["W"] is new["layer"].W is kept
    assert kept[0, 0] == 7


def test_an_array_hidden_in_a_closure_is_written_in_place() -> None:
    def build() -> dict[str, Any]:
        W = np.zeros(3)
        return {"cache": None, "params": {"W": W}, "read": lambda: W}

    old, new = build(), build()
    old["params"]["W"] += 5
    old["cache"] = old["params"]["W"]  # comes first in the walk, and has no twin
    read = new["read"]
    restore(take(old), new)
    assert read()[0] == 5
    assert new["cache"] is new["params"]["W"]


def test_views_made_after_construction_are_views_again() -> None:
    old: dict[str, Any] = {"flat": np.arange(6.0)}
    old["W"] = old["flat"][2:].reshape(2, 2).T
    new = carried(old, {"flat": np.zeros(6), "W": None})
    assert new["W"].tolist() == old["W"].tolist()
    new["flat"][2] = 100
    assert new["W"][0, 0] == 100
    assert new["W"].strides == old["W"].strides


def test_what_was_copied_is_no_alias_although_the_fresh_twins_share() -> None:
    """`best` starts as the same array as `W` and becomes a copy later: both must come back, apart."""
    start = np.zeros(2)
    old = {"W": np.array([1.0, 2.0]), "best": np.array([3.0, 4.0])}
    new = carried(old, {"W": start, "best": start})
    assert new["W"].tolist() == [1, 2]
    assert new["best"].tolist() == [3, 4]


def test_objects_and_views_that_only_the_fresh_twins_share_come_back_apart() -> None:
    W, rng, cache = np.zeros(2), np.random.default_rng(0), {"n": 0}
    old = {
        "dicts": [{"n": 1}, {"n": 2}],
        "generators": [np.random.default_rng(1), np.random.default_rng(2)],
        "arrays": [np.array([1.0, 2.0]), np.array([3.0, 4.0])],
    }
    new = carried(old, {"dicts": [cache, cache], "generators": [rng, rng], "arrays": [W[:], W[:]]})
    assert new["dicts"] == [{"n": 1}, {"n": 2}]
    assert [a.tolist() for a in new["arrays"]] == [[1, 2], [3, 4]]
    assert [g.random() for g in new["generators"]] == [g.random() for g in old["generators"]]


def test_an_array_replaced_by_one_of_another_shape_or_dtype_comes_back() -> None:
    old = {"x": np.ones((2, 5), np.float32), "n": np.array(1)}
    new = carried(old, {"x": np.zeros((3, 5), np.float32), "n": np.array(2.0)})
    assert same(new, old)


def test_fortran_order_is_kept_because_it_changes_rounding_in_matrix_products() -> None:
    old = {"W": np.asfortranarray(np.arange(6.0).reshape(2, 3))}
    assert carried(old, {})["W"].strides == (8, 16)


def test_removed_attributes_keys_and_items_are_removed() -> None:
    class Thing:
        pass

    old, new = Thing(), Thing()
    old.items, new.items, new.extra, new.cache = [1], [1, 2, 3], 1, {"a": 1}  # type: ignore[attr-defined]
    old.cache = {}  # type: ignore[attr-defined]
    carried({"thing": old}, {"thing": new})
    assert vars(new) == {"items": [1], "cache": {}}


def test_slots_private_names_and_frozen_objects() -> None:
    class Base:
        __slots__ = ("__hidden", "empty")

        def __init__(self, value: int) -> None:
            self.__hidden = value

        def value(self) -> int:
            return self.__hidden

    class Layer(Base):
        def __init__(self, value: int) -> None:
            super().__init__(value)
            self.__dict__["n"] = value

        def __setattr__(self, name: str, value: object) -> None:
            if name == "n":
                raise AttributeError("frozen")
            super().__setattr__(name, value)

    new = Layer(1)
    carried({"layer": Layer(2)}, {"layer": new})
    assert (new.value(), new.n) == (2, 2)  # type: ignore[attr-defined]


def test_cycles_and_a_chain_of_a_hundred_thousand_objects() -> None:
    def build(value: int) -> dict[str, Any]:
        first: dict[str, Any] = {"value": value}
        last = first
        for _ in range(100_000):
            last["next"] = {"value": value}
            last = last["next"]
        last["next"] = first
        return first

    new = build(1)
    snapshot = take(build(2))
    restore(snapshot, new)
    node = new
    for _ in range(100_001):
        assert node["value"] == 2
        node = node["next"]
    assert node is new
    del node["next"]  # else freeing the ring recurses


Point = namedtuple("Point", "x y")


def test_named_tuples_keep_their_class() -> None:
    new = carried({"p": Point(1, (2, [3]))}, {"p": Point(0, (0, []))})
    assert new["p"] == Point(1, (2, [3]))
    assert type(new["p"]) is Point


@pytest.mark.parametrize("kind", ["MT19937", "PCG64", "PCG64DXSM", "Philox", "SFC64"])
@pytest.mark.parametrize("twin", [True, False])
def test_numpy_generators_go_on_where_they_were(kind: str, twin: bool) -> None:
    make = getattr(np.random, kind)
    rng = np.random.Generator(make(1))
    rng.random(5)
    rng.integers(0, 2, dtype=np.uint8)  # leaves half of a 32-bit word for the next call
    old = {"rng": rng, "again": rng}
    new = carried(old, {"rng": np.random.Generator(make(2))} if twin else {})
    assert new["rng"] is new["again"]
    assert new["rng"].integers(0, 2, dtype=np.uint8) == rng.integers(0, 2, dtype=np.uint8)
    assert new["rng"].random(20).tolist() == rng.random(20).tolist()


def test_legacy_and_global_and_python_generators_go_on_where_they_were() -> None:
    old = {"numpy": np.random.RandomState(1), "python": random.Random(1)}
    old["numpy"].standard_normal()  # keeps a second normal number back
    old["python"].gauss(0, 1)
    new = carried(old, {"numpy": np.random.RandomState(2), "python": random.Random(2)})
    assert new["numpy"].standard_normal(9).tolist() == old["numpy"].standard_normal(9).tolist()
    assert new["python"].gauss(0, 1) == old["python"].gauss(0, 1)
    # The state behind np.random.rand and random.random, reached as their owner.
    globals_ = {"numpy": np.random.get_state.__self__, "python": random.getstate.__self__}  # type: ignore[attr-defined]
    snapshot = take(globals_)
    expected = np.random.rand(), random.random()
    restore(snapshot, globals_)
    assert (np.random.rand(), random.random()) == expected


class BookAdam:
    """Adam as the book has it: lazy dicts, a counter."""

    def __init__(self, lr: float = 0.001) -> None:
        self.lr, self.iter = lr, 0
        self.m: Any = None
        self.v: Any = None

    def update(self, params: Any, grads: Any) -> None:
        if self.m is None:
            self.m = {key: np.zeros_like(value) for key, value in params.items()}
            self.v = {key: np.zeros_like(value) for key, value in params.items()}
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - 0.999**self.iter) / (1.0 - 0.9**self.iter)
        for key in params:
            self.m[key] += 0.1 * (grads[key] - self.m[key])
            self.v[key] += 0.001 * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)


@pytest.mark.parametrize("make", [BookAdam, Adam])
def test_an_optimizer_with_lazy_state_goes_on_bit_for_bit(make: Any) -> None:
    data = np.random.default_rng(0)
    x, t = data.random((20, 8)), data.integers(0, 3, 20)

    def build() -> dict[str, Any]:
        return {"network": TwoLayerNet(8, 5, 3, rng=np.random.default_rng(1)), "optimizer": make()}

    def train(root: dict[str, Any], steps: int) -> None:
        for _ in range(steps):
            root["optimizer"].update(root["network"].params, root["network"].gradient(x, t))

    straight, stopped, resumed = build(), build(), build()
    train(straight, 9)
    train(stopped, 4)
    carried(stopped, resumed)
    train(resumed, 5)
    for key in straight["network"].params:
        assert straight["network"].params[key].tobytes() == resumed["network"].params[key].tobytes()
    assert resumed["optimizer"].iter == 9


def test_a_dtype_that_a_layer_keeps_from_its_first_call_comes_back() -> None:
    old = {"layer": {"dtype": np.dtype(np.float32), "order": np.dtype(">i2")}}
    new: dict[str, Any] = {"layer": {"dtype": None, "order": None}}
    restore(take(old), new)
    assert new == old


def test_code_is_never_built_only_met() -> None:
    def lazy(root: dict[str, Any]) -> dict[str, Any]:
        root["network"] = {"act": np.tanh, "layer": TwoLayerNet(2, 2, 2), "f": lazy}
        return root

    root = lazy({})
    with pytest.raises(MissingTwinError, match=r"network\['layer'\] \(TwoLayerNet\)"):
        restore(take(root), {"network": {"act": np.tanh, "f": lazy}})
    with pytest.raises(MissingTwinError, match=r"network\['act'\] \(numpy tanh\)"):
        restore(take(root), {"network": {"layer": TwoLayerNet(2, 2, 2), "f": lazy}})
    other = lazy({})
    restore(take(root), other)
    assert other["network"]["act"] is np.tanh


def test_what_can_not_be_kept_is_named_and_left_alone() -> None:
    old = {"stream": iter([1, 2]), "n": 1, "objects": np.array([None])}
    new: dict[str, Any] = {"stream": iter([3]), "n": 0, "objects": np.array([1])}
    before = new["stream"]
    snapshot = take(old)
    assert snapshot.left_out == ["objects (ndarray)", "stream (list_iterator)"]
    restore(snapshot, new)
    assert new["n"] == 1
    assert new["stream"] is before


def test_views_of_the_dataset_are_not_taken() -> None:
    data = np.zeros((1000, 10))
    snapshot = take({"x": data[5:7], "own": np.ones(3)}, [data])
    assert sum(buffer.size for buffer in snapshot.buffers) == 24
    new: dict[str, Any] = {"x": 1, "own": None}
    restore(snapshot, new)
    assert new["x"] == 1
    assert new["own"].tolist() == [1, 1, 1]
