"""What a critic's target and fit mean."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import ratios, returns
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
        case c.VTraceTarget() as trace:
            _, corrections, _ = v_trace(trace, rollout, values, gamma)
            return values.here + corrections
        case _:
            assert_never(target)


def v_trace(
    trace: c.VTrace | c.VTraceTarget, rollout: Rollout, values: Values, gamma: float
) -> tuple[Tensor, Tensor, Tensor]:
    """TD errors, V-trace's corrections of the values, and where episodes end, `[T, S, E]` each."""
    errors = returns.td_errors(rollout.rewards, values.here, values.next, rollout.terminated, gamma)
    present = torch.ones_like(errors) if values.ratios is None else values.ratios
    ended = rollout.terminated | rollout.truncated
    corrections = ratios.v_trace(errors, present, ended, gamma, trace.rho_max, trace.c_max)
    return errors, corrections, ended


def joint_coefficient(fit: c.CriticFit | None) -> float | None:
    """The weight of the value loss beside the policy's; None where no critic learns with the policy."""
    match fit:
        case c.JointFit(coefficient=coefficient):
            return coefficient
        case c.SeparateFit() | None:
            return None
        case _:
            assert_never(fit)


def relative_rate(fit: c.CriticFit | None, policy: c.Optimiser | None) -> float:
    """The critic's step size in a joint fit, as a multiple of the step size of the policy's optimiser."""
    match fit:
        case c.JointFit(learning_rate=float() as own) if policy is not None:
            return own / policy.learning_rate
        case c.JointFit() | c.SeparateFit() | None:
            return 1.0
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


def fitted_before(fit: c.CriticFit | None) -> c.SeparateFit | None:
    """How a critic that learns before the policy is fitted on policy; None where there is no such critic."""
    match fit:
        case c.SeparateFit(order="before"):
            return fit
        case c.SeparateFit() | c.JointFit() | None:
            return None
        case _:
            assert_never(fit)


def fitted_after(fit: c.CriticFit | None) -> c.SeparateFit | None:
    """How a critic that learns after the policy is fitted on policy; None where there is no such critic."""
    match fit:
        case c.SeparateFit(order="after"):
            return fit
        case c.SeparateFit() | c.JointFit() | None:
            return None
        case _:
            assert_never(fit)
