"""The notes' own code and output, and how it is run against backhand.

``as_printed`` holds it letter by letter, a cell a file, named by its note: ``000_relu.txt``, and its output, where the
note prints one: ``000_mnist.out.txt``. Nothing there is edited. Before a cell runs,

1. its import lines, and no others, are exchanged for backhand's (``IMPORTS``);
2. in note 001, what the scan garbled is restored (``REPAIRS``); what its author got wrong stays;
3. where a test asks for it (``smaller``), the line that sets a size is exchanged for a smaller one (``SIZES``).
"""

import ast
import contextlib
import io
import re
from pathlib import Path
from typing import Any

import numpy as np

import backhand.data
import backhand.nn

FOLDER = Path(__file__).parent / "as_printed"

IMPORTS = {
    "from common.layers import *": "from backhand.nn import *",
    "from common.gradient import numerical_gradient": "from backhand.nn import numerical_gradient",
    "from dataa.mnist import load_mnist": "from backhand.data import load_mnist",
    "from dataset.mnist import load_mnist": "from backhand.data import load_mnist",
    "from two_layer_net import TwoLayerNet": "from backhand.nn import TwoLayerNet",
}

SIZES = {
    "iters_num = 10000\n": "iters_num = 601\n",  # the first two rows of the table
    "hidden_size=50, output_size=10)\n\nx_batch": "hidden_size=5, output_size=10)\n\nx_batch",  # of 001 and 002's check
}

REPAIRS = {
    "001_mul_layer": [("\ndef backward", "\n    def backward")],
    "001_add_layer": [("\n    return dx, dy", "\n        return dx, dy")],
    "001_relu": [("        return out", "       return out")],
    "001_sigmoid": [
        ("\ndef forward", "\n    def forward"),
        ("\n    return out", "\n        return out"),
        ("\ndef backward", "\n    def backward"),
        ("\n    dx = ", "\n        dx = "),
        ("\n    return dx", "\n        return dx"),
    ],
    "001_affine": [(r"\( \Psi \);", "W, b):"), (r"self. \Psi", "self.W")],
    "001_softmax_with_loss": [("self.v", "self.y")],
    "001_oranges": [("mul_tax_laver = MulLaver", "mul_tax_layer = MulLayer"), (",backward", ".backward")],
}
NUMBERED = ("001_apples", "001_oranges")  # cells that the scan gave line numbers


def as_printed(name: str) -> str:
    return (FOLDER / f"{name}.txt").read_text(encoding="utf-8")


def output(name: str) -> str:
    return as_printed(f"{name}.out")


def source(name: str, *, smaller: bool = False) -> str:
    """The cell as it runs."""
    text = as_printed(name)
    for old, new in REPAIRS.get(name, []):
        assert old in text
        text = text.replace(old, new)
    if name in NUMBERED:
        text = re.sub(r"^ *\d* *\|? *", "", text, flags=re.MULTILINE)
    text = "\n".join(our_import(line) for line in text.split("\n"))
    if smaller:
        shrunk = text
        for old, new in SIZES.items():
            shrunk = shrunk.replace(old, new)
        assert shrunk != text
        text = shrunk
    return text


def our_import(line: str) -> str:
    for theirs, ours in IMPORTS.items():
        if line.startswith(theirs):
            return ours + line[len(theirs) :]
    return line


def ours() -> dict[str, Any]:
    """Backhand's names, for a cell that leaves its imports to an earlier one."""
    names = {name: getattr(backhand.nn, name) for name in backhand.nn.__all__}
    return {**names, "load_mnist": backhand.data.load_mnist, "np": np}


def run(*names: str, smaller: bool = False, namespace: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
    """Runs cells one after the other in one namespace, as a notebook does; gives what they print, and the namespace."""
    namespace = ours() if namespace is None else namespace
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for name in names:
            # Only the last cell has a size to set.
            cell = ast.parse(source(name, smaller=smaller and name == names[-1]), name)
            for statement in cell.body:
                _run_statement(statement, name, namespace)
    return out.getvalue(), namespace


def _run_statement(statement: ast.stmt, name: str, namespace: dict[str, Any]) -> None:
    """Like IPython with ``ast_node_interactivity = "all"``, which 000 sets: every bare expression shows its value."""
    if isinstance(statement, ast.Expr):
        value = eval(compile(ast.Expression(statement.value), name, "eval"), namespace)
        if value is not None:
            print(repr(value))
    else:
        exec(compile(ast.Module([statement], []), name, "exec"), namespace)


def classes(*names: str) -> dict[str, Any]:
    """The classes of cells, on top of NumPy and the book's two functions."""
    given = {"np": np, "softmax": backhand.nn.softmax, "cross_entropy_error": backhand.nn.cross_entropy_error}
    return run(*names, namespace=given)[1]


def tokens(text: str) -> list[str]:
    """The numbers in `text`, as printed; the 2 of ``b2`` is part of a name, the 16 of 그림16 of a caption."""
    return re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?", text)
