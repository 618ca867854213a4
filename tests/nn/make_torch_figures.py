"""Writes torch_figures.json: what PyTorch's optimizers make of known parameters and gradients.

Run by hand with ``pip install torch==2.13.0``; the tests read the file alone, so PyTorch is no dependency.
"""

import json
from pathlib import Path

import numpy as np
import torch

STEPS = 7
OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1),
    "Momentum": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    "Nesterov": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "AdaGrad": lambda p: torch.optim.Adagrad(p, lr=0.1, eps=1e-7),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.1, alpha=0.99, eps=1e-7),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.1, betas=(0.9, 0.999), eps=1e-8),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.1, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.3),
}

rng = np.random.default_rng(20260101)
start = rng.standard_normal((2, 3))
gradients = rng.standard_normal((STEPS, 2, 3))
figures = {"torch": torch.__version__, "start": start.tolist(), "gradients": gradients.tolist(), "after": {}}
for name, build in OPTIMIZERS.items():
    w = torch.tensor(start.copy(), dtype=torch.float64, requires_grad=True)
    optimizer = build([w])
    for gradient in gradients:
        w.grad = torch.tensor(gradient)
        optimizer.step()
    figures["after"][name] = w.detach().numpy().tolist()

Path(__file__).with_name("torch_figures.json").write_text(json.dumps(figures, indent=1) + "\n")
