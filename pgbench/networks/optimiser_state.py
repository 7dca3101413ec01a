"""What an optimiser remembers of the gradients of each replica."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class OptimiserState:
    """The state of any optimiser; what an optimiser does not use stays 0.

    Attributes:
        mean: `[S, P]`: the first moment of the gradients (Adam), or the velocity (gradient ascent).
        square: `[S, P]`: the second moment of the gradients (Adam, RMSProp).
        count: `[S]`, steps that each replica has taken, in double precision.
        pace: `[S]`, what an adaptive schedule multiplies the step size by, in double precision.
    """

    mean: Tensor
    square: Tensor
    count: Tensor
    pace: Tensor

    @classmethod
    def zeros_like(cls, parameters: Tensor) -> OptimiserState:
        """The state before the first step, for parameters `[S, P]`."""
        zeros = torch.zeros_like(parameters, requires_grad=False)
        count = torch.zeros(len(parameters), dtype=torch.float64)
        return cls(zeros, zeros.clone(), count, torch.ones_like(count))
