"""What the surrogate slot means: the objective whose gradient the update follows."""

from __future__ import annotations

import math
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
from pgbench.training.learner import Learner, PolicyAndValue


def surrogate_objective(
    surrogate: c.Surrogate, learner: Learner, new: Distribution, part: Transitions
) -> Tensor:
    """The objective to climb, one value a transition, `[S, M]`."""
    recorded, advantages = part.recorded, part.credit.advantages
    log_probs, old = new.log_prob(recorded.actions), recorded.log_probs
    match surrogate:
        case c.LogLikelihood() | c.TrajectoryRatio() | c.CausalRatio() | c.PerDecisionRatio():
            return objectives.log_likelihood(log_probs, advantages)
        case c.ExponentialAdvantage():
            return objectives.log_likelihood(log_probs, likelihood_weights(surrogate, advantages))
        case c.ImportanceRatio():
            return objectives.importance_ratio(log_probs, old, advantages)
        case c.TruncatedRatio(maximum=maximum):
            return objectives.truncated_ratio(log_probs, old, advantages, maximum)
        case c.ClippedRatio(pessimistic=True):
            return objectives.clipped_ratio(log_probs, old, advantages, *_clip(surrogate))
        case c.ClippedRatio():
            return objectives.clipped_ratio_without_minimum(log_probs, old, advantages, *_clip(surrogate))
        case c.ClippedLogRatio(epsilon=epsilon):
            return objectives.clipped_log_ratio(log_probs, old, advantages, epsilon)
        case c.RollbackRatio(epsilon=epsilon, alpha=alpha):
            return objectives.rollback_ratio(log_probs, old, advantages, epsilon, alpha)
        case c.QuadraticPenalty(epsilon=epsilon):
            return objectives.quadratic_penalty(log_probs, old, advantages, epsilon)
        case c.FixedPenalty() | c.AdaptivePenalty():
            divergence = _divergence(surrogate, learner.policy.restore(recorded.parameters), new)
            return objectives.kl_penalised(log_probs, old, advantages, divergence, learner.beta.unsqueeze(-1))
        case _:
            assert_never(surrogate)


def likelihood_weights(surrogate: c.Surrogate, advantages: Tensor) -> Tensor:
    """The factor of ∇log π(a|s) in the surrogate's gradient at the policy that collected, for its advantages."""
    match surrogate:
        case c.ExponentialAdvantage(temperature=temperature, maximum=maximum):
            return objectives.exponential_weights(advantages, temperature, maximum)
        case (
            c.LogLikelihood()
            | c.ImportanceRatio()
            | c.TruncatedRatio()
            | c.ClippedRatio()
            | c.ClippedLogRatio()
            | c.RollbackRatio()
            | c.QuadraticPenalty()
            | c.FixedPenalty()
            | c.AdaptivePenalty()
            | c.TrajectoryRatio()
            | c.CausalRatio()
            | c.PerDecisionRatio()
        ):
            return advantages
        case _:
            assert_never(surrogate)


def _divergence(penalty: c.FixedPenalty | c.AdaptivePenalty, old: Distribution, new: Distribution) -> Tensor:
    """The divergence that a penalty weighs, in its direction."""
    match penalty:
        case c.FixedPenalty(direction="new_old") | c.AdaptivePenalty(direction="new_old"):
            return kl(new, old)
        case c.FixedPenalty() | c.AdaptivePenalty():
            return kl(old, new)
        case _:
            assert_never(penalty)


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
            | c.TruncatedRatio()
            | c.ExponentialAdvantage()
            | c.ClippedRatio()
            | c.ClippedLogRatio()
            | c.RollbackRatio()
            | c.QuadraticPenalty()
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
            | c.TruncatedRatio()
            | c.ExponentialAdvantage()
            | c.ClippedRatio()
            | c.ClippedLogRatio()
            | c.RollbackRatio()
            | c.QuadraticPenalty()
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
            # What is penalised is what is held, whichever direction it has.
            adapted = objectives.adapt_beta(present, _mean_divergence(surrogate, learner, batch), target)
            learner.beta.copy_(torch.where(moment.running, adapted, present))
            return {"beta": present}
        case (
            c.LogLikelihood()
            | c.ImportanceRatio()
            | c.TruncatedRatio()
            | c.ExponentialAdvantage()
            | c.ClippedRatio()
            | c.ClippedLogRatio()
            | c.RollbackRatio()
            | c.QuadraticPenalty()
            | c.TrajectoryRatio()
            | c.CausalRatio()
            | c.PerDecisionRatio()
        ):
            return {}
        case _:
            assert_never(surrogate)


def _mean_divergence(surrogate: c.AdaptivePenalty, learner: Learner, batch: Batch) -> Tensor:
    """The mean of the divergence that the penalty weighs, `[S]`."""
    data = batch.transitions
    new = learner.evaluate_in_chunks(data.recorded.observations).distribution
    old = learner.policy.restore(data.recorded.parameters)
    return average(_divergence(surrogate, old, new), data.credit.shares)


@torch.no_grad()
def clipping(surrogate: c.Surrogate, batch: Batch, after: PolicyAndValue) -> Statistics:
    """The share of ratios beyond the surrogate's interval once the update has led to `after`, if it has one."""
    bounds = _interval(surrogate)
    if bounds is None:
        return {}
    return {"clip_fraction": clip_fraction(batch.transitions, after.distribution, *bounds)}


def _interval(surrogate: c.Surrogate) -> tuple[float, float] | None:
    """How far below and above 1 the interval reaches in which a surrogate wants the ratio."""
    match surrogate:
        case c.ClippedRatio():
            return _clip(surrogate)
        case c.RollbackRatio(epsilon=epsilon) | c.QuadraticPenalty(epsilon=epsilon):
            return epsilon, epsilon
        case c.ClippedLogRatio(epsilon=epsilon):
            return -math.expm1(-epsilon), math.expm1(epsilon)
        case c.TruncatedRatio(maximum=maximum):
            return 1.0, maximum - 1.0
        case (
            c.LogLikelihood()
            | c.ImportanceRatio()
            | c.ExponentialAdvantage()
            | c.FixedPenalty()
            | c.AdaptivePenalty()
            | c.TrajectoryRatio()
            | c.CausalRatio()
            | c.PerDecisionRatio()
        ):
            return None
        case _:
            assert_never(surrogate)


def _clip(surrogate: c.ClippedRatio) -> tuple[float, float]:
    """How far below and above 1 the clipped ratio may lie."""
    high = surrogate.epsilon_high
    return surrogate.epsilon, surrogate.epsilon if high is None else high


def clip_fraction(data: Transitions, new: Distribution, below: float, above: float) -> Tensor:
    """The share of ratios less than 1 − `below` or more than 1 + `above`, `[S]`."""
    moved = (new.log_prob(data.recorded.actions) - data.recorded.log_probs).exp() - 1.0
    return average(((moved < -below) | (moved > above)).float(), data.credit.shares)
