"""The loss of a batch and its gradient."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor

from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import Distribution
from pgbench.training.experience import Batch, Transitions
from pgbench.training.learner import Learner, chunks
from pgbench.training.meaning.critics import critic_fit, value_losses
from pgbench.training.meaning.surrogates import reweighted, surrogate_objective


def loss(algorithm: Algorithm, learner: Learner, part: Transitions) -> Tensor:
    """The sum over replicas of each one's loss on some transitions, so that gradients do not mix."""
    match critic_fit(algorithm.baseline):
        case c.JointFit(coefficient=coefficient):
            new, values = learner.evaluate(part.observations)
            of_policy = policy_losses(algorithm, learner, new, part)
            return torch.add(of_policy, value_losses(algorithm, values, part), alpha=coefficient).sum()
        case c.SeparateFit() | None:
            return policy_losses(algorithm, learner, learner.distribution(part.observations), part).sum()
        case other:
            assert_never(other)


def policy_losses(algorithm: Algorithm, learner: Learner, new: Distribution, part: Transitions) -> Tensor:
    """Minus the weighted objective of each transition, `[S, M]`."""
    gain = surrogate_objective(algorithm.surrogate, learner, new, part)
    if algorithm.details.entropy_bonus:
        gain = gain + algorithm.details.entropy_bonus * new.entropy()
    return -part.weights * gain


def gradient(algorithm: Algorithm, learner: Learner, batch: Batch) -> Tensor:
    """The gradient `[S, P]` of the policy's objective on the whole batch."""
    accumulate(algorithm, learner, batch)
    return -learner.actor.pop_gradient()


def accumulate(algorithm: Algorithm, learner: Learner, batch: Batch) -> None:
    """Add the gradient of the loss on the whole batch to what the parameters have."""
    data = reweighted(algorithm, learner, batch)
    for rows in chunks(len(data)):
        loss(algorithm, learner, data.part(rows)).backward()  # type: ignore[no-untyped-call]
    if batch.correction is not None:
        learner.actor.add_to_gradient(batch.correction)
