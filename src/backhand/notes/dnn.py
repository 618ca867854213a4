"""The DNN of note 003: seven neurons in a row and the 100 losses that the note prints."""

from collections.abc import Iterator

import numpy as np

from backhand.nn import DNN, MeanSquaredError, gradient_descent
from backhand.nn.validate import Array
from backhand.notes.row import Row, array_text, formula, near, slip

# The note sets no seed, but its losses tell its y. Every weight starts near 0, so each Sigmoid puts out about 0.5
# whatever x is, and almost no gradient gets back past the last neuron: the losses are those of two Sigmoid outputs that
# start at 0.5 and learn their bias and 32 weights on inputs of 0.5. Only the target y is left to find. It was fitted
# once, by least squares (Gauss-Newton on two numbers, from a handful of starts) to the 100 losses, from seed 0.
# Its mirror images, 1 - y and y swapped, fit nearly as well (1.8e-4 at worst): the losses can't tell them apart.
Y = np.array([-0.30606, 1.11174])
SEED = 0
TOLERANCE = 2e-4  # of each loss; reached: 1.02e-4. What remains is the random start of the note's last weights.

# The note loses the 1/n of its mean, so its step of 0.01 on n = 2 outputs is one of 0.02 on the right gradient. Its
# losses show it: with 0.01 on the right gradient the same fit, from the same starts, is 0.042 off somewhere.
ALPHA = 0.01 * 2

_PRINTED = """\
0.25462107925756766 0.2517712355982733 0.24895288775706292 0.2461664771772237 0.24341240010360718
0.2406910082614006 0.23800260966241685 0.23534746952833618 0.23272581132009612 0.23013781786250886
0.22758363255318403 0.22506336064493232 0.22257707059102344 0.22012479544294816 0.21770653429068848
0.21532225373591485 0.2129718893889972 0.21065534738122918 0.20837250588420608 0.20612321662886585
0.2039073064172843 0.2017245786209046 0.19957481465947063 0.1974577754555169 0.19537320285984094
0.19332082104393503 0.19130033785589448 0.18931144613682466 0.18735382499525874 0.18542714103755076
0.1835310495526379 0.18166519564996125 0.17982921534970017 0.1780227366248097 0.17624538039465631
0.17449676147032056 0.1727764894518813 0.17108416957821546 0.16941940353003881 0.16778179018707864
0.16617092634041522 0.1645864073611494 0.16302782782665404 0.16149478210575124 0.15998686490422173
0.1585036717721018 0.15704479957426132 0.15560984692577462 0.15419841459361328 0.1528101058661851
0.15144452689224042 0.15010128699064926 0.14877999893253188 0.1474802791971954 0.1462017482032993
0.1449440305166339 0.14370675503585553 0.14248955515748085 0.14129206892139654 0.1401139391380961
0.13895481349880487 0.13781434466961134 0.13669219037066935 0.13558801344149232 0.13450148189331
0.13343226894941204 0.13238005307435802 0.13134451799288452 0.13032535269930048 0.1293222514581155
0.12833491379660622 0.12736304448998442 0.1264063535397938 0.1254645561461224 0.12453737267418508
0.12362452861579422 0.12272575454620444 0.12184078607678706 0.12096936380395937 0.12011123325476622
0.11926614482948392 0.11843385374159232 0.11761411995543616 0.11680670812187291 0.1160113875121862
0.11522793195051964 0.11445611974507007 0.11369573361825944 0.1129465606360879 0.11220839213685596
0.11148102365942711 0.11076425487118914 0.11005788949586019 0.10936173524127069 0.10867560372724394
0.10799931041368625 0.10733267452898573 0.10667551899881286 0.10602767037540498 0.10538895876740907
"""
LOSSES_003 = _PRINTED.split()


def dnn() -> Iterator[Row]:
    """One sample, 100 steps of gradient descent."""
    for epoch, (says, loss) in enumerate(zip(LOSSES_003, losses(ALPHA, Y), strict=True)):
        yield near("003", f"Epoch {epoch}: Test loss", says, loss, tolerance=TOLERANCE)
    yield Row("003", "seconds elapsed", "0.35006213188171387", "(a clock is not compared)", None)

    h, y = np.array([1.0, 4.0]), np.array([0.0, 1.0])
    loss_obj = MeanSquaredError()
    yield formula("003", "loss for h = [1, 4], y = [0, 1]", "1/2 * mean ((h - y)^2)", loss_obj(h, y), (1 + 9) / 4)
    yield slip(
        "003",
        "its gradient",
        "return self.last_diff, which is h - y",
        array_text(loss_obj.grad()),
        "MeanSquaredError.grad drops 1/n: the gradient of 1/2 mean((h - y)^2) is (h - y)/n, "
        "so with n = 2 outputs its alpha = 0.01 acts as 0.02",
    )
    yield slip(
        "003",
        "Neuron.grad, by its comment",
        "# dy/dh = W",
        "dy/dx = W a'(h)",
        "the comments of Neuron.grad and grad_b say dy/dh; what they compute is dy/dx = W a'(h) and dy/db = a'(h)",
    )
    yield slip(
        "003",
        "the shape of Neuron.dh before backpropagation",
        "np.zeros_like(_t(self.W))",
        "(inputs,)",
        "Neuron.dh is set up with the shape of W^T, (outputs, inputs); backpropagation puts dL/dx there, (inputs,)",
    )
    sequence = DNN(hidden_depth=5, num_neuron=32, input=10, output=2).sequence
    yield slip(
        "003",
        "hidden layers for hidden_depth=5",
        "hidden_depth=5",
        str(len(sequence) - 1),
        "hidden_depth=5 builds six hidden layers: the first one is not counted",
    )


def losses(alpha: float, y: Array) -> Array:
    """The 100 losses of the note's recipe for the target y, each before its step."""
    rng = np.random.default_rng(SEED)
    network = DNN(hidden_depth=5, num_neuron=32, input=10, output=2, rng=rng)
    x = rng.standard_normal(10)
    loss_obj = MeanSquaredError()
    return np.array([gradient_descent(network, x, y, loss_obj, alpha) for _ in range(100)])
