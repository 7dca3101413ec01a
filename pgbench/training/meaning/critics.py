"""What the critic's target and fit mean."""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import objectives, returns
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.experience import Rollout, Transitions, Values


def critic_targets(target: c.CriticTarget, rollout: Rollout, values: Values, gamma: float) -> Tensor:
    """What the critic regresses on, `[T, S, E]`."""
    flags = rollout.terminated, rollout.truncated
    match target:
        case c.MonteCarloTarget():
            return returns.rewards_to_go(rollout.rewards, values.next, *flags, gamma)
        case c.NStepTarget(n=n):
            return returns.n_step_returns(rollout.rewards, values.next, *flags, gamma, n)
        case c.LambdaTarget(lam=lam):
            return values.here + returns.gae(rollout.rewards, values.here, values.next, *flags, gamma, lam)
        case _:
            assert_never(target)


def rollout_targets(baseline: c.Baseline, rollout: Rollout, values: Values, gamma: float) -> Tensor:
    """The critic's targets `[T, S, E]`; zeros where no critic is fitted to a rollout."""
    match baseline:
        case c.LearnedValue(target=target):
            return critic_targets(target, rollout, values, gamma)
        case _:
            return torch.zeros_like(rollout.rewards)


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


def value_losses(algorithm: Algorithm, values: Tensor, part: Transitions) -> Tensor:
    """The share of each transition in the critic's mean loss, `[S, M]`."""
    clip = algorithm.details.value_clip
    if clip is None:
        return part.shares * objectives.value_loss(values, part.targets)
    return part.shares * objectives.clipped_value_loss(values, part.old_values, part.targets, clip)
