"""Running normalisation of observations and rewards, one set of statistics for each replica.

Shapes: S replicas, E environments per replica, O observation components. No arithmetic crosses replicas, so a
replica's numbers are the same bits for any number of replicas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgbench.base.compiled import compiled
from pgbench.environments.interface import BoolArray, FloatArray

_EPSILON = 1e-8  # keeps a constant signal finite; the value of OpenAI baselines' VecNormalize


class RunningMoments:
    """Mean and variance of a stream of vectors, by the parallel update of Chan, Golub & LeVeque (1979).

    Starts from mean 0 and variance 1 with the weight of 1e-4 samples, as OpenAI baselines' RunningMeanStd.

    Args:
        replicas: S.
        size: D, the length of a vector.

    Attributes:
        count: `[S, 1]`, samples seen.
        mean: `[S, D]`.
        variance: `[S, D]`, of the population.
    """

    def __init__(self, replicas: int, size: int) -> None:
        self.count: FloatArray = np.full((replicas, 1), 1e-4)
        self.mean: FloatArray = np.zeros((replicas, size))
        self.variance: FloatArray = np.ones((replicas, size))

    def update(self, values: FloatArray, active: BoolArray | None = None) -> None:
        """Count one batch.

        Args:
            values: `[S, E, D]`, a batch.
            active: `[S, E]`, which entries count; all by default.
        """
        _count(
            self.count, self.mean, self.variance, values, _everywhere(values) if active is None else active
        )

    @property
    def finite(self) -> BoolArray:
        """`[S]`: replicas whose statistics are finite. Others stay so for ever, whatever they see afterwards."""
        return np.array([np.isfinite(row).all() for row in np.concatenate([self.mean, self.variance], 1)])

    def state(self) -> dict[str, FloatArray]:
        """The statistics, copied."""
        return {"count": self.count.copy(), "mean": self.mean.copy(), "variance": self.variance.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: if the state has other shapes.
        """
        if np.shape(state["mean"]) != self.mean.shape:
            shapes = f"{np.shape(state['mean'])}, not {self.mean.shape}"
            raise ValueError(f"the saved moments have shape {shapes}")
        self.count = np.array(state["count"], dtype=np.float64)
        self.mean = np.array(state["mean"], dtype=np.float64)
        self.variance = np.array(state["variance"], dtype=np.float64)


class ObservationNormaliser:
    """Observations less their running mean, over their running standard deviation, clipped.

    Args:
        replicas: S.
        observation_size: O.
        clip: the largest absolute value let through, or None for no limit.
        minimum_variance: the least variance that is divided by, or None for no limit.
    """

    def __init__(
        self,
        replicas: int,
        observation_size: int,
        clip: float | None,
        minimum_variance: float | None = None,
    ) -> None:
        self.moments = RunningMoments(replicas, observation_size)
        self._clip = clip
        self._minimum_variance = minimum_variance

    def update(self, observations: FloatArray, active: BoolArray | None = None) -> None:
        """Count observations `[S, E, O]` where `active` `[S, E]`, by default all."""
        self.moments.update(observations, active)

    def __call__(self, observations: FloatArray) -> NDArray[np.float32]:
        """Normalise observations `[S, E, O]`: (x − mean) / √max(variance + 1e-8, minimum), clipped."""
        normalised = np.empty(observations.shape, dtype=np.float32)
        limit = np.inf if self._clip is None else self._clip
        variance = self.moments.variance + _EPSILON
        if self._minimum_variance is not None:
            variance = np.maximum(variance, self._minimum_variance)
        _normalise(normalised, observations, self.moments.mean, variance, limit)
        return normalised

    @property
    def constants(self) -> tuple[float, float | None, float | None]:
        """What is added to the variance, the least variance, and the largest absolute value let through."""
        return _EPSILON, self._minimum_variance, self._clip

    def state(self) -> dict[str, FloatArray]:
        """The statistics, copied."""
        return self.moments.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: if the state has other shapes.
        """
        self.moments.restore(state)


class RewardScaler:
    """Rewards over the running standard deviation of the discounted return, clipped; no mean is subtracted.

    The return R ← γR + r is counted and only then set to 0 where the episode ended, by termination or
    truncation, as in OpenAI baselines' VecNormalize. (Gymnasium 1.4's NormalizeReward drops R before counting
    the last reward, and never at a time limit.) Source: Engstrom et al. 2020, "Implementation Matters in Deep
    Policy Gradients", arXiv:2005.12729, section 3.

    Args:
        replicas: S.
        environments: E, the environments of each replica.
        gamma: the discount of the return, in (0, 1].
        clip: the largest absolute value let through, or None for no limit.

    Attributes:
        returns: `[S, E]`, the running returns R.
    """

    def __init__(self, replicas: int, environments: int, gamma: float, clip: float | None) -> None:
        self.moments = RunningMoments(replicas, 1)
        self.returns: FloatArray = np.zeros((replicas, environments))
        self._gamma = gamma
        self._clip = clip

    def __call__(
        self,
        rewards: FloatArray,
        terminated: BoolArray,
        truncated: BoolArray,
        active: BoolArray | None = None,
    ) -> FloatArray:
        """Count and scale the rewards of one step.

        Args:
            rewards: `[S, E]`.
            terminated: `[S, E]`, where the episode reached a terminal state.
            truncated: `[S, E]`, where the episode was cut.
            active: `[S, E]`, where a step was taken; everywhere by default. Elsewhere R stays as it is.

        Returns:
            `[S, E]`, scaled rewards in float64.
        """
        _discount(self.returns, rewards, _everywhere(rewards) if active is None else active, self._gamma)
        self.moments.update(self.returns[:, :, None], active)
        scaled, limit = np.empty(rewards.shape), np.inf if self._clip is None else self._clip
        _scale(scaled, rewards, self.moments.variance, limit)
        self.returns[terminated | truncated] = 0.0
        return scaled

    def begin_anew(self, rows: BoolArray) -> None:
        """Forget the running returns of episodes `[S, E]` that were given up."""
        self.returns[rows] = 0.0

    def state(self) -> dict[str, FloatArray]:
        """The statistics and the running returns, copied."""
        return {**self.moments.state(), "returns": self.returns.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: if the state has other shapes.
        """
        if np.shape(state["returns"]) != self.returns.shape:
            shapes = f"{np.shape(state['returns'])}, not {self.returns.shape}"
            raise ValueError(f"the saved running returns have shape {shapes}")
        self.moments.restore(state)
        self.returns = np.array(state["returns"], dtype=np.float64)


def _everywhere(values: FloatArray) -> BoolArray:
    """A mask `[S, E]` that is true everywhere."""
    return np.ones(values.shape[:2], dtype=np.bool_)


@compiled
def _count(
    count: FloatArray, mean: FloatArray, variance: FloatArray, values: FloatArray, active: BoolArray
) -> None:
    """Count the active entries of a batch `[S, E, D]` in the moments, in place (Chan, Golub & LeVeque 1979)."""
    replicas, entries, size = values.shape
    for s in range(replicas):
        added = float(active[s].sum())
        if added == 0.0:
            continue
        count[s, 0] += added
        share = added / count[s, 0]
        for d in range(size):
            batch_mean = batch_variance = 0.0
            for e in range(entries):
                if active[s, e]:  # an idle entry may hold anything, NaN included
                    batch_mean += values[s, e, d] / added
            for e in range(entries):
                if active[s, e]:
                    batch_variance += (values[s, e, d] - batch_mean) ** 2 / added
            difference = batch_mean - mean[s, d]
            spread = batch_variance + (1.0 - share) * difference**2
            mean[s, d] += share * difference
            variance[s, d] += share * (spread - variance[s, d])


@compiled
def _normalise(
    normalised: NDArray[np.float32], values: FloatArray, mean: FloatArray, variance: FloatArray, limit: float
) -> None:
    """(x − mean) / √variance of values `[S, E, D]`, at most `limit` from 0."""
    replicas, entries, size = values.shape
    for s in range(replicas):
        for d in range(size):
            scale = np.sqrt(variance[s, d])
            for e in range(entries):
                normalised[s, e, d] = min(max((values[s, e, d] - mean[s, d]) / scale, -limit), limit)


@compiled
def _discount(returns: FloatArray, rewards: FloatArray, active: BoolArray, gamma: float) -> None:
    """R ← γ R + r where `active` `[S, E]`."""
    for s in range(len(returns)):
        for e in range(returns.shape[1]):
            if active[s, e]:
                returns[s, e] = gamma * returns[s, e] + rewards[s, e]


@compiled
def _scale(scaled: FloatArray, rewards: FloatArray, variance: FloatArray, limit: float) -> None:
    """Rewards `[S, E]` over √(variance + ε), at most `limit` from 0."""
    for s in range(len(rewards)):
        deviation = np.sqrt(variance[s, 0] + _EPSILON)
        for e in range(rewards.shape[1]):
            scaled[s, e] = min(max(rewards[s, e] / deviation, -limit), limit)
