"""A block's networks and their parameters: the actor, and the critic where one is learned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from pgbench.environments import Discrete
from pgbench.functional.moments import average
from pgbench.functional.rescaling import Unit, preserving_outputs
from pgbench.networks.distributions import Categorical, Distribution, Policy, kl
from pgbench.networks.perceptron import Perceptron, evaluate
from pgbench.networks.plain_tensors import distribution_name, named_views
from pgbench.networks.rows import finite_rows
from pgbench.training.batches import Transitions
from pgbench.training.experience import Act, chunks
from pgbench.training.parameters import Parameters
from pgbench.training.value_scale import ValueScale


@dataclass(frozen=True)
class SharedCritic:
    """V(s), which is the last output of the actor's network."""


@dataclass(frozen=True)
class StateCritic:
    """V(s), from a separate network."""

    network: Perceptron
    parameters: Parameters

    def __call__(self, observations: Tensor) -> Tensor:
        """V(s) `[S, N]` for observations `[S, N, O]`, in the unit in which the critic learns."""
        return self.network(self.parameters.values, observations)[0].squeeze(-1)


@dataclass(frozen=True)
class ActionCritic:
    """Q(s, a): of n actions the network has n outputs; real-valued actions it reads beside the observation."""

    network: Perceptron
    parameters: Parameters
    policy: Policy

    def __call__(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Q(s, a) `[S, N]` for observations `[S, N, O]` and actions `[S, N]` or `[S, N, A]`."""
        if isinstance(self.policy.actions, Discrete):
            outputs, _ = self.network(self.parameters.values, observations)
            return outputs.gather(-1, actions.unsqueeze(-1)).squeeze(-1)
        inputs = torch.cat([observations, actions], -1)
        return self.network(self.parameters.values, inputs)[0].squeeze(-1)

    def of_all(self, observations: Tensor) -> Tensor:
        """Q(s, a) of every action `[S, N, n]`, where actions are discrete."""
        outputs: Tensor = self.network(self.parameters.values, observations)[0]
        return outputs


class PolicyAndValue(NamedTuple):
    """What the networks say of some observations: π(·|s), and V(s) `[S, N]`, None where no V is learned."""

    distribution: Distribution
    values: Tensor | None


@dataclass(frozen=True)
class Learner:
    """What a block of replicas learns with.

    Attributes:
        policy: makes distributions of the network's outputs.
        network: the actor's, and the critic's where they share layers.
        actor: its parameters.
        critic: says V(s) or Q(s, a); None: no value is learned.
        beta: `[S]`, weights of the KL penalty, for surrogates that have one.
        scale: the unit in which a critic of states learns; None: that of returns.
    """

    policy: Policy
    network: Perceptron
    actor: Parameters
    critic: SharedCritic | StateCritic | ActionCritic | None
    beta: Tensor
    scale: ValueScale | None = None

    def at(self, rows: Tensor) -> Learner:
        """The same learner with other parameters `[S, P]` of the actor, which its optimiser has not moved yet."""
        return replace(self, actor=Parameters.start(rows))

    @property
    def parts(self) -> list[Parameters]:
        """The actor's parameters and, if the critic has its own, the critic's."""
        return [self.actor, *self.critic_parts]

    @property
    def critic_parts(self) -> list[Parameters]:
        """The parameters that only the critic has; none, or one."""
        return [self.critic.parameters] if isinstance(self.critic, StateCritic | ActionCritic) else []

    @property
    def distribution_name(self) -> str:
        """What the policy's outputs are; see `plain_tensors.distribution_name`."""
        return distribution_name(self.policy)

    def named(self, replica: int) -> dict[str, Tensor]:
        """The parameters of a replica's policy by `plain_tensors.named_views`; they share this learner's memory."""
        return named_views(self.network, self.policy, self.actor.values.detach()[replica])

    def act(self) -> Act:
        """The present policy as a function from observations `[S, E, O]` and noise to actions."""
        present = self._present()
        return lambda observations, noise: present(observations).sample(noise)

    def act_by_mode(self) -> Act:
        """The present policy without its exploration: as `act`, but the noise is not looked at."""
        present = self._present()
        return lambda observations, noise: present(observations).mode()

    def distribution(self, observations: Tensor, parameters: Tensor | None = None) -> Distribution:
        """π(·|s) for observations `[S, N, O]`, with other parameters `[S, P]` than the present ones if given."""
        parameters = self.actor.values if parameters is None else parameters
        return self.policy_of(*self.network(parameters, observations))

    def policy_of(self, outputs: Tensor, free: Tensor) -> Distribution:
        """π(·|s) from outputs `[S, N, …]` of the actor's network, a shared critic's value among them."""
        shared = isinstance(self.critic, SharedCritic)
        return self.policy.distribution(outputs[..., :-1] if shared else outputs, free)

    def values(self, observations: Tensor) -> Tensor:
        """V(s) `[S, N]` for observations `[S, N, O]`.

        Raises:
            ValueError: if the learner has no critic of states.
        """
        values = self._real(self.critic(observations)) if isinstance(self.critic, StateCritic) else None
        values = self.evaluate(observations).values if values is None else values
        if values is None:
            raise ValueError("values need a critic of states")
        return values

    def action_values(self, observations: Tensor, actions: Tensor) -> Tensor:
        """Q(s, a) `[S, N]` for observations `[S, N, O]` and actions `[S, N]` or `[S, N, A]`.

        Raises:
            ValueError: if the learner has no critic of actions.
        """
        if not isinstance(self.critic, ActionCritic):
            raise ValueError("action values need a critic of actions")
        return self.critic(observations, actions)

    def every_action(self, observations: Tensor) -> tuple[Tensor, Tensor]:
        """π(a|s) and Q(s, a) of every action, `[S, N, n]` each, for observations `[S, N, O]`.

        Raises:
            ValueError: if the learner has no critic of discrete actions.
        """
        present = self.distribution(observations)
        if not isinstance(self.critic, ActionCritic) or not isinstance(present, Categorical):
            raise ValueError("every action's value needs a critic of discrete actions")
        return present.log_probabilities.exp(), self.critic.of_all(observations)

    def evaluate(self, observations: Tensor) -> PolicyAndValue:
        """Policy and critic on observations `[S, N, O]`, shared layers once."""
        match self.critic:
            case SharedCritic():
                outputs, free = self.network(self.actor.values, observations)
                return PolicyAndValue(self.policy_of(outputs, free), self._real(outputs[..., -1]))
            case StateCritic(network=network, parameters=parameters):
                networks, values = (self.network, network), (self.actor.values, parameters.values)
                of_policy, of_value = evaluate(networks, values, observations)
                return PolicyAndValue(self.policy_of(*of_policy), self._real(of_value.values.squeeze(-1)))
            case ActionCritic() | None:
                return PolicyAndValue(self.distribution(observations), None)

    @torch.no_grad()
    def evaluate_in_chunks(self, observations: Tensor) -> PolicyAndValue:
        """`evaluate` without gradients, some transitions at a time; later updates do not change the result."""
        parts = [self.evaluate(observations[:, part]) for part in chunks(observations.shape[1])]
        parameters = torch.cat([part.distribution.parameters for part in parts], 1)
        values = [part.values for part in parts if part.values is not None]
        return PolicyAndValue(self.policy.restore(parameters), torch.cat(values, 1) if values else None)

    @torch.no_grad()
    def values_in_chunks(self, observations: Tensor) -> Tensor | None:
        """The values `[S, N]` of `evaluate_in_chunks`, without the policy where it has its own network."""
        if not isinstance(self.critic, StateCritic):
            return self.evaluate_in_chunks(observations).values
        parts = [self.critic(observations[:, part]) for part in chunks(observations.shape[1])]
        return self._real(torch.cat(parts, 1))

    def _real(self, outputs: Tensor) -> Tensor:
        """Values `[S, N]` in the unit of returns, from outputs in the unit in which the critic learns."""
        return outputs if self.scale is None else self.scale.present.real(outputs)

    @torch.no_grad()
    def rescale_values(self, before: Unit, after: Unit) -> None:
        """Change the last layer so that the values in a new unit, `[S, 1]` each, are those in the unit before.

        The value is the last output, of the critic's own network or of the actor's.
        """
        critic, network, parameters = self.critic, self.network, self.actor
        if isinstance(critic, StateCritic):
            network, parameters = critic.network, critic.parameters
        *_, weights, biases, _ = network.views(parameters.values)
        weight, bias = weights[..., -1:], biases[..., -1:]
        units = (Unit(*(column.unsqueeze(-1) for column in unit)) for unit in (before, after))
        for column, new in zip((weight, bias), preserving_outputs(weight, bias, *units), strict=True):
            column.copy_(new)

    def _present(self) -> Callable[[Tensor], Distribution]:
        """π(·|s) of the present parameters, for observations `[S, E, O]` and without gradients."""
        network, parameters = self.network, self.actor.values.detach()
        free = network.free_of(parameters)
        if parameters.dtype != torch.float32:
            return lambda observations: self.distribution(observations, parameters)
        return lambda observations: self.policy_of(network.compute(parameters, observations)[0], free)

    def state(self) -> dict[str, Any]:
        """Parameters, optimisers, β and moments, for `restore`; tensors share their memory with this learner."""
        scale = None if self.scale is None else self.scale.state()
        return {"parts": [part.tensors() for part in self.parts], "beta": self.beta, "scale": scale}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of a learner that was started in the same way."""
        for part, saved in zip(self.parts, state["parts"], strict=True):
            for name, tensor in part.tensors().items():
                tensor.copy_(torch.as_tensor(saved[name]))
        self.beta.copy_(torch.as_tensor(state["beta"]))
        if self.scale is not None:
            self.scale.restore(state["scale"])

    def diverged(self) -> Tensor:
        """`[S]`, boolean: replicas with a parameter that is no finite number, or that Adam will never move again.

        The square of a gradient above 1e19 overflows, and Adam divides by it for ever.
        """
        kept = [tensor for part in self.parts for tensor in part.tensors().values()]
        return ~torch.stack([finite_rows(rows) for rows in kept if rows.dim() > 1]).all(0)


def mean_kl(learner: Learner, data: Transitions) -> Tensor:
    """The mean of KL(old ‖ new) over transitions, `[S]`, in nats."""
    new = learner.evaluate_in_chunks(data.recorded.observations).distribution
    old = learner.policy.restore(data.recorded.parameters)
    return average(kl(old, new), data.credit.shares)
