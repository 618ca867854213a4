"""TwoLayerNet trained on MNIST, 10,000 steps: the tables of notes 000 and 002."""

from collections.abc import Iterator

import numpy as np

from backhand.data import load_mnist
from backhand.nn import TwoLayerNet
from backhand.notes.row import Row, near

# The notes set no seed, so two runs agree as far as two seeds do: 0.01 from the first epoch on. Row 0, after one step,
# is chance: anything near 0.1.
TOLERANCE = 0.01
CHANCE = 0.1

TABLE_000 = """\
0 0.07731666666666667 0.0772
600 0.89905 0.9037
1200 0.9222166666666667 0.9264
1800 0.9370833333333334 0.9375
2400 0.9438333333333333 0.9439
3000 0.9515666666666667 0.9498
3600 0.9575333333333333 0.9547
4200 0.9610833333333333 0.9574
4800 0.9644666666666667 0.9587
5400 0.9662833333333334 0.9617
6000 0.9678333333333333 0.9623
6600 0.96915 0.9636
7200 0.9727 0.9677
7800 0.9747666666666667 0.9669
8400 0.97585 0.9668
9000 0.9770666666666666 0.9707
9600 0.9778 0.9669
""".splitlines()

# 002 prints its first two rows, three dots, and its last two.
TABLE_002 = {
    0: "train_acc:0.09818333333333333 test_acc:0.0972",
    600: "train_acc:0.90195 test_acc:0.9038",
    9000: "train_acc:0.9774 test_acc:0.9687",
    9600: "train_acc:0.9784333333333334 test_acc:0.9706",
}


def mnist() -> Iterator[Row]:
    """Iteration, training accuracy and test accuracy once an epoch, from seed 0, in float32."""
    table = train()
    for i, says in zip(table, TABLE_000, strict=True):
        yield near("000", "iteration, train, test", says, i, *table[i], tolerance=TOLERANCE if i else CHANCE)
    for i, says in TABLE_002.items():
        yield near("002", f"iteration {i}: train, test", says, *table[i], tolerance=TOLERANCE if i else CHANCE)


def train() -> dict[int, tuple[float, float]]:
    """The notes' recipe; gives (train accuracy, test accuracy) by iteration."""
    rng = np.random.default_rng(0)
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=True, one_hot_label=True)
    network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10, rng=rng, dtype=np.float32)

    iters_num = 10000
    train_size = x_train.shape[0]
    batch_size = 100
    learning_rate = 0.1
    iter_per_epoch = train_size // batch_size

    table = {}
    for i in range(iters_num):
        batch_mask = rng.choice(train_size, batch_size)
        grad = network.gradient(x_train[batch_mask], t_train[batch_mask])
        for key in ("W1", "b1", "W2", "b2"):
            network.params[key] -= learning_rate * grad[key]
        if i % iter_per_epoch == 0:
            table[i] = network.accuracy(x_train, t_train), network.accuracy(x_test, t_test)
    return table
