"""What the advantage slot means."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

import torch
from torch import Tensor

from pgbench.functional import returns
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.experience import Rollout, Values
from pgbench.training.meaning.baselines import subtracted


def advantages(algorithm: Algorithm, rollout: Rollout, values: Values, scores: Tensor) -> Tensor:
    """Â `[T, S, E]`: what each action is credited with, less the baseline.

    Args:
        algorithm: the specification.
        rollout: the experience.
        values: the critic's.
        scores: `[S, E, P]`, ∇log p(τ) of each trajectory, for the baseline that needs it.
    """
    flags, gamma = (rollout.terminated, rollout.truncated), algorithm.gamma

    def to_go() -> Tensor:
        return returns.rewards_to_go(rollout.rewards, values.next, *flags, gamma)

    match algorithm.advantage:
        case c.UniformWeight():
            return torch.ones_like(rollout.rewards)
        case c.GAE(lam=lam):
            return returns.gae(rollout.rewards, values.here, values.next, *flags, gamma, lam)
        case c.NStep(n=n):
            estimates, weight = returns.n_step_returns(rollout.rewards, values.next, *flags, gamma, n), None
        case c.RewardToGo(discount="from_the_start"):
            estimates = to_go()
            weight = returns.derived_discounts(*flags, gamma, rollout.elapsed, estimates.dtype)
        case c.RewardToGo():
            estimates, weight = to_go(), None
        case c.TotalReturn():
            estimates, weight = returns.total_returns(to_go(), *flags), None
        case c.ActionValue():
            estimates, weight = values.here, None
        case _:
            assert_never(algorithm.advantage)
    result = estimates - subtracted(algorithm.baseline, estimates, rollout, values, scores)
    return result if weight is None else weight * result


def at_time_limits(algorithm: Algorithm, rollout: Rollout, values: Values) -> tuple[Rollout, Values]:
    """Experience and values as the detail `time_limits` wants them."""
    match algorithm.details.time_limits:
        case "bootstrap":
            return rollout, values
        case "terminal":
            return replace(rollout, terminated=rollout.terminated | rollout.truncated), values
        case "drop":
            # The step is left out of the batch, and its TD error, which earlier steps see, is made zero.
            # Whatever came of it: to keep it where it also terminated would select on the outcome.
            dropped = rollout.truncated
            neutral = (values.here - rollout.rewards) / algorithm.gamma
            kept = replace(
                rollout, active=rollout.active & ~dropped, terminated=rollout.terminated & ~dropped
            )
            return kept, values._replace(next=torch.where(dropped, neutral, values.next))
        case other:
            assert_never(other)
