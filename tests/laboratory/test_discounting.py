"""The directions of the two discounts, against the closed form of the gradient."""

import pytest
import torch

from pgbench.laboratory import exact, worlds
from pgbench.laboratory.measurements.discounting import TRAP_GAMMA, Follower, _one_logit, _trap
from pgbench.laboratory.policies import Actor

GAMMA = 0.7
WORLD = worlds.garnet(states=3, actions=3, branching=2, seed=4, horizon=5)


@pytest.mark.parametrize("practised", [True, False])
def test_a_direction_is_the_one_that_credits_each_action_with_its_value(practised):
    actor = Actor(WORLD)
    row = actor.start(seed=1)
    values = exact.action_values(WORLD, actor.table(row), GAMMA)
    weights = None if practised else exact.powers(WORLD, GAMMA)
    expected = exact.credited(WORLD, row, actor.table, values, weights)
    direction, _ = Follower(WORLD, actor.table, GAMMA, practised).direction(row.clone().requires_grad_())
    assert torch.allclose(direction, expected, rtol=1e-12, atol=1e-14)


def test_without_a_discount_both_directions_are_the_gradient():
    actor = Actor(WORLD)
    row = actor.start(seed=1)
    assert Follower(WORLD, actor.table, 1.0, practised=True).asymmetry(row) < 1e-12
    assert Follower(WORLD, actor.table, GAMMA, practised=True).asymmetry(row) > 1e-3


def test_in_the_trap_the_early_choice_is_better_and_the_practised_direction_shuns_it():
    world, start = _trap(), torch.zeros(1, dtype=torch.float64, requires_grad=True)
    early, late = (torch.tensor([logit], dtype=torch.float64) for logit in (-9.0, 9.0))
    for gamma in (TRAP_GAMMA, 1.0):
        values = [float(exact.objective(world, _one_logit(row), gamma)) for row in (early, late)]
        assert values[0] > values[1]
    signs = [bool(Follower(world, _one_logit, TRAP_GAMMA, p).direction(start)[0] > 0) for p in (True, False)]
    assert signs == [True, False]
