"""Estimators of training on a larger world: unbiased ones pass, and planted errors are found."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pgbench.functional import ratios, returns
from pgbench.laboratory import exact, intervals, worlds
from pgbench.laboratory.estimators import (
    EstimatorSetting,
    constant_baseline,
    enumerated,
    exact_batch,
    method,
    sampled,
)
from pgbench.laboratory.policies import Actor
from pgbench.training import credit, losses
from pgbench.training.meaning import advantages, surrogates

GAMMA = 0.9
BATCHES = 3000
FROM_THE_START = {"discount": "from_the_start"}
CORRIDOR = Actor(worlds.corridor(length=4, horizon=15))
ROW = CORRIDOR.start(seed=0, scale=0.3)
LATER = ROW + 0.3 * CORRIDOR.start(seed=1, scale=1.0)
VALUES = exact.true_values(CORRIDOR.world, CORRIDOR.table(ROW), GAMMA)
BEYOND = VALUES + 1.0 * CORRIDOR.world.terminal
"""The exact values, with wrong values in terminal states. Those must not matter."""

ESTIMATORS = {
    "total return": (method("reinforce", GAMMA), EstimatorSetting(CORRIDOR, ROW)),
    "reward-to-go": (method("derived_discount", GAMMA), EstimatorSetting(CORRIDOR, ROW)),
    "critic": (
        method("learned_value", GAMMA, **FROM_THE_START),
        EstimatorSetting(CORRIDOR, ROW, BEYOND),
    ),
    "trajectory ratio": (
        method("trajectory_ratio", GAMMA, **FROM_THE_START),
        EstimatorSetting(CORRIDOR, LATER, collected_by=ROW),
    ),
}


def unbiased(name):
    """Whether the intervals of the squared bias and of the bias along the gradient contain 0."""
    algorithm, setting = ESTIMATORS[name]
    pool = setting.sample(BATCHES, np.random.default_rng(0))
    estimates, target = sampled(algorithm, setting, pool), setting.exact_gradient(GAMMA)
    found = intervals.relative_bias(estimates, target), intervals.excess(estimates, target)
    return all(bool(each.low <= 0.0 <= each.high) for each in found)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_unbiased_estimator_passes(name):
    assert unbiased(name)


def a_discount_off_by_one(monkeypatch):
    right = returns.rewards_to_go

    def wrong(rewards, next_values, terminated, truncated, gamma):
        late = right(rewards, next_values, terminated, truncated, gamma)
        return rewards + (late - rewards) / gamma

    monkeypatch.setattr(returns, "rewards_to_go", wrong)


def a_start_off_by_one(monkeypatch):
    right = returns.derived_discounts
    monkeypatch.setattr(returns, "derived_discounts", lambda *arguments: right(*arguments) * GAMMA)


def a_baseline_that_sees_the_action(monkeypatch):
    monkeypatch.setattr(
        advantages, "subtracted", lambda _, __, rollout, values, ___: values.here + rollout.actions
    )


def no_cut_at_an_end(monkeypatch):
    def forgets(algorithm, rollout, values):
        never = torch.zeros_like(rollout.terminated)
        return replace(rollout, terminated=never, truncated=rollout.terminated | rollout.truncated), values

    monkeypatch.setattr(credit, "at_time_limits", forgets)


def a_ratio_counted_twice(monkeypatch):
    right = ratios.trajectory_log_ratios
    monkeypatch.setattr(ratios, "trajectory_log_ratios", lambda each, *flags: right(each, *flags) + each)


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("total return", a_discount_off_by_one),
        ("reward-to-go", a_discount_off_by_one),
        ("reward-to-go", a_start_off_by_one),
        ("critic", a_baseline_that_sees_the_action),
        ("critic", no_cut_at_an_end),
        ("trajectory ratio", a_ratio_counted_twice),
    ],
)
def test_a_planted_error_is_caught_by_the_same_test(name, plant, monkeypatch):
    plant(monkeypatch)
    assert not unbiased(name)


def test_the_distribution_of_an_estimator_has_its_samples_mean_and_variance():
    actor = Actor(worlds.chain(horizon=3), timed=True)
    setting = EstimatorSetting(actor, actor.start(seed=0))
    algorithm = method("reward_to_go", 1.0)
    whole = enumerated(algorithm, setting)
    found = sampled(algorithm, setting, setting.sample(4000, np.random.default_rng(0)))
    variance = intervals.variance(found)
    assert float(variance.low) < float(whole.variance) < float(variance.high)
    bias = intervals.relative_bias(found, whole.mean)
    assert float(bias.low) < 0.0 < float(bias.high)


def test_a_constant_baseline_is_subtracted_from_every_credit():
    actor = Actor(worlds.chain(horizon=2), timed=True)
    setting = EstimatorSetting(actor, actor.start(seed=0))
    algorithm = method("reinforce", 1.0)
    plain, less = (enumerated(algorithm, setting, refine) for refine in (None, constant_baseline(2.0)))
    torch.testing.assert_close(less.mean, plain.mean)
    # All trajectories have two steps, so a return minus 2 is the return of rewards minus 1.
    world = Actor(worlds.garnet(states=3, actions=2, horizon=2))
    row = world.start(seed=0)
    shifted = Actor(world.world.offset(-1.0))
    less = enumerated(algorithm, EstimatorSetting(world, row), constant_baseline(2.0))
    torch.testing.assert_close(less.values, enumerated(algorithm, EstimatorSetting(shifted, row)).values)


def test_an_exact_batch_makes_an_objective_an_expectation():
    actor = Actor(worlds.garnet(states=6, horizon=None), (4,))
    old = actor.start(seed=0)
    policy = actor.log_probabilities(old).exp()
    known = exact.solve(actor.world, policy, GAMMA)
    algorithm = method("reward_to_go", GAMMA, surrogate="importance_ratio")
    learner = actor.learner(algorithm, old.unsqueeze(0))
    batch = exact_batch(learner, known.visits, known.advantages)
    found = losses.gradient(algorithm, learner, batch)[0]
    truth = exact.gradient(
        old, lambda row: exact.solve(actor.world, actor.log_probabilities(row).exp(), GAMMA).objective
    )
    torch.testing.assert_close(found, truth)
    later = actor.start(seed=1)
    with torch.no_grad():
        new = learner.distribution(batch.transitions.recorded.observations, later.unsqueeze(0))
        terms = surrogates.surrogate_objective(algorithm.surrogate, learner, new, batch.transitions)
    gain = (batch.transitions.credit.weights * terms).sum()
    naive = (known.visits.unsqueeze(-1) * actor.log_probabilities(later).exp() * known.advantages).sum()
    torch.testing.assert_close(gain, naive)
