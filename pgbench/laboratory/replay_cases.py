"""A replay buffer without sampling error: every transition in proportion to its probability.

All probabilities are multiples of 1/8. The buffer holds each transition in proportion to its probability. The
present policy draws each of its actions in proportion to its probability, too. A minibatch of the whole buffer is
therefore an expectation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from pgbench.environments import Discrete
from pgbench.laboratory.worlds import Process
from pgbench.methods import lineage, paths
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import Policy
from pgbench.networks.perceptron import Perceptron
from pgbench.training.experience import Rollout
from pgbench.training.learner import ActionCritic, Learner, StateCritic
from pgbench.training.meaning.baselines import critic_of
from pgbench.training.parameters import Parameters
from pgbench.training.replay_memory import Drawn, Purpose, ReplayDraws

GAMMA = 0.8
STATES, ACTIONS, STRATA = 4, 2, 8


class Strata(ReplayDraws):
    """Draws of the present policy from the middles of equal strata instead of at random.

    Args:
        noise: `[B, 1]` for each purpose.
    """

    def __init__(self, noise: Mapping[Purpose, Tensor]) -> None:
        self._noise = noise

    def actions(self, purpose: Purpose, learner: Learner, observations: Tensor) -> Tensor:
        """Actions `[S, B]`. Replicas with the same policy get the same actions."""
        noise = self._noise[purpose].expand(len(observations), -1, -1)
        return learner.act()(observations, noise)


@dataclass(frozen=True)
class ReplayCase:
    """A world, the policy that filled the buffer, and the present policy.

    Attributes:
        world: four states, two actions, no horizon.
        behaviour: `[X, A]`, the policy that filled the buffer.
        policy: `[X, A]`, the present policy.
    """

    world: Process
    behaviour: Tensor
    policy: Tensor

    @classmethod
    def tilted(cls, tilt: int) -> ReplayCase:
        """The case in which the present policy prefers one action of each state by `tilt` eighths."""
        generator = np.random.default_rng(4)
        counts = generator.multinomial(4, np.full(STATES, 1.0 / STATES), size=(STATES, ACTIONS))
        rewards = torch.from_numpy(generator.normal(size=(STATES, ACTIONS, STATES)))
        no_state = torch.zeros(STATES, dtype=torch.bool)
        world = Process(torch.from_numpy(counts / 4.0), rewards, no_state, horizon=None)
        behaviour = torch.full((STATES, ACTIONS), 0.5, dtype=torch.float64)
        signs = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(STATES // 2, 1).double()
        return cls(world, behaviour, behaviour + tilt / STRATA * signs)

    def everything(self, replicas: int) -> tuple[Drawn, Strata]:
        """Every transition in proportion to its probability, and the strata of the policy's draws."""
        sizes = (STATES, ACTIONS, 4, ACTIONS, STRATA, STRATA)
        states, actions, quarters, next_actions, target, actor = torch.cartesian_prod(
            *(torch.arange(size) for size in sizes)
        ).T
        # Each transition's probability is a multiple of 1/4: a quarter of the distribution has one next state.
        cumulative = self.world.transitions.cumsum(-1)[states, actions]
        next_states = ((quarters.unsqueeze(-1) + 0.5) / 4.0 > cumulative[:, :-1]).sum(-1)
        one_hot = torch.eye(STATES, dtype=torch.float64)
        shape = (replicas, len(states))
        never = torch.zeros(shape, dtype=torch.bool)
        rollout = Rollout.one_step(
            observations=one_hot[states].expand(*shape, STATES),
            actions=actions.expand(shape),
            rewards=self.world.rewards[states, actions, next_states].expand(shape),
            next_observations=one_hot[next_states].expand(*shape, STATES),
            terminated=never,
            truncated=never,
        )
        strata = dict(zip(get_args(Purpose), (actor, actor, target, actor, target), strict=True))
        noise = {purpose: ((stratum + 0.5) / STRATA).unsqueeze(-1) for purpose, stratum in strata.items()}
        return Drawn(rollout, next_actions.expand(shape)), Strata(noise)

    def learner(self, algorithm: Algorithm, critics: Tensor | None) -> Learner:
        """Replicas of the present policy, with tables as critics.

        Args:
            algorithm: says whether the critic is Q or V.
            critics: `[S, P]`; none: one replica, whose critic is 0.
        """
        policy = Policy(Discrete(ACTIONS))
        network = Perceptron((STATES, ACTIONS), "tanh")
        row = torch.zeros(network.width, dtype=torch.float64)
        row[: self.policy.numel()] = self.policy.log().flatten()
        values = critic_network(algorithm)
        rows = torch.zeros(1, values.width).double() if critics is None else critics
        actor, table = Parameters.start(row.repeat(len(rows), 1)), Parameters.start(rows)
        of_actions = critic_of(algorithm.baseline) == "actions"
        critic = ActionCritic(values, table, policy) if of_actions else StateCritic(values, table)
        return Learner(policy, network, actor, critic, torch.zeros(len(rows), dtype=torch.float64))


def critic_network(algorithm: Algorithm) -> Perceptron:
    """A table of V(s), or of Q(s, a), on one-hot observations."""
    return Perceptron((STATES, ACTIONS if critic_of(algorithm.baseline) == "actions" else 1), "tanh")


def algorithm_of(variant: str) -> Algorithm:
    """A member of the lineage with the discount of this measurement and without hidden layers."""
    return paths.with_values(lineage.LINEAGE[variant].algorithm, {"gamma": GAMMA, "networks.hidden": ()})
