"""What a parameter of somebody else's code is for, guessed from its name, where it stands, and how it is used.

A role is a word such as ``in_size`` or ``labels``; :mod:`backhand.checking.worlds` knows what values it can take.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Slot", "slots", "strings"]

# One row a role; the first whose pattern is the whole name (in lower case, without underscores or digits at its ends)
# counts. Names mean other things in a constructor (p: a rate, k: a size) than in forward (p: probabilities).
_ANYWHERE = (
    ("optimizer", r"opt(imi[sz]er)?"),
    ("lr", r"lr|learning_?rate|learn_?rate|eta|step_?size"),
    ("reg", r"reg(_\w+)?|regulari[sz]ation\w*|lambd?a?|lam|weight_?decay\w*|l"),
    ("seed", r"seed|random_?seed"),
    ("rng", r"rng|generator|random_?state"),
    ("flag", r"(is_?)?train(ing)?(_?(flg|flag|mode|phase))?|(is_?)?test"),
    ("mode", r"mode|phase"),
    ("w_input", r"w_?(x|xh|ih|input|in)(_?\w)?|u"),
    ("w_hidden", r"w_?(h|hh|hidden|rec)(_?\w)?"),
    ("gamma", r"gammas?|gain|scale"),
    ("beta", r"betas?|shift"),
    ("hidden_list", r"hidden_?(size_?list|sizes|dims|layers|layer_?sizes)"),
    ("hidden", r"n_?hidden|num_?hidden|hidden_?(size|dim|units|nodes|num|neurons)?|hid\w*|state_?size"),
    ("vocab", r"vocab(ulary)?_?(size)?|num_?embeddings|n_?vocab|num_?tokens|input_?vocab\w*"),
    ("in_shape", r"(input|in|x|image|img)_?(shape|dims)|shape|input_?size_?tuple"),
    ("out_shape", r"(output|out|target|new)_?shape"),
    ("heads", r"(n|num)_?heads?|heads"),
    ("time", r"seq(uence)?_?len(gth)?|time_?(steps|size)|max_?len(gth)?|n_?steps|bptt\w*"),
    ("batch", r"batch_?size|n_?samples|n_?batch"),
    ("ids", r"ids?|idxs?|ind(ex|ices|exes)|tokens?|word_?ids?"),
    ("bias", r"b_?(h|x|i|f|o|c|y|z|q|k|v|hh|xh|ih|conv|fc)?|bias(es)?(_?\w)?|b_?vec|bs|w0"),
)
_CONSTRUCTOR = (
    ("rate", r"p|rate|ratio|drop(out)?(_?(rate|ratio|p|prob|probability))?|prob|drop_?prob"),
    ("keep", r"keep(_?(prob|rate|ratio|p))?"),
    ("stride", r"strides?(_?[hw])?|s|step"),
    ("pad", r"pad(ding|s)?(_?[hwxy])?"),
    (
        "kernel",
        r"k|ks?(ernel)?_?(size|shape|h|w|height|width)|ksize|f(ilter)?_?(size|shape|h|w|height|width)|"
        r"pool(ing)?_?(size|shape|h|w|height|width)?|window(_?size)?|[hw]{2}|f",
    ),
    (
        "activation_prime",
        r"(activation|act|f|func)_?(prime|derivative|deriv|grad\w*|backward)|derivative|d_?activation",
    ),
    ("activation", r"act(ivation)?(_?(function|func|fn|name|type|fun))?|nonlinearity|name|kind|func(tion)?|type"),
    ("layers", r"layers?_?(list)?|modules"),
    ("size_list", r"sizes|layer_?(sizes|dims|units)|layers_?dims|dims|architecture|topology|nodes|units_?list"),
    ("loss", r"loss(_?(fn|function|func|layer))?|criterion|cost"),
    ("weight", r"w\d?|ws|weights?|w_?mat(rix)?|theta|params?"),
    (
        "in_size",
        r"n_?in(puts?)?|n_?x|n_?features?|features?|nin|fan_?in|d|d_?in|d_?model|dims?|size|in|prev\w*|"
        r"num_?(inputs?|features?|channels?|parameters?|params?)|c|(in|input)_?(size|dim|num|n|features?|units|"
        r"channels?|ch|depth|nodes|len|length|neurons|width|c|layer)|channels?|n_?channels?|embed(ding)?_?"
        r"(size|dim)|word_?vec_?size|normalized_?shape|wordvec_size|in_c",
    ),
    (
        "out_size",
        r"n_?out(puts?)?|n_?(y|neurons?|units?|nodes|classes|filters?|kernels?)|nout|fan_?out|units?|m|"
        r"neurons?|num_?(outputs?|units?|neurons?|nodes|classes|filters?|kernels?|labels)|d_?out|filters?|"
        r"(out|output|layer)_?(size|dim|num|n|features?|units|channels?|ch|depth|nodes|len|length|neurons|"
        r"width|c)|classes|kernels?|depth|out",
    ),
    ("eps", r"eps(ilon)?"),
    ("momentum", r"momentum|decay(_?rate)?"),
    ("slope", r"alpha|slope|negative_?slope|leak\w*|a"),
    ("power", r"scalar|power|exponent|n|order"),
    ("axis", r"ax(is|es)"),
    ("delta", r"delta|margin|temperature|tau|c"),
)
_FORWARD = (
    (
        "labels",
        r"t|ts|ys?_?(true|one_?hot|oh|label\w*|batch|real|gold)|targets?|labels?|truth|gt|ground_?truth|actual|"
        r"expected|one_?hot\w*|true|trues|desired(_output)?|t_?true|correct|y_?t",
    ),
    ("prediction", r"ys?_?(pred\w*|hat|p)|pred(ict)?(s|ed|ions?)?|p|probs?|probabilit\w+|outputs?|p_?hat|al|yhat"),
    ("y", r"ys?"),
    ("states", r"hs(_\w+)?|hidden_?states|encoder_?outputs"),
    ("state", r"h|c|s|(h|c|s)_?(prev|0|t|in|last)|prev_?(h|c|s|hidden|state)|(h|c)_?state|states?|hidden_?state"),
    ("query", r"q|query|queries"),
    ("key", r"k|keys?|v|values?"),
    ("weight", r"w\d?|ws|weights?|w_?mat(rix)?|theta|kernels?|filters?|embed(ding)?s?_?(matrix)?|params?"),
    ("mask", r"masks?"),
    ("settings", r"\w+_params?|hparams|options|config|cfg"),
    ("groups", r"g|groups?|(num|n)_?groups?"),
    ("several", r"xs_?list|inputs_?list|(x|input|tensor|array)_?list|args"),
    ("stride", r"strides?"),
    ("pad", r"pad(ding)?"),
    ("kernel", r"(pool|kernel|filter)_?(size|h|w|height|width)"),
    ("rate", r"drop(out)?(_?(rate|ratio|p|prob|probability))?|rate|ratio"),
    ("keep", r"keep_?prob"),
    ("eps", r"eps(ilon)?"),
    ("momentum", r"momentum"),
    ("slope", r"alpha|slope"),
    ("delta", r"delta|margin"),
    ("activation", r"activation(_?\w+)?"),
    ("bias", r"b_?[a-z]{1,3}"),
)


@dataclass(frozen=True)
class Slot:
    """One parameter to fill: its name, role, default (``inspect.Parameter.empty`` if it has none), the string keys that
    its function looks up in it if it is a dict, and the words that it is compared with if it is one."""

    name: str
    role: str
    default: Any = inspect.Parameter.empty
    keys: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def required(self) -> bool:
        """Whether a call fails without it."""
        return self.default is inspect.Parameter.empty


def slots(function: Callable[..., Any], *, constructor: bool = False, bound: bool = False) -> list[Slot]:
    """The parameters of a function or, with ``constructor``, of a class's ``__init__``.

    With ``bound`` the first one (``self``) is left out. ``*args`` of a forward counts as one input.

    >>> class Dense:
    ...     def __init__(self, n_in, n_out, lr=0.1): ...
    >>> [(slot.name, slot.role) for slot in slots(Dense.__init__, constructor=True, bound=True)]
    [('n_in', 'in_size'), ('n_out', 'out_size'), ('lr', 'lr')]
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []
    keys, several, words = _keys(function), _iterated(function), _compared(function)
    found = []
    for parameter in parameters[1 if bound else 0 :]:
        if parameter.kind is parameter.VAR_KEYWORD or (parameter.kind is parameter.VAR_POSITIONAL and constructor):
            continue
        role = role_of(parameter.name, constructor=constructor)
        if parameter.name in several and not constructor:
            role = "several"
        elif role is None:
            role = _role_of_annotation(parameter.annotation) if constructor else "x"
        default = parameter.default
        if constructor and default is not parameter.empty:
            role = role if _fits(role, default) else "other"
        name = parameter.name
        found.append(Slot(name, role, default, keys.get(name, ()), words.get(name, ())))
    return found


def role_of(name: str, *, constructor: bool) -> str | None:
    """The role that a name tells, or None."""
    plain = name.lower().strip("_")
    plain = plain.rstrip("0123456789_") or plain
    rows: tuple[tuple[str, str], ...] = (*_ANYWHERE, *(_CONSTRUCTOR if constructor else _FORWARD))
    for role, pattern in rows:
        if re.fullmatch(pattern, plain):
            return role
    return None


def strings(thing: Any) -> list[str]:
    """The words (short strings, as of ``activation == "relu"``) in a function's or class's code, in their order."""
    found: dict[str, None] = {}
    tree = _tree(thing)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"[\w-]{2,20}", node.value):
            found.setdefault(node.value)
    return list(found)


def _role_of_annotation(annotation: Any) -> str:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    if text == "int":
        return "in_size"
    if text == "float":
        return "delta"
    return "unknown"


def _fits(role: str, default: Any) -> bool:
    """Whether a default is of the kind that the role's name promises: ``bias=True`` is a switch, no array."""
    if isinstance(default, bool):
        return role == "flag"
    if isinstance(default, int):
        return role not in ("weight", "bias", "activation", "gamma", "beta")
    return True


def _keys(function: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """By parameter: the string keys looked up in it, ``param["key"]`` and ``param.get("key")``."""
    found: dict[str, dict[str, None]] = {}
    tree = _tree(function)
    for node in ast.walk(tree) if tree is not None else ():
        owner: ast.expr | None = None
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            owner, key = node.value, node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            owner, key = node.func.value, node.args[0] if node.args else None
        if isinstance(owner, ast.Name) and isinstance(key, ast.Constant) and isinstance(key.value, str):
            found.setdefault(owner.id, {}).setdefault(key.value)
    return {name: tuple(keys) for name, keys in found.items()}


def _compared(function: Callable[..., Any]) -> dict[str, tuple[str, ...]]:
    """By parameter: the strings that it is compared with, ``norm_type == "batch"`` or ``mode in ("train", "test")``."""
    found: dict[str, dict[str, None]] = {}
    tree = _tree(function)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name):
            for constant in ast.walk(node.comparators[0]):
                if isinstance(constant, ast.Constant) and isinstance(constant.value, str):
                    found.setdefault(node.left.id, {}).setdefault(constant.value)
    return {name: tuple(words) for name, words in found.items()}


def _iterated(function: Callable[..., Any]) -> set[str]:
    """The parameters that are lists of arrays: gone through one by one, or concatenated."""
    found = set()
    tree = _tree(function)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.comprehension | ast.For) and isinstance(node.iter, ast.Name):
            found.add(node.iter.id)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            joins = ("concatenate", "hstack", "vstack", "stack", "dstack")
            if node.func.attr in joins and isinstance(node.args[0], ast.Name):
                found.add(node.args[0].id)
    return found


def _tree(thing: Any) -> ast.AST | None:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(thing)))
    except (OSError, TypeError, SyntaxError):
        return None
