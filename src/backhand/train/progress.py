"""What training tells while it runs. The base class keeps silent; the command line's classes draw and print."""

from pathlib import Path

from backhand.train.history import Evaluation


class Progress:
    """Called by the training loop; override what you want to hear."""

    def note(self, text: str) -> None:
        """Something that the user should know, in one line."""

    def started(self, run: Path, done: int, iterations: int) -> None:
        """Training begins: `done` of `iterations` are done already when it is resumed."""

    def advanced(self, done: int, loss: float) -> None:
        """An iteration is done. Called after each: return fast."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """An epoch has begun, and both accuracies are known: a row of the notes' table."""

    def stopped(self) -> None:
        """The loop has ended: all iterations are done, Ctrl-C was pressed, or an error is on its way."""
