"""Any other Gymnasium environment: one instance a row, which is slower."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any, NoReturn

import gymnasium
import numpy as np
from numpy.typing import NDArray

from pgbench.base.refusals import Refusal
from pgbench.environments.gymnasium_spaces import action_space, announced, faults, flat, observation_size
from pgbench.environments.interface import FloatArray, IntArray, StepOutcome, VectorEnvironment

STEPPED = ("observation", "reward", "terminated", "truncated", "info")
"""What a step of Gymnasium returns."""


class GymnasiumVector(VectorEnvironment):
    """N instances that `gymnasium.make` builds. Their state cannot be saved.

    Each episode starts from a seed that the generator of its row draws. Gymnasium's vector environments can only
    step all rows at once, therefore each row is an instance here. `reset` and `step` raise a `Refusal` where the
    environment returns another shape than it announces.

    Args:
        environment: a Gymnasium id.
        generators: one generator a row.
        time_limit: steps of an episode, in place of the limit that the environment is registered with; by default
            that one. An environment that truncates episodes by itself still does.

    Raises:
        ValueError: if observations or actions are of a kind that is not supported.
    """

    def __init__(
        self, environment: str, generators: Sequence[np.random.Generator], time_limit: int | None = None
    ) -> None:
        self._environment = environment
        self._instances = [
            gymnasium.make(environment, max_episode_steps=time_limit, disable_env_checker=True)
            for _ in generators
        ]
        first = self._instances[0]
        self._observation_space, self._action_space = first.observation_space, first.action_space
        size = observation_size(environment, first.observation_space)
        time_limit = first.spec.max_episode_steps if first.spec is not None else time_limit
        super().__init__(generators, size, action_space(environment, first.action_space), time_limit)

    def close(self) -> None:
        """Close every instance, also if one of them raises."""
        with ExitStack() as stack:
            for instance in self._instances:
                stack.callback(instance.close)
            self._instances = []

    def _start(self, rows: IntArray) -> FloatArray:
        seeds = [int(self._generators[row].integers(2**31)) for row in rows]
        starts = [self._reset(row, seed) for row, seed in zip(rows, seeds, strict=True)]
        return np.array(starts, dtype=np.float64)

    def _advance(self, actions: NDArray[Any], rows: IntArray) -> StepOutcome:
        given = announced(self._action_space, self.actions, actions)
        steps = [self._step(row, action) for row, action in zip(rows, given, strict=True)]
        observations, rewards, terminated, truncated = zip(*steps, strict=True)
        return StepOutcome(
            np.array(observations, dtype=np.float64),
            np.array(rewards, dtype=np.float64),
            np.array(terminated, dtype=np.bool_),
            np.array(truncated, dtype=np.bool_),
        )

    def _reset(self, row: int, seed: int) -> FloatArray:
        """Start an episode in a row: its observation `[O]`."""
        started = self._instances[row].reset(seed=seed)
        if not isinstance(started, tuple | list) or len(started) != 2:
            raise Refusal(f"{self._environment}: reset must return two values: observation, info")
        return self._observed("reset", started[0])

    def _step(self, row: int, action: Any) -> tuple[FloatArray, Any, Any, Any]:
        """Step a row: observation `[O]`, reward, terminated and truncated."""
        try:
            stepped: Any = self._instances[row].step(action)
        except ValueError as error:
            if _is_of_a_wrapper(error):
                raise self._malformed(str(error)) from error
            self._refuse_outside(action, error)
            raise
        except Exception as error:
            self._refuse_outside(action, error)
            raise
        if not isinstance(stepped, tuple | list) or len(stepped) != len(STEPPED):
            raise self._malformed(
                f"it returned {len(stepped) if isinstance(stepped, tuple | list) else type(stepped).__name__}"
            )
        observation, *scalars, _ = stepped
        for name, value in zip(STEPPED[1:], scalars, strict=False):
            if np.shape(value) != ():
                raise self._unannounced("step", f"{name} of shape {list(np.shape(value))}; announced is []")
        reward, terminated, truncated = scalars
        return self._observed("step", observation), reward, terminated, truncated

    def _refuse_outside(self, action: Any, error: Exception) -> None:
        """Explain the error of an environment that was given a finite action outside its space.

        Gymnasium leaves it to each environment whether such an action is clipped, used as it is, or refused.
        """
        if np.isfinite(action).all() and not self._action_space.contains(action):
            raise Refusal(
                f"{self._environment}: step failed on an action outside its space ({type(error).__name__}: "
                f"{error}); set details.actions to 'clipped'"
            ) from error

    def _observed(self, verb: str, observation: Any) -> FloatArray:
        for fault in faults(self._observation_space, observation):
            raise self._unannounced(verb, fault)
        return flat(self._observation_space, observation)

    def _unannounced(self, verb: str, fault: str) -> Refusal:
        return Refusal(f"{self._environment}: {verb} returned a value that is not as announced: {fault}")

    def _malformed(self, found: str) -> Refusal:
        return Refusal(f"{self._environment}: step must return five values: {', '.join(STEPPED)} ({found})")

    def _simulation(self) -> NoReturn:
        raise self._unsaved()

    def _restore_simulation(self, simulation: Mapping[str, Any]) -> None:
        raise self._unsaved()

    def _unsaved(self) -> NotImplementedError:
        return NotImplementedError(
            f"{self._environment} cannot be checkpointed: it runs through Gymnasium, which cannot save an "
            "environment's state"
        )


def _is_of_a_wrapper(error: ValueError) -> bool:
    """Whether one of Gymnasium's wrappers, such as the time limit, was given another number of values."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals["__name__"].startswith("gymnasium.wrappers") and "to unpack" in str(error)
