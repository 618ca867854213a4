"""A small Variable and Function of the kind that frameworks are taught with."""

import numpy as np


class Variable:
    def __init__(self, data):
        if not isinstance(data, np.ndarray):
            raise TypeError(f"{type(data)} is not supported")
        self.data = data
        self.grad = None
        self.creator = None

    def set_creator(self, function):
        self.creator = function

    def backward(self):
        self.grad = np.ones_like(self.data)
        functions = [self.creator]
        while functions:
            f = functions.pop()
            gxs = f.backward(f.output.grad)
            for x, gx in zip(f.inputs, gxs if isinstance(gxs, tuple) else (gxs,), strict=True):
                x.grad = gx
                if x.creator is not None:
                    functions.append(x.creator)


class Function:
    def __call__(self, *inputs):
        y = self.forward(*[x.data for x in inputs])
        output = Variable(np.asarray(y))
        output.set_creator(self)
        self.inputs = inputs
        self.output = output
        return output

    def forward(self, x):
        raise NotImplementedError()

    def backward(self, gy):
        raise NotImplementedError()
