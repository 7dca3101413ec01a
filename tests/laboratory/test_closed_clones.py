"""The closed forms of the measurements of clones and of critics against lists of all trajectories and samples."""

import numpy as np
import pytest
import torch

from pgbench.laboratory import worlds
from pgbench.laboratory.measurements import cloning, critic_targets
from pgbench.laboratory.trajectories import enumerate_trajectories, sample_trajectories


@pytest.fixture
def small_world(monkeypatch):
    """A world whose trajectories can be listed, and a policy that is different at every time."""
    world = worlds.garnet(horizon=3)
    monkeypatch.setattr(cloning, "WORLD", world)
    draws = torch.randn(3, world.states, world.actions, generator=torch.Generator().manual_seed(1)).double()
    return world, draws.softmax(-1)


@pytest.mark.parametrize("beta", [0.7, 3.0, float("inf")])
def test_the_clone_is_that_of_the_list_of_all_demonstrations(small_world, beta):
    world, demonstrator = small_world
    every = enumerate_trajectories(world)
    counts = torch.zeros_like(demonstrator)
    for k, chance in enumerate(every.probabilities(demonstrator).tolist()):
        weight = chance * np.exp(float(every.rewards[k].sum()) / beta)
        for time in range(3):
            counts[time, every.states[k, time], every.actions[k, time]] += weight
    totals = counts.sum(-1, keepdim=True)
    met = (totals > 0.0).expand_as(counts)
    assert met.any()
    assert torch.allclose((counts / totals)[met], cloning._clone(demonstrator, beta)[met], atol=1e-12)


def test_a_clone_of_a_sample_counts_it(small_world, monkeypatch):
    world, demonstrator = small_world
    monkeypatch.setattr(cloning, "UNIFORM", torch.full_like(demonstrator, 1.0 / world.actions))
    sample = sample_trajectories(world, demonstrator, 7, np.random.default_rng(0))
    weights = torch.arange(1.0, 8.0).double()
    found = cloning._clone_of(sample, weights)
    for time in range(3):
        for state in range(world.states):
            here = sample.states[:, time] == state
            for action in range(world.actions):
                chosen = here & (sample.actions[:, time] == action)
                expected = weights[chosen].sum() / weights[here].sum() if here.any() else 1.0 / world.actions
                assert float(found[time, state, action]) == pytest.approx(float(expected), abs=1e-12)


def test_the_best_and_the_worst_policy_bound_all_others():
    generator = torch.Generator().manual_seed(2)
    for _ in range(20):
        policy = torch.randn(cloning.UNIFORM.shape, generator=generator).double().mul(3.0).softmax(-1)
        assert 0.0 < cloning._share(policy) < 1.0


@pytest.mark.parametrize("name", critic_targets.TARGETS)
def test_the_mean_of_sampled_tables_is_that_of_the_recursion(name):
    moments, tables = [1, 5, 20], 2000
    kinds = {name: critic_targets.TARGETS[name]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critic_targets, "TARGETS", kinds)
        learned = critic_targets._learned(moments, tables, np.random.default_rng(0))[name]
        means = critic_targets._means(name, moments)
    for episodes in moments:
        sample = learned[episodes].flatten(1)
        error = sample.std(0) / tables**0.5
        distance = (sample.mean(0) - means[episodes].flatten()).abs()
        moved = error > 0.0
        assert moved.any()
        assert float((distance[moved] / error[moved]).max()) < 4.5
        assert torch.equal(distance[~moved], torch.zeros_like(distance[~moved]))
