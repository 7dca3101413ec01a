"""Gradient ascent and RMSProp with one row for each replica, as `adam.py` is; the tests hold both equal to torch.

Each goes once over memory. Gradients are those of a loss, so that steps go against them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pgbench.base.compiled import compiled
from pgbench.networks.optimiser_state import OptimiserState


def ascent_step(
    parameters: Tensor,
    gradient: Tensor,
    state: OptimiserState,
    learning_rate: Tensor,
    momentum: float,
    active: Tensor,
    scale: Tensor | None = None,
) -> None:
    """Step by a velocity in place: v ← μ v + g, θ ← θ − α v (Polyak 1964); with μ = 0 the plain gradient step.

    Args:
        parameters: `[S, P]`, θ; changed in place.
        gradient: `[S, P]`, g.
        state: the velocity v and step counts; changed in place.
        learning_rate: `[S]`, α, in double precision.
        momentum: μ, in [0, 1).
        active: `[S]`, boolean; other replicas keep every bit.
        scale: `[S]`, in the precision of the gradient; each gradient is first multiplied by it. None: by 1.
    """
    scale = gradient.new_ones(len(gradient)) if scale is None else scale
    _ascent_step(
        parameters.detach().numpy(),
        gradient.numpy(),
        state.mean.numpy(),
        state.count.numpy(),
        learning_rate.numpy(),
        active.numpy(),
        scale.numpy(),
        momentum,
    )


@compiled
def _ascent_step(
    parameters: NDArray[np.floating[Any]],
    gradient: NDArray[np.floating[Any]],
    velocity: NDArray[np.floating[Any]],
    count: NDArray[np.float64],
    learning_rate: NDArray[np.float64],
    active: NDArray[np.bool_],
    scale: NDArray[np.floating[Any]],
    momentum: float,
) -> None:
    real = parameters.dtype.type
    keep = real(momentum)
    for replica in range(len(parameters)):
        if active[replica]:
            count[replica] += 1.0
            rate = real(learning_rate[replica])
            for i in range(parameters.shape[1]):
                v = keep * velocity[replica, i] + scale[replica] * gradient[replica, i]
                parameters[replica, i] -= rate * v
                velocity[replica, i] = v


def rmsprop_step(
    parameters: Tensor,
    gradient: Tensor,
    state: OptimiserState,
    learning_rate: Tensor,
    smoothing: float,
    epsilon: float,
    under_root: bool,
    active: Tensor,
    scale: Tensor | None = None,
) -> None:
    """Step in place, from v = 0: v ← ρ v + (1 − ρ) g², θ ← θ − α g / √(v + ε) (Mnih et al. 2016, section 4).

    Args:
        parameters: `[S, P]`, θ; changed in place.
        gradient: `[S, P]`, g.
        state: the mean square v and step counts; changed in place.
        learning_rate: `[S]`, α, in double precision.
        smoothing: ρ, in [0, 1).
        epsilon: ε.
        under_root: whether the denominator is √(v + ε) or √v + ε, as in torch.
        active: `[S]`, boolean; other replicas keep every bit.
        scale: `[S]`, in the precision of the gradient; each gradient is first multiplied by it. None: by 1.
    """
    scale = gradient.new_ones(len(gradient)) if scale is None else scale
    _rmsprop_step(
        parameters.detach().numpy(),
        gradient.numpy(),
        state.square.numpy(),
        state.count.numpy(),
        learning_rate.numpy(),
        active.numpy(),
        scale.numpy(),
        smoothing,
        epsilon if under_root else 0.0,
        0.0 if under_root else epsilon,
    )


@compiled
def _rmsprop_step(
    parameters: NDArray[np.floating[Any]],
    gradient: NDArray[np.floating[Any]],
    square: NDArray[np.floating[Any]],
    count: NDArray[np.float64],
    learning_rate: NDArray[np.float64],
    active: NDArray[np.bool_],
    scale: NDArray[np.floating[Any]],
    smoothing: float,
    under_root: float,
    beside_root: float,
) -> None:
    real = parameters.dtype.type
    keep, take = real(smoothing), real(1.0 - smoothing)
    under, beside = real(under_root), real(beside_root)
    for replica in range(len(parameters)):
        if active[replica]:
            count[replica] += 1.0
            rate = real(learning_rate[replica])
            for i in range(parameters.shape[1]):
                g = scale[replica] * gradient[replica, i]
                v = keep * square[replica, i] + take * g * g
                parameters[replica, i] -= rate * g / (np.sqrt(v + under) + beside)
                square[replica, i] = v
