"""Code for a NumPy before 1.24."""

import numpy as np


class OldRelu:
    def forward(self, x):
        self.mask = (x > 0).astype(np.int)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class OldIdentity:
    def forward(self, x):
        return x * 1.0

    def backward(self, dout):
        return dout * 1.0
