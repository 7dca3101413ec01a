"""The small worlds, their trajectories, and the policies on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from pgbench.laboratory import exact, worlds
from pgbench.laboratory.estimators import EstimatorSetting
from pgbench.laboratory.policies import Actor, OneHotPerceptron, check_support
from pgbench.laboratory.trajectories import enumerate_trajectories, sample_trajectories
from pgbench.networks.perceptron import Perceptron


def test_a_garnet_has_as_many_branches_as_it_is_told():
    world = worlds.garnet(states=7, actions=2, branching=3, seed=1)
    assert ((world.transitions > 0).sum(-1) == 3).all()
    other = worlds.garnet(states=7, actions=2, branching=3, seed=2)
    assert not torch.equal(world.transitions, other.transitions)


def test_on_the_cliff_the_goal_is_the_only_good_end():
    world = worlds.cliff(width=5, height=3)
    right, ends = 1, world.terminal.nonzero().flatten().tolist()
    assert ends == [1, 2, 3, 4]
    assert float(world.rewards[9, 2, 4]) == 2.0  # down into the goal
    assert float(world.rewards[0, right, 1]) == -2.0
    assert float(world.transitions[0, right, 1]) == pytest.approx(0.9 + 0.1 / 4)


def test_in_the_corridor_only_the_end_pays():
    world = worlds.corridor(length=3)
    paid = world.transitions * world.rewards
    assert paid.nonzero().tolist() == [[2, 1, 3]]


def test_an_offset_is_added_to_every_reward():
    world = worlds.chain()
    torch.testing.assert_close(world.offset(2.0).rewards, world.rewards + 2.0)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"transitions": torch.ones(3, 2, 3).double()}, "sum to 1; they sum to 3"),
        ({"transitions": torch.ones(3, 2, 2).double()}, r"must both be \[X, A, X\]"),
        ({"terminal": torch.zeros(3)}, "terminal must be boolean"),
        ({"terminal": torch.tensor([True, False, False])}, "state 0, in which episodes begin"),
        ({"horizon": 0}, "the horizon must be at least 1, not 0"),
    ],
)
def test_tables_that_make_no_world_are_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        replace(worlds.chain(), **change)


def test_more_branches_than_states_are_refused():
    with pytest.raises(ValueError, match="branching must be between 1 and the number of states, 4, not 5"):
        worlds.garnet(states=4, branching=5)


def test_a_world_without_a_horizon_has_no_list_of_trajectories_and_no_samples():
    world = worlds.garnet(horizon=None)
    with pytest.raises(ValueError, match="give the world a horizon"):
        enumerate_trajectories(world)
    with pytest.raises(ValueError, match="give the world a horizon"):
        sample_trajectories(world, torch.ones(1, 4, 3).double() / 3, 2, np.random.default_rng(0))


def test_too_many_trajectories_are_not_listed():
    with pytest.raises(ValueError, match="more than 50,000 trajectories: sample them instead"):
        enumerate_trajectories(worlds.garnet(states=6, branching=5, horizon=20))


@pytest.mark.parametrize("world", [worlds.chain(), worlds.garnet(horizon=2)], ids=["chain", "garnet"])
def test_samples_come_as_often_as_their_probability_says(world):
    actor = Actor(world, timed=True)
    policy = actor.table(actor.start(seed=0))
    known = enumerate_trajectories(world)
    count = 20_000
    found = sample_trajectories(world, policy, count, np.random.default_rng(0))
    # After the end of an episode a row holds an arbitrary action, which is not compared.
    keys = [
        torch.cat([each.states, each.next_states, torch.where(each.active, each.actions, 1)], 1)
        for each in (known, found)
    ]
    numbers = {tuple(row): index for index, row in enumerate(keys[0].tolist())}
    counts = np.bincount([numbers[tuple(row)] for row in keys[1].tolist()], minlength=len(numbers))
    expected = count * known.probabilities(policy).detach().numpy()
    often = expected >= 5.0
    observed = [*counts[often], counts[~often].sum()]
    wanted = [*expected[often], expected[~often].sum()]
    assert stats.chisquare(observed, np.array(wanted) * count / sum(wanted)).pvalue > 1e-3


def test_samples_have_the_objective_as_their_mean():
    world = worlds.cliff()
    actor = Actor(world)
    policy = actor.table(actor.start(seed=0))
    found = sample_trajectories(world, policy, 20_000, np.random.default_rng(1))
    totals = found.rewards_to_go(0.95)[:, 0].numpy()
    assert abs(totals.mean() - float(exact.objective(world, policy, 0.95))) < 4 * stats.sem(totals)


@pytest.mark.parametrize("world", [worlds.chain(), worlds.garnet(horizon=2)], ids=["chain", "garnet"])
def test_trajectories_take_the_rewards_of_another_process_and_nothing_else(world):
    policy = Actor(world).table(Actor(world).start(seed=0))
    shifted = world.offset(2.0)
    old, new = (
        sample_trajectories(process, policy, 200, np.random.default_rng(0)) for process in (world, shifted)
    )
    rewarded = old.rewarded_by(shifted)
    for column in ("states", "actions", "rewards", "next_states", "active"):
        assert torch.equal(getattr(rewarded, column), getattr(new, column)), column
    assert not torch.equal(rewarded.rewards, old.rewards)
    assert (rewarded.rewards[~old.active] == 0.0).all()


@pytest.mark.parametrize("sizes", [(6, 3), (6, 4, 3), (6, 4, 5, 1)])
def test_a_place_stands_for_a_one_hot_vector(sizes):
    # All parameters are random. In an initial network the biases would be zero.
    parameters = torch.randn(2, Perceptron(sizes, "tanh").width, dtype=torch.float64)
    places = torch.tensor([[0, 5, 2, 2], [1, 3, 4, 10]])
    outputs = []
    for network, inputs in (
        (OneHotPerceptron(sizes, "tanh"), places.double().unsqueeze(-1)),
        (Perceptron(sizes, "tanh"), torch.eye(6, dtype=torch.float64)[places % 6]),
    ):
        point = parameters.clone().requires_grad_()
        output = network.forward(network.views(point), inputs)
        output.square().sum().backward()
        outputs.append((output.detach(), point.grad))
    torch.testing.assert_close(*outputs)


def test_ratios_need_an_old_policy_that_takes_every_action_of_the_new_one():
    old = torch.tensor([[[0.5, 0.5], [1.0, 0.0]]])
    new = torch.tensor([[[0.5, 0.5], [0.9, 0.1]]])
    with pytest.raises(ValueError, match="in state 1 the old policy never takes action 1"):
        check_support(old, new)
    check_support(new, old)


def test_a_setting_with_impossible_ratios_is_refused():
    actor = Actor(worlds.chain())
    row = actor.start(seed=0)
    never = row.clone()
    never[0] = -1e6
    with pytest.raises(ValueError, match="in state 0 the old policy never takes action 0"):
        EstimatorSetting(actor, row, collected_by=never)
