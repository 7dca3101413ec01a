"""With a fixed horizon, which cuts episodes at any step, the gradient has the mean that theory gives."""

from dataclasses import replace

import pytest
import torch

from helpers import decision_processes
from helpers.decision_processes import policy_table
from helpers.exact_gradients import (
    EXACT,
    WORLDS,
    error,
    exact_critic,
    exact_gradient,
    gradients,
    method,
    parameters,
    practical_gradient,
    some_critic,
)
from pgbench.laboratory.trajectories import enumerate_trajectories, groups
from pgbench.methods import components

pytestmark = pytest.mark.usefixtures("small_chunks")

# ----------------------------------------------------------------------------------------------------------
# A fixed horizon

ESTIMATORS = {
    "reward-to-go": {"advantage": components.RewardToGo()},
    "three steps": {"advantage": components.NStep(n=3)},
    "gae": {"advantage": components.GAE(lam=0.9)},
}
FROM_THE_START = {"discount": "from_the_start"}
ESTIMATORS |= {f"{name}, from the start": choice | FROM_THE_START for name, choice in ESTIMATORS.items()}


@pytest.mark.parametrize("choice", ESTIMATORS.values(), ids=ESTIMATORS)
@pytest.mark.parametrize("skipped", [0, 1])
def test_episodes_end_to_end_in_a_rollout_are_credited_each_by_itself(choice, skipped):
    # Compare pair by pair. A leak from one episode into another would be noise, which the mean would hide.
    world = replace(WORLDS["garnet"], horizon=2)
    members = groups(len(enumerate_trajectories(world).dynamics), 2)
    first, second = (decision_processes.rollout(world, members[:, [which]]) for which in (0, 1))
    first = decision_processes.rows(first, skipped, 2)  # the earlier rows are in another rollout
    setting = method("fixed_horizon", **choice), world
    together, one, other = (
        len(rollout.rewards) * gradients(*setting, rollout, parameters(world), some_critic(world))
        for rollout in (decision_processes.end_to_end(first, second), first, second)
    )
    torch.testing.assert_close(together, one + other, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("choice", list(ESTIMATORS.values())[1:], ids=list(ESTIMATORS)[1:])
def test_an_episode_that_two_rollouts_share_is_as_good_as_one_with_the_true_value_at_the_cut(choice):
    world = WORLDS["garnet"]
    row, known = parameters(world), enumerate_trajectories(world)
    probabilities = known.probabilities(policy_table(world, row))
    whole = decision_processes.rollout(world, groups(len(probabilities), 1))
    algorithm = method("fixed_horizon", **choice)
    critic = exact_critic(world, row)
    first, second = (
        probabilities @ gradients(algorithm, world, decision_processes.rows(whole, *part), row, critic)
        for part in ((0, 2), (2, 4))
    )
    target = exact_gradient if FROM_THE_START.items() <= choice.items() else practical_gradient
    assert error((first + second) * 2, target(world, row)) < EXACT
