"""Norms and finiteness of each replica's row of parameters or gradients, in one pass over memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench.base.compiled import compiled


def row_norms(gradients: Sequence[Tensor]) -> Tensor:
    """Euclidean norms `[S]` of vectors whose parts are the rows of several tensors `[S, P]`."""
    norms = torch.from_numpy(np.sqrt(sum(_squared_norms(gradient.numpy()) for gradient in gradients)))
    if norms.isfinite().all():
        return norms
    # The squares of numbers above 1e19 overflow. A gradient over a norm of ∞ would be 0, and nothing would move.
    exact = sum(gradient.double().square().sum(1) for gradient in gradients)
    return torch.where(norms.isfinite(), norms, torch.as_tensor(exact).sqrt().to(norms.dtype))


@partial(compiled, reordered=True)
def _squared_norms(rows: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    norms = np.empty(len(rows), rows.dtype)
    for replica in range(len(rows)):
        total = rows[replica, 0] * rows[replica, 0]
        for i in range(1, rows.shape[1]):
            total += rows[replica, i] * rows[replica, i]
        norms[replica] = total
    return norms


def finite_rows(rows: Tensor) -> Tensor:
    """Whether every number of a row is finite, `[S]`, boolean, for rows `[S, P]`."""
    return torch.from_numpy(_finite_rows(rows.detach().numpy()))


@compiled
def _finite_rows(rows: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    finite = np.ones(len(rows), np.bool_)
    for replica in range(len(rows)):
        is_finite = True
        for i in range(rows.shape[1]):
            is_finite &= np.isfinite(rows[replica, i])
        finite[replica] = is_finite
    return finite
