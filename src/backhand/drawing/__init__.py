"""See it: a computation graph as a figure in the notes' manner, or as a page that walks through it.

The package is called ``drawing`` because ``backhand.draw`` is the function.
"""

from backhand.drawing.figure import draw, notebook_html

__all__ = ["draw", "notebook_html"]
