"""The training loop around ``Training.advance``: evaluations, checkpoints, Ctrl-C."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from time import perf_counter
from types import FrameType

from backhand.errors import NotFiniteError
from backhand.train import checkpoint, figures
from backhand.train.folder import RunFolder, writing
from backhand.train.progress import Progress
from backhand.train.training import Training

LONGEST_WITHOUT_CHECKPOINT = 30.0
"""Seconds."""

LEAST_PAUSE = 9
"""After an evaluation a checkpoint is written only if the last lies this many times its own duration back.

So checkpoints never take more than a tenth of the time, however short the epochs are.
"""


class Clock:
    """The seconds that a run has taken, over all its processes."""

    def __init__(self, before: float = 0.0) -> None:
        self._start = perf_counter() - before

    def seconds(self) -> float:
        """Since the start of the run, without the time between two processes."""
        return perf_counter() - self._start


class Saver:
    """Writes checkpoints, and beside them the weights and the history as they are."""

    def __init__(self, folder: RunFolder, training: Training, clock: Clock, progress: Progress) -> None:
        self.folder, self.training, self.clock, self.progress = folder, training, clock, progress
        self.told = False
        self.last = perf_counter()
        self.cost = 0.0

    def due(self, evaluated: bool) -> bool:
        """Whether it is time for a checkpoint."""
        passed = perf_counter() - self.last
        return passed >= LONGEST_WITHOUT_CHECKPOINT or (evaluated and passed >= LEAST_PAUSE * self.cost)

    def save(self) -> None:
        """Write it now. Raises RunError if the disk refuses."""
        from safetensors.numpy import save

        start = perf_counter()
        training = self.training
        taken = training.checkpoint(self.clock.seconds())
        with writing(self.folder.path):
            self.folder.checkpoints.mkdir(exist_ok=True)
            checkpoint.write(self.folder.checkpoints, taken)
        if taken.state.left_out and not self.told:
            left_out = ", ".join(taken.state.left_out[:5])
            self.progress.note(f"checkpoints can't keep {left_out}: a resumed run has what the code makes anew")
            self.told = True
        self.folder.write(
            self.folder.weights.name, save({str(key): value.copy() for key, value in training.network.params.items()})
        )
        self.folder.write("history.csv", training.history.as_csv())
        self.last = perf_counter()
        self.cost = self.last - start


def run(training: Training, iterations: int, saver: Saver) -> bool:
    """Train until `iterations` are done, or until Ctrl-C; gives whether it was Ctrl-C. Ends with a checkpoint.

    Raises NotFiniteError when the training diverges, and whatever the network raises.
    """
    progress = saver.progress
    loading = None
    progress.started(saver.folder.path, training.iteration, iterations)
    try:
        with interruptible() as interrupted:
            while training.iteration < iterations and not interrupted():
                before = training.iteration
                for done, loss in enumerate(training.advance(iterations - before), before + 1):
                    progress.advanced(done, loss)
                if loading is None and training.compiled and training.compiled.step.verified:
                    # What draws the report takes a while to load: beside the compiled iterations it costs nothing.
                    loading = threading.Thread(target=figures.load, daemon=True)
                    loading.start()
                if evaluated := training.at_epoch():
                    progress.evaluated(training.evaluate())
                if saver.due(evaluated):
                    saver.save()
            saver.save()
            return interrupted() and training.iteration < iterations
    except NotFiniteError as error:
        saver.folder.write("history.csv", training.history.as_csv())
        raise NotFiniteError(
            f"iteration {training.iteration}: the training has diverged: {error}. "
            f"Try a smaller learning rate (lr is {training.settings.lr:g})"
        ) from error
    finally:
        progress.stopped()


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Gives a function that tells whether Ctrl-C was pressed; pressed a second time, it raises KeyboardInterrupt."""
    pressed = False
    if threading.current_thread() is not threading.main_thread():  # signals reach the main thread only
        yield lambda: False
        return

    def handler(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: pressed
    finally:
        signal.signal(signal.SIGINT, before)
