"""Training: collect, prepare, update, record; a block of replicas in lockstep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import assert_never

import numpy as np
import torch
from numpy.typing import NDArray

from pgbench import components, estimation, off_policy, specs, updates
from pgbench.diagnostics import Statistics
from pgbench.environments import ObservationNormaliser, RewardScaler
from pgbench.learners import Learner
from pgbench.replay import ReplayMemory
from pgbench.rollouts import Episode, Rollout, Sampler


@dataclass(frozen=True)
class Record:
    """What one iteration of a block did.

    Attributes:
        iteration: from 0.
        steps: `[S]`, environment steps of each replica so far.
        running: `[S]`, boolean: replicas that this iteration trained.
        episodes: the training episodes that finished in it.
        statistics: metrics of the update, `[S]` each.
    """

    iteration: int
    steps: NDArray[np.int64]
    running: NDArray[np.bool_]
    episodes: list[Episode]
    statistics: Statistics


def train(run: specs.Run, seeds: Sequence[int]) -> Iterator[Record]:
    """Train replicas of a run, yielding a record an iteration.

    A replica ends with the first update at or past its budget of environment steps, or when a parameter is no
    longer a finite number; from then on it idles.

    Args:
        run: algorithm, environment and budget.
        seeds: one for each replica.
    """
    algorithm = run.algorithm
    sampler = build_sampler(run, seeds)
    learner = build_learner(algorithm, sampler, seeds)
    memory = build_memory(algorithm.data)
    running, iteration = np.ones(len(seeds), dtype=bool), 0
    while running.any():
        progress = updates.Progress(
            iteration, seeds, torch.from_numpy(running), torch.from_numpy(1.0 - sampler.steps / run.steps)
        )
        rollout = estimation.collect(algorithm.data, sampler, learner, iteration, running)
        statistics = improve(algorithm, learner, memory, rollout, progress)
        yield Record(iteration, sampler.steps.copy(), running, rollout.episodes, statistics)
        running = running & (sampler.steps < run.steps) & ~learner.diverged().numpy()
        iteration += 1


def improve(
    algorithm: specs.Algorithm,
    learner: Learner,
    memory: ReplayMemory | None,
    rollout: Rollout,
    progress: updates.Progress,
) -> Statistics:
    """Learn from a rollout: from its own batch, or from a memory that it joins."""
    if memory is not None:
        return off_policy.update(algorithm, learner, memory, rollout, progress)
    return updates.update(algorithm, learner, estimation.prepare(algorithm, learner, rollout), progress)


def build_learner(algorithm: specs.Algorithm, sampler: Sampler, seeds: Sequence[int]) -> Learner:
    """The networks of a block before the first update."""
    learner = Learner(
        algorithm.networks,
        sampler.environment.observation_size,
        sampler.environment.actions,
        seeds,
        has_critic=updates.critic_fit(algorithm.baseline) is not None,
        of_actions=updates.values_actions(algorithm.baseline),
    )
    learner.beta += updates.initial_beta(algorithm.surrogate)
    return learner


def build_memory(data: components.Data) -> ReplayMemory | None:
    """What outlives a rollout: a replay buffer, or, on policy, nothing."""
    match data:
        case components.ReplayBuffer():
            return ReplayMemory(data.capacity // data.environments)
        case components.WholeEpisodes() | components.FixedHorizon():
            return None
        case _:
            assert_never(data)


def build_sampler(run: specs.Run, seeds: Sequence[int]) -> Sampler:
    """The environments of a block, with the normalisation that the algorithm asks for."""
    algorithm, details = run.algorithm, run.algorithm.details
    environments_each = estimation.environments_each(algorithm.data)
    sampler = Sampler(run.environment, seeds, environments_each)
    sampler.reward_offset = details.reward_offset or 0.0
    if details.observation_normalisation is not None:
        size = sampler.environment.observation_size
        sampler.normaliser = ObservationNormaliser(len(seeds), size, details.observation_normalisation.clip)
    if details.reward_scaling is not None:
        sampler.scaler = RewardScaler(
            len(seeds), environments_each, algorithm.gamma, details.reward_scaling.clip
        )
    return sampler
