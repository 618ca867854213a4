"""The tape: what a trace writes down while the user's code runs, and how it becomes a Graph's nodes."""

from __future__ import annotations

import dis
import itertools
import linecache
import os
import sys
import threading
from functools import lru_cache
from types import CodeType, FrameType
from typing import Any

import numpy as np

from backhand.errors import TraceError
from backhand.graph.graph import Constant, Layer, Node, Source
from backhand.graph.ops import signature_of

__all__ = ["Tape", "active_tape"]

_ACTIVE = threading.local()
_HERE = os.path.dirname(os.path.dirname(__file__)) + os.sep
INTERNAL = (_HERE, os.path.dirname(np.__file__) + os.sep, "<frozen importlib")
_BOUNDARY = os.path.join(_HERE, "tracing", "state.py")
Params = tuple[tuple[str, Any], ...]


def active_tape() -> Tape | None:
    """The tape of the trace that runs in this thread, if one does."""
    return getattr(_ACTIVE, "tape", None)


def is_internal(frame: FrameType) -> bool:
    """True for a frame of this package or of NumPy: the user's own line is further out."""
    return frame.f_code.co_filename.startswith(INTERNAL)


class Tape:
    """The list of recorded operations of one trace.

    Each record is ``(op, inputs, params, shape, dtype, weak, (code, lasti), layer)``; decoding the place is left to
    :meth:`nodes`, because most of a trace's time is spent here.
    """

    def __init__(self, locate: bool = True) -> None:
        self.fold = not locate  # rules: what depends on constants alone is computed at once
        self.records: list[tuple[Any, ...]] = []
        self.names: dict[int, str] = {}
        self.refusals: list[TraceError] = []
        self.open = True
        self.thread = threading.get_ident()
        self._locate = locate
        self.numbers: dict[type, dict[Any, int]] = {float: {}, int: {}}  # the nodes of plain numbers other than 0
        self._numbers: dict[Any, int] = {}
        self._arrays: dict[int, tuple[Any, Constant, int]] = {}
        self._frame: FrameType | None = None
        self._layer: Layer | None = None
        self._frames: dict[int, tuple[FrameType, Layer | None]] = {}  # the frame is kept so that its id stays its own
        self._objects: dict[int, tuple[object, int]] = {}
        self._classes: dict[str, int] = {}
        self._calls: dict[tuple[int, str], int] = {}
        self.by_order: set[int] = set()  # inputs whose order in memory decides what the program is; -1 for all
        self.reshaped: dict[int, Any] = {}  # by id: arrays of which there may be a copy, by their order in memory
        self.origins: dict[int, tuple[Any, int]] = {}  # and of each array that is written its node before that
        self.draws: Any = None  # set by trace: how a random draw is recorded or refused
        self.stream_state: Any = None  # of the global random streams, after the last draw that was recorded

    # -- running ------------------------------------------------------------------------------------------------

    def __enter__(self) -> Tape:
        self._outer = active_tape()
        _ACTIVE.tape = self
        return self

    def __exit__(self, *exc: object) -> None:
        _ACTIVE.tape = self._outer
        self.open = False
        self._frame = None
        self._frames.clear()
        self._objects.clear()
        self.reshaped.clear()
        self.origins.clear()
        self.draws = None

    # -- recording ----------------------------------------------------------------------------------------------

    def record(self, op: str, inputs: tuple[int, ...], params: Params, value: Any, depth: int = 2) -> int:
        """Write one operation down and return its position; ``value`` tells shape and dtype."""
        place = layer = None
        if threading.get_ident() != self.thread:
            raise self.refuse(
                "an array that is being traced is used in another thread",
                "Trace and compute with the same objects one after the other; keep threads out of the traced code",
            )
        if self._locate:
            frame: FrameType | None = sys._getframe(depth)
            if frame is not self._frame:
                while frame is not None and is_internal(frame):
                    frame = frame.f_back
                if frame is not self._frame:
                    self._frame = frame
                    self._layer = self._find_layer(frame)
            if frame is not None:
                place = (frame.f_code, frame.f_lasti)
            layer = self._layer
        position = len(self.records)
        try:
            self.records.append((op, inputs, params, value.shape, value.dtype, False, place, layer))
        except AttributeError:  # a plain Python number
            shape, dtype, weak = signature_of(value)
            self.records.append((op, inputs, params, shape, dtype, weak, place, layer))
        return position

    def input(self, value: Any, name: str) -> int:
        """Record an input."""
        shape, dtype, weak = signature_of(value)
        self.records.append(("input", (), (), shape, dtype, weak, None, None))
        self.names[len(self.records) - 1] = name
        return len(self.records) - 1

    def constant(self, value: Any) -> int:
        """The node of a constant; equal numbers share one."""
        kind = type(value)
        if (kind is float or kind is int) and value:  # 0.0 == -0.0, but they are two numbers
            position = self.numbers[kind].get(value, -1)
            if position < 0:
                position = self.numbers[kind][value] = self._constant(Constant(value))
            return position
        if isinstance(value, np.ndarray):
            known = self._arrays.get(id(value))
            if known is not None and Constant(value) == known[1]:
                return known[2]
            constant = Constant(value)
            position = self._constant(constant)
            self._arrays[id(value)] = (value, constant, position)
            return position
        constant = Constant(value)
        position = self._numbers.get(constant, -1)
        if position < 0:
            position = self._numbers[constant] = self._constant(constant)
        return position

    def _constant(self, constant: Constant) -> int:
        shape, dtype, weak = signature_of(constant.value)
        self.records.append(("constant", (), (("value", constant),), shape, dtype, weak, None, None))
        return len(self.records) - 1

    # -- where in the user's code ---------------------------------------------------------------------------------

    def _find_layer(self, frame: FrameType | None) -> Layer | None:
        """The innermost object whose method is running, and which of its calls this is."""
        while frame is not None:
            known = self._frames.get(id(frame))
            if known is not None:
                return known[1]
            if frame.f_code.co_filename == _BOUNDARY:
                return None  # what lies outside of the traced call is not its business
            code = frame.f_code
            if code.co_argcount and code.co_varnames[0] == "self" and not is_internal(frame):
                owner = frame.f_locals.get("self")
                if owner is not None:
                    layer = self._new_call(owner, code.co_name)
                    self._frames[id(frame)] = (frame, layer)
                    return layer
            frame = frame.f_back
        return None

    def _new_call(self, owner: object, method: str) -> Layer:
        name = type(owner).__name__
        if id(owner) not in self._objects:
            self._objects[id(owner)] = (owner, self._classes.get(name, 0))
            self._classes[name] = self._classes.get(name, 0) + 1
        call = self._calls.get((id(owner), method), 0)
        self._calls[id(owner), method] = call + 1
        return Layer(name, self._objects[id(owner)][1], method, call)

    @property
    def plain_arrays(self) -> list[Any]:
        """The arrays that were no tracers when they met one, and became constants."""
        return [entry[0] for entry in self._arrays.values()]

    def layer_of(self, frame: FrameType | None) -> Layer | None:
        """The layer call that a frame belongs to, if any."""
        return self._find_layer(frame)

    def user_frame(self) -> FrameType | None:
        """The innermost frame of the user's code."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and is_internal(frame):
            frame = frame.f_back
        return frame

    def refuse(self, reason: str, instead: str) -> TraceError:
        """The error for code that a graph can't hold. It is remembered: user code may swallow what is raised."""
        frame = self.user_frame()
        where = ""
        if frame is not None:
            source = locate(frame.f_code, frame.f_lasti)
            where = f"{source.file}:{source.line}, in {source.function}: {source.code}\n  "
        error = TraceError(f"{where}{reason}. {instead}")
        self.refusals.append(error)
        return error

    # -- the end --------------------------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        """The records as nodes, with their places decoded."""
        sources: dict[Any, Source | None] = {None: None}
        made = []
        names = self.names
        for position, (op, inputs, params, shape, dtype, weak, place, layer) in enumerate(self.records):
            if place in sources:
                source = sources[place]
            else:
                source = sources[place] = locate(*place)
            name = names.get(position) or (source.name if source else None)
            made.append(Node(op, inputs, params, shape, dtype, weak, layer, source, name))
        return made


def locate(code: CodeType, lasti: int) -> Source:
    """The line of user code that an instruction stands on, and the name its result is assigned to."""
    line = code.co_firstlineno
    for start, stop, number in code.co_lines():
        if start <= lasti < stop and number is not None:
            line = number
    text = linecache.getline(code.co_filename, line).strip()
    return Source(code.co_filename, line, text, code.co_name, _assigned(code).get(lasti))


@lru_cache(maxsize=512)
def _assigned(code: CodeType) -> dict[int, str]:
    """For each instruction whose result is stored right away, the name it is stored under."""
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "COPY")]
    names = {}
    for step, after in itertools.pairwise(steps):
        if after.opname in ("STORE_FAST", "STORE_NAME", "STORE_GLOBAL", "STORE_DEREF"):
            names[step.offset] = str(after.argval)
        elif after.opname == "LOAD_FAST" and step.opname != "RESUME":
            follow = steps[steps.index(after) + 1 : steps.index(after) + 2]
            if follow and follow[0].opname == "STORE_ATTR":
                names[step.offset] = str(follow[0].argval)
    return names
