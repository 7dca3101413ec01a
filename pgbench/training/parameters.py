"""The parameters of one network, and the steps that move them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pgbench.networks.adam import AdamState, adam_step
from pgbench.networks.rows import row_norms


@dataclass
class Parameters:
    """Parameters `[S, P]` of one network and the optimiser's state for them.

    Attributes:
        values: `[S, P]`.
        adam: the optimiser's state.
        relative_rate: their step size as a multiple of the optimiser's.
    """

    values: Tensor
    adam: AdamState
    relative_rate: float = 1.0

    @classmethod
    def start(cls, initial: Tensor) -> Parameters:
        """Before the first update; a copy of the initial values is stepped."""
        return cls(initial.detach().clone().requires_grad_(), AdamState.zeros_like(initial))

    def tensors(self) -> dict[str, Tensor]:
        """All that the next step depends on, by name; they share their memory with this."""
        adam = {"mean": self.adam.mean, "square": self.adam.square, "count": self.adam.count}
        return {"values": self.values.detach(), **adam}

    def pop_gradient(self) -> Tensor:
        """The accumulated gradient `[S, P]`, zeros if there is none, which is then forgotten."""
        gradient = self.values.grad
        self.values.grad = None
        return torch.zeros_like(self.values, requires_grad=False) if gradient is None else gradient

    def add_to_gradient(self, correction: Tensor) -> None:
        """Add `[S, P]` to the gradient that backward passes have accumulated."""
        self.values.grad = self.pop_gradient() + correction


def take_step(
    parts: Sequence[Parameters],
    learning_rate: Tensor,
    epsilon: float,
    max_gradient_norm: float | None,
    active: Tensor,
) -> Tensor:
    """Step each part down its accumulated gradient with Adam, and forget the gradient.

    Args:
        parts: whose gradients make up one gradient a replica.
        learning_rate: `[S]`, in double precision; of parts with another relative rate, a multiple of it.
        epsilon: of Adam.
        max_gradient_norm: longer gradients are shortened to it, each replica's by itself; None: never.
        active: `[S]`, boolean; other replicas keep every bit.

    Returns:
        `[S]`, the gradient's norm before it was shortened.
    """
    gradients = [part.pop_gradient() for part in parts]
    norms = row_norms(gradients)
    scale = None if max_gradient_norm is None else (max_gradient_norm / (norms + 1e-6)).clamp_(max=1.0)
    for part, gradient in zip(parts, gradients, strict=True):
        rate = part.relative_rate * learning_rate
        adam_step(part.values, gradient, part.adam, rate, epsilon, active, scale=scale)
    return norms
