"""What a critic's target and fit mean."""

from __future__ import annotations

from typing import assert_never

from torch import Tensor

from pgbench.functional import returns
from pgbench.methods import components as c
from pgbench.training.experience import Rollout, Values


def targets_of(target: c.CriticTarget, rollout: Rollout, values: Values, gamma: float) -> Tensor:
    """What the critic regresses on, `[T, S, E]`."""
    match target:
        case c.MonteCarloTarget():
            return returns.rewards_to_go(rollout.rewards, values.next, *rollout.flags, gamma)
        case c.NStepTarget(n=n):
            return returns.n_step_returns(rollout.rewards, values.next, *rollout.flags, gamma, n)
        case c.LambdaTarget(lam=lam):
            advantages = returns.gae(rollout.rewards, values.here, values.next, *rollout.flags, gamma, lam)
            return values.here + advantages
        case _:
            assert_never(target)


def joint_coefficient(fit: c.CriticFit | None) -> float | None:
    """The weight of the value loss beside the policy's; None where no critic learns with the policy."""
    match fit:
        case c.JointFit(coefficient=coefficient):
            return coefficient
        case c.SeparateFit() | None:
            return None
        case _:
            assert_never(fit)


def separate_fit(fit: c.CriticFit | None) -> c.SeparateFit | None:
    """How a critic with its own optimiser is fitted; None where there is no such critic."""
    match fit:
        case c.SeparateFit():
            return fit
        case c.JointFit() | None:
            return None
        case _:
            assert_never(fit)
