"""``backhand train``: the options, and what becomes of them."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from backhand.errors import OptionError
from backhand.train import Settings, resume, train as train_new
from backhand.train.console import progress_on, show_result, streams
from backhand.train.settings import OPTIMIZERS

_OPTIMIZERS = ", ".join(OPTIMIZERS)


def train(
    context: typer.Context,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="-- ARGUMENT",
            show_default=False,
            help="After --: what the constructor of --network takes, such as: -- 784 50 10 weight_init_std=0.1",
        ),
    ] = None,
    data: Annotated[
        str,
        typer.Option(help="mnist, fashion-mnist, a .npz or .csv file, a folder of .npy files, or of PNGs by class."),
    ] = Settings.data,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="FILE.py:NAME",
            show_default=False,
            help="Train the class NAME in FILE.py instead of the built-in TwoLayerNet; the file's code is run.",
        ),
    ] = None,
    hidden: Annotated[int, typer.Option(help="Hidden neurons of the built-in network.")] = Settings.hidden,
    iterations: Annotated[int, typer.Option(help="How many batches to train on.")] = Settings.iterations,
    batch: Annotated[int, typer.Option(help="Samples in a batch.")] = Settings.batch,
    lr: Annotated[
        float | None,
        typer.Option(help="Learning rate; by default 0.1 for SGD, and the usual one of each other optimizer."),
    ] = None,
    optimizer: Annotated[str, typer.Option(help=f"{_OPTIMIZERS}.")] = Settings.optimizer,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = Settings.dtype,
    labels: Annotated[str, typer.Option(help="What the network gets as t: one-hot or integer.")] = Settings.labels,
    flatten: Annotated[
        bool, typer.Option(help="Samples as rows (N, 784), or as they are, (N, 1, 28, 28).")
    ] = Settings.flatten,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = Settings.seed,
    engine: Annotated[
        str | None,
        typer.Option(show_default=False, help="native (by default), numpy, or eager: the network's own code."),
    ] = Settings.engine,
    name: Annotated[
        str | None, typer.Option(show_default=False, help="The run's name; by default mnist-001, mnist-002, ...")
    ] = None,
    runs: Annotated[Path, typer.Option(help="The folder that holds the runs.")] = Path("runs"),
    resume_run: Annotated[
        str | None,
        typer.Option("--resume", metavar="RUN", show_default=False, help="Go on with a run: its folder or its name."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Train a network on handwritten digits (or your own data), and leave a run: weights, history, report.

    Without options: the notes' recipe, a two-layer network on MNIST. Ctrl-C stops it and keeps everything.
    """
    values: dict[str, Any] = {
        "data": data,
        "hidden": hidden,
        "batch": batch,
        "lr": lr,
        "optimizer": optimizer,
        "dtype": dtype,
        "labels": labels,
        "flatten": flatten,
        "seed": seed,
        "engine": engine,
        "arguments": tuple(arguments or ()),
    }
    stream = streams(as_json)
    progress = progress_on(stream)
    if resume_run is None:
        settings = Settings(network=network, iterations=iterations, **values)
        result = train_new(settings, runs=runs, name=name, progress=progress)
    else:
        if name is not None:
            raise OptionError(f"--name {name}: a resumed run keeps its name; leave out --name or --resume")
        result = resume(
            resume_run,
            runs=runs,
            iterations=iterations if _was_given(context, "iterations") else None,
            network=network,
            given={key: value for key, value in values.items() if _was_given(context, key)},
            progress=progress,
        )
    show_result(result, stream, network)
    if as_json:
        print(json.dumps({**asdict(result), "run": str(result.run), "report": str(result.report)}))
    if result.interrupted:
        raise SystemExit(130)  # all is said; a typer.Exit(130) would look like a Ctrl-C that nobody answered


def _was_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
