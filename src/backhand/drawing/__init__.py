"""See it: a computation graph as a figure in the notes' manner, or as a page that walks through it.

The package is called ``drawing`` because ``backhand.draw`` is the function.
"""

from backhand.drawing.draw import draw

__all__ = ["draw"]
