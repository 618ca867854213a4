"""The compiled step: what ``backhand.compile`` gives. It trains like the code it was made of, faster."""

from __future__ import annotations

import functools
import math
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from backhand.compiling.alone import Alone
from backhand.compiling.batches import batch, batches
from backhand.compiling.bound import Bound
from backhand.compiling.call import MISS
from backhand.compiling.explain import table
from backhand.compiling.original import Training, training, trains
from backhand.compiling.signature import HUGE, are_arrays, signature_of
from backhand.compiling.verify import side_by_side
from backhand.errors import BusyError, DTypeError, GraphError, OptionError, ShapeError, TraceError
from backhand.graph import Recording, record
from backhand.graph.structure import Structure, flatten, is_number, unflatten
from backhand.graph.tracing.lift import World, random_state, set_random_state
from backhand.graph.tracing.memory import copies

__all__ = ["ENGINES", "Step", "compile"]

ENGINES = ("eager", "numpy", "native")
CHECKED = 2
"""So many first runs of each program are compared with the original's."""
MOST_PROGRAMS = 16
"""For so many signatures a step makes programs; for more it runs the original."""
MOST_LEAVES = 1000
"""So many arrays and numbers at most are traced as arguments; a list of more is a data set that is no array."""


def compile(function: Any, *inputs: Any, engine: str | None = None, threads: int | None = None) -> Step:
    """Make a fast step of hand-written code: ``compile(network, optimizer, x, t)``, or ``compile(f, *inputs)``.

    Nothing runs for real yet, and nothing is changed: see :class:`Step` for what the result does.

    Args:
        function: a network with ``params``, ``gradient(x, t)`` and ``loss(x, t)``, followed by its optimizer, which
            has ``update(params, grads)``; or any function of arrays and numbers.
        inputs: example values, as for :func:`backhand.trace`: a batch of the shapes and dtypes that will come.
        engine: ``"native"`` (C), ``"numpy"`` or ``"eager"`` (the code itself); None for what the environment variable
            BACKHAND_ENGINE says, or else native.
        threads: how many a native program may use, 64 at most; None for as many as there are and are of use.

    Raises:
        NetworkError: a network without what training needs.
        OptionError: an engine that there isn't, or another number of threads than 1, 2, ...
        BackhandError: what the code itself raises on these inputs comes through.

    >>> import numpy as np, backhand
    >>> network, optimizer = backhand.TwoLayerNet(4, 8, 3), backhand.SGD(lr=0.1)
    >>> x, t = np.random.rand(5, 4), np.eye(3)[[0, 1, 2, 0, 1]]
    >>> step = backhand.compile(network, optimizer, x, t, engine="numpy")
    >>> losses = [step(x, t) for _ in range(50)]
    >>> bool(losses[-1] < losses[0])
    True
    """
    if trains(function, inputs):
        made = training(function, inputs[0])
        return Step(made.step, inputs[1:], engine, threads, training=made)
    if not callable(function):
        raise OptionError(f"compile: a {type(function).__name__} is neither a network nor a function")
    return Step(function, inputs, engine, threads)


class Step:
    """One step of training, or another function, compiled.

    Call it as the code it was made of: ``loss = step(x, t)`` computes the gradient and updates the parameters, in
    the arrays that ``network.params`` holds; the loss is of this batch *before* the update, as ``gradient`` itself
    computed it. ``step.epoch`` does many steps at once. What eager code would leave behind for its next call (moments,
    counters, running means) is there too; caches (a layer's ``x``, its ``dW``) are not.

    The first calls run the original beside it and compare. If a number differs by more than rounding, or if the code
    can't be traced, the step says so in a warning and is the original from then on; if it is only the network's
    gradient, or only the optimizer's update, that can't be traced, the other one is compiled.

    A change made between two calls (a new learning rate, other weights, another mode) is noticed and respected.
    Inputs of other shapes or dtypes get a program of their own. A step belongs to one thread at a time.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: tuple[Any, ...],
        engine: str | None = None,
        threads: int | None = None,
        tell: Callable[[str], None] | None = None,
        training: Training | None = None,
    ) -> None:
        self._function = function
        self._engine = engine or os.environ.get("BACKHAND_ENGINE") or "native"
        if self._engine not in ENGINES:
            raise OptionError(f"the engine is {self._engine!r}; it can be {', '.join(ENGINES)}")
        if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
            raise OptionError(f"threads is {threads!r}; it can be 1, 2, ..., or None for as many as are of use")
        self._threads = threads
        self._tell = tell or _warn
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._programs: list[tuple[Any, Bound]] = []
        self._refused: list[Any] = []  # signatures for which the original runs
        self._lifted: set[str] = set()  # Python numbers that are read at each call
        self._frozen: set[str] = set()  # those that can't be
        self._current: Bound | None = None
        self._direct: Callable[..., Any] | None = None  # the current program's shortest way
        self._signature: Any = None
        self._arrays = False  # are all arguments of the current program arrays?
        self._example = [(np.shape(value), np.asarray(value).dtype) for value in inputs]
        self._training = training
        self._half: Step | None = None  # the half that is compiled, where the whole can't be
        self.reason = "that engine was chosen" if self._engine == "eager" else ""
        if not self.reason:
            self._make(inputs)

    # -- what it is ---------------------------------------------------------------------------------------------

    @property
    def engine(self) -> str:
        """What it runs on: ``"native"``, ``"numpy"``, or ``"eager"``, then ``reason`` says why.

        With a reason but not eager: the gradient or the update runs as it is, and the other one on this engine.
        """
        if self._half is not None:
            return self._half.engine
        return "eager" if self.reason or not self._programs else self._programs[-1][1].program.engine

    @property
    def verified(self) -> bool:
        """Whether the program that runs now has been compared with the original as often as is needed."""
        return self._current is not None if self._half is None else self._half.verified

    @property
    def source(self) -> str:
        """The newest program as text, with your names and lines in it."""
        if self._half is not None:
            return self._half.source
        return self._programs[-1][1].program.source if self.engine != "eager" else f"# runs as it is: {self.reason}\n"

    def explain(self) -> str:
        """A table of what the newest program does: each kernel and product with its bytes and flops."""
        if self._half is not None:
            return f"{self.reason}\n{self._half.explain()}"
        if self.engine == "eager":
            return f"runs as it is: {self.reason}"
        bound = self._programs[-1][1]
        return table(bound.program, min(bound.checked, CHECKED))

    def __repr__(self) -> str:
        return f"<Step on {self.engine}, {len((self._half or self)._programs)} programs>"

    # -- running ------------------------------------------------------------------------------------------------

    def __call__(self, *inputs: Any) -> Any:
        """One step; gives what the code itself would have: for a network the loss of the batch, before the update.

        Raises:
            BusyError: another thread is inside of this step.
            BackhandError: whatever the code itself raises on these inputs.
        """
        if not self._lock.acquire(False):
            raise BusyError(_BUSY)
        try:
            if self._direct is not None:
                result = self._direct(*inputs)
                if result is not MISS:
                    if self._training is not None and not math.isfinite(result):
                        self._look_for_the_cause(inputs)
                    return result
            bound = self._current
            if bound is not None and ((self._arrays and are_arrays(inputs)) or self._fits(inputs)) and bound.holds():
                self._direct = bound.direct()  # from the next call on
                try:
                    result = bound.run(inputs)
                except (ShapeError, DTypeError, GraphError):  # before anything has run: not this program's inputs
                    return self._slowly(inputs)
                if self._training is not None and not math.isfinite(result):
                    self._look_for_the_cause(inputs)
                return result
            return self._slowly(inputs)
        finally:
            self._lock.release()

    def epoch(self, *data: Any) -> Any:
        """Many steps without coming back to Python: ``losses = step.epoch(x_train, t_train, order)``.

        Args:
            data: for each argument of the step an array of samples, and last the order: which samples make each
                batch. It is (steps, batch), or flat, and then cut into batches of the size that the step was compiled
                for (a rest is left out). Samples of uint8 where the step takes floats are pixels: they stay uint8 in
                memory and are divided by 255 on the way. Images may be given for rows.

        Returns:
            What the steps returned: for a network the losses, (steps,).

        Raises:
            BusyError: another thread is inside of this step.
            ShapeError, DTypeError, IndexError: the data or the order don't fit.
            BackhandError: whatever the code itself raises on such a batch.
        """
        if not self._lock.acquire(False):
            raise BusyError(_BUSY)
        try:
            return self._epoch(data[:-1], data[-1])
        finally:
            self._lock.release()

    # -- the long way -------------------------------------------------------------------------------------------

    def _fits(self, inputs: tuple[Any, ...]) -> bool:
        """Are these of the current program's signature? (If they are arrays, the program itself looks.)"""
        return bool(signature_of(inputs) == self._signature)

    def _slowly(self, inputs: tuple[Any, ...]) -> Any:
        """A first call, or one after something has changed."""
        bound = self._program_for(inputs)
        if bound is None:
            result = self._function(*inputs)
        elif bound.checked < CHECKED:
            return self._checked(bound, inputs, lambda: bound.run(inputs))
        else:
            result = bound.run(inputs)
        if self.engine != "eager" and self._training is not None and not math.isfinite(result):
            self._look_for_the_cause(inputs)
        return result

    def _checked(self, bound: Bound, inputs: tuple[Any, ...], run: Callable[[], Any]) -> Any:
        """One step beside the original."""
        with Alone():
            verdict = side_by_side(bound, inputs, run)
        if verdict.difference:
            self._keep_original(f"the compiled step isn't the original: {verdict.difference}")
            return self._function(*inputs)
        bound.checked += 1
        if bound.checked == CHECKED and bound.fit(inputs) is None:  # now it is known what each call changes
            self._use(bound, inputs)
        return verdict.result

    def _use(self, bound: Bound, inputs: tuple[Any, ...]) -> None:
        """The next calls, as long as nothing changes, are this program's."""
        self._current, self._signature = bound, signature_of(inputs)
        self._arrays = are_arrays(inputs)

    def _program_for(self, inputs: tuple[Any, ...]) -> Bound | None:
        """The program for these inputs and for the objects as they are, attached; None: the original must run."""
        self._current = self._direct = None
        if self.reason:
            return None
        signature = signature_of(inputs)
        if signature in self._refused or HUGE in signature[1]:
            return None
        moved: set[str] = set()
        for known, bound in self._programs:
            if known == signature and bound.overlaps(bound.leaves(inputs)):
                return None
            if known == signature and bound.takes(inputs):
                misfit = bound.fit(inputs)
                if misfit is None:
                    if bound.checked >= CHECKED:
                        self._use(bound, inputs)
                    return bound
                if misfit.unborn:  # the original makes its state at its first call
                    return None
                moved |= misfit.numbers - self._frozen
        if moved:  # a learning rate on a schedule: from now on it is read at each call
            self._lifted |= moved
            self._programs = [p for p in self._programs if not moved & p[1].recording.program.numbers.keys()]
        made = self._make(inputs)
        return None if made is None or made.fit(inputs) else made

    def _make(self, inputs: tuple[Any, ...]) -> Bound | None:
        """A new program; None if there are too many, or if the code can't be traced."""
        if len(self._programs) >= MOST_PROGRAMS:
            self._say_once(
                f"a compiled step keeps at most {MOST_PROGRAMS} programs, one for each signature of its inputs and "
                "each setting of its objects; what is beyond them runs as it is. Let fewer things change between calls"
            )
            return None
        if {"raise", "call"}.intersection(np.geterr().values()):
            self._keep_original('np.seterr is set to "raise" or "call", and a compiled step raises nothing of the kind')
            return None
        if len(flatten(inputs, is_number)[1]) > MOST_LEAVES:
            self._say_once(
                f"arguments of more than {MOST_LEAVES} numbers, such as a long list, run as they are: "
                "make them an array"
            )
            return None
        try:
            with Alone():
                recording = self._record(inputs)
        except (TraceError, GraphError) as error:
            self._refuse(inputs, str(error))
            return None
        try:
            bound = Bound(recording, self._engine, self._threads)
        except TraceError as error:
            self._refuse(inputs, str(error))
            return None
        except Exception as error:  # whatever goes wrong in a compiler, the user's code still runs
            what = f"{type(error).__name__}: {error}"
            self._keep_original(
                f"compiling it raised {what}; this is a bug of backhand, please report it with the code"
            )
            return None
        if bound.program.note:
            self._say_once(bound.program.note)
        self._programs.append((signature_of(inputs), bound))
        return bound

    def _compile_half(self, inputs: tuple[Any, ...], reason: str) -> None:
        """What can't be traced runs as it is; in a training that may be one half, and then the other is compiled."""
        if self._training is None:
            return self._keep_original(reason)
        for name, other, given in (
            ("gradient", "update", inputs),
            ("update", "gradient", (self._training.example(),)),
        ):
            half = Step(getattr(self._training, name), given, self._engine, self._threads, lambda text: None)
            if half.engine != "eager":
                half._tell = self._tell
                self._half, self._function = half, self._training._replace(**{name: half}).by_halves
                self._current = self._direct = None
                self.reason = f"the {other} runs as it is, and only the {name} is compiled: {reason}"
                return self._say_once(self.reason)
        return self._keep_original(reason)

    def _record(self, inputs: tuple[Any, ...]) -> Recording:
        if self._lifted:
            try:
                return record(self._function, *inputs, lifted=self._lifted)
            except TraceError:  # the code decides something by this number: a program for each of its values
                self._frozen |= self._lifted
                self._lifted = set()
        return record(self._function, *inputs)

    def _epoch(self, data: tuple[Any, ...], order: Any) -> Any:
        order = batches(order, data, [shape for shape, _ in self._example])
        parts: list[tuple[Structure, list[Any]]] = []
        done = 0
        while done < len(order):
            inputs = tuple(batch(x, order[done], *example) for x, example in zip(data, self._example, strict=True))
            bound = self._current
            if bound is None or not self._fits(inputs) or not bound.holds():
                bound = self._program_for(inputs)
            rest = order[done : done + 1] if bound is None or bound.checked < CHECKED else order[done:]
            if bound is None:
                result = self._function(*inputs)
            elif bound.checked < CHECKED:
                result = self._checked(bound, inputs, functools.partial(bound.epoch, data, rest, single=True))
            else:
                result = bound.epoch(data, rest)
            structure, leaves, _ = flatten(result, is_number)
            parts.append((structure, [np.reshape(leaf, len(rest)) for leaf in leaves]))
            done += len(rest)
        if not parts:
            return np.zeros(0)
        columns = [np.concatenate(column) for column in zip(*(leaves for _, leaves in parts), strict=True)]
        result = unflatten(parts[0][0], iter(columns))
        if self._training is not None and not np.isfinite(result).all():
            bad = order[int(np.argmin(np.isfinite(result)))]
            self._look_for_the_cause(tuple(batch(x, bad, *e) for x, e in zip(data, self._example, strict=True)))
        return result

    # -- what is said -------------------------------------------------------------------------------------------

    def _keep_original(self, reason: str) -> None:
        self.reason = reason
        self._current = self._direct = None
        self._say_once(f"the step runs as it is: {reason}")

    def _refuse(self, inputs: tuple[Any, ...], reason: str) -> None:
        """Without a program for inputs like these: what others have, they keep."""
        signature = signature_of(inputs)
        if not any(bound.checked for known, bound in self._programs if known != signature):
            self._compile_half(inputs, reason)
        elif len(self._refused) < MOST_PROGRAMS:
            self._refused.append(signature)
            self._say_once(f"with inputs like these the step runs as it is: {reason}")

    def _say_once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)

    def _look_for_the_cause(self, inputs: tuple[Any, ...]) -> None:
        """The loss is not finite: the original's layers may say why."""
        assert self._training is not None
        step, stream = self._training.step, random_state()
        world = World([("inputs", inputs), ("self", step)])
        try:
            with np.errstate(all="ignore"):
                make = copies(world)
                world.replace(make)
                step(*(make("inputs", value) for value in inputs))
        finally:
            world.restore()
            set_random_state(stream)


_HERE = os.path.dirname(__file__) + os.sep
_BUSY = (
    "this step is running in another thread: a step trains one network in place, from one thread at a time. "
    "Compile another step for the other thread, or wait (threading.Lock)"
)


def _warn(text: str) -> None:
    depth, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        depth, frame = depth + 1, frame.f_back
    warnings.warn(text, RuntimeWarning, stacklevel=depth)
