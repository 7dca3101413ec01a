"""From experience to a batch: what data, advantage, baseline and critic target mean."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from pgbench.functional.moments import standardise
from pgbench.methods.algorithm import Algorithm
from pgbench.training.experience import Batch, Rollout, Transitions, Values, in_time, side_by_side
from pgbench.training.learner import Learner
from pgbench.training.meaning.advantages import advantages, at_time_limits
from pgbench.training.meaning.baselines import gradient_correction, trajectory_scores
from pgbench.training.meaning.critics import rollout_targets
from pgbench.training.meaning.data import transition_weights


@torch.no_grad()
def prepare(algorithm: Algorithm, learner: Learner, rollout: Rollout) -> Batch:
    """Lay a rollout out for the update, with advantages and targets."""
    observations = side_by_side(rollout.observations)
    old = learner.evaluate_in_chunks(observations)
    actions = side_by_side(rollout.actions)
    nothing = torch.zeros_like(old.values)
    transitions = Transitions(
        observations=observations,
        actions=actions,
        advantages=nothing,
        targets=nothing,
        old_values=old.values,
        old_log_probs=old.distribution.log_prob(actions),
        old_parameters=old.distribution.parameters,
        weights=nothing,
        shares=nothing,
    )
    batch = Batch(transitions, rollout, side_by_side(rollout.next_observations))
    return credit(algorithm, learner, batch, old.values)


@torch.no_grad()
def credit(algorithm: Algorithm, learner: Learner, batch: Batch, values: Tensor) -> Batch:
    """The batch with advantages and targets from the present critic, whose values of it are `[S, N]`."""
    shape = batch.rollout.rewards.shape
    following = learner.values_in_chunks(batch.next_observations)
    both = Values(in_time(values, shape), in_time(following, shape))
    rollout, both = at_time_limits(algorithm, batch.rollout, both)
    active = side_by_side(rollout.active).float()
    shares = active / active.sum(1, keepdim=True).clamp(min=1.0)
    scores = trajectory_scores(algorithm.baseline, learner, batch)
    estimates = advantages(algorithm, rollout, both, scores)
    advantage = side_by_side(estimates)
    if algorithm.details.advantage_normalisation == "batch":
        advantage = standardise(advantage, shares)
    transitions = replace(
        batch.transitions,
        advantages=advantage,
        targets=side_by_side(rollout_targets(algorithm.baseline, rollout, both, algorithm.gamma)),
        weights=transition_weights(algorithm.data, active, shares),
        shares=shares,
    )
    # The baseline that corrects the gradient goes with total returns alone, which stand in the first row.
    correction = gradient_correction(algorithm.baseline, scores, estimates[0])
    return replace(batch, transitions=transitions, correction=correction)
