"""compute / gradient operators of a course; gradient sees the upstream gradient and the node."""

import numpy as np


class Node:
    def __init__(self, op, inputs, value):
        self.op = op
        self.inputs = inputs
        self.value = value


class Op:
    def compute(self, *args):
        raise NotImplementedError

    def gradient(self, out_grad, node):
        raise NotImplementedError


class EWiseMul(Op):
    def compute(self, a, b):
        return a * b

    def gradient(self, out_grad, node):
        lhs, rhs = node.inputs
        return out_grad * rhs, out_grad * lhs


class PowerScalar(Op):
    def __init__(self, scalar: int):
        self.scalar = scalar

    def compute(self, a):
        return np.power(a, self.scalar)

    def gradient(self, out_grad, node):
        a = node.inputs[0]
        return out_grad * self.scalar * a ** (self.scalar - 1)


class EWiseDiv(Op):
    """A bug: the sign of the second one."""

    def compute(self, a, b):
        return a / b

    def gradient(self, out_grad, node):
        lhs, rhs = node.inputs
        return out_grad / rhs, out_grad * lhs / rhs**2


class Transpose(Op):
    def __init__(self, axes=None):
        self.axes = axes

    def compute(self, a):
        return np.swapaxes(a, *(self.axes or (-1, -2)))

    def gradient(self, out_grad, node):
        return np.swapaxes(out_grad, *(self.axes or (-1, -2)))


class LogSumExp(Op):
    def __init__(self, axes=None):
        self.axes = axes

    def compute(self, Z):
        top = Z.max(axis=self.axes, keepdims=True)
        return np.log(np.exp(Z - top).sum(axis=self.axes)) + top.squeeze()

    def gradient(self, out_grad, node):
        Z = node.inputs[0]
        e = np.exp(Z - Z.max(axis=self.axes, keepdims=True))
        total = e.sum(axis=self.axes, keepdims=True)
        return np.reshape(out_grad, total.shape) * e / total
