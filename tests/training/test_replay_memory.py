"""The replay buffer: a ring of real transitions, and draws that are each replica's own."""

import numpy as np
import pytest
import torch

from helpers.replays import SEEDS, setting
from pgbench.training import replay_update
from pgbench.training.experience import Rollout
from pgbench.training.meaning import data
from pgbench.training.replay_memory import COLUMNS, ReplayDraws, ReplayMemory


def numbered(first, steps, replicas=3, environments=2):
    """A rollout whose columns all say which transition they belong to: 100·step + 10·replica + environment."""
    numbers = (
        100 * torch.arange(first, first + steps).reshape(-1, 1, 1)
        + 10 * torch.arange(replicas).reshape(-1, 1)
        + torch.arange(environments)
    ).float()
    never = torch.zeros(numbers.shape, dtype=torch.bool)
    rollout = Rollout(
        observations=numbers.unsqueeze(-1),
        actions=numbers.long(),
        rewards=numbers,
        next_observations=numbers.unsqueeze(-1) + 100,
        terminated=never,
        truncated=numbers % 3 == 0,
        active=~never,
    )
    return rollout, numbers.long() + 7


def everything(memory):
    """All that each replica can draw, `[S, len]`."""
    return memory.take(torch.arange(len(memory)).expand(3, -1))


def test_the_ring_overwrites_the_oldest():
    memory = ReplayMemory(rows=5, batch_size=32)
    kept = [(3, [0, 1, 2]), (3, [1, 2, 3, 4, 5]), (5, [6, 7, 8, 9, 10]), (1, [7, 8, 9, 10, 11])]
    first = 0
    for steps, steps_kept in kept:
        memory.add(*numbered(first, steps))
        first += steps
        assert len(memory) == 2 * len(steps_kept)
        for replica, rewards in enumerate(everything(memory).rollout.rewards[0]):
            expected = {100 * step + 10 * replica + e for step in steps_kept for e in range(2)}
            assert set(rewards.tolist()) == expected


def test_a_rollout_longer_than_the_ring_is_refused():
    with pytest.raises(ValueError, match="6 steps does not fit into 5 rows"):
        ReplayMemory(rows=5, batch_size=32).add(*numbered(0, 6))


def test_a_drawn_row_is_one_transition_of_its_own_replica():
    memory = ReplayMemory(rows=5, batch_size=64)
    memory.add(*numbered(0, 4))
    memory.add(*numbered(4, 3))
    drawn, next_actions = ReplayDraws(SEEDS, 9).transitions(memory)
    numbers = drawn.rewards[0]
    assert numbers.shape == (3, 64)
    assert (numbers.long() // 10 % 10 == torch.arange(3).unsqueeze(1)).all()
    assert torch.equal(drawn.observations[0, ..., 0], numbers)
    assert torch.equal(drawn.next_observations[0, ..., 0], numbers + 100)
    assert torch.equal(drawn.actions[0], numbers.long())
    assert torch.equal(drawn.truncated[0], numbers % 3 == 0)
    assert torch.equal(next_actions, numbers.long() + 7)
    assert len(numbers[0].unique()) == 10


def test_a_replicas_draw_depends_on_neither_block_nor_content_of_others():
    memory, alone = ReplayMemory(rows=5, batch_size=32), ReplayMemory(rows=5, batch_size=32)
    rollout, next_actions = numbered(0, 4)
    memory.add(rollout, next_actions)
    columns = {name: getattr(rollout, name)[:, 1:2] for name in (*COLUMNS, "active")}
    alone.add(Rollout(**columns), next_actions[:, 1:2])
    both, single = ReplayDraws(SEEDS, 4).transitions(memory), ReplayDraws([1], 4).transitions(alone)
    assert torch.equal(both.rollout.rewards[:, 1:2], single.rollout.rewards)
    later = ReplayDraws([1], 5).transitions(alone)
    assert not torch.equal(later.rollout.rewards, single.rollout.rewards)


def test_one_purposes_draws_do_not_shift_anothers():
    learner = setting("replay")[1]
    observations = torch.zeros(3, 8, 4)
    quiet, busy = ReplayDraws(SEEDS, 0), ReplayDraws(SEEDS, 0)
    busy.actions("target", learner, observations)
    drawn = [chance.actions("actor", learner, observations) for chance in (quiet, busy)]
    assert torch.equal(*drawn)


@pytest.mark.parametrize("environment", ["CartPole-v1", "Pendulum-v1"])
def test_next_actions_are_those_that_were_taken_except_at_a_cut(environment):
    _, learner, rollout, _ = setting("replay", environment, **{"data.warm_up": 200})
    following = replay_update.next_actions(learner, rollout, ReplayDraws(SEEDS, 0))
    ended = rollout.terminated | rollout.truncated
    assert following.shape == rollout.actions.shape
    assert following.dtype == rollout.actions.dtype
    assert torch.equal(following[:-1][~ended[:-1]], rollout.actions[1:][~ended[:-1]])
    assert ended[:-1].any()
    if environment == "Pendulum-v1":
        assert (following[:-1][ended[:-1]] != rollout.actions[1:][ended[:-1]]).all()


def test_the_first_update_waits_for_the_warm_up():
    algorithm, learner, rollout, sampler = setting("replay")
    assert len(rollout.rewards) == 128
    later = data.collect(algorithm.data, sampler, learner, 1, np.ones(3, dtype=bool))
    assert len(later.rewards) == 64
