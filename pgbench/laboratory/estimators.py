"""Gradient estimates of the code that trains, for many batches at once: a batch is a replica.

Nothing is estimated here: a rollout goes through `credit.prepare` and `losses.gradient`.
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
from pgbench.training.meaning import critics, data

Refine = Callable[[Learner, Batch], Batch]
"""A last word on a batch, before the update sees it."""


def method(name: str, gamma: float, **overrides: Any) -> Algorithm:
    """A member of the lineage on one whole episode, with a single gradient step.

    Args:
        name: of the member.
        gamma: discount in (0, 1].
        overrides: values at dotted paths, dots written as two underscores.
    """
    algorithm = lineage.LINEAGE[name].algorithm
    numbers = ("update.steps", "data.episodes", "baseline.fit.steps")
    single = {path: 1 for path in numbers if path in paths.settable_paths(algorithm)}
    changes = {path.replace("__", "."): value for path, value in overrides.items()}
    return paths.with_values(algorithm, single | {"gamma": gamma} | changes)


@dataclass(frozen=True)
class EstimatorSetting:
    """What an estimator looks at: a policy with parameters, and a critic if it has one.

    Attributes:
        actor: the policy.
        row: `[P]`, its parameters.
        critic: `[H + 1, X]`, or None.
        collected_by: `[P]`, the parameters that collected the trajectories, if they were others.
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
        """`[H, X, A]`, the policy that collects."""
        return self.actor.table(self.row if self.collected_by is None else self.collected_by)

    def exact_gradient(self, gamma: float) -> Tensor:
        """∇J `[P]` of the discounted objective at the policy's parameters."""
        world = self.actor.world
        return exact.gradient(self.row, lambda row: exact.objective(world, self.actor.table(row), gamma))

    def sample(self, count: int, generator: np.random.Generator) -> Trajectories:
        """Trajectories of the policy that collects."""
        return sample_trajectories(self.actor.world, self.behaviour, count, generator)


def gradients(
    algorithm: Algorithm, setting: EstimatorSetting, experience: Rollout, refine: Refine | None = None
) -> Tensor:
    """The gradient `[S, P]` that training climbs, for each replica's part of a rollout.

    Args:
        algorithm: takes one gradient step on a batch.
        setting: policy and critic; without critic if the algorithm has none.
        experience: `[T, S, E]`.
        refine: changes the batch before the update sees it.
    """
    replicas = experience.rewards.shape[1]
    critic = None if critics.values(algorithm.baseline) is None else setting.critic
    before = setting.row if setting.collected_by is None else setting.collected_by
    learner = setting.actor.learner(algorithm, before.repeat(replicas, 1), critic)
    batch = credit.prepare(algorithm, learner, experience)
    learner = learner.at(setting.row.repeat(replicas, 1))
    return losses.gradient(algorithm, learner, batch if refine is None else refine(learner, batch))


def sampled(
    algorithm: Algorithm, setting: EstimatorSetting, trajectories: Trajectories, refine: Refine | None = None
) -> Tensor:
    """Estimates `[S, P]` from trajectories in batches of as many as the algorithm takes."""
    members = batches(len(trajectories.actions), data.environments_each(algorithm.data))
    experience = rollout(setting.actor.world, trajectories, members)
    return gradients(algorithm, setting, experience, refine)


@dataclass(frozen=True)
class EstimatorDistribution:
    """An estimator's whole distribution: each value it can have `[S, P]`, with its probability `[S]`."""

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
    """The estimator's value on every batch of as many trajectories as the algorithm takes.

    Raises:
        ValueError: if there are too many trajectories to list.
    """
    world = setting.actor.world
    everything = enumerate_trajectories(world)
    probabilities = everything.probabilities(setting.behaviour).detach()
    members = groups(len(probabilities), data.environments_each(algorithm.data))
    values = gradients(algorithm, setting, rollout(world, everything, members), refine)
    return EstimatorDistribution(values, probabilities[members].prod(1))


# ----------------------------------------------------------------------------------------------------------
# What no component does


def constant_baseline(constant: float) -> Refine:
    """Subtract a number from what every action is credited with."""

    def refine(learner: Learner, batch: Batch) -> Batch:
        data = batch.transitions
        return replace(batch, transitions=data.credited(advantages=data.credit.advantages - constant))

    return refine


# ----------------------------------------------------------------------------------------------------------
# Batches without sampling error


def exact_batch(learner: Learner, probabilities: Tensor, advantages: Tensor) -> Batch:
    """A batch in which every state and action stands once, with its probability as its weight.

    An objective of training on it is an expectation. The policy that collected is the learner's present one.

    Args:
        learner: of S replicas, whose policy depends on the state alone.
        probabilities: `[X]` or `[S, X]`, of states; need not sum to 1.
        advantages: `[X, A]` or `[S, X, A]`.
    """
    replicas = len(learner.actor.values)
    count, actions = advantages.shape[-2:]
    observations = torch.arange(count, dtype=torch.float64).repeat_interleave(actions)
    observations = observations.reshape(1, -1, 1).expand(replicas, -1, 1)
    chosen = torch.arange(actions).repeat(count).expand(replicas, -1)
    with torch.no_grad():
        old = learner.distribution(observations)
        log_probs = old.log_prob(chosen)
        states = probabilities.expand(replicas, count).repeat_interleave(actions, 1)
        weights = states * log_probs.exp()
    credited = advantages.expand(replicas, count, actions).flatten(1)
    never = torch.zeros(weights.shape, dtype=torch.bool)
    rollout = Rollout.one_step(observations, chosen, credited, observations, ~never, never)
    recorded = Recorded(observations, chosen, log_probs, old.parameters, None)
    return Batch(Transitions(recorded, Credit(credited, weights, weights, None)), rollout, observations)
