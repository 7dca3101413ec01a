"""The loss of a batch and its gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import Distribution
from pgbench.training.batches import Batch, Transitions
from pgbench.training.experience import chunks
from pgbench.training.learner import Learner
from pgbench.training.meaning.baselines import critic_fit
from pgbench.training.meaning.critics import joint_coefficient
from pgbench.training.meaning.details import value_losses, with_entropy_bonus
from pgbench.training.meaning.surrogates import reweighted, surrogate_objective


def loss(algorithm: Algorithm, learner: Learner, part: Transitions) -> Tensor:
    """The sum over replicas of each one's loss on some transitions, so that gradients do not mix."""
    coefficient = joint_coefficient(critic_fit(algorithm.baseline))
    observations = part.recorded.observations
    if coefficient is None:
        return policy_losses(algorithm, learner, learner.distribution(observations), part).sum()
    new, values = learner.evaluate(observations)
    of_policy = policy_losses(algorithm, learner, new, part)
    of_critic = value_losses(algorithm.details, learner.scale, _learned(values), part)
    return torch.add(of_policy, of_critic, alpha=coefficient).sum()


def policy_losses(algorithm: Algorithm, learner: Learner, new: Distribution, part: Transitions) -> Tensor:
    """Minus the weighted objective of each transition, `[S, M]`."""
    gain = surrogate_objective(algorithm.surrogate, learner, new, part)
    return -part.credit.weights * with_entropy_bonus(algorithm.details, gain, new)


def gradient(algorithm: Algorithm, learner: Learner, batch: Batch) -> Tensor:
    """The gradient `[S, P]` of the policy's objective alone on the whole batch, in shared layers, too."""

    def of_policy(part: Transitions) -> Tensor:
        new = learner.distribution(part.recorded.observations)
        return policy_losses(algorithm, learner, new, part).sum()

    _accumulate(of_policy, algorithm, learner, batch)
    return -learner.actor.pop_gradient()


def accumulate(algorithm: Algorithm, learner: Learner, batch: Batch) -> None:
    """Add the gradient of the loss on the whole batch to what the parameters have."""
    _accumulate(lambda part: loss(algorithm, learner, part), algorithm, learner, batch)


def _accumulate(
    loss_of: Callable[[Transitions], Tensor], algorithm: Algorithm, learner: Learner, batch: Batch
) -> None:
    """Add the gradient of a sum over all transitions, and of the baseline that corrects it."""
    data = reweighted(algorithm, learner, batch)
    for rows in chunks(len(data)):
        loss_of(data.part(rows)).backward()  # type: ignore[no-untyped-call]
    if batch.correction is not None:
        learner.actor.add_to_gradient(batch.correction)


def _learned(values: Tensor | None) -> Tensor:
    """The values of a critic of states, which a joint fit has."""
    if values is None:
        raise ValueError("a joint fit needs a critic of states")
    return values
