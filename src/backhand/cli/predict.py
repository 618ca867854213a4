"""``backhand predict``: which digits are in these images?"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from backhand.train.console import Lines, streams
from backhand.train.predict import Prediction, predict as predict_images


def predict(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="A run's folder, or its name in --runs.", show_default=False)
    ],
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGE...", help="PNGs of any size, dark on light or light on dark.", show_default=False
        ),
    ],
    network: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:NAME",
            show_default=False,
            help="For a run of your own network: the class again; the file's code is run.",
        ),
    ] = None,
    runs: Annotated[Path, typer.Option(help="The folder that holds the runs.")] = Path("runs"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Classify images with a trained network: the class and its probability, and the next best."""
    progress = Lines(streams(as_json))
    predictions = predict_images(run, images, runs=runs, network=network, progress=progress)
    if as_json:
        print(json.dumps({"run": run, "predictions": [asdict(p) for p in predictions]}))
    else:
        show(predictions)


def show(predictions: list[Prediction]) -> None:
    """A table: image, class, probability, and what else it may be."""
    wide = max(len(p.image) for p in predictions)
    label = max(5, *(len(p.label) for p in predictions))
    print(f"{'image':<{wide}}  {'class':<{label}}  probability  or else")
    for p in predictions:
        ranked = sorted(p.probabilities.items(), key=lambda item: item[1], reverse=True)
        others = ", ".join(f"{name} {share:.1%}" for name, share in ranked[1:4] if share >= 0.001)
        print(f"{p.image:<{wide}}  {p.label:<{label}}  {ranked[0][1]:>11.1%}  {others}".rstrip())
