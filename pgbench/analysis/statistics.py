"""Statistics over replicas: the unit is a replica's score, never an episode.

A sample is a float array whose first axis counts replicas. Its further axes, such as the points of a curve, do not
influence each other. Randomness comes from the generator that is passed in. The choice of statistics follows
Agarwal et al. 2021; SciPy resamples and finds roots.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats  # type: ignore[import-untyped]

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


def interquartile_mean(sample: Array, axis: int = 0) -> Array:
    """The mean of the middle half: a quarter of the replicas, rounded down, is left out at each end."""
    trimmed: Array = stats.trim_mean(_replicas_last(sample, axis), 0.25, axis=-1)
    return trimmed


def probability_of_improvement(tasks: Sequence[tuple[Array, Array]], level: float = LEVEL) -> Estimate:
    """P(X > Y) + ½ P(X = Y) for a replica of X and one of Y drawn at random, averaged over tasks.

    The interval of a task is Newcombe's (2006, method 5), which needs no resampling. The halves of the tasks'
    intervals are combined as independent errors are (Zou and Donner 2008).

    Args:
        tasks: for each the replicas of X and of Y.
        level: the nominal coverage of the interval.
    """
    found = [_improvement(x, y, level) for x, y in tasks]
    value = np.asarray(np.mean([one.value for one in found]))
    below, above = (
        float(np.sqrt(sum((one.value - end) ** 2 for one, end in zip(found, ends, strict=True)))) / len(found)
        for ends in ([one.low for one in found], [one.high for one in found])
    )
    return Estimate(value, np.asarray(value - below), np.asarray(value + above))


def _improvement(x: Array, y: Array, level: float) -> Estimate:
    """The probability of improvement on one task."""
    wins, losses = (np.count_nonzero(outcome) for outcome in (x[:, None] > y, x[:, None] < y))
    value = 0.5 * (1.0 + (wins - losses) / (len(x) * len(y)))
    if min(len(x), len(y)) < 2:
        return Estimate(np.asarray(value), np.asarray(np.nan), np.asarray(np.nan))
    z = float(stats.norm.ppf(0.5 + level / 2))

    def excess(truth: float) -> float:
        """How much farther the estimate is from a true probability than z standard errors."""
        return abs(value - truth) - z * newcombe_error(truth, len(x), len(y))

    inside = min(max(value, 1e-9), 1 - 1e-9)  # at 0 and at 1 the error is zero, too
    low = 0.0 if value == 0 else optimize.brentq(excess, 0.0, inside)
    high = 1.0 if value == 1 else optimize.brentq(excess, inside, 1.0)
    return Estimate(np.asarray(value), np.asarray(low), np.asarray(high))


def newcombe_error(probability: float, replicas: int, others: int) -> float:
    """The standard error of an estimated P(X > Y) + ½ P(X = Y), if this is the true one (Newcombe 2006)."""
    spare = (replicas + others) / 2 - 1
    factor = 1 + spare * ((1 - probability) / (2 - probability) + probability / (1 + probability))
    return float(np.sqrt(probability * (1 - probability) * factor / (replicas * others)))


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
    """How often `bootstrap`'s interval of the interquartile mean contains the true one, of normal scores."""
    interval = bootstrap(interquartile_mean, [rng.standard_normal((replicas, studies))], rng)
    return float(np.mean((interval.low <= 0.0) & (interval.high >= 0.0)))
