"""Each comparison with the exact gradient can fail."""

from dataclasses import replace

import pytest
import torch

from helpers.decision_processes import credited, policy_table
from helpers.exact_gradients import (
    CLEAR,
    ENDS,
    EXACT,
    GAMMA,
    WORLDS,
    error,
    exact_critic,
    exact_gradient,
    expected,
    later_parameters,
    method,
    parameters,
    practical_gradient,
    some_critic,
)
from pgbench.functional import ratios, returns
from pgbench.laboratory.exact import action_values
from pgbench.training import credit
from pgbench.training.meaning import advantages

pytestmark = pytest.mark.usefixtures("small_chunks")

# ----------------------------------------------------------------------------------------------------------
# Planted errors: each comparison of the tests of exact gradients can fail


def test_a_discount_that_is_off_by_one_is_caught(world, monkeypatch):
    row, right = parameters(world), returns.derived_discounts
    for wrong in (
        lambda *arguments: GAMMA * right(*arguments),
        lambda *arguments: right(*arguments) / torch.where(right(*arguments) < 1.0, GAMMA, 1.0),
    ):
        monkeypatch.setattr(returns, "derived_discounts", wrong)
        found = expected(method("derived_discount"), world, row)
        assert error(found, exact_gradient(world, row)) > CLEAR


def test_a_credit_that_leaves_out_the_actions_own_reward_is_caught(world, monkeypatch):
    row, right = parameters(world), returns.rewards_to_go
    monkeypatch.setattr(returns, "rewards_to_go", lambda rewards, *others: right(rewards, *others) - rewards)
    assert error(expected(method("reward_to_go"), world, row), practical_gradient(world, row)) > CLEAR


def test_a_baseline_that_sees_the_action_is_caught(world, monkeypatch):
    row = parameters(world)

    def sees_the_action(baseline, estimates, rollout, values, scores):
        return values.here + rollout.actions

    monkeypatch.setattr(advantages, "subtracted", sees_the_action)
    found = expected(method("learned_value", **ENDS), world, row, some_critic(world))
    assert error(found, practical_gradient(world, row)) > CLEAR


@pytest.mark.parametrize("name", ["learned_value", "n_step", "gae"])
def test_an_end_that_does_not_stop_the_bootstrap_is_caught(name, monkeypatch):
    world = WORLDS["chain"]
    row = parameters(world)
    critic = exact_critic(world, row) + 1.0 * world.terminal  # its value of a terminal state must not matter
    assert error(expected(method(name), world, row, critic), practical_gradient(world, row)) < EXACT

    def forgets(algorithm, rollout, values):
        return replace(
            rollout, truncated=rollout.truncated | rollout.terminated, terminated=rollout.truncated
        ), values

    monkeypatch.setattr(credit, "at_time_limits", forgets)
    assert error(expected(method(name), world, row, critic), practical_gradient(world, row)) > CLEAR


def test_a_ratio_that_counts_twice_in_the_weights_is_caught(world, monkeypatch):
    old, new = parameters(world), later_parameters(world)
    right = ratios.trajectory_log_ratios
    monkeypatch.setattr(ratios, "trajectory_log_ratios", lambda each, *flags: right(each, *flags) + each)
    found = expected(method("trajectory_ratio"), world, new, collected_by=old)
    assert error(found, practical_gradient(world, new)) > CLEAR


def test_to_drop_the_step_at_a_time_limit_drops_it_whatever_came_of_it():
    world = WORLDS["chain under a time limit"]
    row = parameters(world)
    all_but_the_last = torch.tensor([1.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    values = action_values(world, policy_table(world, row), GAMMA)
    found = expected(method("gae", **{"details.time_limits": "drop"}), world, row, exact_critic(world, row))
    assert error(found, credited(world, row, values, all_but_the_last)) < EXACT
