"""What the baseline slot means: what an action's return is compared with, and the critic that learns it."""

from __future__ import annotations

from typing import Literal, assert_never

import torch
from torch import Tensor

from pgbench.functional import control_variates
from pgbench.methods import components as c
from pgbench.training.batches import Recorded
from pgbench.training.experience import Rollout, Values, chunks, side_by_side
from pgbench.training.learner import Learner
from pgbench.training.replay_memory import Drawn, ReplayDraws

Scores = Tensor | None
"""∇log p(τ) of each trajectory, `[S, E, P]`; None for baselines that do not ask for it."""


def subtracted(
    baseline: c.Baseline, estimates: Tensor, rollout: Rollout, values: Values, scores: Scores
) -> Tensor | float:
    """b, broadcast to `[T, S, E]`."""
    match baseline:
        case c.NoBaseline() | c.OptimalComponents():
            return 0.0
        case c.LearnedActionValue():
            return values.expected
        case c.AverageReturn():
            return control_variates.trajectory_average(estimates, rollout.active)
        case c.LeaveOneOut():
            return control_variates.leave_one_out(estimates, rollout.active)
        case c.TimestepAverage():
            return control_variates.timestep_average(estimates, rollout.active)
        case c.OptimalConstant():
            return control_variates.optimal_constant(_known(scores).square().sum(-1), estimates[0])
        case c.LearnedValue():
            return values.here
        case _:
            assert_never(baseline)


def critic_of(baseline: c.Baseline) -> Literal["states", "actions"] | None:
    """What the critic values: states, by V(s), or actions, by Q(s, a); None without a critic."""
    match baseline:
        case c.LearnedValue():
            return "states"
        case c.LearnedActionValue():
            return "actions"
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.LeaveOneOut()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
        ):
            return None
        case _:
            assert_never(baseline)


def critic_fit(baseline: c.Baseline) -> c.CriticFit | None:
    """How the critic is fitted; None without a critic."""
    match baseline:
        case c.LearnedValue(fit=fit) | c.LearnedActionValue(fit=fit):
            return fit
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.LeaveOneOut()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
        ):
            return None
        case _:
            assert_never(baseline)


def critic_target(baseline: c.Baseline) -> c.CriticTarget | None:
    """What the critic regresses on in a rollout; None where no critic is fitted to rollouts."""
    match baseline:
        case c.LearnedValue(target=target):
            return target
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.LeaveOneOut()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
            | c.LearnedActionValue()
        ):
            return None
        case _:
            assert_never(baseline)


def gradient_correction(baseline: c.Baseline, scores: Scores, totals: Tensor) -> Tensor | None:
    """The mean of b ⊙ ∇log p(τ), `[S, P]`, for a baseline with a constant b for every parameter.

    Args:
        baseline: the specification.
        scores: of each trajectory.
        totals: `[S, E]`, its return.
    """
    match baseline:
        case c.OptimalComponents():
            known = _known(scores)
            return control_variates.optimal_components(known, totals) * known.mean(1)
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.LeaveOneOut()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.LearnedValue()
            | c.LearnedActionValue()
        ):
            return None
        case _:
            assert_never(baseline)


def trajectory_scores(baseline: c.Baseline, learner: Learner, recorded: Recorded, rollout: Rollout) -> Scores:
    """∇log p(τ) of each trajectory, if the baseline asks for it."""
    match baseline:
        case c.OptimalConstant() | c.OptimalComponents():
            rows = range(rollout.rewards.shape[2])
            return torch.stack([_score(learner, recorded, rollout, row) for row in rows], 1)
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.LeaveOneOut()
            | c.TimestepAverage()
            | c.LearnedValue()
            | c.LearnedActionValue()
        ):
            return None
        case _:
            assert_never(baseline)


@torch.enable_grad()
def _score(learner: Learner, recorded: Recorded, rollout: Rollout, row: int) -> Tensor:
    """∇log p(τ) of the trajectory of one environment of each replica, `[S, P]`."""
    alone = torch.zeros_like(rollout.rewards)
    alone[:, :, row] = rollout.active[:, :, row].float()
    weights = side_by_side(alone)
    for part in chunks(weights.shape[1]):
        log_probs = learner.distribution(recorded.observations[:, part]).log_prob(recorded.actions[:, part])
        (weights[:, part] * log_probs).sum().backward()  # type: ignore[no-untyped-call]
    return learner.actor.pop_gradient()


def _known(scores: Scores) -> Tensor:
    """The scores, which `trajectory_scores` computes for the baselines that come here."""
    if scores is None:
        raise ValueError("this baseline needs the score of each trajectory")
    return scores


@torch.no_grad()
def next_values(baseline: c.Baseline, learner: Learner, drawn: Drawn, draws: ReplayDraws) -> Tensor:
    """What the critic says of the observations that followed in a replay buffer, `[S, B]`.

    V(s') is the note's fault: s' came of the buffer's action, so that V becomes the value of the policies that
    filled the buffer. The first repair is Q(s', a') with a' ∼ π(·|s') of the present policy.

    Raises:
        ValueError: if the baseline has no critic; `pgbench.methods.compatibility` refuses that.
    """
    following = drawn.rollout.next_observations[0]
    match baseline:
        case c.LearnedValue():
            return learner.values(following)
        case c.LearnedActionValue(next_action="buffer"):
            return learner.action_values(following, drawn.next_actions)
        case c.LearnedActionValue():
            return learner.action_values(following, draws.actions("target", learner, following))
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.LeaveOneOut()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
        ):
            raise ValueError(f"baseline '{baseline.kind}' has no value of what follows")
        case _:
            assert_never(baseline)


@torch.no_grad()
def expected_values(
    baseline: c.Baseline, learner: Learner, observations: Tensor, draws: ReplayDraws
) -> Tensor | float:
    """What is subtracted from an action's value at observations `[S, B, O]` of a replay buffer, `[S, B]`.

    Neither choice depends on the action that is credited, so that neither changes the expected gradient.
    """
    match baseline:
        case c.LearnedActionValue(subtracts="expected_value"):
            probabilities, action_values = learner.every_action(observations)
            return (probabilities * action_values).sum(-1)
        case c.LearnedActionValue(subtracts="second_action"):
            return learner.action_values(observations, draws.actions("second", learner, observations))
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.LeaveOneOut()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
            | c.LearnedValue()
            | c.LearnedActionValue()
        ):
            return 0.0
        case _:
            assert_never(baseline)
