"""scikit-learn's MLPClassifier: the same network and optimizer; its own first weights and order of samples."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import sklearn
from numpy_side import Run
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from workloads import Workload


def versions() -> dict[str, str]:
    return {"scikit-learn": sklearn.__version__}


def classifier(workload: Workload, threads: int) -> Run:
    """One epoch of ``fit`` over as many samples as the steps take, going on from where it was."""
    if workload.is_dnn:
        raise ValueError("has no such network")
    warnings.simplefilter("ignore", ConvergenceWarning)
    adam = workload.optimizer == "Adam"
    model = MLPClassifier(
        workload.sizes[1:-1], solver="adam" if adam else "sgd", alpha=0.0, batch_size=workload.batch, epsilon=1e-7,
        learning_rate_init=workload.lr, momentum=0.0, nesterovs_momentum=False, max_iter=1, warm_start=True,
        random_state=0,
    )  # fmt: skip
    x, labels = workload.x, workload.labels

    def train(order: Any) -> Any:
        count = len(order) * workload.batch
        if count > len(x):
            raise ValueError("more steps than an epoch has")
        rows = np.r_[:count]
        rows[:10] = np.unique(labels, return_index=True)[1]  # every class, or fit complains
        model.fit(x[:count] if len(np.unique(labels[:count])) == 10 else x[rows], labels[:count])
        return np.nan  # another order: its loss can't be compared

    return train


CONTENDERS = {"MLPClassifier": classifier}
