"""What each component means: every slot has one `match` here, and no other module asks which component it holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench import specs
from pgbench.batches import Batch, Transitions, in_time, side_by_side
from pgbench.functional import objectives, returns
from pgbench.functional.moments import average, explained_variance, standardise
from pgbench.learners import Learner, chunks, take_step
from pgbench.policies import kl
from pgbench.rollouts import Rollout, Sampler
from pgbench.streams import stream

Statistics = dict[str, Tensor]
"""Metrics of an update, `[S]` each."""


# ----------------------------------------------------------------------------------------------------------
# Data


def environments_each(data: specs.Data) -> int:
    """E: how many environments each replica runs side by side."""
    match data:
        case specs.WholeEpisodes():
            return data.episodes
        case specs.FixedHorizon():
            return data.environments
        case _:
            assert_never(data)


def collect(
    data: specs.Data, sampler: Sampler, learner: Learner, iteration: int, running: NDArray[np.bool_]
) -> Rollout:
    """Collect one update's experience with the present policy."""
    act, draw = learner.act(), learner.policy.noise
    match data:
        case specs.WholeEpisodes():
            return sampler.whole_episodes(act, draw, iteration, running)
        case specs.FixedHorizon():
            return sampler.fixed_horizon(act, draw, iteration, running, data.steps)
        case _:
            assert_never(data)


def transition_weights(data: specs.Data, active: Tensor, shares: Tensor) -> Tensor:
    """Weight `[S, N]` of each transition in the policy's objective, from what is active and its shares.

    The policy gradient is a mean over trajectories of sums over time; cut trajectories have no whole to sum, and
    a fixed horizon takes the mean over time steps.
    """
    match data:
        case specs.WholeEpisodes():
            return active / data.episodes
        case specs.FixedHorizon():
            return shares
        case _:
            assert_never(data)


# ----------------------------------------------------------------------------------------------------------
# Advantage, baseline, critic target


def advantages(algorithm: specs.Algorithm, rollout: Rollout, values: Tensor, next_values: Tensor) -> Tensor:
    """Â `[T, S, E]`: what each action is credited with, less the baseline."""
    flags = rollout.terminated, rollout.truncated
    to_go = returns.rewards_to_go(rollout.rewards, next_values, *flags, algorithm.gamma)
    match algorithm.advantage:
        case specs.GAE(lam=lam):
            return returns.gae(rollout.rewards, values, next_values, *flags, algorithm.gamma, lam)
        case specs.RewardToGo():
            estimates = to_go
        case specs.TotalReturn():
            estimates = returns.total_returns(to_go, *flags)
        case _:
            assert_never(algorithm.advantage)
    match algorithm.baseline:
        case specs.NoBaseline():
            return estimates
        case specs.AverageReturn():
            return estimates - returns.trajectory_average(estimates, rollout.active)
        case specs.LearnedValue():
            return estimates - values
        case _:
            assert_never(algorithm.baseline)


def critic_targets(
    target: specs.CriticTarget, rollout: Rollout, values: Tensor, next_values: Tensor, gamma: float
) -> Tensor:
    """What the critic regresses on, `[T, S, E]`."""
    flags = rollout.terminated, rollout.truncated
    match target:
        case specs.MonteCarloTarget():
            return returns.rewards_to_go(rollout.rewards, next_values, *flags, gamma)
        case specs.LambdaTarget(lam=lam):
            return values + returns.gae(rollout.rewards, values, next_values, *flags, gamma, lam)
        case _:
            assert_never(target)


# ----------------------------------------------------------------------------------------------------------
# Surrogate


def surrogate_objective(
    surrogate: specs.Surrogate, log_probs: Tensor, old_log_probs: Tensor, advantage: Tensor
) -> Tensor:
    """The objective to climb, one value a transition."""
    match surrogate:
        case specs.LogLikelihood():
            return objectives.log_likelihood(log_probs, advantage)
        case specs.ImportanceRatio():
            return objectives.importance_ratio(log_probs, old_log_probs, advantage)
        case specs.ClippedRatio(epsilon=epsilon):
            return objectives.clipped_ratio(log_probs, old_log_probs, advantage, epsilon)
        case _:
            assert_never(surrogate)


# ----------------------------------------------------------------------------------------------------------
# Critic's fit and update


def critic_fit(baseline: specs.Baseline) -> specs.CriticFit | None:
    """How the critic is fitted; None where the baseline has none."""
    return baseline.fit if isinstance(baseline, specs.LearnedValue) else None


@torch.no_grad()
def prepare(algorithm: specs.Algorithm, learner: Learner, rollout: Rollout) -> Batch:
    """Advantages and targets of a rollout, laid out for the update."""
    observations = side_by_side(rollout.observations)
    shape = rollout.rewards.shape
    values = in_time(learner.values_in_chunks(observations), shape)
    next_values = in_time(learner.values_in_chunks(side_by_side(rollout.next_observations)), shape)
    advantage = side_by_side(advantages(algorithm, rollout, values, next_values))
    active = side_by_side(rollout.active).float()
    shares = active / active.sum(1, keepdim=True).clamp(min=1.0)
    if algorithm.details.advantage_normalisation == "batch":
        advantage = standardise(advantage, shares)
    targets = torch.zeros_like(values)
    if isinstance(algorithm.baseline, specs.LearnedValue):
        targets = critic_targets(algorithm.baseline.target, rollout, values, next_values, algorithm.gamma)
    old = learner.distributions_in_chunks(observations)
    actions = side_by_side(rollout.actions)
    log_probs = [p.log_prob(actions[:, rows]) for p, rows in zip(old, chunks(actions.shape[1]), strict=True)]
    transitions = Transitions(
        observations=observations,
        actions=actions,
        advantages=advantage,
        targets=side_by_side(targets),
        old_log_probs=torch.cat(log_probs, 1),
        weights=transition_weights(algorithm.data, active, shares),
        shares=shares,
    )
    return Batch(transitions, shape[0] * shape[2], old)


@dataclass(frozen=True)
class Progress:
    """Where the replicas of a block stand when an update begins.

    Attributes:
        iteration: number of the update, from 0.
        seeds: one for each replica.
        running: `[S]`, boolean; the others keep every bit.
        remaining: `[S]`, float64: the fraction of the budget that is left, in (0, 1].
    """

    iteration: int
    seeds: Sequence[int]
    running: Tensor
    remaining: Tensor

    def learning_rate(self, optimiser: specs.Adam) -> Tensor:
        """`[S]`, the step size of this update."""
        fraction = self.remaining if optimiser.decay == "linear" else torch.ones_like(self.remaining)
        return optimiser.learning_rate * fraction


def update(algorithm: specs.Algorithm, learner: Learner, batch: Batch, progress: Progress) -> Statistics:
    """Improve policy and critic on a batch; metrics of what it did."""
    match algorithm.update:
        case specs.GradientStep():
            norms = _gradient_step(algorithm, learner, batch, progress)
        case specs.MinibatchEpochs():
            norms = _minibatch_epochs(algorithm, algorithm.update, learner, batch, progress)
        case _:
            assert_never(algorithm.update)
    match critic_fit(algorithm.baseline):
        case specs.SeparateFit() as fit:
            _fit_separately(algorithm, fit, learner, batch, progress)
        case specs.JointFit() | None:
            pass
        case other:
            assert_never(other)
    return {
        **_measure(learner, algorithm, batch),
        "gradient_norm": norms,
        "learning_rate": progress.learning_rate(algorithm.optimiser),
    }


def _loss(algorithm: specs.Algorithm, learner: Learner, part: Transitions) -> Tensor:
    """The sum over replicas of each one's loss on some transitions, so that gradients do not mix."""
    distribution = learner.distribution(part.observations)
    log_probs = distribution.log_prob(part.actions)
    gain = surrogate_objective(algorithm.surrogate, log_probs, part.old_log_probs, part.advantages)
    if algorithm.details.entropy_bonus:
        gain = gain + algorithm.details.entropy_bonus * distribution.entropy()
    loss = -(part.weights * gain).sum()
    match critic_fit(algorithm.baseline):
        case specs.JointFit(coefficient=coefficient):
            return loss + coefficient * _value_loss(learner, part)
        case specs.SeparateFit() | None:
            return loss
        case other:
            assert_never(other)


def _value_loss(learner: Learner, part: Transitions) -> Tensor:
    """The sum over replicas of the critic's mean loss."""
    return (part.shares * objectives.value_loss(learner.values(part.observations), part.targets)).sum()


def _gradient_step(algorithm: specs.Algorithm, learner: Learner, batch: Batch, progress: Progress) -> Tensor:
    """One step on the whole batch; the gradient's norm, `[S]`."""
    for rows in chunks(batch.transitions.advantages.shape[1]):
        _loss(algorithm, learner, batch.transitions.part(rows)).backward()  # type: ignore[no-untyped-call]
    return _step(algorithm, learner, progress, progress.running)


def _step(algorithm: specs.Algorithm, learner: Learner, progress: Progress, active: Tensor) -> Tensor:
    """Step every network that has a gradient, with the algorithm's optimiser; the gradient's norm, `[S]`."""
    return take_step(
        [part for part in learner.parts if part.values.grad is not None],
        progress.learning_rate(algorithm.optimiser),
        algorithm.optimiser.epsilon,
        algorithm.details.max_gradient_norm,
        active,
    )


def _minibatch_epochs(
    algorithm: specs.Algorithm,
    method: specs.MinibatchEpochs,
    learner: Learner,
    batch: Batch,
    progress: Progress,
) -> Tensor:
    """Epochs of minibatch steps; the mean norm of the gradients that were followed, `[S]`."""
    generators = [stream(seed, "minibatches", progress.iteration) for seed in progress.seeds]
    active = progress.running
    total, steps = torch.zeros(len(generators)), torch.zeros(len(generators))
    for _ in range(method.epochs):
        order = torch.from_numpy(np.stack([generator.permutation(batch.size) for generator in generators]))
        for minibatch in _minibatches(algorithm, batch.transitions.take(order), method.minibatch_size):
            _loss(algorithm, learner, minibatch).backward()  # type: ignore[no-untyped-call]
            total += _step(algorithm, learner, progress, active) * active
            steps += active
        if method.max_kl is not None:
            active = active & (_mean_kl(learner, batch) <= method.max_kl)
            if not active.any():
                break
    return total / steps.clamp(min=1.0)


def _minibatches(algorithm: specs.Algorithm, shuffled: Transitions, size: int) -> Iterator[Transitions]:
    """Shuffled transitions in parts of `size`, their advantages normalised if that is done by minibatch."""
    shares = torch.full_like(shuffled.shares, 1.0 / size)
    shuffled = replace(shuffled, weights=shares, shares=shares)
    if algorithm.details.advantage_normalisation == "minibatch":
        minibatches = shuffled.advantages.reshape(len(shuffled.advantages), -1, size)
        normalised = standardise(minibatches, torch.ones_like(minibatches))
        shuffled = replace(shuffled, advantages=normalised.flatten(1))
    for first in range(0, shuffled.advantages.shape[1], size):
        yield shuffled.part(slice(first, first + size))


def _fit_separately(
    algorithm: specs.Algorithm, fit: specs.SeparateFit, learner: Learner, batch: Batch, progress: Progress
) -> None:
    """The critic's own gradient steps on the whole batch."""
    learning_rate = torch.full_like(progress.remaining, fit.learning_rate)
    for _ in range(fit.steps):
        for rows in chunks(batch.transitions.advantages.shape[1]):
            _value_loss(learner, batch.transitions.part(rows)).backward()  # type: ignore[no-untyped-call]
        epsilon, norm = algorithm.optimiser.epsilon, algorithm.details.max_gradient_norm
        take_step(learner.parts[1:], learning_rate, epsilon, norm, progress.running)


# ----------------------------------------------------------------------------------------------------------
# What an update did


def _mean_kl(learner: Learner, batch: Batch) -> Tensor:
    """The mean of KL(old ‖ new) over the batch, `[S]`, in nats."""
    new = learner.distributions_in_chunks(batch.transitions.observations)
    return average(
        torch.cat([kl(o, n) for o, n in zip(batch.old, new, strict=True)], 1), batch.transitions.shares
    )


@torch.no_grad()
def _measure(learner: Learner, algorithm: specs.Algorithm, batch: Batch) -> Statistics:
    """What the papers argue about, over the whole batch after the update."""
    data = batch.transitions
    new = learner.distributions_in_chunks(data.observations)
    divergence = torch.cat([kl(o, n) for o, n in zip(batch.old, new, strict=True)], 1)
    entropy = torch.cat([n.entropy() for n in new], 1)
    parts = zip(new, chunks(data.actions.shape[1]), strict=True)
    log_probs = torch.cat([n.log_prob(data.actions[:, rows]) for n, rows in parts], 1)
    log_ratios = log_probs - data.old_log_probs
    ratios = log_ratios.exp()
    values = learner.values_in_chunks(data.observations)
    happened = data.shares > 0
    gain = surrogate_objective(algorithm.surrogate, log_probs, data.old_log_probs, data.advantages)
    return {
        "policy_loss": -average(gain, data.shares),
        "value_loss": average(objectives.value_loss(values, data.targets), data.shares),
        "explained_variance": explained_variance(values, data.targets, data.shares),
        "entropy": average(entropy, data.shares),
        "kl": average(divergence, data.shares),
        # Schulman 2020, "Approximating KL divergence", k3: unbiased, never negative
        "approximate_kl": average(ratios - 1.0 - log_ratios, data.shares),
        "ratio_maximum": ratios.where(happened, 1.0).amax(1),
        "ratio_minimum": ratios.where(happened, 1.0).amin(1),
    }
