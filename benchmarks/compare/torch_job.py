"""The main job in PyTorch: what ``backhand train`` does, as one would write it for this machine.

python torch_job.py ITERATIONS FOLDER

MNIST from its files, 10,000 iterations of the notes' loop (the loss of each batch after its update), both accuracies at
each epoch, the curves as a picture, the weights in a file.
"""

import gzip
import json
import os
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

FILES = Path(__file__).parents[2] / "src" / "backhand" / "data" / "mnist_files"


def load(name: str, header: int) -> torch.Tensor:
    with gzip.open(next(FILES.glob(f"{name}*"))) as file:
        return torch.from_numpy(np.frombuffer(file.read(), np.uint8, offset=header).copy())


def main() -> None:
    iterations, folder = int(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    torch.manual_seed(0)
    x_train, x_test = (load(f"{part}-images", 16).reshape(-1, 784).float() / 255 for part in ("train", "t10k"))
    t_train, t_test = (load(f"{part}-labels", 8).long() for part in ("train", "t10k"))
    network = nn.Sequential(nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))
    for layer in (network[0], network[2]):
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, fused=True)

    def accuracy(x: torch.Tensor, t: torch.Tensor) -> float:
        with torch.no_grad():
            return (network(x).argmax(dim=1) == t).float().mean().item()

    losses, rows = [], []
    for i in range(iterations):
        batch = torch.randint(len(x_train), (100,))
        x, t = x_train[batch], t_train[batch]
        optimizer.zero_grad(set_to_none=True)
        functional.cross_entropy(network(x), t).backward()
        optimizer.step()
        with torch.no_grad():
            losses.append(functional.cross_entropy(network(x), t))
        if i % 600 == 0:
            rows.append((i, accuracy(x_train, t_train), accuracy(x_test, t_test)))
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
    left.plot(torch.stack(losses).numpy())
    right.plot([row[0] for row in rows], [row[1:] for row in rows])
    figure.savefig(folder / "curves.png")
    torch.save(network.state_dict(), folder / "weights.pt")
    print(json.dumps({"test_accuracy": accuracy(x_test, t_test)}))


if __name__ == "__main__":
    main()
