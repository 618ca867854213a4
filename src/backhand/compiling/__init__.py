"""Make it fast: a graph as a program of native loops and matrix products. See docs/compile.md."""
