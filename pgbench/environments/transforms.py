"""Running normalisation of observations and rewards, one set of statistics for each replica.

Shapes: S replicas, E environments per replica, O observation components. No arithmetic crosses replicas, so a
replica's numbers are the same bits however many replicas there are.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pgbench.environments.base import BoolArray, FloatArray

_EPSILON = 1e-8  # keeps a constant signal finite; the value of OpenAI baselines' VecNormalize


class RunningMoments:
    """Mean and variance of a stream of vectors, by the parallel update of Chan, Golub & LeVeque (1979).

    Starts from mean 0 and variance 1 with the weight of 1e-4 samples, as OpenAI baselines' RunningMeanStd.

    Args:
        replicas: S.
        size: The length D of a vector.

    Attributes:
        count: Samples seen [S, 1].
        mean: Means [S, D].
        variance: Population variances [S, D].
    """

    def __init__(self, replicas: int, size: int) -> None:
        self.count: FloatArray = np.full((replicas, 1), 1e-4)
        self.mean: FloatArray = np.zeros((replicas, size))
        self.variance: FloatArray = np.ones((replicas, size))

    def update(self, values: FloatArray, active: BoolArray | None = None) -> None:
        """Take one batch into account.

        Args:
            values: A batch [S, E, D].
            active: Which of its entries count [S, E]; all by default.
        """
        added, batch_mean, batch_variance = _batch_moments(values, active)
        # Chan's formula with the batch's share of all samples: a share of 0 changes no bit
        self.count = self.count + added
        share = added / self.count
        difference = batch_mean - self.mean
        spread = batch_variance + (1.0 - share) * np.square(difference)
        self.mean = self.mean + share * difference
        self.variance = self.variance + share * (spread - self.variance)

    def state(self) -> dict[str, FloatArray]:
        """The statistics, copied."""
        return {"count": self.count.copy(), "mean": self.mean.copy(), "variance": self.variance.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: If the state has other shapes.
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
        clip: The largest absolute value let through, or None for no limit.
    """

    def __init__(self, replicas: int, observation_size: int, clip: float | None) -> None:
        self.moments = RunningMoments(replicas, observation_size)
        self._clip = clip

    def update(self, observations: FloatArray, active: BoolArray | None = None) -> None:
        """Count observations [S, E, O] where active [S, E], by default all."""
        self.moments.update(observations, active)

    def __call__(self, observations: FloatArray) -> NDArray[np.float32]:
        """Normalise observations [S, E, O]: (x − mean) / √(variance + 1e-8), clipped."""
        scale = np.sqrt(self.moments.variance + _EPSILON)[:, None]
        return _clipped((observations - self.moments.mean[:, None]) / scale, self._clip).astype(np.float32)

    def state(self) -> dict[str, FloatArray]:
        """The statistics, copied."""
        return self.moments.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: If the state has other shapes.
        """
        self.moments.restore(state)


class FrozenNormaliser(ObservationNormaliser):
    """An observation normaliser as it is now, which observes no more: what it has seen is not to be moved.

    Args:
        trained: The one whose statistics it applies.
    """

    def __init__(self, trained: ObservationNormaliser) -> None:
        self.moments = trained.moments
        self._clip = trained._clip

    def update(self, observations: FloatArray, active: BoolArray | None = None) -> None:
        """Count nothing."""


class RewardScaler:
    """Rewards over the running standard deviation of the discounted return, clipped; no mean is subtracted.

    The return R ← γR + r is counted and only then set to 0 where the episode ended, by termination or
    truncation, as in OpenAI baselines' VecNormalize. (Gymnasium 1.4's NormalizeReward drops R before counting
    the last reward, and never at a time limit.) Source: Engstrom et al. 2020, "Implementation Matters in Deep
    Policy Gradients", arXiv:2005.12729, section 3.

    Args:
        replicas: S.
        environments: E, the environments of each replica.
        gamma: The discount of the return.
        clip: The largest absolute value let through, or None for no limit.

    Attributes:
        returns: The running returns R [S, E].
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
            rewards: Rewards [S, E].
            terminated: Where the episode reached a terminal state [S, E].
            truncated: Where the episode was cut [S, E].
            active: Where a step was taken [S, E]; everywhere by default. Elsewhere R stays as it is.

        Returns:
            Scaled rewards [S, E], in float64.
        """
        returns = self._gamma * self.returns + rewards
        if active is not None:
            returns = np.where(active, returns, self.returns)
        self.moments.update(returns[:, :, None], active)
        self.returns = np.where(terminated | truncated, 0.0, returns)
        return _clipped(rewards / np.sqrt(self.moments.variance + _EPSILON), self._clip)

    def state(self) -> dict[str, FloatArray]:
        """The statistics and the running returns, copied."""
        return {**self.moments.state(), "returns": self.returns.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Continue from what `state` returned.

        Raises:
            ValueError: If the state has other shapes.
        """
        if np.shape(state["returns"]) != self.returns.shape:
            shapes = f"{np.shape(state['returns'])}, not {self.returns.shape}"
            raise ValueError(f"the saved running returns have shape {shapes}")
        self.moments.restore(state)
        self.returns = np.array(state["returns"], dtype=np.float64)


def _batch_moments(values: FloatArray, active: BoolArray | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Number [S, 1], mean [S, D] and variance [S, D] of a batch's entries [S, E, D] that count [S, E]."""
    everyone = active is None or bool(active.all())
    if everyone and values.shape[1] == 1:
        # each is a mean of its own: the same bits as below, in half the time
        mean = values[:, 0]
        return np.ones((len(values), 1)), mean, np.zeros_like(mean)
    if active is None or everyone:
        weights = np.ones((*values.shape[:2], 1))
    else:
        weights = active[:, :, None].astype(np.float64)
        values = np.where(weights > 0.0, values, 0.0)  # an idle entry may hold anything, NaN included
    added = weights.sum(axis=1)
    divisor = np.maximum(added, 1.0)
    mean = values.sum(axis=1) / divisor
    return added, mean, np.square((values - mean[:, None]) * weights).sum(axis=1) / divisor


def _clipped(values: FloatArray, limit: float | None) -> FloatArray:
    # two ufuncs are quicker than np.clip on arrays as small as these
    return values if limit is None else np.minimum(np.maximum(values, -limit), limit)
