"""Statistics over replicas: the unit is a replica's score, never an episode.

A sample is a float array whose first axis counts replicas. Its further axes, such as the points of a curve, do not
influence each other. Randomness comes from the generator that is passed in. The choice of statistics follows
Agarwal et al. 2021; SciPy resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats  # type: ignore[import-untyped]

Array = NDArray[np.float64]
Statistic = Callable[..., Array]
"""A function of samples, with the keyword `axis`: the axis of replicas."""

LEVEL = 0.95
RESAMPLES = 2000
BATCH = 200
"""Resamples that are in memory at once."""


class Estimate(NamedTuple):
    """A statistic with the ends of its interval: scalars, or arrays over the sample's further axes.

    The ends are NaN if a sample has fewer than two replicas, because one replica says nothing about others.
    """

    value: Array
    low: Array
    high: Array


def mean(sample: Array, axis: int = 0) -> Array:
    """The mean over replicas."""
    return np.asarray(np.mean(sample, axis=axis))


def interquartile_mean(sample: Array, axis: int = 0) -> Array:
    """The mean of the middle half: a quarter of the replicas, rounded down, is left out at each end."""
    trimmed: Array = stats.trim_mean(_replicas_last(sample, axis), 0.25, axis=-1)
    return trimmed


def probability_of_improvement(*samples: Array, axis: int = -1) -> Array:
    """P(X > Y) + ½ P(X = Y) for a replica of X and one of Y drawn at random, averaged over tasks.

    Args:
        samples: X and Y of the first task, X and Y of the second, and so on.
        axis: the axis of replicas.
    """
    probabilities = []
    for first, second in zip(samples[::2], samples[1::2], strict=True):
        x, y = _replicas_last(first, axis)[..., :, None], _replicas_last(second, axis)[..., None, :]
        wins, losses = (np.count_nonzero(outcome, axis=(-2, -1)) for outcome in (x > y, x < y))
        probabilities.append(0.5 * (1.0 + (wins - losses) / (x.shape[-2] * y.shape[-1])))
    return np.asarray(np.mean(probabilities, axis=0))


def _replicas_last(sample: Array, axis: int) -> Array:
    """The sample with its replicas side by side, so that other axes do not change the order of their sum."""
    return np.ascontiguousarray(np.moveaxis(sample, axis, -1))


def bootstrap(
    statistic: Statistic, samples: Sequence[Array], rng: np.random.Generator, level: float = LEVEL
) -> Estimate:
    """A statistic and its percentile bootstrap interval (Efron 1979).

    Args:
        statistic: of the samples.
        samples: each is resampled independently; a task or a variant is a stratum, in which replicas vary.
        rng: source of the resampling.
        level: the nominal coverage of the interval.
    """
    value = np.asarray(statistic(*samples, axis=0))
    if min(len(sample) for sample in samples) < 2:
        return Estimate(value, np.full_like(value, np.nan), np.full_like(value, np.nan))
    result = stats.bootstrap(
        tuple(samples),
        statistic,
        n_resamples=RESAMPLES,
        batch=BATCH,
        vectorized=True,
        axis=0,
        confidence_level=level,
        method="percentile",
        rng=rng,
    )
    return Estimate(value, result.confidence_interval.low, result.confidence_interval.high)


def simulated_coverage(replicas: int, rng: np.random.Generator, studies: int = 1000) -> float:
    """How often `bootstrap`'s interval of the mean contains the true mean of normally distributed scores."""
    interval = bootstrap(mean, [rng.standard_normal((replicas, studies))], rng)
    return float(np.mean((interval.low <= 0.0) & (interval.high >= 0.0)))
