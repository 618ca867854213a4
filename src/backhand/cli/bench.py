"""``backhand bench``: the benchmarks of the source checkout."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from backhand.errors import OptionError

FOLDER = Path(__file__).parents[3] / "benchmarks" / "compare"


def bench(
    only: Annotated[
        str | None, typer.Option(show_default=False, help="Some of a, b, c-SGD, c-Adam, d, e, with commas between.")
    ] = None,
    repetitions: Annotated[int, typer.Option(help="How often each contender has its turn.")] = 5,
    quick: Annotated[
        bool, typer.Option("--quick", help="A smoke run without the frameworks; prints its page.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(show_default=False, help="The folder for bench.md and images/bench.svg; else docs.")
    ] = None,
) -> None:
    """Train beside torch, JAX, scikit-learn and NumPy on this machine, and write docs/bench.md: about ten minutes.

    The frameworks are an extra: pip install 'backhand[bench]'. What isn't installed is left out, and said.
    """
    if not FOLDER.is_dir():
        raise OptionError("bench: the benchmarks are in the source checkout, not in an installed package; run it there")
    command = [sys.executable, str(FOLDER), f"--repetitions={repetitions}"]
    command += [f"--only={only}"] if only else []
    command += ["--quick"] if quick else []
    command += [f"--out={out}"] if out else []
    raise typer.Exit(subprocess.run(command).returncode)
