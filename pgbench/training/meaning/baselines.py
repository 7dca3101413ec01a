"""What the baseline slot means."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import control_variates
from pgbench.methods import components as c
from pgbench.training.experience import Batch, Rollout, Values, side_by_side
from pgbench.training.learner import Learner, chunks


def subtracted(
    baseline: c.Baseline, estimates: Tensor, rollout: Rollout, values: Values, scores: Tensor
) -> Tensor | float:
    """b, broadcast to `[T, S, E]`."""
    match baseline:
        case c.NoBaseline() | c.OptimalComponents() | c.LearnedActionValue():
            return 0.0
        case c.AverageReturn():
            return control_variates.trajectory_average(estimates, rollout.active)
        case c.TimestepAverage():
            return control_variates.timestep_average(estimates, rollout.active)
        case c.OptimalConstant():
            return control_variates.optimal_constant(scores.square().sum(-1), estimates[0])
        case c.LearnedValue():
            return values.here
        case _:
            assert_never(baseline)


def gradient_correction(baseline: c.Baseline, scores: Tensor, totals: Tensor) -> Tensor | None:
    """The mean of b ⊙ ∇log p(τ), `[S, P]`, for a baseline with a constant b for every parameter.

    Args:
        baseline: the specification.
        scores: `[S, E, P]`, ∇log p(τ) of each trajectory.
        totals: `[S, E]`, its return.
    """
    match baseline:
        case c.OptimalComponents():
            return control_variates.optimal_components(scores, totals) * scores.mean(1)
        case _:
            return None


@torch.enable_grad()
def trajectory_scores(baseline: c.Baseline, learner: Learner, batch: Batch) -> Tensor:
    """∇ log p(τ) of each trajectory, `[S, E, P]`; with P = 0 for baselines that do not ask for it."""
    _, replicas, each = batch.rollout.rewards.shape
    match baseline:
        case c.OptimalConstant() | c.OptimalComponents():
            return torch.stack([_score(learner, batch, environment) for environment in range(each)], 1)
        case _:
            return torch.zeros(replicas, each, 0)


def _score(learner: Learner, batch: Batch, environment: int) -> Tensor:
    """∇ log p(τ) of the trajectory of one environment of each replica, `[S, P]`."""
    mine = torch.zeros_like(batch.rollout.rewards)
    mine[:, :, environment] = batch.rollout.active[:, :, environment].float()
    weights, data = side_by_side(mine), batch.transitions
    for rows in chunks(len(data)):
        log_probs = learner.distribution(data.observations[:, rows]).log_prob(data.actions[:, rows])
        (weights[:, rows] * log_probs).sum().backward()  # type: ignore[no-untyped-call]
    return learner.actor.pop_gradient()
