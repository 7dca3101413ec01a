"""From a batch to better parameters: what surrogate, critic fit and update mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
import torch
from torch import Tensor

from pgbench import components as c
from pgbench.batches import Batch, Transitions, in_time, side_by_side
from pgbench.diagnostics import Statistics, clip_fraction, gradient_signal_to_noise, mean_kl, measure
from pgbench.estimation import credit
from pgbench.functional import importance, objectives
from pgbench.functional.moments import standardise
from pgbench.functional.penalties import adapt_beta
from pgbench.learners import Evaluation, Learner, Parameters, chunks, take_step
from pgbench.policies import Distribution, kl
from pgbench.specs import Algorithm
from pgbench.streams import stream
from pgbench.trust_regions import natural_step, searched_step


@dataclass(frozen=True)
class Progress:
    """Where the replicas of a block stand when an update begins.

    Attributes:
        iteration: number of the update, from 0.
        seeds: one for each replica.
        running: `[S]`, boolean; the others keep every bit.
        remaining: `[S]`, float64: the fraction of the budget that is left, in (0, 1].
        watched: whether metrics are asked for.
    """

    iteration: int
    seeds: Sequence[int]
    running: Tensor
    remaining: Tensor
    watched: bool = True

    def learning_rate(self, optimiser: c.Adam) -> Tensor:
        """`[S]`, the step size of this update."""
        fraction = self.remaining if optimiser.decay == "linear" else torch.ones_like(self.remaining)
        return optimiser.learning_rate * fraction


# ----------------------------------------------------------------------------------------------------------
# Surrogate


def surrogate_objective(
    surrogate: c.Surrogate, learner: Learner, new: Distribution, part: Transitions
) -> Tensor:
    """The objective to climb, one value a transition, `[S, M]`."""
    log_probs, old, advantage = new.log_prob(part.actions), part.old_log_probs, part.advantages
    match surrogate:
        case c.LogLikelihood() | c.TrajectoryRatio() | c.CausalRatio() | c.PerDecisionRatio():
            return objectives.log_likelihood(log_probs, advantage)
        case c.ImportanceRatio():
            return objectives.importance_ratio(log_probs, old, advantage)
        case c.ClippedRatio(epsilon=epsilon, pessimistic=True):
            return objectives.clipped_ratio(log_probs, old, advantage, epsilon)
        case c.ClippedRatio(epsilon=epsilon):
            return objectives.clipped_ratio_without_minimum(log_probs, old, advantage, epsilon)
        case c.FixedPenalty() | c.AdaptivePenalty():
            divergence = kl(learner.policy.restore(part.old_parameters), new)
            return objectives.kl_penalised(log_probs, old, advantage, divergence, learner.beta.unsqueeze(-1))
        case _:
            assert_never(surrogate)


@torch.no_grad()
def reweighted(algorithm: Algorithm, learner: Learner, batch: Batch) -> Transitions:
    """The batch's transitions, their advantages times the importance weights of what led up to them.

    The products of ratios are a weight on the gradient of log π, as the note writes it, and not differentiated.
    """
    data, rollout = batch.transitions, batch.rollout
    flags = rollout.terminated, rollout.truncated
    credit = in_time(data.advantages, rollout.rewards.shape)

    def log_ratios() -> Tensor:
        now = learner.evaluate_in_chunks(data.observations).distribution.log_prob(data.actions)
        return in_time(now - data.old_log_probs, rollout.rewards.shape) * rollout.active

    match algorithm.surrogate:
        case c.TrajectoryRatio():
            weighted = credit * importance.trajectory_log_ratios(log_ratios(), *flags).exp()
        case c.CausalRatio():
            weighted = credit * importance.causal_log_ratios(log_ratios(), *flags).exp()
        case c.PerDecisionRatio():
            ratios = log_ratios()
            returns = importance.per_decision_returns(rollout.rewards, ratios, *flags, algorithm.gamma)
            weighted = returns * importance.causal_log_ratios(ratios, *flags).exp()
        case _:
            return data
    return replace(data, advantages=side_by_side(weighted))


def initial_beta(surrogate: c.Surrogate) -> float:
    """β before the first update; 0 for surrogates without a penalty."""
    match surrogate:
        case c.FixedPenalty(beta=beta) | c.AdaptivePenalty(initial_beta=beta):
            return beta
        case _:
            return 0.0


# ----------------------------------------------------------------------------------------------------------
# Loss and critic


def critic_fit(baseline: c.Baseline) -> c.CriticFit | None:
    """How the critic is fitted; None where the baseline has none."""
    match baseline:
        case c.LearnedValue(fit=fit) | c.LearnedActionValue(fit=fit):
            return fit
        case _:
            return None


def values_actions(baseline: c.Baseline) -> bool:
    """Whether the critic is one of actions, Q(s, a)."""
    match baseline:
        case c.LearnedActionValue():
            return True
        case _:
            return False


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


def value_losses(algorithm: Algorithm, values: Tensor, part: Transitions) -> Tensor:
    """The share of each transition in the critic's mean loss, `[S, M]`."""
    clip = algorithm.details.value_clip
    if clip is None:
        return part.shares * objectives.value_loss(values, part.targets)
    return part.shares * objectives.clipped_value_loss(values, part.old_values, part.targets, clip)


def _fit_separately(
    algorithm: Algorithm, fit: c.SeparateFit, learner: Learner, batch: Batch, progress: Progress
) -> None:
    """The critic's own gradient steps on the whole batch."""
    for _ in range(fit.steps):
        for rows in chunks(len(batch.transitions)):
            part = batch.transitions.part(rows)
            values = learner.values(part.observations)
            value_losses(algorithm, values, part).sum().backward()  # type: ignore[no-untyped-call]
        _step(algorithm, fit.optimiser, learner.parts[1:], progress, progress.running)


# ----------------------------------------------------------------------------------------------------------
# Update


def update(algorithm: Algorithm, learner: Learner, batch: Batch, progress: Progress) -> Statistics:
    """Improve policy and critic on a batch; metrics of what it did, or none if it is not watched."""
    before = gradient_signal_to_noise(learner, batch) if progress.watched else {}
    match algorithm.update:
        case c.GradientStep() as method:
            done = _gradient_steps(algorithm, method, learner, batch, progress)
        case c.MinibatchEpochs() as method:
            done = _minibatch_epochs(algorithm, method, learner, batch, progress)
        case c.NaturalGradient() as method:
            done = natural_step(method, learner, batch, progress.running, gradient(algorithm, learner, batch))
        case c.TrustRegion() as method:
            done = searched_step(
                method, learner, batch, progress.running, gradient(algorithm, learner, batch)
            )
        case _:
            assert_never(algorithm.update)
    match critic_fit(algorithm.baseline):
        case c.SeparateFit() as fit:
            _fit_separately(algorithm, fit, learner, batch, progress)
        case c.JointFit() | None:
            pass
        case other:
            assert_never(other)
    penalty = _penalty(algorithm.surrogate, learner, batch, progress)
    if not progress.watched:
        return {}
    after = learner.evaluate_in_chunks(batch.transitions.observations)
    clipped = _clipping(algorithm.surrogate, batch, after)
    return before | measure(learner, batch, after) | clipped | done | penalty


def _clipping(surrogate: c.Surrogate, batch: Batch, after: Evaluation) -> Statistics:
    """How much the clip leaves out, for the surrogate that has one."""
    match surrogate:
        case c.ClippedRatio(epsilon=epsilon):
            return {"clip_fraction": clip_fraction(batch, after, epsilon)}
        case _:
            return {}


def _penalty(surrogate: c.Surrogate, learner: Learner, batch: Batch, progress: Progress) -> Statistics:
    """The β of this update, for surrogates that have one; an adaptive penalty also sets the next update's."""
    match surrogate:
        case c.FixedPenalty():
            return {"beta": learner.beta}
        case c.AdaptivePenalty(target=target):
            beta, divergence = learner.beta, mean_kl(learner, batch)
            learner.beta = torch.where(progress.running, adapt_beta(beta, divergence, target), beta)
            return {"beta": beta}
        case _:
            return {}


def gradient(algorithm: Algorithm, learner: Learner, batch: Batch) -> Tensor:
    """The gradient `[S, P]` of the policy's objective on the whole batch."""
    _accumulate(algorithm, learner, batch)
    return -learner.actor.pop_gradient()


def _accumulate(algorithm: Algorithm, learner: Learner, batch: Batch) -> None:
    data = reweighted(algorithm, learner, batch)
    for rows in chunks(len(data)):
        loss(algorithm, learner, data.part(rows)).backward()  # type: ignore[no-untyped-call]
    if batch.correction is not None:
        learner.actor.add_to_gradient(batch.correction)


def _step(
    algorithm: Algorithm,
    optimiser: c.Adam,
    parts: Sequence[Parameters],
    progress: Progress,
    active: Tensor,
) -> Tensor:
    """One step of an optimiser on some networks; the gradient's norm, `[S]`."""
    norm = algorithm.details.max_gradient_norm
    return take_step(parts, progress.learning_rate(optimiser), optimiser.epsilon, norm, active)


def _learning_together(algorithm: Algorithm, learner: Learner) -> list[Parameters]:
    """The networks that the policy's optimiser steps: the critic's too, if they learn together."""
    match critic_fit(algorithm.baseline):
        case c.JointFit():
            return learner.parts
        case c.SeparateFit() | None:
            return [learner.actor]
        case other:
            assert_never(other)


def _gradient_steps(
    algorithm: Algorithm, method: c.GradientStep, learner: Learner, batch: Batch, progress: Progress
) -> Statistics:
    """Steps on the whole batch."""
    total = torch.zeros(len(progress.seeds))
    for _ in range(method.steps):
        _accumulate(algorithm, learner, batch)
        parts = _learning_together(algorithm, learner)
        total += _step(algorithm, method.optimiser, parts, progress, progress.running)
    return {
        "gradient_norm": total / method.steps,
        "learning_rate": progress.learning_rate(method.optimiser),
    }


def _minibatch_epochs(
    algorithm: Algorithm, method: c.MinibatchEpochs, learner: Learner, batch: Batch, progress: Progress
) -> Statistics:
    """Epochs of minibatch steps; the gradient's norm is a mean over the steps that were taken."""
    generators = [stream(seed, "minibatches", progress.iteration) for seed in progress.seeds]
    parts = _learning_together(algorithm, learner)
    active = progress.running
    total, steps = torch.zeros(len(generators)), torch.zeros(len(generators))
    for epoch in range(method.epochs):
        if method.recompute_advantages and epoch:
            values = learner.evaluate_in_chunks(batch.transitions.observations).values
            batch = credit(algorithm, learner, batch, values)
        order = torch.from_numpy(np.stack([generator.permutation(batch.size) for generator in generators]))
        for minibatch in minibatches(algorithm, batch.transitions.take(order), method.minibatch_size):
            loss(algorithm, learner, minibatch).backward()  # type: ignore[no-untyped-call]
            total += _step(algorithm, method.optimiser, parts, progress, active) * active
            steps += active
        if method.max_kl is not None:
            active = active & (mean_kl(learner, batch) <= method.max_kl)
            if not active.any():
                break
    return {
        "gradient_norm": total / steps.clamp(min=1.0),
        "learning_rate": progress.learning_rate(method.optimiser),
    }


def minibatches(algorithm: Algorithm, shuffled: Transitions, size: int) -> Iterator[Transitions]:
    """Shuffled transitions in parts of `size`, their advantages normalised if that is done by minibatch."""
    scale = len(shuffled) / size
    shuffled = replace(shuffled, weights=shuffled.weights * scale, shares=shuffled.shares * scale)
    if algorithm.details.advantage_normalisation == "minibatch":
        in_minibatches = shuffled.advantages.reshape(len(shuffled.advantages), -1, size)
        normalised = standardise(in_minibatches, torch.ones_like(in_minibatches))
        shuffled = replace(shuffled, advantages=normalised.flatten(1))
    for first in range(0, len(shuffled), size):
        yield shuffled.part(slice(first, first + size))
