"""A block's networks, their parameters and their optimisers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pgbench.environments import Box, Discrete
from pgbench.methods.components import Initialisation, Networks
from pgbench.networks.adam import AdamState, adam_step
from pgbench.networks.distributions import Distribution, Policy
from pgbench.networks.initialisation import Role, initial_parameters
from pgbench.networks.perceptron import Perceptron, evaluate
from pgbench.networks.rows import finite_rows, row_norms
from pgbench.training.experience import CHUNK, Act
from pgbench.training.streams import stream


def chunks(count: int, size: int = CHUNK) -> Iterator[slice]:
    """Slices that cover `count` transitions, `size` at a time."""
    return (slice(first, min(first + size, count)) for first in range(0, count, size))


@dataclass
class Parameters:
    """Parameters `[S, P]` of one network and the optimiser's state for them."""

    values: Tensor
    adam: AdamState

    @classmethod
    def start(cls, initial: Tensor) -> Parameters:
        """Before the first update."""
        return cls(initial.requires_grad_(), AdamState.zeros_like(initial))

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
        learning_rate: `[S]`, in double precision.
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
        adam_step(part.values, gradient, part.adam, learning_rate, epsilon, active, scale=scale)
    return norms


class PolicyAndValue(NamedTuple):
    """What the networks say of some observations: π(·|s), and V(s) `[S, N]`, zeros where none is learned."""

    distribution: Distribution
    values: Tensor


class Learner:
    """Actor and, where the algorithm learns a value, critic of a block of replicas.

    Args:
        networks: the specification of both.
        observation_size: components of an observation.
        actions: the action space.
        seeds: one for each replica.
        has_critic: whether a value is learned.
        of_actions: whether that is Q(s, a) instead of V(s).

    Attributes:
        actor: parameters of the policy, and of the critic where they share layers.
        critic: parameters of a critic of its own, or None.
        beta: `[S]`, weights of the KL penalty, for surrogates that have one.
    """

    def __init__(
        self,
        networks: Networks,
        observation_size: int,
        actions: Discrete | Box,
        seeds: Sequence[int],
        has_critic: bool,
        of_actions: bool = False,
    ) -> None:
        self.policy = Policy(actions)
        self.shared = networks.shared
        self.has_critic = has_critic
        self.of_actions = of_actions
        policy_head: list[tuple[Role, int]] = [("policy", self.policy.outputs)]
        # A critic of n actions has n outputs; one of real-valued actions reads them beside the observation.
        by_output = of_actions and isinstance(actions, Discrete)
        by_input = of_actions and isinstance(actions, Box)
        value_head: list[tuple[Role, int]] = [("value", self.policy.outputs if by_output else 1)]
        inside = (observation_size, *networks.hidden)
        critic_input = observation_size + (self.policy.outputs if by_input else 0)
        heads = policy_head + value_head if networks.shared else policy_head
        outputs = sum(count for _, count in heads)
        self.policy_network = Perceptron((*inside, outputs), networks.activation, self.policy.free)
        sizes = (critic_input, *networks.hidden, value_head[0][1])
        self.value_network = Perceptron(sizes, networks.activation)
        method = networks.initialisation
        self.actor = _initial(self.policy_network, method, heads, 0, seeds)
        own_critic = has_critic and not networks.shared
        self.critic = _initial(self.value_network, method, value_head, 1, seeds) if own_critic else None
        self.beta = torch.zeros(len(seeds))

    def act(self) -> Act:
        """The present policy as a function from observations `[S, E, O]` and noise to actions."""
        present = self._present()
        return lambda observations, noise: present(observations).sample(noise)

    def act_by_mode(self) -> Act:
        """The present policy without its exploration: as `act`, but the noise is not looked at."""
        present = self._present()
        return lambda observations, noise: present(observations).mode()

    @property
    def parts(self) -> list[Parameters]:
        """The actor's parameters and, if the critic has its own, the critic's."""
        return [self.actor] if self.critic is None else [self.actor, self.critic]

    def distribution(self, observations: Tensor, parameters: Tensor | None = None) -> Distribution:
        """π(·|s) for observations `[S, N, O]`, with other parameters `[S, P]` than the present ones if given."""
        parameters = self.actor.values if parameters is None else parameters
        return self.policy_of(*self.policy_network(parameters, observations))

    def policy_of(self, outputs: Tensor, free: Tensor) -> Distribution:
        """π(·|s) from outputs `[S, N, …]` of the actor's network, a shared one's value among them."""
        return self.policy.distribution(outputs[..., :-1] if self.shared else outputs, free)

    def values(self, observations: Tensor) -> Tensor:
        """V(s) `[S, N]` for observations `[S, N, O]`; zeros without a critic."""
        if self.critic is not None:
            return self.value_network(self.critic.values, observations)[0].squeeze(-1)
        return self.evaluate(observations).values

    def action_values(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Q(s, a) `[S, N]` for observations `[S, N, O]` and actions `[S, N]` or `[S, N, A]`.

        Raises:
            ValueError: if the critic is not one of actions.
        """
        if self.critic is None or not self.of_actions:
            raise ValueError("action values need a critic of actions")
        if isinstance(self.policy.actions, Discrete):
            outputs, _ = self.value_network(self.critic.values, observations)
            return outputs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
        return self.value_network(self.critic.values, torch.cat([observations, actions], -1))[0].squeeze(-1)

    def evaluate(self, observations: Tensor) -> PolicyAndValue:
        """Policy and critic on observations `[S, N, O]`, shared layers once."""
        if self.shared:
            outputs, free = self.policy_network(self.actor.values, observations)
            return PolicyAndValue(self.policy_of(outputs, free), outputs[..., -1])
        if self.critic is None or self.of_actions:
            return PolicyAndValue(
                self.distribution(observations), observations.new_zeros(observations.shape[:2])
            )
        networks, parameters = (
            (self.policy_network, self.value_network),
            (self.actor.values, self.critic.values),
        )
        of_policy, of_value = evaluate(networks, parameters, observations)
        return PolicyAndValue(self.policy_of(*of_policy), of_value.values.squeeze(-1))

    @torch.no_grad()
    def evaluate_in_chunks(self, observations: Tensor) -> PolicyAndValue:
        """`evaluate` without gradients, some transitions at a time; later updates do not change the result."""
        parts = [self.evaluate(observations[:, part]) for part in chunks(observations.shape[1])]
        parameters = torch.cat([part.distribution.parameters for part in parts], 1)
        return PolicyAndValue(self.policy.restore(parameters), torch.cat([part.values for part in parts], 1))

    @torch.no_grad()
    def values_in_chunks(self, observations: Tensor) -> Tensor:
        """The values `[S, N]` of `evaluate_in_chunks`, without the policy where it has a network of its own."""
        if self.critic is None or self.of_actions:
            return self.evaluate_in_chunks(observations).values
        return torch.cat([self.values(observations[:, part]) for part in chunks(observations.shape[1])], 1)

    def _present(self) -> Callable[[Tensor], Distribution]:
        """π(·|s) of the present parameters, for observations `[S, E, O]` and without gradients."""
        network, parameters = self.policy_network, self.actor.values.detach()
        free = network.free_of(parameters)
        if parameters.dtype != torch.float32:
            return lambda observations: self.distribution(observations, parameters)
        return lambda observations: self.policy_of(network.compute(parameters, observations)[0], free)

    def state(self) -> dict[str, Any]:
        """Parameters, optimisers and β, for `restore`; the tensors share their memory with this learner."""
        return {"parts": [part.tensors() for part in self.parts], "beta": self.beta}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of a learner that was made with the same arguments."""
        for part, saved in zip(self.parts, state["parts"], strict=True):
            for name, tensor in part.tensors().items():
                tensor.copy_(torch.as_tensor(saved[name]))
        self.beta = torch.as_tensor(state["beta"]).clone()

    def diverged(self) -> Tensor:
        """`[S]`, boolean: replicas with a parameter that is not a finite number."""
        return ~torch.stack([finite_rows(part.values) for part in self.parts]).all(0)


def _initial(
    network: Perceptron,
    method: Initialisation,
    heads: Sequence[tuple[Role, int]],
    index: int,
    seeds: Sequence[int],
) -> Parameters:
    """Parameters drawn from each seed's own stream; the index tells the networks of a replica apart."""
    generators = [stream(seed, "initialisation", index) for seed in seeds]
    return Parameters.start(initial_parameters(network, generators, method, heads))
