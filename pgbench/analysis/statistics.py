"""Statistics over replicas: the unit is a replica's score, never an episode.

A sample is a float array with one entry a replica along its first axis; further axes, such as the points of a
curve, are treated each alone. Randomness comes from the generator that is passed in. The choice of statistics
follows Agarwal et al. 2021.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Statistic = Callable[..., Array]
"""A function of samples, with the keyword `axis`: the axis of replicas."""

LEVEL = 0.95
RESAMPLES = 2000
BATCH = 200
"""Resamples that are in memory at once."""


class Estimate(NamedTuple):
    """A statistic with the ends of its interval: scalars, or arrays over the sample's further axes.

    The ends are NaN where a sample has fewer than two replicas, for one replica says nothing of others.
    """

    value: Array
    low: Array
    high: Array


def mean(sample: Array, axis: int = 0) -> Array:
    """The mean over replicas."""
    return np.asarray(np.mean(sample, axis=axis))


def interquartile_mean(sample: Array, axis: int = 0) -> Array:
    """The mean of the middle half: a quarter of the replicas, rounded down, is left out at either end."""
    count = sample.shape[axis]
    cut = count // 4
    ordered = np.moveaxis(np.sort(sample, axis=axis), axis, -1)
    return np.asarray(np.mean(ordered[..., cut : count - cut], axis=-1))


def probability_of_improvement(*samples: Array, axis: int = -1) -> Array:
    """P(X > Y) + ½ P(X = Y) for a replica of X and one of Y drawn at random, averaged over tasks.

    Args:
        samples: X and Y of the first task, X and Y of the second, and so on.
        axis: the axis of replicas.
    """
    probabilities = []
    for first, second in zip(samples[::2], samples[1::2], strict=True):
        x, y = (np.moveaxis(sample, axis, -1) for sample in (first, second))
        comparisons = np.sign(x[..., :, None] - y[..., None, :])
        probabilities.append(0.5 * (1.0 + comparisons.mean(axis=(-2, -1))))
    return np.asarray(np.mean(probabilities, axis=0))


def bootstrap(
    statistic: Statistic, samples: Sequence[Array], rng: np.random.Generator, level: float = LEVEL
) -> Estimate:
    """A statistic and its percentile bootstrap interval (Efron 1979).

    Args:
        statistic: of the samples.
        samples: resampled each for itself: a task or a variant is a stratum, its replicas are what varies.
        rng: source of the resampling.
        level: the nominal coverage of the interval.
    """
    value = np.asarray(statistic(*samples, axis=0))
    if min(len(sample) for sample in samples) < 2:
        return _unbounded(value)
    lasting = [np.moveaxis(sample, 0, -1) for sample in samples]
    batches = [
        statistic(*(sample[..., index] for sample, index in zip(lasting, indices, strict=True)), axis=-1)
        for indices in _resamplings([len(sample) for sample in samples], rng)
    ]
    return Estimate(value, *_percentiles(np.concatenate(batches, axis=-1), level))


def bootstrap_mean(sample: Array, rng: np.random.Generator, level: float = LEVEL) -> Estimate:
    """`bootstrap` of `mean`, up to rounding: each replica times how often it was drawn, summed.

    Args:
        sample: `[replicas, …]`.
        rng: source of the resampling.
        level: the nominal coverage of the interval.
    """
    value, replicas = mean(sample), len(sample)
    if replicas < 2:
        return _unbounded(value)
    (counts,) = _counts([replicas], rng)
    # BLAS would share so small a product among threads that wait for each other.
    means = np.einsum("rk,k...->...r", counts, sample, optimize=False) / replicas
    return Estimate(value, *_percentiles(means, level))


def bootstrap_improvement(
    samples: Sequence[Array], rng: np.random.Generator, level: float = LEVEL
) -> Estimate:
    """`bootstrap` of `probability_of_improvement`: the replicas are compared once, not anew in each resample.

    Args:
        samples: `[replicas]` each: X and Y of the first task, X and Y of the second, and so on.
        rng: source of the resampling.
        level: the nominal coverage of the interval.
    """
    value = probability_of_improvement(*samples)
    if min(map(len, samples)) < 2:
        return _unbounded(value)
    counts = _counts([len(sample) for sample in samples], rng)
    probabilities = []
    for x, y, first, second in zip(samples[::2], samples[1::2], counts[::2], counts[1::2], strict=True):
        wins = np.einsum("rn,nm->rm", first, np.sign(x[:, None] - y[None, :]), optimize=False)
        totals = np.einsum("rm,rm->r", wins, second, optimize=False)
        probabilities.append(0.5 * (1.0 + totals / (len(x) * len(y))))
    return Estimate(value, *_percentiles(np.mean(probabilities, axis=0), level))


def _counts(sizes: Sequence[int], rng: np.random.Generator) -> list[Array]:
    """How often each replica of each sample is drawn in each of all resamples, `[RESAMPLES, replicas]`."""
    drawn = zip(*_resamplings(sizes, rng), strict=True)
    counts = []
    for size, batches in zip(sizes, drawn, strict=True):
        cells = np.concatenate(batches) + size * np.arange(RESAMPLES)[:, None]
        counts.append(
            np.bincount(cells.ravel(), minlength=RESAMPLES * size).reshape(RESAMPLES, size).astype(np.float64)
        )
    return counts


def _resamplings(sizes: Sequence[int], rng: np.random.Generator) -> Iterator[list[NDArray[np.int64]]]:
    """Batches of resamples: of each sample, the replicas that are drawn, `[batch, replicas]`."""
    for _ in range(RESAMPLES // BATCH):
        yield [rng.integers(0, size, (BATCH, size)) for size in sizes]


def _percentiles(resampled: Array, level: float) -> tuple[Array, Array]:
    """The ends of the interval that holds a share of the values along the last axis, the same at either end."""
    ordered = np.sort(resampled, axis=-1)  # which is faster than NumPy's quantiles, that select

    def quantile(share: float) -> Array:
        below, fraction = divmod(share * (ordered.shape[-1] - 1), 1.0)
        first, second = ordered[..., int(below)], ordered[..., int(below) + 1]
        return np.asarray(first + fraction * (second - first))

    return quantile((1.0 - level) / 2.0), quantile((1.0 + level) / 2.0)


def _unbounded(value: Array) -> Estimate:
    return Estimate(value, np.full_like(value, np.nan), np.full_like(value, np.nan))


def paired_difference(after: Array, before: Array, rng: np.random.Generator) -> Estimate:
    """Mean of the differences `after − before`, seed by seed, with its interval over seeds.

    Args:
        after: a score a seed.
        before: the other variant's score of the same seeds, in the same order.
        rng: source of the resampling.
    """
    return bootstrap_mean(after - before, rng)


def simulated_coverage(replicas: int, rng: np.random.Generator, studies: int = 1000) -> float:
    """How often `bootstrap`'s interval of the mean holds the true mean of normally distributed scores."""
    interval = bootstrap_mean(rng.standard_normal((replicas, studies)), rng)
    return float(np.mean((interval.low <= 0.0) & (interval.high >= 0.0)))
