"""A block's networks, their parameters and their optimisers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pgbench import specs
from pgbench.environments import Box, Discrete
from pgbench.functional.adam import AdamState, adam_step
from pgbench.policies import Distribution, Perceptron, Policy, Role, value_network
from pgbench.streams import stream

CHUNK = 512
"""Transitions of a replica that pass through a network at once. Batches are padded to a multiple of it, since the
rounding of a matrix product may depend on its shape, and a replica's numbers must not depend on the block's."""


def chunks(count: int) -> Iterator[slice]:
    """Slices that cover `count` transitions, a multiple of `CHUNK`."""
    return (slice(first, first + CHUNK) for first in range(0, count, CHUNK))


@dataclass
class Parameters:
    """Parameters `[S, P]` of one network and the optimiser's state for them."""

    values: Tensor
    adam: AdamState

    @classmethod
    def start(cls, initial: Tensor) -> Parameters:
        """Before the first update."""
        return cls(initial.requires_grad_(), AdamState.zeros_like(initial))


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
        learning_rate: `[S]`.
        epsilon: of Adam.
        max_gradient_norm: longer gradients are shortened to it, each replica's by itself; None: never.
        active: `[S]`, boolean; other replicas keep every bit.

    Returns:
        `[S]`, the gradient's norm before it was shortened.
    """
    gradients = [part.values.grad for part in parts if part.values.grad is not None]
    norms = torch.stack([gradient.square().sum(1) for gradient in gradients]).sum(0).sqrt()
    for part, gradient in zip(parts, gradients, strict=True):
        if max_gradient_norm is not None:
            gradient.mul_((max_gradient_norm / (norms + 1e-6)).clamp(max=1.0).unsqueeze(-1))
        adam_step(part.values, gradient, part.adam, learning_rate, epsilon, active)
        part.values.grad = None
    return norms


class Learner:
    """Actor and, where the algorithm learns a value, critic of a block of replicas.

    Args:
        algorithm: the specification.
        observation_size: components of an observation.
        actions: the action space.
        seeds: one for each replica.
        has_critic: whether a value is learned.
    """

    def __init__(
        self,
        algorithm: specs.Algorithm,
        observation_size: int,
        actions: Discrete | Box,
        seeds: Sequence[int],
        has_critic: bool,
    ) -> None:
        networks = algorithm.networks
        self.policy = Policy.build(observation_size, actions, networks)
        self.actor = _initial(self.policy.network, networks.initialisation, "policy", seeds)
        self.value_network = value_network(observation_size, networks)
        self.critic = (
            _initial(self.value_network, networks.initialisation, "value", seeds) if has_critic else None
        )

    @property
    def parts(self) -> list[Parameters]:
        """The actor's parameters and, if there is a critic, the critic's."""
        return [self.actor] if self.critic is None else [self.actor, self.critic]

    def act(self) -> Callable[[Tensor, Tensor], Tensor]:
        """The present policy as a function from observations `[S, E, O]` and noise to actions."""
        views = self.policy.network.views(self.actor.values.detach())
        policy = self.policy

        @torch.no_grad()
        def act(observations: Tensor, noise: Tensor) -> Tensor:
            return policy.distribution(views, observations).sample(noise)

        return act

    def distribution(self, observations: Tensor) -> Distribution:
        """π(·|s) for observations `[S, N, O]`."""
        return self.policy.distribution(self.policy.network.views(self.actor.values), observations)

    def values(self, observations: Tensor) -> Tensor:
        """V(s) `[S, N]` for observations `[S, N, O]`; zeros without a critic."""
        if self.critic is None:
            return observations.new_zeros(observations.shape[:2])
        views = self.value_network.views(self.critic.values)
        return self.value_network.forward(views, observations).squeeze(-1)

    @torch.no_grad()
    def values_in_chunks(self, observations: Tensor) -> Tensor:
        """`values` without gradients, for N a multiple of `CHUNK`."""
        return torch.cat([self.values(observations[:, part]) for part in chunks(observations.shape[1])], 1)

    @torch.no_grad()
    def distributions_in_chunks(self, observations: Tensor) -> list[Distribution]:
        """`distribution` of the present parameters, one for each chunk of N; later updates do not change it."""
        views = self.policy.network.views(self.actor.values.detach().clone())
        return [
            self.policy.distribution(views, observations[:, part]) for part in chunks(observations.shape[1])
        ]

    def diverged(self) -> Tensor:
        """`[S]`, boolean: replicas with a parameter that is not a finite number."""
        return ~torch.stack([part.values.detach().isfinite().all(1) for part in self.parts]).all(0)


def _initial(
    network: Perceptron, method: specs.Initialisation, role: Role, seeds: Sequence[int]
) -> Parameters:
    """Parameters drawn from each seed's own stream; actor and critic have streams of their own."""
    generators = [stream(seed, "initialisation", ("policy", "value").index(role)) for seed in seeds]
    return Parameters.start(network.initialise(generators, method, role))
