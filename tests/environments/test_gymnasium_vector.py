"""Any Gymnasium environment, one a row."""

from collections.abc import Iterator
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

from pgbench.base.refusals import Refusal
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


# What is not as announced

ANNOUNCED = "step returned a value that is not as announced: "
OLD = r"step must return five values: observation, reward, terminated, truncated, info \("


class Wrong(Counter):
    """Returns something of another shape than announced."""

    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, what: str) -> None:
        self.what = what

    def reset(self, **arguments: Any) -> Any:
        start = super().reset(**arguments)
        match self.what:
            case "old reset":
                return start[0]
            case "start":
                return start[0][:1], {}
        return start

    def step(self, action: np.int64) -> Any:
        self.count += 1
        observation, reward = self._observe(), 1.0
        match self.what:
            case "reward":
                return observation, np.array([reward]), False, False, {}
            case "observation":
                return observation[:, None], reward, False, False, {}
            case "flag":
                return observation, reward, np.array([False]), False, {}
            case "old step":
                return observation, reward, False, {}
        return None


@pytest.mark.parametrize("limit", [None, 3])
@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("reward", ANNOUNCED + r"reward of shape \[1\]; announced is \[\]"),
        ("observation", ANNOUNCED + r"observation of shape \[2, 1\]; announced is \[2\]"),
        ("flag", ANNOUNCED + r"terminated of shape \[1\]; announced is \[\]"),
        ("old step", OLD + r"(it returned 4|not enough values to unpack \(expected 5, got 4\))\)"),
        (
            "start",
            r"reset returned a value that is not as announced: observation of shape \[1\]; announced is \[2\]",
        ),
        ("old reset", "reset must return two values: observation, info"),
    ],
)
def test_another_shape_than_announced_is_refused(
    what: str, message: str, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = gymnasium.envs.registration.EnvSpec("Wrong-v0", lambda **_: Wrong(what), max_episode_steps=limit)
    monkeypatch.setitem(gymnasium.registry, "Wrong-v0", spec)
    worlds = make("Wrong-v0", streams(2))
    with pytest.raises(Refusal, match=f"^Wrong-v0: {message}$"):
        worlds.step(np.zeros(2, dtype=np.int64), worlds.reset()[:, 1] >= 0)


def test_an_error_of_the_environment_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    class Faulty(Counter):
        def step(self, action: np.int64) -> Any:
            first, second = (action,)
            return first, second

    spec = gymnasium.envs.registration.EnvSpec("Faulty-v0", lambda **_: Faulty(), max_episode_steps=3)
    monkeypatch.setitem(gymnasium.registry, "Faulty-v0", spec)
    worlds = make("Faulty-v0", streams(1))
    worlds.reset()
    with pytest.raises(ValueError, match="not enough values to unpack") as raised:
        worlds.step(np.array([0]))
    assert not isinstance(raised.value, Refusal)


# Closing


def test_every_instance_is_closed_once_even_if_one_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Counter] = []

    class Held(Counter):
        def close(self) -> None:
            closed.append(self)
            if len(closed) == 2:
                raise OSError("it is gone")

    spec = gymnasium.envs.registration.EnvSpec("Held-v0", lambda **_: Held())
    monkeypatch.setitem(gymnasium.registry, "Held-v0", spec)
    worlds = GymnasiumVector("Held-v0", streams(3))
    with pytest.raises(OSError, match="it is gone"):
        worlds.close()
    worlds.close()
    assert len({id(each) for each in closed}) == len(closed) == 3


def test_a_batched_environment_may_be_closed() -> None:
    make("CartPole-v1", streams(1)).close()
