"""Data for training: MNIST, which comes with backhand; Fashion-MNIST; your own files; and the IDX format.

>>> from backhand.data import load_dataset
>>> data = load_dataset("mnist")
>>> data.x_train.shape, len(data.classes)
((60000, 1, 28, 28), 10)
"""

from backhand.data.batches import one_hot, take
from backhand.data.cache import cache_folder
from backhand.data.datasets import Dataset, load_dataset
from backhand.data.idx import read_idx, write_idx
from backhand.data.mnist import load_mnist

__all__ = ["Dataset", "cache_folder", "load_dataset", "load_mnist", "one_hot", "read_idx", "take", "write_idx"]
