"""Small worlds whose right answers are known, registered with Gymnasium for the tests."""

import gymnasium
import numpy as np


class Counting(gymnasium.Env):
    """Observes (episode, time); rewards the time; ends at step `length`, and is cut at `limit`."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, length: int) -> None:
        self.length = length
        self.episode = -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode += 1
        self.time = 0
        return self._observation(), {}

    def step(self, action):
        self.time += 1
        return self._observation(), float(self.time), self.time == self.length, False, {}

    def _observation(self):
        return np.array([self.episode, self.time], dtype=np.float64)


class Bandit(gymnasium.Env):
    """One step; the observation is ±1 and the reward is 1 if the action has its sign, else 0."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.side = int(self.np_random.integers(2))
        return self._observation(), {}

    def step(self, action):
        return self._observation(), float(action == self.side), True, False, {}

    def _observation(self):
        return np.array([2 * self.side - 1], dtype=np.float32)


class Constant(gymnasium.Env):
    """A reward of 1 at every step, for ever: only the time limit ends an episode."""

    observation_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.ones(1, dtype=np.float32), {}

    def step(self, action):
        return np.ones(1, dtype=np.float32), 1.0, False, False, {}


def register() -> None:
    """Make the worlds known to Gymnasium, once."""
    worlds = {
        "Terminating-v0": (Counting, {"length": 5}, 100),
        "Truncating-v0": (Counting, {"length": 100}, 7),
        "Bandit-v0": (Bandit, {}, None),
        "Constant-v0": (Constant, {}, 10),
    }
    for name, (entry_point, arguments, limit) in worlds.items():
        if name not in gymnasium.registry:
            gymnasium.register(name, entry_point, kwargs=arguments, max_episode_steps=limit)
