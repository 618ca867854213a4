"""How people name forward, backward and gradients. Names only propose; calling and shapes decide."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from backhand.checking.adapters.places import Path

__all__ = [
    "BACKWARD",
    "FORWARD",
    "gradient_name",
    "gradients_among",
    "is_gradient",
    "is_label",
    "is_upstream",
    "likeness_to_truth",
    "methods_like",
    "role_of",
    "stem",
    "value_name",
]


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


FORWARD = _words(
    """
    forward forward_pass forward_propagation forward_propagate forward_prop forwardprop fprop feedforward feed_forward
    fwd propagate __call__ call compute activation activate function func fn f apply loss calc_loss compute_loss
    calculate calc cost error evaluate eval predict run transform output value
    """
)
BACKWARD = _words(
    """
    backward backward_pass backward_propagation backward_propagate backward_prop backwardprop backprop back_prop
    backpropagation back_propagation backpropagate back_propagate bprop bwd gradient gradients grad calc_gradient
    compute_gradient get_gradient derivative deriv dervivative prime delta activation_derivative loss_derivative
    loss_gradient loss_grad loss_prime f_prime df d derivate differentiate diff backward_delta error_derivative
    """
)
_BACKWARD_LIKE = re.compile(r"back|bprop|bwd|grad|deriv|dervi|prime|^d_|_d$|^d[A-Z]|delta", re.IGNORECASE)
_NEVER = re.compile(r"numerical|zero|clear|reset|update|clip|check|collect|apply_grad|^get_params|step$", re.IGNORECASE)

_TRUTH = re.compile(r"true|^ts?$|^tt$|target|label|truth|actual|expected|^gt$|desired|^d$|one_?hot", re.IGNORECASE)
_GUESS = re.compile(r"pred|hat|^p$|^h$|^a$|^al$|^o$|out|score|logit|prob|guess|estimate|^x$|^z$", re.IGNORECASE)

_MANGLED = re.compile(r"^_[A-Za-z]\w*?__(?=\w)")
_MARK = re.compile(  # what makes a gradient's name of a value's: dL_dW, grad_W, dW, W_grad
    r"^d[lejLEJ]_?_?d_?(?=\w)|^(?:grad|gradient|grads|delta|diff)_?(?:of_|by_|wrt_)?(?=\w)|^d_(?=\w)|^d(?=\w)"
    r"|^g_(?=\w)|_?(?:gradients?|grads?|delta|diff|derivative)$|^nabla_?(?=\w)"
)
_LIKE_GRADIENT = re.compile(
    r"^d[A-Z_]|^d[wbxhuv][a-z]?\d*$|^d(?:gamma|beta|weights?|bias(?:es)?|inputs?|kernels?)|^dL_?d|(?i:grad|nabla|^delta_\w)"
)
_NO_GRADIENT = frozenset({"data", "depth", "dim", "decay", "dropout", "dropout_ratio", "delta", "d"})
_CELL = frozenset({"val", "value", "data"})  # {"val": W, "grad": dW}
_GRAD = re.compile(r"^_?(?:grad|grads|gradient|gradients|diff)$", re.IGNORECASE)
_SAME = {
    **dict.fromkeys(("weights", "weight", "kernel", "kernels", "filters", "filter"), "w"),
    **dict.fromkeys(("bias", "biases"), "b"),
    **dict.fromkeys(("inputs", "input", "in"), "x"),
}

_ROLES = {
    "lr": r"lr|alpha|eta|rate|learning_?rate|learn_?rate|step_?size|l_r|epsilon_lr",
    "optimizer": r"opt|optim|optimizer|optimiser|update_rule|updater",
    "cache": r"cache|caches|ctx|context|memory|mem|saved|state|cached|store|tape|intermediates",
    "node": r"node",
    "flag": r"train|training|is_train|is_training|train_flg|train_flag|training_mode|mode|phase|verbose|debug",
    "dout": r"d|g|e|dx|dl|eta_|errors?|err|residual|top_diff|back|dloss|dscores?|dvalues?|output_(?:error|delta)"
    r"|d_?(?:out|l|y|z|a|h|c|next|prev|new|val|loss|score|logit|e|j)\w*|gy|.*(?:grad|delta|upstream).*|.*_(?:error|diff)",
    "out": r"out|output|outputs|y|a|activation|activated|yhat|y_hat|y_pred|result|z_out|o",
    "one": r"scale|weight",
}
_ROLE = {role: re.compile(pattern, re.IGNORECASE) for role, pattern in _ROLES.items()}


def role_of(parameter: str) -> str | None:
    """What an argument of backward seems to be: ``dout``, ``lr``, ``cache``, ...; None if its name doesn't say."""
    return next((role for role, pattern in _ROLE.items() if pattern.fullmatch(parameter)), None)


_UPSTREAM = re.compile(
    r"^(?:\w*(?:grad|gradient|delta)s?(?:_?\w*out\w*)?|d_?(?:out|outs|outputs?|values?|next\w*|y|z|a|h|hs)|d_?outputs?|"
    r"(?:gradient|grad)_\w+|upstream\w*|dL_d(?:out|output|y|z|a))$"
)


def is_upstream(parameter: str) -> bool:
    """Whether an argument of backward is named so that it can be nothing but the upstream gradient."""
    return bool(_UPSTREAM.match(parameter))


def methods_like(thing: Any, known: Iterable[str]) -> list[str]:
    """The methods of an object among the known names, in that order; then those that only sound like a backward."""
    known = tuple(known)
    found = [name for name in known if callable(getattr(thing, name, None))]
    if known == BACKWARD:
        for name in dir(thing):
            if name.startswith("__") or name in found or _NEVER.search(name):
                continue
            if _BACKWARD_LIKE.search(name) and callable(getattr(thing, name, None)):
                found.append(name)
    return found


def _key(name: Any) -> str:
    return _MANGLED.sub("", str(name)).strip("_")


def is_gradient(path: Path) -> bool:
    """Does a place look as if it holds a gradient: ``dW``, ``grads['W']``, ``W_gradient``, ``W.grad``."""
    keys = [_key(key) for _, key in path]
    if any(_GRAD.match(key) for key in keys):
        return True
    last = keys[-1]
    return last not in _NO_GRADIENT and bool(_LIKE_GRADIENT.search(last))


def gradients_among(paths: Iterable[Path]) -> set[Path]:
    """Those that hold a gradient by their name, or by their neighbour's: ``dg`` beside ``g``."""
    paths = list(paths)
    names = {(path[:-1], _key(path[-1][1])) for path in paths if path}
    return {
        path
        for path in paths
        if is_gradient(path)
        or (_key(path[-1][1])[:1] == "d" and (path[:-1], _key(path[-1][1])[1:].lstrip("_")) in names)
    }


def stem(path: Path, gradient: bool = False) -> tuple[str, ...]:
    """A place without the marks of a gradient, so that ``dW``, ``grads['W']``, ``W_gradient`` and ``W`` are one.

    The last keys that say anything, in lower case: ``layers[0].dW`` is ``('layers', '0', 'w')``. With ``gradient`` the
    last key is known to be one's: ``dg`` is ``g``.
    """
    keys: list[str] = []
    for place, (_, key) in enumerate(path, start=1):
        text = _key(key)
        if _GRAD.match(text) or (text.lower() in _CELL and keys) or text in ("params", "parameters", "theta"):
            continue
        marked = is_gradient((("attr", text),)) or (gradient and place == len(path))
        plain = _MARK.sub("", text, count=1) if marked else text
        plain = plain.strip("_").lower()
        word = plain.rstrip("0123456789")
        keys.append(_SAME.get(word.strip("_"), word.strip("_")) + plain.removeprefix(word))
    return tuple(keys)


def value_name(path: Path) -> str:
    """A short name for a parameter: ``W``, ``W1``; ``W`` for the cell ``W['val']``."""
    keys = [key for _, key in path]
    named = [_key(key) for key in keys if not isinstance(key, int)]
    if len(named) > 1 and named[-1].lower() in _CELL:
        named.pop()
    if isinstance(keys[-1], int):
        return f"{named[-1] if named else 'value'}[{keys[-1]}]"
    return named[-1]


def likeness_to_truth(name: str) -> int:
    """From 0, named as a prediction is, to 2, named as labels are: which of a loss's inputs its one gradient is by."""
    return 1 - bool(_GUESS.search(name)) + 2 * bool(_TRUTH.search(name))


def is_label(name: str) -> bool:
    """Whether an argument is named as the truth is that a loss compares with."""
    return bool(_TRUTH.search(name)) or name in ("y", "Y")


def gradient_name(value: str) -> str:
    """``dW`` for ``W``, ``layers[0].dW`` for ``layers[0].W``."""
    head, dot, last = value.rpartition(".")
    return f"{head}{dot}d{last}"
