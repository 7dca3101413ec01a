"""The MuJoCo tasks are Gymnasium's, to the bit."""

from collections.abc import Callable

import gymnasium
import mujoco
import numpy as np
import pytest

from pgbench.environments import Box, make
from pgbench.environments.mujoco import MujocoVector
from pgbench.environments.mujoco_tasks import TASKS

Comparison = Callable[[str, int], None]
every_task = pytest.mark.parametrize("name", TASKS)


@every_task
def test_equals_gymnasium_to_the_bit(name: str, compare_with_gymnasium: Comparison) -> None:
    compare_with_gymnasium(name, 1000)


@every_task
def test_a_row_does_not_depend_on_the_others(name: str, compare_batches: Comparison) -> None:
    compare_batches(name, 40)


@every_task
def test_a_restored_environment_goes_on_to_the_bit(name: str, compare_restored: Comparison) -> None:
    compare_restored(name, 30)


@every_task
def test_spaces_and_time_limit_are_gymnasiums(name: str) -> None:
    ours, theirs = make(name, [np.random.default_rng(0)]), gymnasium.make(name)
    assert (ours.observation_size,) == theirs.observation_space.shape
    assert isinstance(ours.actions, Box)
    assert isinstance(theirs.action_space, gymnasium.spaces.Box)
    assert np.array_equal(ours.actions.low, theirs.action_space.low)
    assert np.array_equal(ours.actions.high, theirs.action_space.high)
    assert theirs.spec is not None
    assert ours.time_limit == theirs.spec.max_episode_steps


@every_task
def test_islands_are_looked_for_only_where_there_may_be_several(name: str) -> None:
    world = make(name, [np.random.default_rng(0)])
    assert isinstance(world, MujocoVector)
    off = bool(world._model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_ISLAND)
    assert off == (world._model.ntree == 1) == (name not in {"Pusher-v5", "Reacher-v5"})


def test_actions_in_double_precision_equal_gymnasium_too() -> None:
    ours, theirs = make("Ant-v5", [np.random.Generator(np.random.PCG64(3))]), gymnasium.make("Ant-v5")
    ours.reset()
    theirs.reset(seed=3)
    for action in np.random.default_rng(0).uniform(-1.2, 1.2, (20, 8)):
        transition = ours.step(action[None])
        observation, reward, *_ = theirs.step(action)
        assert np.array_equal(transition.next_observations[0], observation)
        assert transition.rewards[0] == reward
