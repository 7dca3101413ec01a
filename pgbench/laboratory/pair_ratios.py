"""The ratio of a pair of a state and an action, exactly, and estimators that weight actions with it.

The probability of the pair at step t under the new policy over that under the old one,
w_t(s, a) = d′_t(s) π′(a|s) / (d_t(s) π(a|s)), is the mean of the products ρ_1 ⋯ ρ_t of the trajectories that come
through the pair: E[ρ_1 ⋯ ρ_t | s_t = s, a_t = a]. So it is the product with its noise taken out (Rao–Blackwell).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pgbench.functional.ratios import per_decision_returns
from pgbench.laboratory import exact
from pgbench.laboratory.estimators import EstimatorSetting, Refine
from pgbench.training.batches import Batch
from pgbench.training.experience import in_time, side_by_side
from pgbench.training.learner import Learner


def pair_ratios(setting: EstimatorSetting) -> Tensor:
    """w_t(s, a) `[H, X, A]`; 0 for pairs that the old policy never meets (Xie et al. 2019, section 3)."""
    world, old, new = setting.actor.world, setting.behaviour, setting.actor.table(setting.row)
    met, meets = (
        exact.occupancy(world, policy).unsqueeze(-1) * policy for policy in (old.detach(), new.detach())
    )
    return torch.where(met > 0.0, meets / met, 0.0)


def weighted_by_pairs(setting: EstimatorSetting, gamma: float, later: bool) -> Refine:
    """Weight the advantage of every action by its pair's ratio.

    Args:
        setting: the policies.
        gamma: discount in (0, 1].
        later: whether the rewards after the action are weighted, too, each by the ratios of the actions between,
            which makes the estimate unbiased. Otherwise the advantage is taken as the batch has it, for which the
            old policy acts after the action.
    """
    weights = pair_ratios(setting)
    log_ratios = (setting.actor.table(setting.row) / setting.behaviour).log()

    def refine(learner: Learner, batch: Batch) -> Batch:
        rollout, transitions = batch.rollout, batch.transitions
        shape = rollout.rewards.shape
        states = rollout.observations.squeeze(-1).long() % setting.actor.world.states
        met = torch.arange(shape[0]).reshape(-1, 1, 1), states, rollout.actions
        advantages = in_time(transitions.credit.advantages, shape)
        if later:
            each = log_ratios[met].where(rollout.active, 0.0)
            advantages = per_decision_returns(rollout.rewards, each, *rollout.flags, gamma)
        return replace(
            batch, transitions=transitions.credited(advantages=side_by_side(weights[met] * advantages))
        )

    return refine
