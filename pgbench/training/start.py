"""The parts of a block before its first iteration."""

from __future__ import annotations

from collections.abc import Sequence

from pgbench.methods import runs
from pgbench.methods.algorithm import Algorithm
from pgbench.training.learner import Learner
from pgbench.training.meaning import critics, data, surrogates
from pgbench.training.normalisation import ObservationNormaliser, RewardScaler
from pgbench.training.sampler import Sampler


def build_learner(algorithm: Algorithm, sampler: Sampler, seeds: Sequence[int]) -> Learner:
    """The networks of a block before the first update."""
    learner = Learner(
        algorithm.networks,
        sampler.environment.observation_size,
        sampler.environment.actions,
        seeds,
        has_critic=critics.critic_fit(algorithm.baseline) is not None,
        of_actions=critics.values_actions(algorithm.baseline),
    )
    learner.beta += surrogates.initial_beta(algorithm.surrogate)
    return learner


def build_sampler(run: runs.Run, seeds: Sequence[int]) -> Sampler:
    """The environments of a block, with the normalisation that the algorithm asks for."""
    algorithm, details = run.algorithm, run.algorithm.details
    environments_each = data.environments_each(algorithm.data)
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
