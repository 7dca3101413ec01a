"""Any other Gymnasium environment: one instance a row, which is slower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import gymnasium
import numpy as np
from numpy.typing import NDArray

from pgbench.environments.interface import Box, Discrete, FloatArray, IntArray, StepOutcome, VectorEnvironment


class GymnasiumVector(VectorEnvironment):
    """N instances that `gymnasium.make` builds. Their state cannot be saved.

    Each episode starts from a seed that the generator of its row draws. Gymnasium's vector environments can only
    step all rows at once, therefore each row is an instance here.

    Args:
        environment: a Gymnasium id.
        generators: one generator a row.

    Raises:
        ValueError: if observations are not flat vectors, or if actions are neither discrete nor flat vectors.
    """

    def __init__(self, environment: str, generators: Sequence[np.random.Generator]) -> None:
        self._environment = environment
        self._instances = [gymnasium.make(environment, disable_env_checker=True) for _ in generators]
        first = self._instances[0]
        self._action_space = first.action_space
        size = observation_size(environment, first.observation_space)
        time_limit = first.spec.max_episode_steps if first.spec is not None else None
        super().__init__(generators, size, action_space(environment, first.action_space), time_limit)

    def _start(self, rows: IntArray) -> FloatArray:
        seeds = [int(self._generators[row].integers(2**31)) for row in rows]
        starts = [self._instances[row].reset(seed=seed) for row, seed in zip(rows, seeds, strict=True)]
        return np.array([observation for observation, _ in starts], dtype=np.float64)

    def _advance(self, actions: NDArray[Any], rows: IntArray) -> StepOutcome:
        if isinstance(self._action_space, gymnasium.spaces.Discrete):
            actions = actions + self._action_space.start
        else:
            actions = actions.astype(self._action_space.dtype)
        steps = [self._instances[row].step(action) for row, action in zip(rows, actions, strict=True)]
        observations, rewards, terminated, truncated, _ = zip(*steps, strict=True)
        return StepOutcome(
            np.array(observations, dtype=np.float64),
            np.array(rewards, dtype=np.float64),
            np.array(terminated, dtype=np.bool_),
            np.array(truncated, dtype=np.bool_),
        )

    def _simulation(self) -> NoReturn:
        raise self._unsaved()

    def _restore_simulation(self, simulation: Mapping[str, Any]) -> None:
        raise self._unsaved()

    def _unsaved(self) -> NotImplementedError:
        return NotImplementedError(
            f"{self._environment} cannot be checkpointed: it runs through Gymnasium, which cannot save an "
            "environment's state"
        )


def observation_size(environment: str, space: gymnasium.Space[Any]) -> int:
    """The length of a flat observation.

    Raises:
        ValueError: if observations are not flat vectors.
    """
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise ValueError(
            f"{environment} has observations {space}, but only flat vectors (a one-dimensional Box) are supported"
        )
    return space.shape[0]


def action_space(environment: str, space: gymnasium.Space[Any]) -> Discrete | Box:
    """Gymnasium's action space as a `Discrete` or `Box` of this package.

    Raises:
        ValueError: if actions are neither discrete nor flat vectors of reals.
    """
    if isinstance(space, gymnasium.spaces.Discrete):
        return Discrete(int(space.n))
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1:
        raise ValueError(
            f"{environment} has actions {space}, but only Discrete and one-dimensional Box actions are supported"
        )
    return Box(space.low.astype(np.float32), space.high.astype(np.float32))
