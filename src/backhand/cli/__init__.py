"""The ``backhand`` command: one file a subcommand here, its work elsewhere.

Exit codes: 0 done, 2 bad usage or input, 130 interrupted; ``check`` also 1 and 3, for what it found. With ``--json``
each subcommand prints one JSON object as its last line of standard output, also when it fails: ``{"error": ...}``.
"""

import io
import json
import os
import sys
from importlib import metadata
from typing import Annotated, Any

# Before NumPy is loaded. Layers by hand make small matrices: more threads don't make their products faster, make them
# many times slower on a busy machine, and their number changes the last bits, so that a run resumed on another machine
# would differ.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import typer

from backhand.cli.bench import bench
from backhand.cli.check import check
from backhand.cli.draw import draw
from backhand.cli.notes import notes
from backhand.cli.predict import predict
from backhand.cli.train import train
from backhand.errors import BackhandError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(train)
app.command()(predict)
app.command()(check)
app.command()(draw)
app.command()(notes)
app.command()(bench)

UsageError: Any = typer.BadParameter.__bases__[0]  # typer names only this one of the errors that its parser raises


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"backhand {metadata.version('backhand')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Backpropagation by hand: checked, drawn, and fast."""


def main() -> None:
    """Runs the command line, and turns what went wrong into a line and an exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # the notes are Korean, which not every terminal can show
    try:
        code = app(standalone_mode=False)
        if code == 130:  # what typer makes of Ctrl-C
            raise KeyboardInterrupt
    except UsageError as error:
        error.show()
        code = _failed(error.format_message(), 2)
    except BackhandError as error:
        print(f"backhand: {error}", file=sys.stderr)
        code = _failed(str(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        code = _failed("interrupted", 130)
    sys.exit(code)


def _failed(message: str, code: int) -> int:
    if "--json" in sys.argv:
        print(json.dumps({"error": message}))
    return code
