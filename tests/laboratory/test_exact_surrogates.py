"""Surrogates have the gradient that theory gives, also at other policies than the one that collected."""

import pytest
import torch

from helpers import decision_processes
from helpers.decision_processes import credited, gradient, policy_table
from helpers.exact_gradients import (
    CLEAR,
    ENDS,
    EXACT,
    GAMMA,
    WORLDS,
    error,
    exact_gradient,
    expected,
    gradients,
    later_parameters,
    learner_with,
    method,
    parameters,
    practical_gradient,
    some_critic,
)
from pgbench.laboratory.exact import action_values, occupancy, powers
from pgbench.laboratory.trajectories import enumerate_trajectories, groups
from pgbench.training import credit, losses
from pgbench.training.gradient_steps import minibatches
from pgbench.training.meaning import updates

pytestmark = pytest.mark.usefixtures("small_chunks")

# ----------------------------------------------------------------------------------------------------------
# Surrogates


@pytest.mark.parametrize("surrogate", ["importance_ratio", "trajectory_ratio", "causal_ratio"])
def test_where_no_ratio_has_moved_a_ratio_changes_no_trajectorys_gradient(world, surrogate):
    row = parameters(world)
    rollout = decision_processes.rollout(world, groups(len(enumerate_trajectories(world).dynamics), 1))
    plain, ratio = (
        gradients(method("reinforce", surrogate=choice, **{"update.steps": 2}), world, rollout, row)
        for choice in ("log_likelihood", surrogate)
    )
    torch.testing.assert_close(ratio, plain, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", ["no_clip", "ppo_clip", "ppo_no_minimum", "ppo_fixed_kl", "ppo_adaptive_kl"])
def test_the_first_minibatch_of_proximal_optimisation_follows_the_policy_gradient(name):
    world = WORLDS["garnet"]
    row = parameters(world)
    whole_batch = {
        "data.steps": world.horizon,
        "update.epochs": 2,
        "update.minibatch_size": world.horizon,
        "advantage.lam": 1.0,
    }
    found = expected(method(name, **whole_batch, **ENDS), world, row, some_critic(world))
    assert error(found, practical_gradient(world, row) / world.horizon) < EXACT


def test_minibatches_have_the_gradient_of_the_batch_in_their_mean():
    world = WORLDS["garnet"]
    row = parameters(world)
    probabilities = enumerate_trajectories(world).probabilities(policy_table(world, row))
    rollout = decision_processes.rollout(world, groups(len(probabilities), 1))
    halves = {"data.steps": 4, "update.minibatch_size": 2, "advantage.lam": 1.0}
    algorithm = method("ppo_clip", **halves, **ENDS)
    learner = learner_with(algorithm, world, len(probabilities), row, some_critic(world))
    data = credit.prepare(algorithm, learner, rollout).transitions
    shuffled = data.take(torch.tensor([2, 0, 3, 1]).expand(len(probabilities), -1))
    found = []
    for part in minibatches(algorithm, shuffled, 2):
        losses.loss(algorithm, learner, part).backward()
        found.append(-probabilities @ learner.actor.pop_gradient())
    assert len(found) == 2
    assert error(torch.stack(found).mean(0), practical_gradient(world, row) / 4) < EXACT


@pytest.mark.parametrize("advantage", ["total_return", "reward_to_go", "from_the_start"])
def test_the_trajectorys_ratio_makes_old_data_unbiased_for_the_present_policy(world, advantage):
    old, new = parameters(world), later_parameters(world)
    derived = {"advantage": "reward_to_go", "discount": "from_the_start"}
    choice = derived if advantage == "from_the_start" else {"advantage": advantage}
    target = practical_gradient if advantage == "reward_to_go" else exact_gradient
    found = expected(method("trajectory_ratio", **choice), world, new, collected_by=old)
    assert error(found, target(world, new)) < EXACT
    unweighted = expected(method("several_steps", **choice), world, new, collected_by=old)
    assert error(unweighted, target(world, new)) > CLEAR


def test_per_decision_ratios_make_old_data_unbiased_for_the_present_policy(world):
    old, new = parameters(world), later_parameters(world)
    found = expected(method("per_decision_ratio"), world, new, collected_by=old)
    assert error(found, practical_gradient(world, new)) < EXACT
    assert (
        error(expected(method("causal_ratio"), world, new, collected_by=old), practical_gradient(world, new))
        > CLEAR
    )


def test_the_causal_ratio_visits_states_as_the_present_policy_and_values_actions_as_the_old_one(world):
    old, new = parameters(world), later_parameters(world)
    before = action_values(world, policy_table(world, old), GAMMA)
    for name, weights in (("reward_to_go", None), ("total_return", powers(world, GAMMA))):
        found = expected(method("causal_ratio", advantage=name), world, new, collected_by=old)
        assert error(found, credited(world, new, before, weights)) < EXACT
    assert error(found, exact_gradient(world, new)) > CLEAR


def test_the_ratio_of_single_actions_visits_states_as_the_old_policy_too(world):
    old, new = parameters(world), later_parameters(world)
    before = policy_table(world, old)
    visits = occupancy(world, before)
    found = expected(method("reward_to_go", surrogate="importance_ratio"), world, new, collected_by=old)
    exact = credited(world, new, action_values(world, before, GAMMA), visits=visits)
    assert error(found, exact) < EXACT
    assert error(found, practical_gradient(world, new)) > CLEAR


@pytest.mark.parametrize("surrogate", ["importance_ratio", "causal_ratio"])
def test_what_a_dropped_ratio_costs_vanishes_as_the_policies_meet(world, surrogate):
    old, direction = parameters(world), later_parameters(world) - parameters(world)
    algorithm = method("several_steps", surrogate=surrogate)
    errors = []
    for length in (1e-1, 1e-2, 1e-3, 0.0):
        new = old + length * direction
        found = expected(algorithm, world, new, collected_by=old)
        errors.append(error(found, practical_gradient(world, new)))
    assert errors[3] < EXACT
    assert errors[0] / errors[1] == pytest.approx(10.0, rel=0.2)
    assert errors[1] / errors[2] == pytest.approx(10.0, rel=0.05)


@pytest.mark.parametrize(
    ("name", "change"),
    [("natural_gradient", {}), ("trpo", {}), ("natural_gradient", {"update": "natural_ascent"})],
)
def test_a_trust_region_is_given_the_policy_gradient(name, change, monkeypatch):
    world = WORLDS["garnet"]
    row, given = parameters(world), []

    def step(*arguments):
        learner, gradient = arguments[-4], arguments[-1]
        given.append(gradient)
        learner.actor.state.count += 1
        learner.actor.state.mean -= 0.1 * gradient
        return {}

    for update in ("multiplied_step", "natural_step", "searched_step"):
        monkeypatch.setattr(updates, update, step)
    fixed = {"data.steps": world.horizon, "advantage.lam": 1.0} | change
    found = expected(method(name, **fixed, **ENDS), world, row, some_critic(world))
    assert len(given) == 1
    assert error(found, practical_gradient(world, row) / world.horizon) < EXACT


def test_an_entropy_bonus_adds_the_gradient_of_the_entropy_where_the_policy_goes(world):
    row = parameters(world)
    visits = occupancy(world, policy_table(world, row))
    entropy = gradient(world, row, lambda policy: -(visits[..., None] * policy * policy.log()).sum())
    found = expected(method("reward_to_go", **{"details.entropy_bonus": 0.1}), world, row)
    assert error(found, practical_gradient(world, row) + 0.1 * entropy) < EXACT
