"""What the data slot means: how many environments, how to collect, how to weigh transitions."""

from __future__ import annotations

from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pgbench.methods import components as c
from pgbench.training.experience import Rollout
from pgbench.training.learner import Learner
from pgbench.training.replay_memory import ReplayMemory
from pgbench.training.sampler import Sampler


def environments_each(data: c.Data) -> int:
    """E: how many environments each replica runs side by side."""
    match data:
        case c.WholeEpisodes():
            return data.episodes
        case c.FixedHorizon() | c.ReplayBuffer():
            return data.environments
        case _:
            assert_never(data)


def collect(
    data: c.Data, sampler: Sampler, learner: Learner, iteration: int, running: NDArray[np.bool_]
) -> Rollout:
    """Collect one update's experience with the present policy."""
    act, draw = learner.act(), learner.policy.noise
    match data:
        case c.WholeEpisodes():
            return sampler.whole_episodes(act, draw, iteration, running)
        case c.FixedHorizon():
            return sampler.fixed_horizon(act, draw, iteration, running, data.steps, data.restarts)
        case c.ReplayBuffer():
            warm_up = 0 if iteration else data.warm_up
            return sampler.fixed_horizon(act, draw, iteration, running, warm_up + data.steps)
        case _:
            assert_never(data)


def transition_weights(data: c.Data, active: Tensor, shares: Tensor) -> Tensor:
    """Weight `[S, N]` of each transition in the policy's objective, from what is active and its shares.

    The policy gradient is a mean over trajectories of sums over time. Cut trajectories have no whole to sum, so a
    fixed horizon takes the mean over time steps.
    """
    match data:
        case c.WholeEpisodes():
            return active / data.episodes
        case c.FixedHorizon() | c.ReplayBuffer():
            return shares
        case _:
            assert_never(data)


def horizon_of(data: c.Data) -> int | None:
    """The steps of a rollout, if the next one goes on within the same episodes; None where it begins anew."""
    match data:
        case c.WholeEpisodes() | c.FixedHorizon(restarts=True):
            return None
        case c.FixedHorizon() | c.ReplayBuffer():
            return data.steps
        case _:
            assert_never(data)


def start_memory(data: c.Data) -> ReplayMemory | None:
    """What outlives a rollout: a replay buffer, or, on policy, nothing."""
    match data:
        case c.ReplayBuffer():
            return ReplayMemory(data.capacity // data.environments, data.batch_size)
        case c.WholeEpisodes() | c.FixedHorizon():
            return None
        case _:
            assert_never(data)
