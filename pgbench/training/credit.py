"""From experience to a batch: what each action is credited with, and what the critic is to learn."""

from __future__ import annotations

import torch
from torch import Tensor

from pgbench.methods.algorithm import Algorithm
from pgbench.training.batches import Batch, Credit, Recorded, Transitions
from pgbench.training.experience import Rollout, Values, in_time, side_by_side
from pgbench.training.learner import Learner
from pgbench.training.meaning.advantages import advantages
from pgbench.training.meaning.baselines import critic_target, gradient_correction, trajectory_scores
from pgbench.training.meaning.critics import targets_of
from pgbench.training.meaning.data import transition_weights
from pgbench.training.meaning.details import at_time_limits, over_the_batch


@torch.no_grad()
def prepare(algorithm: Algorithm, learner: Learner, rollout: Rollout) -> Batch:
    """Lay a rollout out for the update, with advantages and targets."""
    observations, actions = side_by_side(rollout.observations), side_by_side(rollout.actions)
    old = learner.evaluate_in_chunks(observations)
    log_probs, parameters = old.distribution.log_prob(actions), old.distribution.parameters
    recorded = Recorded(observations, actions, log_probs, parameters, old.values)
    next_observations = side_by_side(rollout.next_observations)
    values = critic_values(rollout, old.values, learner.values_in_chunks(next_observations))
    return _credited(algorithm, learner, recorded, rollout, next_observations, values)


@torch.no_grad()
def credited_anew(algorithm: Algorithm, learner: Learner, batch: Batch) -> Batch:
    """The batch with advantages and targets from the present critic, the old policy's record unchanged."""
    recorded, rollout = batch.transitions.recorded, batch.rollout
    present = learner.evaluate_in_chunks(recorded.observations)
    ratios = (present.distribution.log_prob(recorded.actions) - recorded.log_probs).exp()
    values = critic_values(rollout, present.values, learner.values_in_chunks(batch.next_observations))
    values = values._replace(ratios=in_time(ratios, rollout.rewards.shape))
    return _credited(algorithm, learner, recorded, rollout, batch.next_observations, values)


def _credited(
    algorithm: Algorithm,
    learner: Learner,
    recorded: Recorded,
    rollout: Rollout,
    next_observations: Tensor,
    values: Values,
) -> Batch:
    """A batch of what was recorded; `values` are what the present networks say of the rollout."""
    scores = trajectory_scores(algorithm.baseline, learner, recorded, rollout)
    seen, values = at_time_limits(algorithm, rollout, values)
    estimates = advantages(algorithm, seen, values, scores)
    target = critic_target(algorithm.baseline)
    targets = None if target is None else targets_of(target, seen, values, algorithm.gamma)
    active = side_by_side(seen.active).to(estimates.dtype)
    shares = shares_of(active)
    credit = Credit(
        over_the_batch(algorithm.details, side_by_side(estimates), shares),
        transition_weights(algorithm.data, active, shares),
        shares,
        None if targets is None else side_by_side(targets),
    )
    # The baseline that corrects the gradient goes with total returns alone, which stand in the first row.
    correction = gradient_correction(algorithm.baseline, scores, estimates[0])
    return Batch(Transitions(recorded, credit), rollout, next_observations, correction)


def critic_values(rollout: Rollout, here: Tensor | None, following: Tensor | None) -> Values:
    """Values `[S, N]` in time; without a critic of states, nothing is expected anywhere."""
    if here is None or following is None:
        nothing = torch.zeros_like(rollout.rewards)
        return Values(nothing, nothing)
    shape = rollout.rewards.shape
    return Values(in_time(here, shape), in_time(following, shape))


def shares_of(active: Tensor) -> Tensor:
    """The weight `[S, N]` of each transition in a mean over those that are active, which are 1 and the others 0."""
    return active / active.sum(1, keepdim=True).clamp(min=1.0)
