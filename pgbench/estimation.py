"""From experience to a batch: what data, advantage, baseline and critic target mean."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pgbench import components as c
from pgbench.batches import Batch, Transitions, in_time, side_by_side
from pgbench.functional import baselines, returns
from pgbench.functional.moments import standardise
from pgbench.learners import Learner, chunks
from pgbench.rollouts import Rollout, Sampler
from pgbench.specs import Algorithm


def environments_each(data: c.Data) -> int:
    """E: how many environments each replica runs side by side."""
    match data:
        case c.WholeEpisodes():
            return data.episodes
        case c.FixedHorizon() | c.ReplayBuffer():
            return data.environments
        case _:
            assert_never(data)


def collect(
    data: c.Data, sampler: Sampler, learner: Learner, iteration: int, running: NDArray[np.bool_]
) -> Rollout:
    """Collect one update's experience with the present policy."""
    act, draw = learner.act(), learner.policy.noise
    match data:
        case c.WholeEpisodes():
            return sampler.whole_episodes(act, draw, iteration, running)
        case c.FixedHorizon():
            return sampler.fixed_horizon(act, draw, iteration, running, data.steps)
        case c.ReplayBuffer():
            warm_up = 0 if iteration else data.warm_up
            return sampler.fixed_horizon(act, draw, iteration, running, warm_up + data.steps)
        case _:
            assert_never(data)


def transition_weights(data: c.Data, active: Tensor, shares: Tensor) -> Tensor:
    """Weight `[S, N]` of each transition in the policy's objective, from what is active and its shares.

    The policy gradient is a mean over trajectories of sums over time; cut trajectories have no whole to sum, and
    a fixed horizon takes the mean over time steps.
    """
    match data:
        case c.WholeEpisodes():
            return active / data.episodes
        case c.FixedHorizon() | c.ReplayBuffer():
            return shares
        case _:
            assert_never(data)


class Values(NamedTuple):
    """The critic's values of a rollout's observations and of those that really followed, `[T, S, E]` each.

    V(s) and V(s'), or, of a critic of actions, Q(s, a) of the action to be credited and Q(s', a').
    """

    here: Tensor
    next: Tensor


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
    result = estimates - _baseline(algorithm.baseline, estimates, rollout, values, scores)
    return result if weight is None else weight * result


def _baseline(
    baseline: c.Baseline, estimates: Tensor, rollout: Rollout, values: Values, scores: Tensor
) -> Tensor | float:
    """b, broadcast to `[T, S, E]`."""
    match baseline:
        case c.NoBaseline() | c.OptimalComponents() | c.LearnedActionValue():
            return 0.0
        case c.AverageReturn():
            return returns.trajectory_average(estimates, rollout.active)
        case c.TimestepAverage():
            return baselines.timestep_average(estimates, rollout.active)
        case c.OptimalConstant():
            return baselines.optimal_constant(scores.square().sum(-1), estimates[0])
        case c.LearnedValue():
            return values.here
        case _:
            assert_never(baseline)


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


def _correction(baseline: c.Baseline, scores: Tensor, totals: Tensor) -> Tensor | None:
    """The mean of b ⊙ ∇log p(τ), `[S, P]`, for a baseline with a constant b for every parameter.

    Args:
        baseline: the specification.
        scores: `[S, E, P]`, ∇log p(τ) of each trajectory.
        totals: `[S, E]`, its return.
    """
    match baseline:
        case c.OptimalComponents():
            return baselines.optimal_components(scores, totals) * scores.mean(1)
        case _:
            return None


def _targets(baseline: c.Baseline, rollout: Rollout, values: Values, gamma: float) -> Tensor:
    """The critic's targets `[T, S, E]`; zeros where no critic is fitted to a rollout."""
    match baseline:
        case c.LearnedValue(target=target):
            return critic_targets(target, rollout, values, gamma)
        case _:
            return torch.zeros_like(rollout.rewards)


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
        targets=side_by_side(_targets(algorithm.baseline, rollout, both, algorithm.gamma)),
        weights=transition_weights(algorithm.data, active, shares),
        shares=shares,
    )
    # The baseline that corrects the gradient goes with total returns alone, which stand in the first row.
    correction = _correction(algorithm.baseline, scores, estimates[0])
    return replace(batch, transitions=transitions, correction=correction)


@torch.enable_grad()
def trajectory_scores(baseline: c.Baseline, learner: Learner, batch: Batch) -> Tensor:
    """∇ log p(τ) of each trajectory, `[S, E, P]`; with P = 0 for baselines that do not ask for it."""
    _, replicas, each = batch.rollout.rewards.shape
    match baseline:
        case c.OptimalConstant() | c.OptimalComponents():
            return torch.stack([_score(learner, batch, environment) for environment in range(each)], 1)
        case _:
            return torch.zeros(replicas, each, 0)


def _score(learner: Learner, batch: Batch, environment: int) -> Tensor:
    """∇ log p(τ) of the trajectory of one environment of each replica, `[S, P]`."""
    mine = torch.zeros_like(batch.rollout.rewards)
    mine[:, :, environment] = batch.rollout.active[:, :, environment].float()
    weights, data = side_by_side(mine), batch.transitions
    for rows in chunks(len(data)):
        log_probs = learner.distribution(data.observations[:, rows]).log_prob(data.actions[:, rows])
        (weights[:, rows] * log_probs).sum().backward()  # type: ignore[no-untyped-call]
    return learner.actor.pop_gradient()
