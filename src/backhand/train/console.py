"""How training looks on a terminal (a bar that moves) and in a file or pipe (plain lines)."""

import shlex
import sys
from pathlib import Path
from time import monotonic
from typing import IO, Any

from backhand.train.history import Evaluation
from backhand.train.progress import Progress
from backhand.train.run import Result

_BETWEEN_FRAMES = 0.1
_HEAD = f"{'iteration':>9}  {'train':>7}  {'test':>7}"


class Lines(Progress):
    """The notes' table as plain lines."""

    def __init__(self, stream: IO[str]) -> None:
        self.stream = stream

    def note(self, text: str) -> None:
        """A line of its own."""
        self.line(f"note: {text}")

    def started(self, run: Path, done: int, iterations: int) -> None:
        """Where the run lies, and the table's head."""
        self.line(f"{run}: iterations {done} to {iterations}")
        self.line(_HEAD)

    def evaluated(self, evaluation: Evaluation) -> None:
        """A row of the table."""
        self.line(f"{evaluation.iteration:>9}  {evaluation.train_accuracy:7.4f}  {evaluation.test_accuracy:7.4f}")

    def line(self, text: str) -> None:
        """Write a line, at once."""
        print(text, file=self.stream, flush=True)


class Bar(Lines):
    """The same table, with a bar below it."""

    def __init__(self, stream: IO[str]) -> None:
        super().__init__(stream)
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress as RichProgress,
            TextColumn,
            TimeRemainingColumn,
        )

        # Frames are drawn by `advanced`: rich's own thread would take time from the training.
        self._console = Console(file=stream, highlight=False)
        self._bar = RichProgress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[loss]}"),
            TimeRemainingColumn(compact=True),
            console=self._console,
            auto_refresh=False,
            transient=True,
        )
        self._task: Any = None
        self._drawn = 0.0

    def started(self, run: Path, done: int, iterations: int) -> None:
        """The head of the table, and the bar."""
        super().started(run, done, iterations)
        self._task = self._bar.add_task("", total=iterations, completed=done, loss="")
        self._bar.start()

    def advanced(self, done: int, loss: float) -> None:
        """Move the bar, ten times a second at most."""
        if monotonic() - self._drawn >= _BETWEEN_FRAMES:
            self._bar.update(self._task, completed=done, loss=f"loss {loss:.4f}", refresh=True)
            self._drawn = monotonic()

    def stopped(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def line(self, text: str) -> None:
        """Above the bar."""
        self._console.print(text, markup=False, soft_wrap=True)


def progress_on(stream: IO[str]) -> Progress:
    """A bar on a terminal, plain lines elsewhere."""
    return Bar(stream) if stream.isatty() else Lines(stream)


def show_result(result: Result, stream: IO[str], network: str | None) -> None:
    """The last lines: how good it is, how long it took, where the report lies, how to go on."""
    print(
        f"test accuracy {result.test_accuracy:.4f}, train accuracy {result.train_accuracy:.4f}, "
        f"last loss {result.final_loss:.4f}\n"
        f"{result.iterations} iterations in {result.seconds:.1f} s, "
        f"{result.microseconds_per_iteration:.0f} us each in the training loop\n"
        f"report: {result.report}",
        file=stream,
    )
    if result.interrupted:
        again = f"backhand train --resume {shlex.quote(str(result.run))}"
        again += f" --network {shlex.quote(network)}" if network else ""
        print(f"interrupted, and all is kept; to go on: {again}", file=stream)


def streams(as_json: bool) -> IO[str]:
    """Where people read: standard output, unless that is to hold one JSON object alone."""
    return sys.stderr if as_json else sys.stdout
