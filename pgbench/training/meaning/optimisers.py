"""What an optimiser means: a step size, and a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import torch
from torch import Tensor

from pgbench.methods import components as c
from pgbench.training.parameters import Parameters, take_step


def learning_rate(optimiser: c.Adam, remaining: Tensor) -> Tensor:
    """The step size `[S]` where a fraction `remaining` `[S]`, float64, of the budget is left."""
    match optimiser.decay:
        case "linear":
            return optimiser.learning_rate * remaining
        case None:
            return optimiser.learning_rate * torch.ones_like(remaining)
        case other:
            assert_never(other)


def step(
    optimiser: c.Adam, details: c.Details, parts: Sequence[Parameters], remaining: Tensor, active: Tensor
) -> Tensor:
    """Step networks down their accumulated gradient where `active` `[S]`; the gradient's norm, `[S]`."""
    rate, norm = learning_rate(optimiser, remaining), details.max_gradient_norm
    return take_step(parts, rate, optimiser.epsilon, norm, active)
