"""Inference from few replicas: Student's t for contrasts of means, Holm's correction, and the power of a design.

A percentile bootstrap of five replicas covers the mean 83 times in 100 instead of 95, so verdicts use t. For the
difference of two variants with alike distributions it keeps its level from 3 replicas on, also with skewed scores
and with two modes. For one variant's mean it does not where the scores are skewed, and no method knows of a rare
mode before it is seen: `calibration` measures that.

Every function works on arrays of any shape, elementwise.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy  # type: ignore[import-untyped]  # which loads `special` at its first use

from pgbench.analysis.statistics import Array

ALPHA = 0.05
POWER = 0.8
MOST_SEEDS = 10_000
"""Where the search for a number of seeds ends."""


class Contrast(NamedTuple):
    """A weighted sum of means, as far as its samples show it.

    Attributes:
        value: the estimate.
        error: its standard error.
        freedom: degrees of freedom of the error.
    """

    value: Array
    error: Array
    freedom: Array


def contrast(samples: Sequence[Array], weights: Sequence[float]) -> Contrast:
    """Σ w·mean of independent samples with Welch's error.

    One sample of differences gives the paired t; of several, such as environments, each has a variance of its own.
    Their degrees of freedom are midway between Satterthwaite's (1946) and those of the smallest sample: with few
    replicas and in the tails that Holm's correction reads, Satterthwaite's alone reject up to twice too often.

    Args:
        samples: `[replicas, …]` each, at least 2 replicas.
        weights: one for each sample.
    """
    pairs = list(zip(samples, weights, strict=True))
    value = sum(weight * sample.mean(axis=0) for sample, weight in pairs)
    variances = [weight**2 * sample.var(axis=0, ddof=1) / len(sample) for sample, weight in pairs]
    total = np.asarray(sum(variances))
    spread = sum(each**2 / (len(s) - 1) for each, s in zip(variances, samples, strict=True))
    least = min(len(sample) for sample in samples) - 1.0
    # Where nothing varies, the freedom does not matter.
    satterthwaite = np.divide(total**2, spread, out=np.full_like(total, least), where=total > 0)
    return Contrast(np.asarray(value), np.sqrt(total), (satterthwaite + least) / 2)


def tail(found: Contrast, bound: float) -> Array:
    """One-sided p-value of "the true value is at most the bound"; that of "at least" is 1 less this."""
    distance = found.value - bound
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(distance == 0, 0.0, distance / found.error)
    return np.asarray(scipy.special.stdtr(found.freedom, -ratio))


def interval(found: Contrast, alpha: float = ALPHA) -> tuple[Array, Array]:
    """The two-sided interval of level 1 − α."""
    width = scipy.special.stdtrit(found.freedom, 1 - alpha / 2) * found.error
    return found.value - width, found.value + width


class Findings(NamedTuple):
    """One-sided p-values of two opposite findings.

    Attributes:
        holds: of the finding that a hypothesis holds.
        fails: of the finding that it does not.
    """

    holds: Array
    fails: Array


def between(found: Contrast, low: float, high: float) -> Findings:
    """Whether a contrast lies between two bounds, of which one may be infinite, or beyond one of them.

    That it lies between them is found by two one-sided tests (Schuirmann 1987).
    """
    above, below = tail(found, low), 1 - tail(found, high)
    return Findings(np.maximum(above, below), np.minimum(1 - above, 1 - below))


def combine(groups: Sequence[Sequence[Findings]]) -> Findings:
    """Findings about "in every group, one at least holds", from those about each.

    What needs all of its parts has the largest of their p-values (Berger 1982); what needs one of them has the
    smallest times their number (Bonferroni).
    """

    def any_of(values: Sequence[Array]) -> Array:
        return np.asarray(np.minimum(1.0, len(values) * np.minimum.reduce(list(values))))

    def all_of(values: Sequence[Array]) -> Array:
        return np.asarray(np.maximum.reduce(list(values)))

    return Findings(
        all_of([any_of([each.holds for each in group]) for group in groups]),
        any_of([all_of([each.fails for each in group]) for group in groups]),
    )


def two_sided(holds: Array, fails: Array) -> Array:
    """The p-value of finding either, whichever is the stronger."""
    return np.asarray(np.minimum(1.0, 2.0 * np.minimum(holds, fails)))


class Decision(NamedTuple):
    """What Holm's procedure (1979) decides about a family of p-values.

    Attributes:
        adjusted: the p-values, comparable with α.
        rejected: which nulls are rejected.
        level: α of the interval that agrees with every decision: it leaves out the values of a null where and only
            where that null is rejected.
    """

    adjusted: Array
    rejected: np.ndarray
    level: Array


def holm(p: Array, alpha: float = ALPHA) -> Decision:
    """Step down through the p-values of a family, which lie along the last axis.

    Args:
        p: two-sided p-values, `[…, family]`.
        alpha: bound on the probability of any false rejection.
    """
    family = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    steps = np.take_along_axis(p, order, axis=-1) * np.arange(family, 0, -1)
    sorted_ = np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, sorted_, axis=-1)
    rejected = adjusted <= alpha
    return Decision(adjusted, rejected, alpha / np.maximum(family - rejected.sum(axis=-1), 1))


def detectable(found: Contrast, alpha: float) -> Array:
    """How far the truth must lie from a bound for this design to find it on its side, with probability `POWER`."""
    return np.asarray(
        (scipy.special.stdtrit(found.freedom, 1 - alpha / 2) + scipy.special.stdtrit(found.freedom, POWER))
        * found.error
    )


def seeds_to_settle(found: Contrast, seeds: int, distance: float, alpha: float) -> float:
    """The seeds with which a truth as far from the bound as the estimate is would be found, with `POWER`.

    Args:
        found: of a single effect.
        seeds: that it was estimated from.
        distance: of the estimate from the nearest bound, at least 0.
        alpha: two-sided level of the test.

    Returns:
        At least 2; infinite above `MOST_SEEDS`.
    """

    def enough(count: int) -> bool:
        shrunk = found.error * np.sqrt(seeds / count)
        planned = Contrast(found.value, shrunk, found.freedom * (count - 1) / (seeds - 1))
        return bool(detectable(planned, alpha) <= distance)

    counts = range(2, MOST_SEEDS + 1)
    first = bisect_left(counts, True, key=enough)
    return float(counts[first]) if first < len(counts) else float("inf")
