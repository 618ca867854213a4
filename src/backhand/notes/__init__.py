"""The experiments of the five lecture notes: what a note says beside what backhand gets, and where a note is wrong.

One short file each, which reads like the notes. A note is named by its number:

- 000: a notebook that builds every layer, TwoLayerNet, and trains it on MNIST;
- 001: the slides of the chapter, as read by a scanner;
- 002: notes in Markdown on Relu, Sigmoid and training;
- 003: a blog post on a deep network of Neurons with the mean squared error;
- 004: a notebook on the arithmetic and the activation layers.

All five follow K. Saitoh, *Deep Learning from Scratch*, chapter 5.

>>> from backhand.notes import find
>>> row = next(find("apples").rows())
>>> row.says, row.got, row.agrees
('220.00000000000003', '220.00000000000003', True)
"""

from backhand.notes.registry import EXPERIMENTS, Experiment, find
from backhand.notes.row import Row

__all__ = ["EXPERIMENTS", "Experiment", "Row", "find"]
