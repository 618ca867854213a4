"""Code that takes no upstream gradient gives a local derivative; multiplied with dout it is a gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backhand.checking.subject import Array

__all__ = ["times_dout"]


def times_dout(local: Array, outputs: Sequence[Array], douts: Sequence[Array], shape: tuple[int, ...]) -> Array:
    """dL/dx from a local derivative, by its shape.

    A loss's gradient is scaled; a derivative entry by entry (f'(x), in x's shape) is multiplied; a loss for each sample
    scales its row; a Jacobian, of the whole or of each row, is multiplied as a matrix. Anything else stays as it is.
    """
    out, dout = outputs[0], np.asarray(douts[0])
    if out.size == 1:
        return np.asarray(local * dout.reshape(()))
    if local.shape == out.shape == shape or local.shape == ():
        return np.asarray(local * dout)
    if local.shape == shape and out.shape == shape[: out.ndim]:
        return np.asarray(local * dout.reshape(out.shape + (1,) * (len(shape) - out.ndim)))
    if local.shape == (*out.shape, *shape):
        return np.asarray(np.tensordot(dout, local, axes=out.ndim))
    if local.shape == (*shape, *out.shape):
        return np.asarray(np.tensordot(local, dout, axes=out.ndim))
    if out.ndim == 2 and local.ndim == 3 and local.shape == (*out.shape, shape[-1]):
        return np.asarray(np.einsum("ni,nij->nj", dout, local))
    return local
