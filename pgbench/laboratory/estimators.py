"""Gradient estimates of the code that trains, for many batches at once. Each batch is a replica.

This file has no estimator: `credit.prepare` and `losses.gradient` make the estimates, as they do in training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pgbench.laboratory import exact
from pgbench.laboratory.policies import Actor, check_support
from pgbench.laboratory.trajectories import (
    Trajectories,
    batches,
    enumerate_trajectories,
    groups,
    rollout,
    sample_trajectories,
)
from pgbench.methods import lineage, paths
from pgbench.methods.algorithm import Algorithm
from pgbench.training import credit, losses
from pgbench.training.batches import Batch, Credit, Recorded, Transitions
from pgbench.training.experience import Rollout
from pgbench.training.learner import Learner
from pgbench.training.meaning import data
from pgbench.training.meaning.baselines import critic_of

Refine = Callable[[Learner, Batch], Batch]
"""A change of a batch after it is credited and before the gradient is taken."""


def method(name: str, gamma: float, **overrides: Any) -> Algorithm:
    """A member of the lineage with one whole episode a batch, unless the change says otherwise.

    How many steps it takes on a batch does not matter here: the gradient of the first is looked at.

    Args:
        name: name of the member.
        gamma: discount in (0, 1].
        overrides: values at dotted paths, with two underscores for each dot.
    """
    algorithm = lineage.LINEAGE[name].algorithm
    numbers = ("data.episodes", "baseline.fit.steps")
    single = {path: 1 for path in numbers if path in paths.settable_paths(algorithm)}
    changes = {path.replace("__", "."): value for path, value in overrides.items()}
    return paths.with_values(algorithm, single | {"gamma": gamma} | changes)


@dataclass(frozen=True)
class EstimatorSetting:
    """Whose gradient is estimated, and what the estimator is given.

    Attributes:
        actor: the policy.
        row: `[P]`, the parameters at which the gradient is estimated.
        critic: `[H + 1, X]`, for estimators that use a critic.
        collected_by: `[P]`, the parameters that collect the trajectories; None: `row`.
    """

    actor: Actor
    row: Tensor
    critic: Tensor | None = None
    collected_by: Tensor | None = None

    def __post_init__(self) -> None:
        if self.collected_by is not None:
            check_support(self.actor.table(self.collected_by), self.actor.table(self.row))

    @property
    def behaviour(self) -> Tensor:
        """The policy that collects, `[H, X, A]`."""
        return self.actor.table(self.row if self.collected_by is None else self.collected_by)

    def exact_gradient(self, gamma: float) -> Tensor:
        """∇J `[P]` of the discounted objective, at `row`."""
        world = self.actor.world
        return exact.gradient(self.row, lambda row: exact.objective(world, self.actor.table(row), gamma))

    def sample(self, count: int, generator: np.random.Generator) -> Trajectories:
        """Draw trajectories of the policy that collects."""
        return sample_trajectories(self.actor.world, self.behaviour, count, generator)


def gradients(
    algorithm: Algorithm, setting: EstimatorSetting, experience: Rollout, refine: Refine | None = None
) -> Tensor:
    """The gradient `[S, P]` that training climbs, for each replica of a rollout.

    Args:
        algorithm: takes one gradient step on a batch.
        setting: policy and critic. An algorithm without a critic ignores the critic.
        experience: `[T, S, E]`.
        refine: changes the batch before the gradient is taken.
    """
    replicas = experience.rewards.shape[1]
    critic = None if critic_of(algorithm.baseline) is None else setting.critic
    before = setting.row if setting.collected_by is None else setting.collected_by
    learner = setting.actor.learner(algorithm, before.repeat(replicas, 1), critic)
    batch = credit.prepare(algorithm, learner, experience)
    learner = learner.at(setting.row.repeat(replicas, 1))
    return losses.gradient(algorithm, learner, batch if refine is None else refine(learner, batch))


def sampled(
    algorithm: Algorithm, setting: EstimatorSetting, trajectories: Trajectories, refine: Refine | None = None
) -> Tensor:
    """Estimates `[S, P]` from trajectories. Each batch has as many of them as the algorithm collects."""
    members = batches(len(trajectories.actions), data.environments_each(algorithm.data))
    experience = rollout(setting.actor.world, trajectories, members)
    return gradients(algorithm, setting, experience, refine)


@dataclass(frozen=True)
class EstimatorDistribution:
    """The whole distribution of an estimator: all its values `[S, P]` with their probabilities `[S]`."""

    values: Tensor
    probabilities: Tensor

    @property
    def mean(self) -> Tensor:
        """E[ĝ] `[P]`."""
        return self.probabilities @ self.values

    @property
    def variance(self) -> Tensor:
        """The trace of the covariance, E‖ĝ − E ĝ‖²."""
        return self.probabilities @ (self.values - self.mean).square().sum(1)


def enumerated(
    algorithm: Algorithm, setting: EstimatorSetting, refine: Refine | None = None
) -> EstimatorDistribution:
    """The estimator's value on every possible batch.

    Raises:
        ValueError: if the world has too many trajectories to list them.
    """
    world = setting.actor.world
    trajectories = enumerate_trajectories(world)
    probabilities = trajectories.probabilities(setting.behaviour).detach()
    members = groups(len(probabilities), data.environments_each(algorithm.data))
    values = gradients(algorithm, setting, rollout(world, trajectories, members), refine)
    return EstimatorDistribution(values, probabilities[members].prod(1))


# ----------------------------------------------------------------------------------------------------------
# A baseline that no component offers


def constant_baseline(constant: float) -> Refine:
    """Subtract a constant from the advantage of every action."""

    def refine(learner: Learner, batch: Batch) -> Batch:
        transitions = batch.transitions
        shifted = transitions.credit.advantages - constant
        return replace(batch, transitions=transitions.credited(advantages=shifted))

    return refine


# ----------------------------------------------------------------------------------------------------------
# Batches without sampling error


def exact_batch(learner: Learner, probabilities: Tensor, advantages: Tensor) -> Batch:
    """A batch with every pair of a state and an action once. Its weight is the probability of the pair.

    On this batch an objective of training is an expectation. The learner's present policy is the one that
    collected.

    Args:
        learner: S replicas; their policy depends only on the state.
        probabilities: `[X]` or `[S, X]`, of the states; they need not sum to 1.
        advantages: `[X, A]` or `[S, X, A]`.
    """
    replicas = len(learner.actor.values)
    count, actions = advantages.shape[-2:]
    observations = torch.arange(count, dtype=torch.float64).repeat_interleave(actions)
    observations = observations.reshape(1, -1, 1).expand(replicas, -1, 1)
    all_actions = torch.arange(actions).repeat(count).expand(replicas, -1)
    with torch.no_grad():
        old = learner.distribution(observations)
        log_probs = old.log_prob(all_actions)
        states = probabilities.expand(replicas, count).repeat_interleave(actions, 1)
        weights = states * log_probs.exp()
    credited = advantages.expand(replicas, count, actions).flatten(1)
    never = torch.zeros(weights.shape, dtype=torch.bool)
    rollout = Rollout.one_step(observations, all_actions, credited, observations, ~never, never)
    recorded = Recorded(observations, all_actions, log_probs, old.parameters, None)
    return Batch(Transitions(recorded, Credit(credited, weights, weights, None)), rollout, observations)
