"""The tracer: an object that stands for an array or number while user code runs, and writes down what is done to it.

It is no subclass of ndarray, so that everything that would turn it into a plain number (``float(x)``, ``if x``,
``np.asarray`` in C code) comes here and can be refused. It carries the value it has for the example inputs, so that
NumPy itself finds shapes, dtypes, and what is a view and what a copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backhand.graph.ops import TABLE, Op
from backhand.graph.ops.index import Slice
from backhand.graph.tracing.tape import Params, Tape
from backhand.graph.untyped import np

__all__ = ["Tracer", "apply", "as_tracer", "current", "root_of"]


class Tracer:
    """One array or number of the user's during a trace.

    A name in the user's code keeps the same tracer however often the array is written in place: a write binds the
    tracer to a new node. A view knows its base and how it was taken; it reads its node anew after a write to the base,
    and a write to it is a write to the base.
    """

    __slots__ = ("__weakref__", "const", "how", "node", "parent", "root", "seen", "tape", "value", "version")

    def __init__(self, tape: Tape, node: int, value: Any, const: bool) -> None:
        self.tape = tape
        self.node = node
        self.value = value
        self.const = const  # depends on no input: may become a bool, an int, an index
        self.parent: Tracer | None = None
        self.root: Tracer | None = None
        self.how: tuple[Op, Params, tuple[int, ...], tuple[Any, ...]] | None = None
        self.version = 0  # counts the writes to a base
        self.seen = 0  # the base's version that a view has read

    # -- what NumPy asks for --------------------------------------------------------------------------------------

    __array_priority__ = 1e9

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from backhand.graph.tracing.ufuncs import call_ufunc

        return call_ufunc(self.tape, ufunc, method, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from backhand.graph.tracing.functions import call_function

        return call_function(self.tape, function, args, kwargs)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self.value)  # so that isinstance(x, np.ndarray) says what it says of the array itself

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        instead = (
            "Call NumPy's functions as np.…: what was imported with `from numpy import zeros` makes arrays that a "
            "trace can't see, and code outside of NumPy can't be traced. Write x.astype(np.float32) for np.float32(x)"
        )
        return np.array(self.concrete("is turned into a plain array", instead), dtype=dtype)

    # -- turning into plain Python values: only what depends on no input ------------------------------------------

    def concrete(self, what: str, instead: str = "") -> Any:
        """The value, if it is the same in every call."""
        refresh(self)  # first: a view of zeros is no constant once its base was written
        if self.const:
            return self.value
        raise self.tape.refuse(
            f"{describe(self)} {what}: its value is only known when the graph runs",
            instead or "Keep to NumPy operations on it, or pass what depends on it as an argument of its own",
        )

    def __bool__(self) -> bool:
        instead = "Write np.where(condition, a, b), or out[mask] = value, in place of an if on its value"
        return bool(self.concrete("decides an if, while, and, or, not", instead))

    def __float__(self) -> float:
        return float(self.concrete("is turned into a Python float", "Leave it an array: drop the float(...)"))

    def __int__(self) -> int:
        return int(self.concrete("is turned into a Python int", "Use .astype(int) to keep it an array"))

    def __complex__(self) -> complex:
        return complex(self.concrete("is turned into a Python complex", "Leave it an array"))

    def __index__(self) -> int:
        instead = (
            "A size, a range or a list index must not depend on an input: take it from .shape, or pass a Python int"
        )
        value = self.concrete("is used as a Python integer", instead)
        return int(value.__index__())

    def __hash__(self) -> int:
        if isinstance(self.value, np.ndarray):
            raise TypeError("unhashable type: 'numpy.ndarray'")
        return hash(self.concrete("is used as a key", "Use a plain Python value as the key"))

    def __contains__(self, item: Any) -> bool:
        self.concrete("is searched with 'in'", "Write np.any(x == item) and use it as a mask")
        return item in self.value

    def __iter__(self) -> Iterator[Any]:
        if not isinstance(self.value, np.ndarray) or self.value.ndim == 0:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(self.value.shape[0]))

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"<traced {describe(self)}>"  # no values: what is printed must not find its way back

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __copy__(self) -> Tracer:
        made: Tracer = self.copy()
        return made

    def __deepcopy__(self, memo: Any) -> Tracer:
        made: Tracer = self.copy()
        return made

    def __reduce__(self) -> Any:
        raise self.tape.refuse(f"{describe(self)} is pickled", "Save arrays outside of the traced code")

    # -- attributes and methods -----------------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        from backhand.graph.tracing.methods import attribute

        return attribute(self, name)

    @property
    def shape(self) -> Any:
        """Its shape, which every call shares."""
        return self.value.shape

    @shape.setter
    def shape(self, shape: Any) -> None:
        raise self.tape.refuse("x.shape is assigned", "Write x = x.reshape(shape)")

    @property
    def dtype(self) -> Any:
        """Its dtype."""
        return self.value.dtype

    @dtype.setter
    def dtype(self, dtype: Any) -> None:
        raise self.tape.refuse("x.dtype is assigned", "Write x = x.astype(dtype)")

    def __getitem__(self, key: Any) -> Any:
        from backhand.graph.tracing.index import get_item

        return get_item(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        from backhand.graph.tracing.index import set_item

        set_item(self, key, value)

    def __divmod__(self, other: Any) -> Any:
        return np.divmod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return np.divmod(other, self)

    def __round__(self, digits: int | None = None) -> Any:
        raise self.tape.refuse(f"{describe(self)} is rounded with round()", "Use np.rint(x)")


def describe(t: Tracer) -> str:
    """``float64[3, 4]`` as messages name an array."""
    value = t.value
    if isinstance(value, np.ndarray):
        return f"a {value.dtype} array of shape {value.shape}"
    return f"a {type(value).__name__}"


# -- recording an operation ---------------------------------------------------------------------------------------


def apply(tape: Tape, row: Op, operands: tuple[Any, ...], params: Params = ()) -> Tracer:
    """Run one op of the table on tracers, arrays and numbers, and record it.

    Raises:
        TypeError: an operand is none of these.
        TraceError: an operand belongs to another trace.
    """
    if not tape.open:
        raise _foreign(tape)
    nodes = []
    values = []
    const = True
    for operand in operands:
        if type(operand) is Tracer:
            if operand.tape is not tape:
                raise _foreign(tape)
            root = operand.root
            if root is not None and root.version != operand.seen:
                refresh(operand)
            nodes.append(operand.node)
            values.append(operand.value)
            const = const and operand.const
        else:
            operand = plain(operand)
            nodes.append(tape.constant(operand))
            values.append(operand)
    made = row.evaluate(*values, **dict(params)) if params else row.evaluate(*values)
    if const and tape.fold and not isinstance(made, np.ndarray):
        return Tracer(tape, tape.constant(made), made, True)
    result = Tracer(tape, tape.record(row.name, tuple(nodes), params, made), made, const)
    if row.view and isinstance(made, np.ndarray) and type(operands[0]) is Tracer:
        base = operands[0]
        if isinstance(base.value, np.ndarray) and np.may_share_memory(made, base.value):
            result.parent = base
            result.root = root_of(base)
            result.how = (row, params, tuple(nodes[1:]), tuple(values[1:]))
            result.seen = result.root.version
        elif row.name == "reshape":
            depends_on_order(base)
    return result


def root_of(t: Tracer) -> Tracer:
    """The array that owns the memory."""
    return t if t.root is None else t.root  # not `or`: that would ask for a truth value


def plain(operand: Any) -> Any:
    """An operand that is no tracer, as NumPy takes it: an array, a NumPy scalar or a Python number."""
    if isinstance(operand, np.ndarray | np.generic) or type(operand) in (int, float, bool, complex):
        if isinstance(operand, np.ndarray | np.generic) and operand.dtype.kind not in "biufc":
            raise TypeError(f"an array of dtype {operand.dtype} can't stand in a computation graph")
        return operand
    if isinstance(operand, list | tuple | range):
        return plain(np.asarray(operand))
    if isinstance(operand, int | float):  # an enum, say
        return operand + 0
    raise TypeError(f"a {type(operand).__name__} can't stand in a computation graph")


def as_tracer(tape: Tape, value: Any) -> Tracer:
    """A tracer for any operand: itself, or the tracer of a constant."""
    if type(value) is Tracer:
        refresh(value)
        return value
    if isinstance(value, list | tuple):
        from backhand.graph.tracing.create import array

        made: Tracer = array(tape, value)
        return made
    value = plain(value)
    return Tracer(tape, tape.constant(value), value, True)


def _foreign(tape: Tape) -> Exception:
    return tape.refuse(
        "a traced array of another trace is used here",
        "It was kept somewhere that outlives the trace it was made in; keep arrays on the objects that are traced",
    )


def current(t: Tracer) -> int:
    """The tracer's node now, after every write to what it is a view of."""
    refresh(t)
    return t.node


def refresh(t: Tracer) -> None:
    """Read a view anew if its base has been written since."""
    root = t.root
    if root is None or root.version == t.seen:
        return
    stale = []
    view: Tracer | None = t
    while view is not None and view.root is not None and view.seen != root.version:
        stale.append(view)
        view = view.parent
    for view in reversed(stale):
        parent, how = view.parent, view.how
        assert parent is not None
        assert how is not None
        row, params, nodes, values = how
        _note_order(root, row.name == "reshape")
        view.value = row.evaluate(parent.value, *values, **dict(params))
        view.node = view.tape.record(row.name, (parent.node, *nodes), params, view.value)
        view.const = view.const and parent.const
        view.seen = root.version


def write(t: Tracer, new: Tracer) -> None:
    """Bind an array to a new value in place: it and everything it is a view of, to the base.

    Raises:
        ValueError: the array is read-only, as NumPy says it.
    """
    if not t.value.flags.writeable:
        raise ValueError("assignment destination is read-only")
    refresh(t)
    reshaped = False
    while t.parent is not None:
        parent, how = t.parent, t.how
        assert how is not None
        refresh(parent)
        row, params, nodes, values = how
        given = dict(params)
        tape = t.tape
        if row.name == "getitem":
            extra = tuple(Tracer(tape, n, v, False) for n, v in zip(nodes, values, strict=True))
            new = apply(tape, TABLE["put"], (parent, new, *extra), params)
        elif row.name == "transpose":
            axes = given["axes"]
            back = tuple(axes.index(i) for i in range(len(axes)))
            new = apply(tape, TABLE["transpose"], (new,), (("axes", back),))
        else:
            reshaped = True
            order = (("order", given["order"]),) if "order" in given else ()
            new = apply(tape, TABLE["reshape"], (new,), (*order, ("shape", parent.value.shape)))
        t = parent
    _note_order(t, reshaped)
    if not _same_layout(t.value, new.value) or new.root is not None:
        everything = tuple(Slice(None, None, None) for _ in t.value.shape) or (Ellipsis,)
        new = apply(t.tape, TABLE["put"], (t, new), (("key", everything),))
    t.node, t.value, t.const = new.node, new.value, new.const
    t.version += 1


def depends_on_order(*arrays: Tracer) -> None:
    """One of these is a copy of the other, or the same, by the order in memory: see :func:`_note_order`."""
    for array in arrays:
        root = root_of(array)
        root.tape.reshaped[id(root)] = root


def _note_order(base: Tracer, reshaped: bool) -> None:
    """A reshape is a view or a copy by the order in memory, which shows when one of the two is written."""
    tape = base.tape
    if base.version == 0:
        tape.origins[id(base)] = (base, base.node)
    made = tape.origins[id(base)][1]
    op, _, params = tape.records[made][:3]
    if op == "full" or (op == "copy" and ("order", "C") in params and id(base) not in tape.reshaped):
        return  # in C order whatever the inputs
    if reshaped or op == "reshape" or id(base) in tape.reshaped:
        tape.by_order.add(made if op == "input" else -1)


def _same_layout(old: Any, new: Any) -> bool:
    if not isinstance(new, np.ndarray) or new.shape != old.shape or new.dtype != old.dtype:
        return False
    return old.size == 0 or all(n == 1 or a == b for n, a, b in zip(old.shape, old.strides, new.strides, strict=True))


def fit(target: Tracer, made: Tracer, name: str) -> Tracer:
    """What an operation with ``out=target`` stores: cast to the target's dtype, and of its shape.

    Raises:
        TypeError, ValueError: NumPy would not store it there either.
    """
    dtype = target.value.dtype
    if not isinstance(made, Tracer):
        made = as_tracer(target.tape, made)
    if np.shape(made.value) != target.value.shape:
        shape = np.broadcast_shapes(np.shape(made.value), target.value.shape)
        if shape != target.value.shape:
            raise ValueError(
                f"non-broadcastable output operand with shape {target.value.shape} doesn't match the broadcast shape "
                f"{np.shape(made.value)}"
            )
    kind = np.asarray(made.value).dtype
    if kind != dtype:
        if not np.can_cast(kind, dtype, "same_kind"):
            raise TypeError(
                f"Cannot cast ufunc '{name}' output from {kind!r} to {dtype!r} with casting rule 'same_kind'"
            )
        made = apply(target.tape, TABLE["astype"], (made,), (("dtype", dtype),))
    return made
