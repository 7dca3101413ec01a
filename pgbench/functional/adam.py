"""Adam with a row for each replica.

`torch.optim.Adam` keeps one step count and one step size for a whole tensor. Replicas of a block stop, end and
decay their step size each on its own, so here both are vectors; the tests hold the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


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


@torch.no_grad()
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
    before = (
        None if active.all() else [t.clone() for t in (parameters, state.mean, state.square, state.count)]
    )
    first, second = betas
    state.count += 1
    state.mean.lerp_(gradient, 1.0 - first)
    state.square.mul_(second).addcmul_(gradient, gradient, value=1.0 - second)
    step = learning_rate / (1.0 - first**state.count)
    correction = (1.0 - second**state.count).rsqrt()
    denominator = state.square.sqrt().mul_(correction.to(gradient.dtype).unsqueeze(-1)).add_(epsilon)
    parameters.addcdiv_(state.mean * step.to(gradient.dtype).unsqueeze(-1), denominator, value=-1.0)
    if before is not None:
        for tensor, old in zip((parameters, state.mean, state.square, state.count), before, strict=True):
            tensor[~active] = old[~active]
