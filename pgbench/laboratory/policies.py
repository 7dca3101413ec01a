"""Policies and critics on small worlds: softmax tables and small perceptrons, as networks of training.

An observation is the number time · X + state and stands for a one-hot vector. A network with (H + 1)·X inputs
depends on the time and the state. A network with X inputs depends only on the state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pgbench.environments import Discrete
from pgbench.laboratory.worlds import Process
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.definition import ACTIVATIONS
from pgbench.networks.distributions import Policy
from pgbench.networks.perceptron import Perceptron
from pgbench.training.learner import Learner, StateCritic
from pgbench.training.meaning import surrogates
from pgbench.training.parameters import Parameters


@dataclass(frozen=True)
class OneHotPerceptron(Perceptron):
    """A perceptron whose inputs are one-hot vectors, each given as the place of its 1.

    It computes what `Perceptron` computes on the one-hot vectors, without building them. Without hidden layers it
    is a table. Places are `[S, N, 1]`, taken modulo the number of inputs.
    """

    def forward(self, views: Sequence[Tensor], inputs: Tensor) -> Tensor:
        """Outputs `[S, N, O]`, from `views(parameters)`."""
        places = inputs.long() % self.sizes[0]
        hidden = views[0].gather(1, places.expand(-1, -1, self.sizes[1])) + views[1]
        layers = list(zip(views[2:-1:2], views[3:-1:2], strict=True))
        for weight, bias in layers:
            hidden = torch.baddbmm(bias, ACTIVATIONS[self.activation](hidden), weight)
        return hidden


@dataclass(frozen=True)
class Actor:
    """A policy on a world, without its parameters.

    Attributes:
        world: the decision process in which the policy acts.
        hidden: units of the hidden layers; empty: the policy is a softmax of a table.
        timed: whether the policy depends on the time as well as on the state.
    """

    world: Process
    hidden: tuple[int, ...] = ()
    timed: bool = False

    @property
    def network(self) -> OneHotPerceptron:
        """The network from places to logits."""
        inputs = self.world.indices if self.timed else self.world.states
        return OneHotPerceptron((inputs, *self.hidden, self.world.actions), "tanh")

    def start(self, seed: int, scale: float = 0.7) -> Tensor:
        """Normally distributed parameters `[P]`, float64. The padding is 0."""
        network = self.network
        count = sum(shape[-2] * shape[-1] for shape in network.shapes)
        row = torch.zeros(network.width, dtype=torch.float64)
        draws = torch.Generator().manual_seed(seed)
        row[:count] = scale * torch.randn(count, dtype=torch.float64, generator=draws)
        return row

    def log_probabilities(self, row: Tensor) -> Tensor:
        """Log π(a|s) of parameters `[P]`: `[X, A]`, or `[H, X, A]` if the policy is timed. Differentiable."""
        network = self.network
        places = torch.arange(network.sizes[0], dtype=torch.float64).reshape(1, -1, 1)
        logits = network.forward(network.views(row.unsqueeze(0)), places)[0]
        table = logits.log_softmax(-1)
        if not self.timed:
            return table
        return table.reshape(self.world.steps + 1, self.world.states, self.world.actions)[:-1]

    def table(self, row: Tensor) -> Tensor:
        """π(a|s) at every time `[H, X, A]`, of parameters `[P]`. Differentiable."""
        table = self.log_probabilities(row).exp()
        return table if self.timed else table.expand(self.world.steps, *table.shape)

    def learner(self, algorithm: Algorithm, rows: Tensor, critic: Tensor | None = None) -> Learner:
        """A learner of training: replicas of this policy, with a table as the critic.

        Args:
            algorithm: its surrogate gives the first weight of the KL penalty.
            rows: parameters `[S, P]` of the policy.
            critic: `[H + 1, X]`, the same for all replicas; None: the learner has no critic.
        """
        policy, beta = Policy(Discrete(self.world.actions)), surrogates.initial_beta(algorithm.surrogate)
        betas = torch.full((len(rows),), beta, dtype=torch.float64)
        table = None if critic is None else tabular_critic(critic.flatten().repeat(len(rows), 1))
        return Learner(policy, self.network, Parameters.start(rows), table, betas)


def tabular_critic(values: Tensor) -> StateCritic:
    """A critic that is a table of values `[S, I]`, one value for each place. The padding of its parameters is 0."""
    network = OneHotPerceptron((values.shape[1], 1), "tanh")
    table = torch.zeros(len(values), network.width, dtype=torch.float64)
    table[:, : values.shape[1]] = values
    return StateCritic(network, Parameters.start(table))


def check_support(old: Tensor, new: Tensor) -> None:
    """Refuse two policies for which some importance ratio does not exist.

    Args:
        old: `[..., X, A]`, the policy that collects.
        new: `[..., X, A]`, the policy that is evaluated.

    Raises:
        ValueError: if the new policy takes an action that the old policy never takes. The message names both the
            state and the action.
    """
    missing = ((old <= 0.0) & (new > 0.0)).nonzero()
    if len(missing):
        *_, state, action = missing[0].tolist()
        raise ValueError(
            f"in state {state} the old policy never takes action {action}, which the new one takes: no importance "
            "ratio exists there; give the old policy a positive probability for it"
        )
