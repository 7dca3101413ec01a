"""J, ∇J, V, Q and the distribution of states agree with enumeration, iteration and finite differences."""

import numpy as np
import pytest
import torch

from pgbench.laboratory import exact, worlds
from pgbench.laboratory.policies import Actor
from pgbench.laboratory.trajectories import enumerate_trajectories

CLOSE = 1e-8
FINITE = {
    "chain": worlds.chain(),
    "garnet": worlds.garnet(states=6, horizon=8),
    "cliff": worlds.cliff(4, 2, horizon=10),
    "corridor": worlds.corridor(4, horizon=10),
}
ENDLESS = {
    "garnet": worlds.garnet(states=8, horizon=None),
    "cliff": worlds.cliff(horizon=None),
    "corridor": worlds.corridor(horizon=None),
}
POLICIES = [(), (5,)]


def central_differences(function, row, step=1e-5):
    units = step * torch.eye(len(row), dtype=torch.float64)
    return torch.stack([(function(row + unit) - function(row - unit)) / (2 * step) for unit in units])


@pytest.mark.parametrize("hidden", POLICIES)
@pytest.mark.parametrize("name", FINITE)
def test_the_gradient_over_a_horizon_is_that_of_finite_differences(name, hidden):
    actor = Actor(FINITE[name], hidden)
    row = actor.start(seed=0)

    def objective(point):
        return exact.objective(actor.world, actor.table(point), 0.9)

    torch.testing.assert_close(
        exact.gradient(row, objective), central_differences(objective, row), atol=CLOSE, rtol=0
    )


@pytest.mark.parametrize("hidden", POLICIES)
@pytest.mark.parametrize("name", ENDLESS)
def test_the_discounted_gradient_is_that_of_finite_differences(name, hidden):
    actor = Actor(ENDLESS[name], hidden)
    row = actor.start(seed=0)

    def objective(point):
        return exact.solve(actor.world, actor.log_probabilities(point).exp(), 0.9).objective

    torch.testing.assert_close(
        exact.gradient(row, objective), central_differences(objective, row), atol=CLOSE, rtol=0
    )


@pytest.mark.parametrize("name", ["chain", "garnet"])
def test_values_and_visits_are_those_of_the_listed_trajectories(name):
    world = worlds.chain() if name == "chain" else worlds.garnet()
    actor = Actor(world, timed=True)
    policy = actor.table(actor.start(seed=0))
    known = enumerate_trajectories(world)
    probabilities, to_go = known.probabilities(policy), known.rewards_to_go(0.9)
    values = exact.action_values(world, policy, 0.9)
    visits = exact.occupancy(world, policy)
    for time in range(world.steps):
        for state in range(world.states):
            here = known.active[:, time] & (known.states[:, time] == state)
            assert float(probabilities[here].sum()) == pytest.approx(float(visits[time, state]), abs=CLOSE)
            for action in range(world.actions):
                chosen = here & (known.actions[:, time] == action)
                if chosen.any():
                    found = (probabilities * to_go[:, time])[chosen].sum() / probabilities[chosen].sum()
                    assert float(found) == pytest.approx(float(values[time, state, action]), abs=CLOSE)


@pytest.mark.parametrize("name", ENDLESS)
def test_without_a_horizon_the_linear_systems_agree_with_iteration(name):
    world = ENDLESS[name]
    actor = Actor(world)
    policy = actor.log_probabilities(actor.start(seed=0)).exp()
    found = exact.solve(world, policy, 0.9)
    alive = (~world.terminal).double()
    values, now = torch.zeros(world.states, dtype=torch.float64), torch.eye(world.states).double()[0]
    visits = torch.zeros_like(values)
    for time in range(400):
        q = (world.transitions * (world.rewards + 0.9 * values)).sum(-1)
        values = (policy * q).sum(-1) * alive
        visits = visits + 0.9**time * now
        now = torch.einsum("x,xa,xay->y", now, policy, world.transitions) * alive
    torch.testing.assert_close(found.values, values, atol=CLOSE, rtol=0)
    torch.testing.assert_close(found.visits, visits, atol=CLOSE, rtol=0)
    torch.testing.assert_close(found.action_values, q * alive.unsqueeze(-1), atol=CLOSE, rtol=0)
    rewards = (world.transitions * world.rewards).sum(-1)
    torch.testing.assert_close(found.objective, (visits.unsqueeze(-1) * policy * rewards).sum())


@pytest.mark.parametrize("name", ENDLESS)
def test_the_policy_gradient_theorem_holds_without_a_horizon(name):
    actor = Actor(ENDLESS[name])
    row = actor.start(seed=0)

    def policy(point):
        return actor.log_probabilities(point).exp()

    known = exact.solve(actor.world, policy(row), 0.9)
    theorem = exact.gradient(
        row, lambda point: (known.visits.unsqueeze(-1) * policy(point) * known.action_values.detach()).sum()
    )
    truth = exact.gradient(row, lambda point: exact.solve(actor.world, policy(point), 0.9).objective)
    torch.testing.assert_close(theorem, truth)


@pytest.mark.parametrize(("name", "gamma"), [("garnet", 0.9), ("corridor", 1.0)])
def test_a_long_horizon_is_none(name, gamma):
    horizon = 400
    endless, long = (
        worlds.garnet(states=12, horizon=limit) if name == "garnet" else worlds.corridor(3, horizon=limit)
        for limit in (None, horizon)
    )
    actor = Actor(endless)
    policy = actor.log_probabilities(actor.start(seed=0, scale=0.2)).exp()
    limited = exact.objective(long, policy.expand(horizon, *policy.shape), gamma)
    torch.testing.assert_close(exact.solve(endless, policy, gamma).objective, limited, atol=CLOSE, rtol=0)


def test_hundreds_of_states_and_steps_are_no_obstacle():
    world = worlds.garnet(states=200, actions=3, branching=5, horizon=200)
    actor = Actor(world)
    row = actor.start(seed=0)
    gradient = exact.gradient(row, lambda point: exact.objective(world, actor.table(point), 1.0))
    policy = actor.table(row)
    theorem = exact.credited(world, row, actor.table, exact.action_values(world, policy, 1.0))
    torch.testing.assert_close(gradient, theorem)


def test_a_world_that_does_not_terminate_is_refused_without_a_discount():
    world = ENDLESS["garnet"]
    actor = Actor(world)
    policy = actor.log_probabilities(actor.start(seed=0)).exp()
    with pytest.raises(ValueError, match="no terminal state can be reached from state 0 under this policy"):
        exact.solve(world, policy, 1.0)
    # The world could end, but this policy never goes there.
    corridor = ENDLESS["corridor"]
    never = torch.tensor([1.0, 0.0]).double().expand(corridor.states, 2)
    with pytest.raises(ValueError, match="give the world a horizon, or discount"):
        exact.solve(corridor, never, 1.0)
    assert np.isfinite(float(exact.solve(corridor, never, 0.99).objective))
