"""The parameters of one network, and the steps that move them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pgbench.networks.optimiser_state import OptimiserState
from pgbench.networks.rows import row_norms


@dataclass
class Parameters:
    """Parameters `[S, P]` of one network and the optimiser's state for them.

    Attributes:
        values: `[S, P]`.
        state: the optimiser's state.
        relative_rate: their step size as a multiple of the optimiser's.
    """

    values: Tensor
    state: OptimiserState
    relative_rate: float = 1.0

    @classmethod
    def start(cls, initial: Tensor) -> Parameters:
        """Before the first update; a copy of the initial values is stepped."""
        return cls(initial.detach().clone().requires_grad_(), OptimiserState.zeros_like(initial))

    def tensors(self) -> dict[str, Tensor]:
        """All that the next step depends on, by name; they share their memory with this."""
        return {"values": self.values.detach(), **vars(self.state)}

    def pop_gradient(self) -> Tensor:
        """The accumulated gradient `[S, P]`, zeros if there is none, which is then forgotten."""
        gradient = self.values.grad
        self.values.grad = None
        return torch.zeros_like(self.values, requires_grad=False) if gradient is None else gradient

    def add_to_gradient(self, correction: Tensor) -> None:
        """Add `[S, P]` to the gradient that backward passes have accumulated."""
        self.values.grad = self.pop_gradient() + correction


Move = Callable[[Parameters, Tensor, Tensor, Tensor | None], None]
"""How an optimiser steps some parameters: they, their gradient `[S, P]`, the step size `[S]`, and what the gradient
is multiplied by first, `[S]`; None: by 1."""


def take_step(
    parts: Sequence[Parameters], move: Move, learning_rate: Tensor, max_gradient_norm: float | None
) -> Tensor:
    """Step each part down its accumulated gradient, and forget the gradient.

    Args:
        parts: whose gradients make up one gradient a replica.
        move: the optimiser's step.
        learning_rate: `[S]`, in double precision; of parts with another relative rate, a multiple of it.
        max_gradient_norm: longer gradients are shortened to it, each replica's by itself; None: never.

    Returns:
        `[S]`, the gradient's norm before it was shortened.
    """
    gradients = [part.pop_gradient() for part in parts]
    norms = row_norms(gradients)
    scale = None if max_gradient_norm is None else (max_gradient_norm / (norms + 1e-6)).clamp_(max=1.0)
    for part, gradient in zip(parts, gradients, strict=True):
        move(part, gradient, part.relative_rate * learning_rate, scale)
    return norms
