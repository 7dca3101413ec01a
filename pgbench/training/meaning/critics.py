"""What a critic means: what it values, what it regresses on, and how it is fitted."""

from __future__ import annotations

from typing import Literal, assert_never

from torch import Tensor

from pgbench.functional import returns
from pgbench.methods import components as c
from pgbench.training.experience import Rollout, Values


def values(baseline: c.Baseline) -> Literal["states", "actions"] | None:
    """What the critic values: states, by V(s), or actions, by Q(s, a); None without a critic."""
    match baseline:
        case c.LearnedValue():
            return "states"
        case c.LearnedActionValue():
            return "actions"
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
        ):
            return None
        case _:
            assert_never(baseline)


def targets_of(target: c.CriticTarget, rollout: Rollout, values: Values, gamma: float) -> Tensor:
    """What the critic regresses on, `[T, S, E]`."""
    match target:
        case c.MonteCarloTarget():
            return returns.rewards_to_go(rollout.rewards, values.next, *rollout.flags, gamma)
        case c.NStepTarget(n=n):
            return returns.n_step_returns(rollout.rewards, values.next, *rollout.flags, gamma, n)
        case c.LambdaTarget(lam=lam):
            return values.here + returns.gae(
                rollout.rewards, values.here, values.next, *rollout.flags, gamma, lam
            )
        case _:
            assert_never(target)


def rollout_targets(baseline: c.Baseline, rollout: Rollout, values: Values, gamma: float) -> Tensor | None:
    """The critic's targets `[T, S, E]`; None where no critic is fitted to a rollout."""
    match baseline:
        case c.LearnedValue(target=target):
            return targets_of(target, rollout, values, gamma)
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
            | c.LearnedActionValue()
        ):
            return None
        case _:
            assert_never(baseline)


def joint_coefficient(baseline: c.Baseline) -> float | None:
    """The weight of the value loss beside the policy's; None where no critic learns with the policy."""
    match _fit(baseline):
        case c.JointFit(coefficient=coefficient):
            return coefficient
        case c.SeparateFit() | None:
            return None
        case other:
            assert_never(other)


def separate_fit(baseline: c.Baseline) -> c.SeparateFit | None:
    """How a critic with its own optimiser is fitted; None where there is no such critic."""
    match _fit(baseline):
        case c.SeparateFit() as fit:
            return fit
        case c.JointFit() | None:
            return None
        case other:
            assert_never(other)


def _fit(baseline: c.Baseline) -> c.CriticFit | None:
    """How the critic is fitted; None where the baseline has none."""
    match baseline:
        case c.LearnedValue(fit=fit) | c.LearnedActionValue(fit=fit):
            return fit
        case (
            c.NoBaseline()
            | c.AverageReturn()
            | c.TimestepAverage()
            | c.OptimalConstant()
            | c.OptimalComponents()
        ):
            return None
        case _:
            assert_never(baseline)
