"""What the advantage slot means: which return an action is credited with."""

from __future__ import annotations

from typing import Literal, assert_never

import torch
from torch import Tensor

from pgbench.functional import ratios, returns
from pgbench.methods import components as c
from pgbench.methods.algorithm import Algorithm
from pgbench.training.experience import Rollout, Values
from pgbench.training.meaning.baselines import Scores, subtracted
from pgbench.training.meaning.critics import v_trace


def advantages(algorithm: Algorithm, rollout: Rollout, values: Values, scores: Scores) -> Tensor:
    """Â `[T, S, E]`: what each action is credited with, less the baseline, discounted from where it is asked for.

    Args:
        algorithm: the specification.
        rollout: the experience.
        values: the critic's.
        scores: of each trajectory, for the baseline that needs them.
    """
    estimates = _estimated(algorithm, rollout, values, scores)
    match algorithm:
        case Algorithm(discount="from_the_start", gamma=gamma):
            elapsed, dtype = rollout.elapsed, estimates.dtype
            return returns.derived_discounts(*rollout.flags, gamma, elapsed, dtype) * estimates
        case Algorithm():
            return estimates
        case _:
            assert_never(algorithm)


def _estimated(algorithm: Algorithm, rollout: Rollout, values: Values, scores: Scores) -> Tensor:
    """Â `[T, S, E]` as each advantage defines it, discounted from the action on."""
    gamma = algorithm.gamma

    def to_go() -> Tensor:
        return returns.rewards_to_go(rollout.rewards, values.next, *rollout.flags, gamma)

    def compared(estimates: Tensor) -> Tensor:
        return estimates - subtracted(algorithm.baseline, estimates, rollout, values, scores)

    match algorithm.advantage:
        case c.UniformWeight():
            return torch.ones_like(rollout.rewards)
        case c.GAE(lam=lam):
            return returns.gae(rollout.rewards, values.here, values.next, *rollout.flags, gamma, lam)
        case c.NStep(n=n):
            return compared(returns.n_step_returns(rollout.rewards, values.next, *rollout.flags, gamma, n))
        case c.VTrace() as trace:
            return ratios.v_trace_advantages(*v_trace(trace, rollout, values, gamma), gamma)
        case c.RewardToGo():
            return compared(to_go())
        case c.TotalReturn():
            return compared(returns.total_returns(to_go(), *rollout.flags))
        case c.ActionValue():
            return compared(values.here)
        case _:
            assert_never(algorithm.advantage)


def credited_action(advantage: c.Advantage) -> Literal["buffer", "policy", "all"]:
    """The action that an update from a replay buffer makes likelier: the stored one, one of the policy, or all."""
    match advantage:
        case c.ActionValue(action=action):
            return action
        case c.UniformWeight() | c.GAE() | c.NStep() | c.VTrace() | c.RewardToGo() | c.TotalReturn():
            return "buffer"
        case _:
            assert_never(advantage)
