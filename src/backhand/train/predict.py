"""What a trained run takes pictures for."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backhand.data import Dataset
from backhand.errors import OptionError, RunError, ShapeError
from backhand.train import images
from backhand.train.checkpoint import unreadable_and_newest
from backhand.train.evaluate import probabilities
from backhand.train.folder import RunFolder, find
from backhand.train.memory import Array
from backhand.train.network import check_scores
from backhand.train.progress import Progress
from backhand.train.run import Folder, own_network
from backhand.train.samples import Look, image_size
from backhand.train.training import Training, prepared


@dataclass(frozen=True)
class Prediction:
    """The class of a picture, and the probability of every class by name."""

    image: str
    label: str
    probabilities: dict[str, float]


def predict(
    run: Folder,
    pictures: Sequence[Folder],
    *,
    runs: Folder = "runs",
    network: str | None = None,
    progress: Progress | None = None,
) -> list[Prediction]:
    """Classify image files with the network of a run (its folder, or its name in `runs`).

    A digit may be of any size, dark on light or light on dark; ``backhand.train.images`` brings it into MNIST's form.
    ``network``: needed again for a network of your own, whose code is run then.
    Raises RunError, OptionError, NetworkError; DataError for a picture that is unreadable, huge or blank.
    """
    folder = find(run, Path(runs))
    config = folder.config()
    own = own_network(folder, config, network, progress or Progress(), "predict")
    settings = replace(config.settings, network=own)
    look = Look.from_json(config.data)
    size = image_size(look.shape)
    if size is None:
        raise OptionError(f"{folder.path} was trained on samples of shape {look.shape}, which are no grey images")
    names = [os.fspath(picture) for picture in pictures]
    values = np.stack([_in_form(Path(name), settings.data, size, look) for name in names])
    # One blank sample: what the network builds at its first use, it builds from that.
    blank, label = np.zeros((1, *look.shape), settings.dtype), np.zeros(1, np.int64)
    data = Dataset(settings.data, blank, label, blank, label, look.classes)
    with prepared(settings, data) as training:
        _load(folder, training)
        x = (look.low + values * (look.high - look.low)).reshape(-1, *look.shape)
        with training.blamed("predict"):
            scores = training.network.predict(training.batches.samples(x, np.arange(len(x))))
        shares = probabilities(check_scores(scores, len(x), len(look.classes), training.name))
    return [
        Prediction(name, look.classes[int(np.argmax(row))], dict(zip(look.classes, row.tolist(), strict=True)))
        for name, row in zip(names, shares, strict=True)
    ]


def _in_form(path: Path, data: str, size: tuple[int, int], look: Look) -> Array:
    picture = images.read(path)
    if data == "mnist":
        return images.as_mnist(picture, str(path))
    return images.as_trained(picture, size, look.light, str(path))


def _load(folder: RunFolder, training: Training) -> None:
    """The run's values into a new network.

    The built-in one is its weights. A user's own may keep more (running means): that is in the checkpoint.
    """
    if training.settings.network is not None:
        _, checkpoint = unreadable_and_newest(folder.checkpoints)
        if checkpoint is None:
            raise RunError(f"{folder.path} has no readable checkpoint; train it first: backhand train --resume")
        training.go_on_from(checkpoint)
        return
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        weights: dict[str, Any] = load(folder.weights.read_bytes())
        params = training.network.params
        for key in params:
            params[key] = weights[key]  # type: ignore[index]
    except OSError as error:
        raise RunError(f"{folder.path} has no weights yet ({error.strerror}); train it first") from error
    except (SafetensorError, KeyError, ShapeError) as error:
        raise RunError(f"{folder.weights}: is damaged or of another network ({error})") from error
