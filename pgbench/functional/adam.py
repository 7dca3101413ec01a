"""Adam with a row for each replica.

`torch.optim.Adam` keeps one step count and one step size for a whole tensor. Replicas of a block stop, end and
decay their step size each on its own, so here both are vectors; the tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench.compiled import compiled


@dataclass
class AdamState:
    """Moments `[S, P]` and step counts `[S]`."""

    mean: Tensor
    square: Tensor
    count: Tensor

    @classmethod
    def zeros_like(cls, parameters: Tensor) -> AdamState:
        """The state before the first step of parameters `[S, P]`."""
        zeros = torch.zeros_like(parameters, requires_grad=False)
        return cls(zeros, zeros.clone(), torch.zeros(len(parameters), dtype=torch.float64))


def adam_step(
    parameters: Tensor,
    gradient: Tensor,
    state: AdamState,
    learning_rate: Tensor,
    epsilon: float,
    active: Tensor,
    betas: tuple[float, float] = (0.9, 0.999),
) -> None:
    """θ ← θ − α m̂ / (√v̂ + ε), in place (Kingma and Ba 2015, algorithm 1); inactive rows keep every bit.

    Args:
        parameters: `[S, P]`.
        gradient: `[S, P]`.
        state: moments and step counts, updated in place.
        learning_rate: `[S]`, α.
        epsilon: ε.
        active: `[S]`, boolean.
        betas: decay of the two moments.
    """
    tensors = parameters, gradient, state.mean, state.square, state.count, learning_rate.double(), active
    _adam_step(*(tensor.detach().numpy() for tensor in tensors), epsilon, *betas)


@compiled
def _adam_step(
    parameters: NDArray[np.floating[Any]],
    gradient: NDArray[np.floating[Any]],
    mean: NDArray[np.floating[Any]],
    square: NDArray[np.floating[Any]],
    count: NDArray[np.float64],
    learning_rate: NDArray[np.float64],
    active: NDArray[np.bool_],
    epsilon: float,
    first: float,
    second: float,
) -> None:
    """One pass over memory instead of a dozen: most of an update's time would go there."""
    real = parameters.dtype.type
    keep_first, take_first = real(first), real(1.0 - first)
    keep_second, take_second, least = real(second), real(1.0 - second), real(epsilon)
    for replica in range(len(parameters)):
        if active[replica]:
            count[replica] += 1.0
            rate = real(learning_rate[replica] / (1.0 - first ** count[replica]))
            correction = real(1.0 / np.sqrt(1.0 - second ** count[replica]))
            for i in range(parameters.shape[1]):
                g = gradient[replica, i]
                m = keep_first * mean[replica, i] + take_first * g
                v = keep_second * square[replica, i] + take_second * g * g
                parameters[replica, i] -= rate * m / (correction * np.sqrt(v) + least)
                mean[replica, i], square[replica, i] = m, v


def row_norms(gradients: Sequence[Tensor]) -> Tensor:
    """Euclidean norms `[S]` of the vectors whose parts `[S, P]` are the rows of several tensors."""
    squares = sum(_squared_norms(gradient.detach().numpy()) for gradient in gradients)
    return torch.from_numpy(np.sqrt(squares))


@partial(compiled, reordered=True)
def _squared_norms(rows: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    norms = np.zeros(len(rows), rows.dtype)
    for replica in range(len(rows)):
        for i in range(rows.shape[1]):
            norms[replica] += rows[replica, i] * rows[replica, i]
    return norms
