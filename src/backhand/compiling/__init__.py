"""Make it fast: hand-written code as a program of native loops and matrix products. See docs/compile.md."""

from backhand.compiling.step import ENGINES, Step, compile

__all__ = ["ENGINES", "Step", "compile"]
