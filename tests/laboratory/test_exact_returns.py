"""With each return and baseline, the gradient has the mean that theory gives."""

from dataclasses import replace

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
    method,
    parameters,
    practical_gradient,
    some_critic,
)
from pgbench.laboratory.exact import action_values, objective, occupancy, powers
from pgbench.laboratory.trajectories import enumerate_trajectories, groups

pytestmark = pytest.mark.usefixtures("small_chunks")

# ----------------------------------------------------------------------------------------------------------
# Two ways to compute the exact gradient agree


def test_the_list_of_trajectories_is_complete(world):
    policy, known = policy_table(world, parameters(world)), enumerate_trajectories(world)
    probabilities = known.probabilities(policy)
    torch.testing.assert_close(probabilities.sum(), torch.ones_like(probabilities[0]))
    torch.testing.assert_close(
        probabilities @ known.rewards_to_go(GAMMA)[:, 0], objective(world, policy, GAMMA)
    )


def test_the_policy_gradient_theorem_holds_for_the_closed_forms(world):
    row = parameters(world)
    values = action_values(world, policy_table(world, row), GAMMA)
    assert error(credited(world, row, values, powers(world, GAMMA)), exact_gradient(world, row)) < EXACT


# ----------------------------------------------------------------------------------------------------------
# Returns


@pytest.mark.parametrize("gamma", [GAMMA, 1.0])
def test_the_total_return_is_unbiased(world, gamma):
    row = parameters(world)
    found = expected(method("reinforce", gamma), world, row)
    assert error(found, exact_gradient(world, row, gamma)) < EXACT


def test_the_reward_to_go_discounted_from_the_start_is_unbiased(world):
    row = parameters(world)
    found = expected(method("derived_discount"), world, row)
    assert error(found, exact_gradient(world, row)) < EXACT


def test_the_reward_to_go_discounted_from_the_action_is_biased_by_the_discount_it_leaves_out(world):
    row = parameters(world)
    found = expected(method("reward_to_go"), world, row)
    assert error(found, practical_gradient(world, row)) < EXACT
    assert error(found, exact_gradient(world, row)) > CLEAR
    undiscounted = expected(method("reward_to_go", gamma=1.0), world, row)
    assert error(undiscounted, exact_gradient(world, row, gamma=1.0)) < EXACT


def test_weights_that_look_at_no_reward_have_no_gradient(world):
    row = parameters(world)
    found = expected(method("reinforce", 1.0, advantage="uniform_weight"), world, row)
    assert found.norm() < EXACT * exact_gradient(world, row).norm()


# ----------------------------------------------------------------------------------------------------------
# Baselines


@pytest.mark.parametrize("advantage", ["total_return", "reward_to_go", "from_the_start"])
def test_any_value_of_the_state_is_an_unbiased_baseline(world, advantage):
    row = parameters(world)
    derived = {"advantage": "reward_to_go", "discount": "from_the_start"}
    choice = derived if advantage == "from_the_start" else {"advantage": advantage}
    found = expected(method("learned_value", **choice, **ENDS), world, row, some_critic(world))
    target = practical_gradient if advantage == "reward_to_go" else exact_gradient
    assert error(found, target(world, row)) < EXACT


@pytest.mark.parametrize(
    ("name", "horizon", "episodes"), [("chain", 3, 2), ("garnet", 2, 2), ("chain", 2, 3)]
)
def test_an_average_over_the_batch_shrinks_the_gradient_of_the_total_return(name, horizon, episodes):
    world = replace(WORLDS[name], horizon=horizon)
    row = parameters(world)
    algorithm = method("reinforce", baseline="average_return", **{"data.episodes": episodes})
    shrunk = (1.0 - 1.0 / episodes) * exact_gradient(world, row)
    assert error(expected(algorithm, world, row), shrunk) < EXACT


@pytest.mark.parametrize(("name", "horizon"), [("chain", 3), ("garnet", 2)])
def test_an_average_over_the_batch_takes_its_own_gradient_from_that_of_the_reward_to_go(name, horizon):
    world = replace(WORLDS[name], horizon=horizon)
    row, known = parameters(world), enumerate_trajectories(world)
    lengths = known.active.sum(1)
    own = (known.rewards_to_go(GAMMA) * known.active).sum(1) / lengths
    of_the_average = gradient(world, row, lambda policy: known.probabilities(policy) @ own)
    found = expected(method("average_baseline", **{"data.episodes": 2}), world, row)
    assert error(found, practical_gradient(world, row) - of_the_average / 2) < EXACT
    # The direction differs, not only the length.
    assert torch.cosine_similarity(found, practical_gradient(world, row), dim=0) < 1.0 - 1e-3


@pytest.mark.parametrize("advantage", ["total_return", "reward_to_go"])
@pytest.mark.parametrize(
    ("name", "horizon", "episodes"), [("chain", 3, 2), ("garnet", 2, 2), ("chain", 2, 3)]
)
def test_an_average_over_the_other_trajectories_is_unbiased(name, horizon, episodes, advantage):
    world = replace(WORLDS[name], horizon=horizon)
    row = parameters(world)
    algorithm = method("leave_one_out", advantage=advantage, **{"data.episodes": episodes})
    target = exact_gradient if advantage == "total_return" else practical_gradient
    found = expected(algorithm, world, row)
    assert error(found, target(world, row)) < EXACT
    with_itself = method("average_baseline", advantage=advantage, **{"data.episodes": episodes})
    assert error(expected(with_itself, world, row), target(world, row)) > CLEAR


@pytest.mark.parametrize(("name", "horizon"), [("chain", 3), ("garnet", 2)])
def test_an_average_over_a_time_step_shrinks_that_steps_gradient(name, horizon):
    world = replace(WORLDS[name], horizon=horizon)
    row = parameters(world)
    policy = policy_table(world, row)
    # With two trajectories the factor is 1 - 1/2 until one of them ends; after that it is 0.
    factors = occupancy(world, policy).sum(1) / 2
    exact = credited(world, row, action_values(world, policy, GAMMA), factors)
    found = expected(method("timestep_baseline", **{"data.episodes": 2}), world, row)
    assert error(found, exact) < EXACT
    difference = error(found, practical_gradient(world, row) / 2)
    of_one_length = name == "garnet"
    assert difference < EXACT if of_one_length else difference > CLEAR


@pytest.mark.parametrize(("name", "horizon"), [("chain", 3), ("garnet", 2)])
def test_the_optimal_constant_is_the_one_that_its_definition_gives(name, horizon):
    world = replace(WORLDS[name], horizon=horizon)
    row, known = parameters(world), enumerate_trajectories(world)
    members = groups(len(known.dynamics), 2)
    point = row.clone().requires_grad_()
    log_probabilities = known.probabilities(policy_table(world, point)).log()
    scores = torch.stack([torch.autograd.grad(one, point, retain_graph=True)[0] for one in log_probabilities])
    squares, totals = scores.square().sum(1)[members], known.rewards_to_go(GAMMA)[:, 0][members]
    constants = (squares * totals).sum(1, keepdim=True) / squares.sum(1, keepdim=True)
    naive = torch.einsum("ke,kep->kp", totals - constants, scores[members]) / 2
    found = gradients(
        method("optimal_baseline", **{"data.episodes": 2}),
        world,
        decision_processes.rollout(world, members),
        row,
    )
    torch.testing.assert_close(found, naive, rtol=EXACT, atol=EXACT)

    squares = scores.square()[members]
    constants = (squares * totals.unsqueeze(-1)).sum(1, keepdim=True) / squares.sum(1, keepdim=True)
    naive = ((totals.unsqueeze(-1) - constants.nan_to_num(0.0)) * scores[members]).sum(1) / 2
    algorithm = method("optimal_components", **{"data.episodes": 2})
    found = gradients(algorithm, world, decision_processes.rollout(world, members), row)
    torch.testing.assert_close(found, naive, rtol=EXACT, atol=EXACT)
