"""Policies and critics on small worlds, as the networks that training uses: softmax tables and small perceptrons.

An observation is the number time · X + state, and stands for a one-hot vector. A network with as many inputs as
there are pairs of time and state depends on both; one with X inputs depends on the state alone.
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
    """A perceptron on one-hot inputs that are given as their places `[S, N, 1]`, modulo the number of inputs.

    Without hidden layers it is a table. The same as `Perceptron` on one-hot vectors, of which none is built.
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
    """A policy on a world: its network, without parameters.

    Attributes:
        world: where it acts.
        hidden: units of its hidden layers; none: a softmax of a table.
        timed: whether it depends on the time as well as on the state.
    """

    world: Process
    hidden: tuple[int, ...] = ()
    timed: bool = False

    @property
    def network(self) -> OneHotPerceptron:
        """From places to logits."""
        inputs = self.world.indices if self.timed else self.world.states
        return OneHotPerceptron((inputs, *self.hidden, self.world.actions), "tanh")

    def start(self, seed: int, scale: float = 0.7) -> Tensor:
        """Normally distributed parameters `[P]`, float64; padding is 0."""
        network = self.network
        count = sum(shape[-2] * shape[-1] for shape in network.shapes)
        row = torch.zeros(network.width, dtype=torch.float64)
        draws = torch.Generator().manual_seed(seed)
        row[:count] = scale * torch.randn(count, dtype=torch.float64, generator=draws)
        return row

    def log_probabilities(self, row: Tensor) -> Tensor:
        """Log π(a|s) `[X, A]`, or `[H, X, A]` if it is timed, of parameters `[P]`; differentiable."""
        network = self.network
        places = torch.arange(network.sizes[0], dtype=torch.float64).reshape(1, -1, 1)
        logits = network.forward(network.views(row.unsqueeze(0)), places)[0]
        table = logits.log_softmax(-1)
        if not self.timed:
            return table
        return table.reshape(self.world.steps + 1, self.world.states, self.world.actions)[:-1]

    def table(self, row: Tensor) -> Tensor:
        """π(a|s) at every time, `[H, X, A]`, of parameters `[P]`; differentiable."""
        table = self.log_probabilities(row).exp()
        return table if self.timed else table.expand(self.world.steps, *table.shape)

    def learner(self, algorithm: Algorithm, rows: Tensor, critic: Tensor | None = None) -> Learner:
        """What training learns with: replicas of this policy, and a critic that is a table.

        Args:
            algorithm: says what else the learner needs.
            rows: parameters `[S, P]`.
            critic: `[H + 1, X]`, the same for all replicas, or None.
        """
        policy, beta = Policy(Discrete(self.world.actions)), surrogates.initial_beta(algorithm.surrogate)
        betas = torch.full((len(rows),), beta, dtype=torch.float64)
        table = None if critic is None else tabular_critic(critic.flatten().repeat(len(rows), 1))
        return Learner(policy, self.network, Parameters.start(rows), table, betas)


def tabular_critic(values: Tensor) -> StateCritic:
    """A critic that is a table of values `[S, I]`, one for each place; its parameters are padded with 0."""
    network = OneHotPerceptron((values.shape[1], 1), "tanh")
    table = torch.zeros(len(values), network.width, dtype=torch.float64)
    table[:, : values.shape[1]] = values
    return StateCritic(network, Parameters.start(table))


def check_support(old: Tensor, new: Tensor) -> None:
    """Refuse policies between which importance ratios do not exist.

    Args:
        old: `[..., X, A]`, of the policy that collects.
        new: `[..., X, A]`, of the one that is evaluated.

    Raises:
        ValueError: naming a state and an action that the new policy takes and the old one never does.
    """
    missing = ((old <= 0.0) & (new > 0.0)).nonzero()
    if len(missing):
        *_, state, action = missing[0].tolist()
        raise ValueError(
            f"in state {state} the old policy never takes action {action}, which the new one takes: no importance "
            "ratio exists there; give the old policy a positive probability for it"
        )
