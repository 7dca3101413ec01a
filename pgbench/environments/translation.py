"""Between one Gymnasium environment as its users see it and the flat numbers that policies see."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import gymnasium
import numpy as np

from pgbench.base.refusals import Refusal
from pgbench.environments.gymnasium_spaces import action_space, announced, faults, flat
from pgbench.environments.interface import FloatArray


class Translation:
    """The spaces of an environment.

    Args:
        environment: a Gymnasium id that `registry.check` accepts.
    """

    def __init__(self, environment: str) -> None:
        self._environment = environment
        with closing(gymnasium.make(environment, disable_env_checker=True)) as example:
            self._observations, self._actions = example.observation_space, example.action_space
        self.actions = action_space(environment, self._actions)

    def observed(self, observation: Any) -> FloatArray:
        """An observation of the environment as a vector `[O]`.

        Raises:
            Refusal: if it has another shape than the environment announces.
        """
        for fault in faults(self._observations, observation):
            raise Refusal(f"{self._environment}: {fault}")
        return flat(self._observations, observation)

    def given(self, action: Any) -> Any:
        """An action `[]` or `[A]` in the shape and dtype of the environment."""
        return announced(self._actions, self.actions, np.asarray(action)[None])[0]
