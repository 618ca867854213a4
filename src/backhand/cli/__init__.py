"""The ``backhand`` command: one file a subcommand here, its work elsewhere.

Exit codes: 0 done, 2 bad usage or input, 130 interrupted. With ``--json`` each subcommand prints one JSON object as
its last line of standard output, also when it fails: ``{"error": ...}``.
"""

import json
import sys

import typer

from backhand.cli.notes import notes
from backhand.cli.predict import predict
from backhand.cli.train import train
from backhand.errors import BackhandError

app = typer.Typer(
    help="Backpropagation by hand: checked, drawn, and fast.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(train)
app.command()(predict)
app.command()(notes)


def main() -> None:
    """The console script: runs the command line and turns what went wrong into a line and an exit code."""
    try:
        app()
    except BackhandError as error:
        if "--json" in sys.argv:
            print(json.dumps({"error": str(error)}, ensure_ascii=False))
        print(f"backhand: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
