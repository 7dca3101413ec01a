"""Adam with a row for each replica.

`torch.optim.Adam` keeps one step count and one step size for a whole tensor. Replicas of a block stop, end and
decay their step size each on its own, so here both are vectors; the tests hold the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench.base.compiled import compiled


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
    scale: Tensor | None = None,
) -> None:
    """θ ← θ − α m̂ / (√v̂ + ε), in place (Kingma and Ba 2015, algorithm 1); inactive rows keep every bit.

    Args:
        parameters: `[S, P]`.
        gradient: `[S, P]`.
        state: moments and step counts, updated in place.
        learning_rate: `[S]`, α, in double precision.
        epsilon: ε.
        active: `[S]`, boolean.
        betas: decay of the two moments.
        scale: `[S]`, in the gradient's precision: what each gradient is multiplied by first; none: 1.
    """
    scale = gradient.new_ones(len(gradient)) if scale is None else scale
    _adam_step(
        parameters.detach().numpy(),
        gradient.numpy(),
        state.mean.numpy(),
        state.square.numpy(),
        state.count.numpy(),
        learning_rate.numpy(),
        active.numpy(),
        scale.numpy(),
        epsilon,
        *betas,
    )


@compiled
def _adam_step(
    parameters: NDArray[np.floating[Any]],
    gradient: NDArray[np.floating[Any]],
    mean: NDArray[np.floating[Any]],
    square: NDArray[np.floating[Any]],
    count: NDArray[np.float64],
    learning_rate: NDArray[np.float64],
    active: NDArray[np.bool_],
    scale: NDArray[np.floating[Any]],
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
                g = scale[replica] * gradient[replica, i]
                m = keep_first * mean[replica, i] + take_first * g
                v = keep_second * square[replica, i] + take_second * g * g
                parameters[replica, i] -= rate * m / (correction * np.sqrt(v) + least)
                mean[replica, i], square[replica, i] = m, v
