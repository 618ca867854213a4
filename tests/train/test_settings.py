import math

import pytest

from backhand.errors import OptionError
from backhand.train import Settings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"iterations": 0}, "iterations is 0; it needs a whole number, 1 or more"),
        ({"batch": -1}, "batch is -1"),
        ({"hidden": 0}, "hidden is 0"),
        ({"lr": -0.1}, "lr is -0.1; the learning rate needs to be a number > 0"),
        ({"lr": 0.0}, "lr is 0"),
        ({"lr": math.nan}, "lr is nan"),
        ({"lr": math.inf}, "lr is inf"),
        ({"seed": -1}, "seed is -1; it needs a whole number from 0 to 4294967295"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"optimizer": "adan"}, r"optimizer is 'adan'; it can be SGD, Momentum, .*did you mean Adam\?"),
        ({"optimizer": ""}, "it can be SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW$"),
        ({"dtype": "float16"}, "dtype is 'float16'; it can be float32, float64"),
        ({"labels": "onehot"}, r"labels is 'onehot'; .* did you mean one-hot\?"),
        ({"arguments": ("784",)}, "'784': only the constructor of your own network takes arguments"),
        ({"network": "net.py:Net", "hidden": 100}, "hidden is 100, but it is for the built-in network"),
    ],
)
def test_a_value_without_meaning_is_named(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Settings(**wrong).checked()  # type: ignore[arg-type]


def test_each_optimizer_brings_its_own_learning_rate() -> None:
    assert Settings().checked().lr == 0.1
    assert Settings(optimizer="momentum").checked().lr == 0.01
    assert Settings(optimizer="ADAM").checked().optimizer == "Adam"
    assert Settings(optimizer="Adam", lr=0.5).checked().lr == 0.5


def test_json_there_and_back() -> None:
    settings = Settings(network="net.py:Net", arguments=("784", "a=1"), lr=0.5).checked()
    assert Settings.from_json(settings.as_json()) == settings


@pytest.mark.parametrize(
    "edit",
    [{"hidden": "50"}, {"lr": 1}, {"flatten": 1}, {"arguments": "x"}, {"network": 3}, {"new": 1}, {"iterations": True}],
)
def test_json_that_was_edited_is_refused(edit: dict[str, object]) -> None:
    with pytest.raises(OptionError):
        Settings.from_json({**Settings().checked().as_json(), **edit})
