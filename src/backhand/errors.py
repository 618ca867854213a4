"""Everything that backhand raises on purpose.

::

    BackhandError
    ├── ShapeError       (ValueError)    an array has another shape than the layer needs
    ├── DTypeError       (TypeError)     an array holds something that is not a real number
    ├── LabelError       (ValueError)    a label is no class of this output
    ├── NotFiniteError   (ValueError)    an array holds NaN
    ├── RangeError       (ValueError)    a number is outside of what the function is defined for
    ├── OrderError       (RuntimeError)  ``backward`` before ``forward``
    ├── OptionError      (ValueError)    an argument or command-line option has no meaning here
    ├── DataError        (ValueError)    a file is not what it says it is
    ├── NetworkError     (TypeError)     a network lacks something that training needs
    ├── GraphError       (ValueError)    a graph is malformed, or called with what it was not traced for
    ├── TraceError       (TypeError)     code does something that a computation graph can't hold
    ├── BusyError        (RuntimeError)  a compiled step is called while it runs in another thread
    ├── CheckError       (ValueError)    something can't be checked as asked
    └── RunError         (RuntimeError)  a run folder can't be used as asked

Each message says what was wrong, where, and what to do instead. Each class also derives from the
built-in exception that NumPy code would have raised, so ``except ValueError`` keeps working.

>>> import backhand
>>> try:
...     backhand.MulLayer().backward(1)
... except backhand.errors.BackhandError as error:
...     print(error)
MulLayer.backward: there is no forward to go back through; call forward first
"""

__all__ = [
    "BackhandError",
    "BusyError",
    "CheckError",
    "DTypeError",
    "DataError",
    "GraphError",
    "LabelError",
    "NetworkError",
    "NotFiniteError",
    "OptionError",
    "OrderError",
    "RangeError",
    "RunError",
    "ShapeError",
    "TraceError",
]


class BackhandError(Exception):
    """The root: ``except backhand.errors.BackhandError`` catches everything that backhand raises on purpose."""


class ShapeError(BackhandError, ValueError):
    """An array has another shape than the layer needs."""


class DTypeError(BackhandError, TypeError):
    """An array holds something that is not a real number."""


class LabelError(BackhandError, ValueError):
    """A label is no class of this output."""


class NotFiniteError(BackhandError, ValueError):
    """An array holds NaN."""


class RangeError(BackhandError, ValueError):
    """A number is outside of what the function is defined for."""


class OrderError(BackhandError, RuntimeError):
    """``backward`` was called before ``forward``."""


class OptionError(BackhandError, ValueError):
    """An argument or command-line option has no meaning here."""


class DataError(BackhandError, ValueError):
    """A file is not what it says it is."""


class NetworkError(BackhandError, TypeError):
    """A network lacks something that training needs."""


class GraphError(BackhandError, ValueError):
    """A graph is malformed, or called with what it was not traced for."""


class TraceError(BackhandError, TypeError):
    """Code does something that a computation graph can't hold: the message names the line and what to write instead."""


class CheckError(BackhandError, ValueError):
    """Something can't be checked as asked: it isn't there, can't be run, or doesn't fit its inputs."""


class BusyError(BackhandError, RuntimeError):
    """A compiled step is called while it runs in another thread."""


class RunError(BackhandError, RuntimeError):
    """A run folder can't be used as asked."""
