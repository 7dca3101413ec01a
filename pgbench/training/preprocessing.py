"""What stands between an environment and a policy: observations normalised, rewards scaled, actions clipped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgbench.environments.interface import BoolArray, Box, Discrete, FloatArray
from pgbench.training.normalisation import ObservationNormaliser, RewardScaler


@dataclass(frozen=True)
class Preprocessing:
    """Observations as the policy sees them, and rewards as the update uses them.

    Attributes:
        normaliser: of observations; None: they stay as they are.
        scaler: of rewards; None: they stay as they are.
        reward_offset: added to every reward before it is scaled.
        counts: whether observations are counted in the running statistics.
    """

    normaliser: ObservationNormaliser | None = None
    scaler: RewardScaler | None = None
    reward_offset: float = 0.0
    counts: bool = True

    def observations(self, raw: NDArray[Any], active: BoolArray) -> NDArray[np.float32]:
        """Count the active rows of observations `[S, E, O]` in the running statistics, and normalise all."""
        if self.normaliser is None:
            return raw.astype(np.float32)
        if self.counts:
            self.normaliser.update(raw, active)
        return self.normaliser(raw)

    def rewards(
        self, rewards: FloatArray, terminated: BoolArray, truncated: BoolArray, active: BoolArray
    ) -> FloatArray:
        """The rewards `[S, E]` of one step, shifted and scaled where a step was taken."""
        if self.reward_offset:
            rewards = np.where(active, rewards + self.reward_offset, 0.0)
        if self.scaler is None:
            return rewards
        return self.scaler(rewards, terminated, truncated, active)

    def frozen(self) -> Preprocessing:
        """Observations normalised as they are now, which counts nothing; rewards as they are."""
        return Preprocessing(self.normaliser, counts=False)

    def adopt(self, other: Preprocessing) -> None:
        """Copy the statistics of another of the same kind; running returns stay as they are."""
        if self.normaliser is not None and other.normaliser is not None:
            self.normaliser.restore(other.normaliser.state())
        if self.scaler is not None and other.scaler is not None:
            self.scaler.moments.restore(other.scaler.moments.state())

    def state(self) -> dict[str, Any]:
        """The running statistics, copied."""
        return {
            "normaliser": None if self.normaliser is None else self.normaliser.state(),
            "scaler": None if self.scaler is None else self.scaler.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from the `state` of preprocessing of the same kind."""
        if self.normaliser is not None:
            self.normaliser.restore(state["normaliser"])
        if self.scaler is not None:
            self.scaler.restore(state["scaler"])


def executed(space: Discrete | Box, actions: NDArray[Any]) -> NDArray[Any]:
    """The actions for the environment: a Gaussian's are clipped to the box, but their density is not."""
    if isinstance(space, Box):
        # On such small arrays two ufuncs are quicker than np.clip.
        bounded: NDArray[Any] = np.minimum(np.maximum(actions, space.low), space.high)
        return bounded.astype(np.float64)
    return actions
