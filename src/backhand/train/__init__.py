"""Training: a run is a folder with config, weights, history, checkpoints and report.

>>> import tempfile
>>> from backhand.train import Settings, train
>>> result = train(Settings(iterations=20, optimizer="Adam"), runs=tempfile.mkdtemp())
>>> 0 < result.test_accuracy < 1
True
"""

from backhand.train.progress import Progress
from backhand.train.run import Result, resume, train
from backhand.train.settings import Settings

__all__ = ["Progress", "Result", "Settings", "resume", "train"]
