"""Adam with one row for each replica.

`torch.optim.Adam` keeps one step count and one step size for a whole tensor. The replicas of a block stop at
different times and decay their step sizes separately, therefore both are vectors here. The tests hold both equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pgbench.base.compiled import compiled
from pgbench.networks.optimiser_state import OptimiserState


def adam_step(
    parameters: Tensor,
    gradient: Tensor,
    state: OptimiserState,
    learning_rate: Tensor,
    epsilon: float,
    active: Tensor,
    betas: tuple[float, float] = (0.9, 0.999),
    scale: Tensor | None = None,
) -> None:
    """θ ← θ − α m̂ / (√v̂ + ε), in place (Kingma and Ba 2015, algorithm 1).

    Args:
        parameters: `[S, P]`, θ; changed in place.
        gradient: `[S, P]`.
        state: moments and step counts; changed in place.
        learning_rate: `[S]`, α, in double precision.
        epsilon: ε.
        active: `[S]`, boolean; other replicas keep every bit.
        betas: the decay of each moment.
        scale: `[S]`, in the precision of the gradient; each gradient is first multiplied by it. None: by 1.
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
    """`adam_step` in one pass over memory. Operations of torch need a dozen, most of the time of an update."""
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
