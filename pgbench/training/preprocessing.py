"""What stands between an environment and a policy, in both directions.

Observations are normalised, rewards are shifted and scaled, and actions are brought into their box.
"""

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
    """Observations as the policy sees them, rewards as the update uses them, actions as the environment gets them.

    Attributes:
        normaliser: of observations; None: they stay as they are.
        scaler: of rewards; None: they stay as they are.
        reward_offset: added to every reward before it is scaled.
        counts: whether observations are counted in the running statistics.
        waits: whether they are counted a batch at a time. Until then, what is recorded of them is raw.
        clips: whether actions outside their box are brought into it.
        squashes: whether the policy draws numbers that become actions by a hyperbolic tangent.
    """

    normaliser: ObservationNormaliser | None = None
    scaler: RewardScaler | None = None
    reward_offset: float = 0.0
    counts: bool = True
    waits: bool = False
    clips: bool = True
    squashes: bool = False

    def observations(self, raw: NDArray[Any], active: BoolArray) -> NDArray[Any]:
        """Observations `[S, E, O]` as they are recorded: normalised, after the active rows were counted.

        Where they are counted a batch at a time, they are recorded as they are.
        """
        if self.waits:
            return raw
        if self.normaliser is None:
            return raw.astype(np.float32)
        if self.counts:
            self.normaliser.update(raw, active)
        return self.normaliser(raw)

    def seen(self, recorded: NDArray[Any]) -> NDArray[Any]:
        """Recorded observations `[S, E, O]` as the policy sees them when it acts."""
        return self.normaliser(recorded) if self.waits and self.normaliser is not None else recorded

    def batch(
        self, observations: NDArray[Any], next_observations: NDArray[Any], active: BoolArray
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Recorded observations `[T, S, E, O]` of a whole rollout, and the next ones, as the update sees them.

        Where they were not counted yet, the active ones are counted first. Both are then normalised by the new
        statistics.
        """
        if not self.waits or self.normaliser is None:
            return observations, next_observations
        self.normaliser.update(_side_by_side(observations), _side_by_side(active))
        return self._normalised(observations), self._normalised(next_observations)

    def _normalised(self, observations: NDArray[Any]) -> NDArray[np.float32]:
        """Raw observations `[T, S, E, O]`, normalised."""
        time, replicas, environments, size = observations.shape
        normalised = self.seen(_side_by_side(observations))
        return np.ascontiguousarray(normalised.reshape(replicas, time, environments, size).swapaxes(0, 1))

    def given(self, space: Discrete | Box, actions: NDArray[Any]) -> NDArray[Any]:
        """The actions for the environment, of those that a policy drew."""
        if self.squashes and isinstance(space, Box):
            return squashed(space, actions)
        return executed(space, actions) if self.clips else actions

    def begin_anew(self, rows: BoolArray) -> None:
        """Forget what the scaling of rewards remembers of episodes `[S, E]` that were given up."""
        if self.scaler is not None:
            self.scaler.begin_anew(rows)

    def rewards(
        self, rewards: FloatArray, terminated: BoolArray, truncated: BoolArray, active: BoolArray
    ) -> FloatArray:
        """The rewards `[S, E]` of one step, shifted and scaled where a step was taken."""
        if self.reward_offset:
            rewards = np.where(active, rewards + self.reward_offset, 0.0)
        if self.scaler is None:
            return rewards
        return self.scaler(rewards, terminated, truncated, active)

    def lost(self, replicas: int) -> BoolArray:
        """`[S]`: replicas with statistics that are not finite: all that they see or earn would be 0 or NaN."""
        moments = [each.moments for each in (self.normaliser, self.scaler) if each is not None]
        lost = np.zeros(replicas, dtype=np.bool_)
        for each in moments:
            lost |= ~each.finite
        return lost

    def frozen(self) -> Preprocessing:
        """Observations normalised as they are now, which counts nothing; rewards as they are; actions as here."""
        return Preprocessing(self.normaliser, counts=False, clips=self.clips, squashes=self.squashes)

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


def squashed(space: Box, numbers: NDArray[Any]) -> NDArray[np.float64]:
    """The actions for the environment of a squashed Gaussian's numbers u: tanh u, scaled to the box.

    They have the precision of the box, so that a kept policy gives Gymnasium the same actions.
    """
    low, high = space.low.astype(np.float64), space.high.astype(np.float64)
    shares: NDArray[np.float64] = 0.5 * (np.tanh(numbers.astype(np.float64)) + 1.0)
    inside = np.minimum(np.maximum(low + shares * (high - low), low), high)  # rounding must not leave the box
    return inside.astype(space.low.dtype).astype(np.float64)


def _side_by_side(values: NDArray[Any]) -> NDArray[Any]:
    """`[T, S, E, …]` as `[S, T·E, …]`."""
    time, replicas, environments, *size = values.shape
    return values.swapaxes(0, 1).reshape(replicas, time * environments, *size)
