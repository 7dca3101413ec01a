"""Any Gymnasium environment, one a row."""

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from pgbench.environments import Discrete, make
from pgbench.environments.gymnasium_vector import GymnasiumVector

COUNTER = "pgbench-tests/Counter-v0"


class Counter(gymnasium.Env[NDArray[np.float32], np.int64]):
    """Shows its seed and counts its steps; actions are 5, 6 and 7, and 7 terminates."""

    observation_space = gymnasium.spaces.Box(0, np.inf, (2,))
    action_space = gymnasium.spaces.Discrete(3, start=5)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        assert seed is not None
        self.seed, self.count = seed % 1000, 0
        return self._observe(), {}

    def step(self, action: np.int64) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        self.count += 1
        return self._observe(), float(action), action == 7, False, {}

    def _observe(self) -> NDArray[np.float32]:
        return np.array([self.seed, self.count], dtype=np.float32)


@pytest.fixture(autouse=True)
def _registered() -> Iterator[None]:
    gymnasium.register(COUNTER, lambda **_: Counter(), max_episode_steps=3)
    yield
    del gymnasium.registry[COUNTER]


def streams(count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in range(count)]


def test_seeds_come_from_the_rows_generators_and_idle_rows_are_not_stepped() -> None:
    counters = make(COUNTER, streams(2))
    expected = [int(stream.integers(2**31)) % 1000 for stream in streams(2)]
    assert isinstance(counters, GymnasiumVector)
    assert counters.reset().tolist() == [[expected[0], 0], [expected[1], 0]]
    counters.step(np.array([0, 0]), np.array([True, False]))
    transition = counters.step(np.array([1, 2]))
    assert transition.next_observations[:, 1].tolist() == [2, 1]
    assert transition.rewards.tolist() == [6, 7]
    assert transition.terminated.tolist() == [False, True]


def test_the_time_limit_is_gymnasiums() -> None:
    counters = make(COUNTER, streams(1))
    assert counters.time_limit == 3
    assert counters.actions == Discrete(3)
    counters.reset()
    flags = [counters.step(np.array([0])).truncated[0] for _ in range(3)]
    assert flags == [False, False, True]


def test_real_actions_equal_gymnasium() -> None:
    ours, theirs = GymnasiumVector("Pendulum-v1", streams(1)), gymnasium.make("Pendulum-v1")
    theirs.reset(seed=int(np.random.default_rng(0).integers(2**31)))
    ours.reset()
    for action in np.random.default_rng(1).uniform(-2, 2, (10, 1)):
        transition = ours.step(action[None])
        observation, reward, *_ = theirs.step(action.astype(np.float32))
        assert np.array_equal(transition.next_observations[0], observation)
        assert transition.rewards[0] == reward


def test_it_cannot_be_checkpointed_and_says_so() -> None:
    counters = make(COUNTER, streams(1))
    with pytest.raises(NotImplementedError, match="Counter-v0 cannot be checkpointed"):
        counters.state()
    with pytest.raises(NotImplementedError, match="Counter-v0 cannot be checkpointed"):
        counters.restore(make("CartPole-v1", streams(1)).state())
