"""What the surrogate slot means: the objective whose gradient the update follows."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import objectives, ratios
from pgbench.functional.moments import average
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import Distribution, kl
from pgbench.training.batches import Batch, Transitions
from pgbench.training.experience import in_time, side_by_side
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner, PolicyAndValue, mean_kl


def surrogate_objective(
    surrogate: c.Surrogate, learner: Learner, new: Distribution, part: Transitions
) -> Tensor:
    """The objective to climb, one value a transition, `[S, M]`."""
    recorded, advantages = part.recorded, part.credit.advantages
    log_probs, old = new.log_prob(recorded.actions), recorded.log_probs
    match surrogate:
        case c.LogLikelihood() | c.TrajectoryRatio() | c.CausalRatio() | c.PerDecisionRatio():
            return objectives.log_likelihood(log_probs, advantages)
        case c.ImportanceRatio():
            return objectives.importance_ratio(log_probs, old, advantages)
        case c.ClippedRatio(epsilon=epsilon, pessimistic=True):
            return objectives.clipped_ratio(log_probs, old, advantages, epsilon)
        case c.ClippedRatio(epsilon=epsilon):
            return objectives.clipped_ratio_without_minimum(log_probs, old, advantages, epsilon)
        case c.FixedPenalty() | c.AdaptivePenalty():
            divergence = kl(learner.policy.restore(recorded.parameters), new)
            return objectives.kl_penalised(log_probs, old, advantages, divergence, learner.beta.unsqueeze(-1))
        case _:
            assert_never(surrogate)


@torch.no_grad()
def reweighted(algorithm: Algorithm, learner: Learner, batch: Batch) -> Transitions:
    """The batch's transitions, their advantages times the importance weights of what led up to them.

    The products of ratios are a weight on the gradient of log π, as the note writes it, and not differentiated.
    """
    data, rollout = batch.transitions, batch.rollout
    shape, recorded = rollout.rewards.shape, data.recorded

    def log_ratios() -> Tensor:
        now = learner.evaluate_in_chunks(recorded.observations).distribution.log_prob(recorded.actions)
        return in_time(now - recorded.log_probs, shape) * rollout.active

    match algorithm.surrogate:
        case c.TrajectoryRatio():
            weights = ratios.trajectory_log_ratios(log_ratios(), *rollout.flags).exp()
            weighted = in_time(data.credit.advantages, shape) * weights
        case c.CausalRatio():
            weights = ratios.causal_log_ratios(log_ratios(), *rollout.flags).exp()
            weighted = in_time(data.credit.advantages, shape) * weights
        case c.PerDecisionRatio():
            each = log_ratios()
            returns = ratios.per_decision_returns(rollout.rewards, each, *rollout.flags, algorithm.gamma)
            weighted = returns * ratios.causal_log_ratios(each, *rollout.flags).exp()
        case (
            c.LogLikelihood()
            | c.ImportanceRatio()
            | c.ClippedRatio()
            | c.FixedPenalty()
            | c.AdaptivePenalty()
        ):
            return data
        case _:
            assert_never(algorithm.surrogate)
    return data.credited(advantages=side_by_side(weighted))


def initial_beta(surrogate: c.Surrogate) -> float:
    """β before the first update; 0 for surrogates without a penalty."""
    match surrogate:
        case c.FixedPenalty(beta=beta) | c.AdaptivePenalty(initial_beta=beta):
            return beta
        case (
            c.LogLikelihood()
            | c.ImportanceRatio()
            | c.ClippedRatio()
            | c.TrajectoryRatio()
            | c.CausalRatio()
            | c.PerDecisionRatio()
        ):
            return 0.0
        case _:
            assert_never(surrogate)


@torch.no_grad()
def adapt_penalty(surrogate: c.Surrogate, learner: Learner, batch: Batch, moment: Moment) -> Statistics:
    """The β of this update, for surrogates that have one; an adaptive penalty also sets the next update's."""
    match surrogate:
        case c.FixedPenalty():
            return {"beta": learner.beta}
        case c.AdaptivePenalty(target=target):
            present = learner.beta.clone()
            adapted = objectives.adapt_beta(present, mean_kl(learner, batch.transitions), target)
            learner.beta.copy_(torch.where(moment.running, adapted, present))
            return {"beta": present}
        case (
            c.LogLikelihood()
            | c.ImportanceRatio()
            | c.ClippedRatio()
            | c.TrajectoryRatio()
            | c.CausalRatio()
            | c.PerDecisionRatio()
        ):
            return {}
        case _:
            assert_never(surrogate)


@torch.no_grad()
def clipping(surrogate: c.Surrogate, batch: Batch, after: PolicyAndValue) -> Statistics:
    """The share of ratios outside [1 − ε, 1 + ε] once the update has led to `after`, for a surrogate that clips."""
    match surrogate:
        case c.ClippedRatio(epsilon=epsilon):
            return {"clip_fraction": clip_fraction(batch.transitions, after.distribution, epsilon)}
        case (
            c.LogLikelihood()
            | c.ImportanceRatio()
            | c.FixedPenalty()
            | c.AdaptivePenalty()
            | c.TrajectoryRatio()
            | c.CausalRatio()
            | c.PerDecisionRatio()
        ):
            return {}
        case _:
            assert_never(surrogate)


def clip_fraction(data: Transitions, new: Distribution, epsilon: float) -> Tensor:
    """The share of ratios outside [1 − ε, 1 + ε], `[S]`."""
    ratio = (new.log_prob(data.recorded.actions) - data.recorded.log_probs).exp()
    return average(((ratio - 1.0).abs() > epsilon).float(), data.credit.shares)
