"""Mistakes planted by rule into code that other hands wrote: every right thing of tests/check/zoo, where a rule fits.

Nothing is chosen here, and nothing is left out but what a rule itself can see to be no mistake, so what isn't found may
be an edit that changes nothing. The layers are found, made and fed by `backhand check` itself.
"""

import ast
import copy
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backhand.checking.finding import Report
from backhand.checking.isolate import check_file

ZOO = Path(__file__).parents[2] / "tests" / "check" / "zoo"
NOT_LAYERS = ("python_two", "conv_tools", "tape", "old_numpy")
BACKWARD = ("backward", "bprop", "backprop", "backward_pass", "gradient", "grad")
UPSTREAM = re.compile(r"^(dout|d_out|grad|grad_output|accum_grad|delta|dy|upstream\w*)$")
BIAS = re.compile(r"^(d_?b\d?|dbeta|dbias(es)?|grad_b(ias)?|dB|b_grad|bias_grad)$")
WEIGHT = re.compile(r"^(d_?[wW][xh]?\d?|dweights?|grad_[wW](eight)?|[wW]_grad|weights?_grad)$")
COUNT = re.compile(r"^(n|N|m|batch_size|self\.(n|N|m|batch_size)|len\(.*\)|.*shape\[0\])$")
LOSS = re.compile(r"loss|entropy|error", re.IGNORECASE)
MASKED = re.compile(r"relu|dropout", re.IGNORECASE)

Edit = Callable[[ast.AST], ast.AST]
"""Gives what stands in place of a node."""


@dataclass(frozen=True)
class Planted:
    """One mistake: the file, the thing in it, the cause, the line, and the file's new text."""

    file: Path
    thing: str
    cause: str
    line: int
    text: str


def planted() -> Iterator[Planted]:
    """All of them."""
    expected = tomllib.loads((ZOO / "expected.toml").read_text())
    for file in sorted(ZOO.glob("*.py")):
        if file.stem in NOT_LAYERS:
            continue
        tree = ast.parse(file.read_text())
        for number, (thing, function) in enumerate(_backwards(tree)):
            if expected.get(file.stem, {}).get(thing, "right") != "right":
                continue
            for place, node in enumerate(ast.walk(function)):
                for cause, edit in _rules(thing, function, node):
                    text = _edited(tree, number, place, edit)
                    yield Planted(file, thing, cause, getattr(node, "lineno", function.lineno), text)


def report_on(mistake: Planted, folder: Path) -> Report:
    """What `backhand check FILE:NAME` says; the file lies among its neighbours."""
    here = folder / "zoo"
    if not here.exists():
        shutil.copytree(ZOO, here)
    (here / mistake.file.name).write_text(mistake.text)
    try:
        return next(iter(check_file(here / mistake.file.name, [mistake.thing])))
    finally:
        shutil.copy(mistake.file, here)


def _backwards(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Every backward of a class or a pair, and the thing's name."""
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef))
            yield from ((node.name, method) for method in methods if method.name in BACKWARD)
        elif isinstance(node, ast.FunctionDef) and node.name.endswith("_backward"):
            forward = node.name.replace("_backward", "_forward")
            if forward in functions:
                yield forward, node


def _rules(thing: str, function: ast.FunctionDef, node: ast.AST) -> Iterator[tuple[str, Edit]]:
    if isinstance(node, ast.Return) and isinstance(node.value, ast.BinOp | ast.Name):
        if isinstance(node.value, ast.BinOp):
            yield "sign", lambda n: ast.Return(ast.UnaryOp(ast.USub(), n.value))
            yield "constant-factor", lambda n: ast.Return(ast.BinOp(ast.Constant(3.0), ast.Mult(), n.value))
        yield "missing-gradient", lambda n: ast.Return(ast.Constant(None))
    if isinstance(node, ast.Assign) and not re.search(r"zeros|empty", ast.unparse(node.value)):
        target = _called(node.targets[0])
        if WEIGHT.match(target):
            yield "transposed", _value(lambda v: ast.Attribute(v, "T", ast.Load()))
            yield "constant-factor", _value(lambda v: ast.BinOp(ast.Constant(0.5), ast.Mult(), v))
            yield "sign", _value(lambda v: ast.UnaryOp(ast.USub(), v))
        if BIAS.match(target) and _axis(node.value) is not None:
            yield "bias-not-summed", _value(_summand)
            yield "bias-wrong-axis", _value(_other_axis)
    if isinstance(node, ast.For):
        for each in ast.walk(node):
            if isinstance(each, ast.AugAssign) and isinstance(each.op, ast.Add):
                yield "overwrites-fan-out", _assigned(each)
    if isinstance(node, ast.BinOp):
        right = ast.unparse(node.right)
        if isinstance(node.op, ast.Mult) and re.match(r"\(1(\.0)? - [\w.]+ ?\*\* ?2\)$", right):
            yield "activation-derivative-missing", lambda n: n.left
        if isinstance(node.op, ast.Div) and COUNT.match(right) and LOSS.search(thing):
            yield "batch-size-not-divided", lambda n: n.left
    if isinstance(node, ast.Compare) and MASKED.search(thing) and isinstance(node.ops[0], ast.Gt):
        yield "mask-inverted", lambda n: ast.Compare(n.left, [ast.LtE()], n.comparators)
        yield (
            "mask-comparison",
            lambda n: ast.Compare(n.left, n.ops, [ast.BinOp(n.comparators[0], ast.Add(), ast.Constant(0.7))]),
        )
    if isinstance(node, ast.Call) and re.match(r"^d\w*\.copy\(\)$", ast.unparse(node)):
        yield "writes-dout", lambda n: n.func.value
    if isinstance(node, ast.Attribute) and node.attr == "T" and re.match(r"^self\.[wW]\w*\.T$", ast.unparse(node)):
        yield "weight-not-transposed", lambda n: n.value
    if node is function:
        names = [argument.arg for argument in function.args.args if argument.arg != "self"]
        if names and UPSTREAM.match(names[0]) and not LOSS.search(thing):
            yield "dout-ignored", _ones(names[0])


def _called(target: ast.AST) -> str:
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return f"d{target.slice.value}"
    return getattr(target, "attr", getattr(target, "id", ""))


def _axis(value: ast.AST) -> ast.keyword | None:
    """The axis of a sum, if it is 0 or 1."""
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute) or value.func.attr != "sum":
        return None
    found = [word for word in value.keywords if word.arg == "axis" and isinstance(word.value, ast.Constant)]
    return found[0] if found and found[0].value.value in (0, 1) else None


def _summand(value: ast.expr) -> ast.expr:
    of_numpy = ast.unparse(value.func) == "np.sum"
    return value.args[0] if of_numpy else value.func.value


def _other_axis(value: ast.expr) -> ast.expr:
    value = copy.deepcopy(value)
    word = _axis(value)
    word.value = ast.Constant(1 - word.value.value)
    return value


def _value(change: Callable[[ast.expr], ast.expr]) -> Edit:
    return lambda n: ast.Assign(n.targets, change(n.value))


def _assigned(which: ast.AugAssign) -> Edit:
    """The loop with one of its += turned into =."""
    line = which.lineno

    def edit(loop: ast.AST) -> ast.AST:
        class Turn(ast.NodeTransformer):
            def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
                return ast.Assign([node.target], node.value) if node.lineno == line else node

        return Turn().visit(loop)

    return edit


def _ones(name: str) -> Edit:
    def edit(function: ast.AST) -> ast.AST:
        documented = isinstance(function.body[0], ast.Expr) and isinstance(function.body[0].value, ast.Constant)
        function.body.insert(int(documented), ast.parse(f"{name} = np.ones_like({name})").body[0])
        return function

    return edit


def _edited(tree: ast.Module, number: int, place: int, edit: Edit) -> str:
    """The file with one node of one backward replaced."""
    tree = copy.deepcopy(tree)
    function = list(_backwards(tree))[number][1]
    old = list(ast.walk(function))[place]

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return edit(node) if node is old else self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Replace().visit(tree)))
