"""Every function of the installed NumPy that asks its arguments how to run is handled, harmless, or refused by name."""

import importlib

import numpy as np
import pytest

import backhand
from backhand.errors import TraceError
from backhand.graph.ops import BY_NUMPY
from backhand.graph.tracing.array import Tracer
from backhand.graph.tracing.functions import HANDLERS, HARMLESS, REFUSED
from backhand.graph.tracing.tape import Tape
from backhand.graph.tracing.ufuncs import REFUSED_UFUNCS

MODULES = ["numpy", "numpy.linalg", "numpy.fft", "numpy.lib.stride_tricks", "numpy.lib.scimath", "numpy.lib.npyio",
           "numpy.char", "numpy.strings"]  # fmt: skip


def dispatchable():
    found = {}
    for name in MODULES:
        module = importlib.import_module(name)
        for key, thing in list(vars(module).items()):  # not dir: what is deprecated warns when it is asked for
            if type(thing).__name__ == "_ArrayFunctionDispatcher" or hasattr(thing, "_implementation"):
                found.setdefault(thing, f"{name}.{key}")
    return found


FUNCTIONS = dispatchable()
UFUNCS = sorted({value for value in vars(np).values() if isinstance(value, np.ufunc)}, key=lambda f: f.__name__)


def test_the_search_finds_numpy():
    assert len(FUNCTIONS) > 250
    assert len(UFUNCS) > 80
    assert np.sum in FUNCTIONS
    assert np.linalg.svd in FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS, ids=FUNCTIONS.get)
def test_a_function_is_handled_harmless_or_refused(function):
    where = [function in HANDLERS, function in HARMLESS, function in REFUSED]
    assert sum(where) == 1, f"{FUNCTIONS[function]}: enter it in trace_functions.py, as handled or refused"


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda f: f.__name__)
def test_a_ufunc_is_a_row_or_refused(ufunc):
    known = ufunc in BY_NUMPY or ufunc in (np.power, np.divmod)
    assert known != (ufunc in REFUSED_UFUNCS)


@pytest.mark.parametrize("function", [f for f in FUNCTIONS if f in REFUSED], ids=FUNCTIONS.get)
def test_a_refusal_names_the_function_the_line_and_a_way_out(function):
    tape = Tape()
    x = np.ones((3, 3))
    with tape, pytest.raises(TraceError) as error:
        Tracer(tape, tape.input(x, "x"), x, False).__array_function__(function, (), (), {})
    name, _, instead = str(error.value).partition("can't be traced. ")
    assert function.__name__ in name
    assert "test_numpy_is_covered.py" in name
    assert instead


@pytest.mark.parametrize("ufunc", REFUSED_UFUNCS, ids=lambda f: f.__name__)
def test_a_refused_ufunc_is_named(ufunc):
    tape = Tape()
    x = np.ones((3, 3))
    with tape, pytest.raises(TraceError, match=rf"np\.{ufunc.__name__} can't be traced. "):
        Tracer(tape, tape.input(x, "x"), x, False).__array_ufunc__(ufunc, "__call__", x)


def test_a_refusal_in_a_trace():
    with pytest.raises(TraceError, match=r"test_numpy_is_covered.py:\d+, in <lambda>: .*\n.*np.median can't be traced"):
        backhand.trace(lambda x: np.median(x) * 2, np.ones(3))
