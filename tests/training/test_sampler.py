"""Rollouts of worlds that count: every row must be a transition that the environment really made."""

import numpy as np
import pytest
import torch

from pgbench import environments
from pgbench.training.experience import CHUNK
from pgbench.training.normalisation import ObservationNormaliser, RewardScaler
from pgbench.training.preprocessing import Preprocessing
from pgbench.training.sampler import Sampler, _ActionNoise, environment_streams

BOTH = np.array([True, True])


def draw(generator, shape):
    return generator.random((*shape, 1), dtype=np.float32)


def act(observations, noise):
    return (noise.squeeze(-1) > 0.5).long()


AS_IT_IS = Preprocessing()


def sampler(environment, seeds=(0, 1), environments_each=1, preprocessing=AS_IT_IS):
    world = environments.make(environment, environment_streams(seeds, environments_each))
    return Sampler(world, seeds, preprocessing)


def column(rollout, replica=0, environment=0):
    return {
        name: getattr(rollout, name)[:, replica, environment]
        for name in ("observations", "next_observations", "rewards", "terminated", "truncated", "active")
    }


def test_a_fixed_horizon_holds_the_worlds_own_transitions_and_no_reset_row():
    rows = column(sampler("Terminating-v0").fixed_horizon(act, draw, 0, BOTH, 12))
    assert rows["observations"][:, 1].tolist() == [0, 1, 2, 3, 4] * 2 + [0, 1]
    assert rows["next_observations"][:, 1].tolist() == [1, 2, 3, 4, 5] * 2 + [1, 2]
    assert rows["rewards"].tolist() == [1, 2, 3, 4, 5] * 2 + [1, 2]
    assert rows["terminated"].nonzero().flatten().tolist() == [4, 9]
    assert not rows["truncated"].any()
    same_episode = rows["observations"][:, 0] == rows["next_observations"][:, 0]
    assert same_episode.all()


def test_a_time_limit_is_a_truncation_and_keeps_the_true_next_observation():
    rows = column(sampler("Truncating-v0").fixed_horizon(act, draw, 0, BOTH, 9))
    assert rows["truncated"].nonzero().flatten().tolist() == [6]
    assert not rows["terminated"].any()
    assert rows["next_observations"][6].tolist() == [rows["observations"][6, 0], 7]
    assert rows["observations"][7, 1] == 0


def test_episodes_go_on_from_rollout_to_rollout():
    collected = sampler("Terminating-v0")
    first = column(collected.fixed_horizon(act, draw, 0, BOTH, 3))
    second = column(collected.fixed_horizon(act, draw, 1, BOTH, 3))
    assert first["observations"][:, 1].tolist() == [0, 1, 2]
    assert second["observations"][:, 1].tolist() == [3, 4, 0]


def test_finished_episodes_are_recorded_with_the_step_at_which_they_ended():
    collected = sampler("Terminating-v0", environments_each=2)
    rollout = collected.fixed_horizon(act, draw, 0, BOTH, 12)
    mine = [episode for episode in rollout.episodes if episode.seed == 1]
    assert [episode.step for episode in mine] == [10, 10, 20, 20]
    assert {(e.episodic_return, e.episodic_length, e.terminated) for e in mine} == {(15.0, 5, True)}
    assert collected.steps.tolist() == [24, 24]


def test_whole_episodes_run_each_environment_once():
    collected = sampler("Terminating-v0", environments_each=3)
    for iteration in range(2):
        rollout = collected.whole_episodes(act, draw, iteration, BOTH)
        assert rollout.rewards.shape == (CHUNK, 2, 3)
        assert rollout.active.sum(0).tolist() == [[5] * 3] * 2
        assert len(rollout.episodes) == 6
        assert rollout.terminated.sum() == 6
        assert rollout.terminated[4].all()
    assert collected.steps.tolist() == [30, 30]


def test_environments_that_have_finished_idle():
    collected = sampler("CartPole-v1", environments_each=8)
    rollout = collected.whole_episodes(act, draw, 0, BOTH)
    lengths = rollout.active.sum(0)
    assert lengths.min() < lengths.max() <= len(rollout.rewards)
    assert rollout.rewards[:, 0].numel() % CHUNK == 0
    for length, column_active, ended in zip(
        lengths.flatten(), rollout.active.flatten(1).T, rollout.terminated.flatten(1).T, strict=True
    ):
        assert column_active[:length].all()
        assert not column_active[length:].any()
        assert ended.nonzero().flatten().tolist() == [length - 1]
    assert not rollout.rewards[~rollout.active].any()
    assert collected.steps.tolist() == lengths.sum(-1).tolist()


@pytest.mark.parametrize("way", ["fixed", "whole"])
def test_the_environments_of_a_stopped_replica_idle(way):
    collected = sampler("Terminating-v0")
    running = np.array([True, False])
    if way == "fixed":
        rollout = collected.fixed_horizon(act, draw, 0, running, 6)
    else:
        rollout = collected.whole_episodes(act, draw, 0, running)
    assert rollout.active[:5, 0].all()
    assert not rollout.active[:, 1].any()
    assert {episode.seed for episode in rollout.episodes} == {0}
    assert collected.steps[1] == 0


def test_a_replica_sees_the_same_whatever_its_block():
    together = sampler("CartPole-v1", seeds=(4, 7, 1)).fixed_horizon(act, draw, 0, np.array([True] * 3), 300)
    alone = sampler("CartPole-v1", seeds=(7,)).fixed_horizon(act, draw, 0, np.array([True]), 300)
    assert torch.equal(together.observations[:, 1:2], alone.observations)
    assert torch.equal(together.actions[:, 1:2], alone.actions)


def test_normalisation_changes_what_the_policy_sees_and_not_what_is_reported():
    scaled = Preprocessing(ObservationNormaliser(2, 2, 1.5), RewardScaler(2, 1, 0.99, 1.5))
    collected = sampler("Terminating-v0", preprocessing=scaled)
    rollout = collected.fixed_horizon(act, draw, 0, BOTH, 50)
    assert rollout.observations.abs().max() <= 1.5
    assert rollout.rewards.abs().max() <= 1.5
    assert {episode.episodic_return for episode in rollout.episodes} == {15.0}


def test_within_an_episode_the_next_observation_is_the_one_acted_on_next():
    collected = sampler("CartPole-v1", preprocessing=Preprocessing(ObservationNormaliser(2, 4, 10.0)))
    rollout = collected.fixed_horizon(act, draw, 0, BOTH, 200)
    going_on = ~(rollout.terminated | rollout.truncated)[:-1]
    assert torch.equal(rollout.observations[1:][going_on], rollout.next_observations[:-1][going_on])


def test_gaussian_actions_are_clipped_for_the_world_only():
    collected = sampler("InvertedPendulum-v5")

    def wild(observations, noise):
        return 100.0 * torch.ones(*observations.shape[:2], 1)

    def normal(generator, shape):
        return generator.standard_normal((*shape, 1), dtype=np.float32)

    rollout = collected.fixed_horizon(wild, normal, 0, BOTH, 5)
    assert (rollout.actions == 100.0).all()
    bounded = sampler("InvertedPendulum-v5").fixed_horizon(
        lambda o, n: 3.0 * torch.ones(*o.shape[:2], 1), normal, 0, BOTH, 5
    )
    assert torch.equal(rollout.next_observations, bounded.next_observations)


@pytest.mark.parametrize("horizon", [1, 5, 128, 200, 600])
def test_noise_is_never_drawn_twice_and_does_not_depend_on_what_came_before(horizon):
    """Rollouts share a stream where they are short: whichever came before, each finds its own part of it."""

    def rows(noise, iteration):
        return [row for row, _ in zip(noise.rows(draw, iteration, horizon), range(horizon), strict=False)]

    noise = _ActionNoise([4, 7], 3)
    history = [torch.stack(rows(noise, iteration)) for iteration in range(120 // horizon + 3)]
    assert len(torch.cat(history)[:, 1].unique(dim=0)) == horizon * len(history)
    for iteration in (len(history) - 1, 1, 0):
        again = torch.stack(rows(_ActionNoise([7], 3), iteration))
        assert torch.equal(again[:, 0], history[iteration][:, 1])
