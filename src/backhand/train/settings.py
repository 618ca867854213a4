"""What one training is to do: every number that its result depends on."""

import difflib
import inspect
import math
import os
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from backhand.errors import OptionError
from backhand.nn import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from backhand.nn.optimizers import Optimizer

OPTIMIZERS: dict[str, type[Optimizer]] = {
    cls.__name__: cls for cls in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW)
}
DTYPES = ("float32", "float64")
LABELS = ("one-hot", "integer")
ENGINES = ("native", "numpy", "eager")
BUILT_IN_DATA = ("mnist", "fashion-mnist")


@dataclass(frozen=True)
class Settings:
    """The recipe of a run; as it stands, the notes': 784-50-10, 10,000 iterations, batch 100, learning rate 0.1.

    - ``data``: what ``backhand.data.load_dataset`` takes;
    - ``network``: None for TwoLayerNet with ``hidden`` hidden neurons, or ``FILE.py:NAME``, your own;
    - ``arguments``: for the constructor of your own network, each as text: ``"784"``, ``"weight_init_std=0.1"``;
    - ``lr``: the learning rate; None for 0.1 with SGD, with the others what they have by default;
    - ``dtype`` of the batches and of the built-in network's parameters: float32 or float64;
    - ``labels``: one-hot as in the notes, or integer;
    - ``flatten``: samples as rows (N, D), or as they are, (N, 1, 28, 28);
    - ``seed``: 0 to 2**32 - 1; the same settings give the same numbers;
    - ``engine``: native or numpy, the compiled step (``backhand.compile``), or eager, the network's own code; None for
      what the environment variable BACKHAND_ENGINE says, or else native.

    >>> Settings(optimizer="adam").checked().lr
    0.001
    """

    data: str = "mnist"
    network: str | None = None
    arguments: tuple[str, ...] = ()
    hidden: int = 50
    iterations: int = 10_000
    batch: int = 100
    lr: float | None = None
    optimizer: str = "SGD"
    dtype: str = "float32"
    labels: str = "one-hot"
    flatten: bool = True
    seed: int = 0
    engine: str | None = None

    def checked(self) -> "Settings":
        """The same with the optimizer's full name, its learning rate, the engine, and an absolute path to the data.

        Raises OptionError, naming the setting, for a value that has no meaning.
        """
        for name in ("hidden", "iterations", "batch"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} is {getattr(self, name)}; it needs a whole number, 1 or more")
        if not 0 <= self.seed < 2**32:
            raise OptionError(f"seed is {self.seed}; it needs a whole number from 0 to {2**32 - 1}")
        if self.lr is not None and not 0 < self.lr < math.inf:
            raise OptionError(f"lr is {self.lr:g}; the learning rate needs to be a number > 0, such as 0.1")
        optimizer = _choice("optimizer", self.optimizer, tuple(OPTIMIZERS))
        _choice("dtype", self.dtype, DTYPES)
        _choice("labels", self.labels, LABELS)
        if self.arguments and not self.network:
            raise OptionError(
                f"{' '.join(self.arguments)!r}: only the constructor of your own network takes arguments; "
                "give it: --network FILE.py:NAME -- ARGUMENTS (and data with --data)"
            )
        if self.network and self.hidden != Settings.hidden:
            raise OptionError(
                f"hidden is {self.hidden}, but it is for the built-in network; "
                f"what the constructor of {self.network} takes comes after --"
            )
        data = self.data if self.data in BUILT_IN_DATA else os.path.abspath(self.data)
        engine = _choice("engine", self.engine or os.environ.get("BACKHAND_ENGINE") or "native", ENGINES)
        return replace(self, optimizer=optimizer, lr=self.lr or default_lr(optimizer), data=data, engine=engine)

    def optimizer_object(self) -> Optimizer:
        """A new optimizer."""
        assert self.lr is not None  # as checked() leaves it
        return OPTIMIZERS[self.optimizer](self.lr)

    def as_json(self) -> dict[str, Any]:
        """Each setting by its name."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Any) -> "Settings":
        """The way back. Raises OptionError for what ``as_json`` can't have written."""
        if isinstance(values, dict):
            values = {"engine": "eager", **values}  # a run from before there were engines
        if not isinstance(values, dict) or values.keys() != {field.name for field in fields(cls)}:
            raise OptionError(f"the settings need exactly {', '.join(field.name for field in fields(cls))}")
        for name, value in values.items():
            if name == "arguments":
                fit = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
            elif name in ("network", "engine"):
                fit = value is None or isinstance(value, str)
            else:
                fit = type(value) is type(getattr(cls, name) if name != "lr" else 0.1)
            if not fit:
                raise OptionError(f"the setting {name} is {value!r}, which it can't be")
        return cls(**{**values, "arguments": tuple(values["arguments"])}).checked()


def default_lr(optimizer: str) -> float:
    """The notes' 0.1 for SGD; for the others their own."""
    if optimizer == "SGD":
        return 0.1
    return float(inspect.signature(OPTIMIZERS[optimizer]).parameters["lr"].default)


def _choice(name: str, value: str, choices: tuple[str, ...]) -> str:
    """The choice that `value` is, in whatever case."""
    for choice in choices:
        if value.lower() == choice.lower():
            return choice
    near = difflib.get_close_matches(value.lower(), [choice.lower() for choice in choices], 1)
    hint = next((f"; did you mean {c}?" for c in choices if near and c.lower() == near[0]), "")
    raise OptionError(f"{name} is {value!r}; it can be {', '.join(choices)}{hint}")
