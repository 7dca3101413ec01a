"""Classic control is Gymnasium's, to the bit."""

from collections.abc import Callable

import gymnasium
import numpy as np
import pytest

from pgbench.environments import Discrete, make
from pgbench.environments.classic import SYSTEMS

Comparison = Callable[[str, int], None]
every_system = pytest.mark.parametrize("name", SYSTEMS)


@every_system
def test_equals_gymnasium_to_the_bit(name: str, compare_with_gymnasium: Comparison) -> None:
    compare_with_gymnasium(name, 1000)


@every_system
def test_a_row_does_not_depend_on_the_others(name: str, compare_batches: Comparison) -> None:
    compare_batches(name, 200)


@every_system
def test_a_restored_environment_goes_on_to_the_bit(name: str, compare_restored: Comparison) -> None:
    compare_restored(name, 60)


@every_system
def test_spaces_and_time_limit_are_gymnasiums(name: str) -> None:
    ours, theirs = make(name, [np.random.default_rng(0)]), gymnasium.make(name)
    assert (ours.observation_size,) == theirs.observation_space.shape
    assert theirs.spec is not None
    assert ours.time_limit == theirs.spec.max_episode_steps
    if isinstance(theirs.action_space, gymnasium.spaces.Discrete):
        assert ours.actions == Discrete(int(theirs.action_space.n))
    else:
        assert isinstance(theirs.action_space, gymnasium.spaces.Box)
        assert not isinstance(ours.actions, Discrete)
        assert np.array_equal(ours.actions.low, theirs.action_space.low)
        assert np.array_equal(ours.actions.high, theirs.action_space.high)


def test_a_good_drive_up_the_mountain_equals_gymnasium() -> None:
    """Random actions never reach the goal; pushing along the velocity does, in both."""
    name = "MountainCarContinuous-v0"
    ours, theirs = make(name, [np.random.Generator(np.random.PCG64(0))]), gymnasium.make(name)
    observation = ours.reset()
    theirs.reset(seed=0)
    terminated = False
    while not terminated:
        action = np.where(observation[:, 1:] >= 0, 1.0, -1.0).astype(np.float32)
        transition = ours.step(action)
        observation = transition.next_observations
        their_observation, reward, terminated, truncated, _ = theirs.step(action[0])
        assert np.array_equal(observation[0], their_observation)
        assert (transition.rewards[0], transition.terminated[0]) == (reward, terminated)
        assert not truncated
