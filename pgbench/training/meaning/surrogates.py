"""What the surrogate slot means."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import objectives
from pgbench.functional.objectives import adapt_beta
from pgbench.functional.ratios import causal_log_ratios, per_decision_returns, trajectory_log_ratios
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.networks.distributions import Distribution, kl
from pgbench.training.diagnostics import clip_fraction, mean_kl
from pgbench.training.experience import Batch, Transitions, in_time, side_by_side
from pgbench.training.iteration import Moment, Statistics
from pgbench.training.learner import Learner, PolicyAndValue

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
            weighted = credit * trajectory_log_ratios(log_ratios(), *flags).exp()
        case c.CausalRatio():
            weighted = credit * causal_log_ratios(log_ratios(), *flags).exp()
        case c.PerDecisionRatio():
            ratios = log_ratios()
            returns = per_decision_returns(rollout.rewards, ratios, *flags, algorithm.gamma)
            weighted = returns * causal_log_ratios(ratios, *flags).exp()
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


def clipping(surrogate: c.Surrogate, batch: Batch, after: PolicyAndValue) -> Statistics:
    """How much the clip leaves out, for the surrogate that has one."""
    match surrogate:
        case c.ClippedRatio(epsilon=epsilon):
            return {"clip_fraction": clip_fraction(batch, after, epsilon)}
        case _:
            return {}


def adapted_penalty(surrogate: c.Surrogate, learner: Learner, batch: Batch, progress: Moment) -> Statistics:
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
