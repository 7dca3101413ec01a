"""Inference from few replicas: Student's t for contrasts of means, Holm's correction, and the power of a design.

Verdicts use t, because a percentile bootstrap of five replicas covers the mean in 83 % of cases instead of 95 %.
For the difference of two variants with similar distributions, t keeps its level from 3 replicas on, also if scores
are skewed or have two modes. For the mean of one variant it does not keep it if scores are skewed. No method knows
of a rare mode that it has not seen. `calibration` measures all of this.

Every function works on arrays of any shape, elementwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit  # type: ignore[import-untyped]

from pgbench.analysis.statistics import Array, Estimate

ALPHA = 0.05
POWER = 0.8

_ZERO = np.zeros(())


class Contrast(NamedTuple):
    """A weighted sum of means, as estimated from samples.

    Attributes:
        value: the estimate.
        error: its standard error.
        freedom: degrees of freedom of the error.
        covariance: of the estimate with its unit, as a share of the unit; 0 for a unit that is known.
        unit_variance: of the unit, as a share of it; 0 for a unit that is known.
    """

    value: Array
    error: Array
    freedom: Array
    covariance: Array = _ZERO
    unit_variance: Array = _ZERO

    def error_at(self, truth: float) -> Array:
        """The standard error if the true value is this: that of the estimate less so many units (Fieller 1954)."""
        shift = truth - self.value
        variance = self.error**2 - 2 * shift * self.covariance + shift**2 * self.unit_variance
        return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def contrast(samples: Sequence[Array], weights: Sequence[float]) -> Contrast:
    """Σ w·mean of independent samples with Welch's error.

    One sample of differences gives the paired t. With several samples, for example one an environment, each has
    its variance. The degrees of freedom are midway between Satterthwaite's (1946) and those of the smallest
    sample: with few replicas, and in the tails that Holm's correction reads, Satterthwaite's alone reject up to
    twice too often.

    Args:
        samples: `[replicas, …]` each, at least 2 replicas.
        weights: one for each sample.
    """
    pairs = list(zip(samples, weights, strict=True))
    value = sum(weight * sample.mean(axis=0) for sample, weight in pairs)
    variances = [weight**2 * sample.var(axis=0, ddof=1) / len(sample) for sample, weight in pairs]
    total = np.asarray(sum(variances))
    spread = sum(part**2 / (len(sample) - 1) for part, sample in zip(variances, samples, strict=True))
    least = min(len(sample) for sample in samples) - 1.0
    # If nothing varies, the degrees of freedom do not matter.
    satterthwaite = np.divide(total**2, spread, out=np.full_like(total, least), where=total > 0)
    known = np.zeros_like(total)
    return Contrast(np.asarray(value), np.sqrt(total), (satterthwaite + least) / 2, known, known)


class Parts(NamedTuple):
    """What each replica of a sample contributes to an effect, and to the unit of the effect: `[replicas, …]`."""

    effect: Array
    unit: Array


def ratio(strata: Sequence[Sequence[Parts]]) -> Contrast:
    """The mean over strata of effects in their units, where effect and unit are sums of means of the same samples.

    The unit is an estimate, too, and so is its covariance with the effect. For one stratum the test of a bound is
    Fieller's (1954): it tests the effect less so many units, replica by replica. For several, it moves the
    estimates of all strata by the same amount, until their mean is the bound.

    Args:
        strata: for each the independent samples.
    """
    share = 1.0 / len(strata)
    value, parts = _ZERO, []
    for samples in strata:
        effect = sum(sample.effect.mean(axis=0) for sample in samples)
        unit = sum(sample.unit.mean(axis=0) for sample in samples)
        value = value + share * effect / unit
        # Less the effect in units, which leaves what the error of the ratio consists of.
        parts += [
            Parts(share * (one.effect - effect / unit * one.unit) / unit, share * one.unit / unit)
            for one in samples
        ]
    rest = contrast([one.effect for one in parts], [1.0] * len(parts))
    covariance, unit_variance = (
        np.asarray(sum(_covariance(getattr(one, name), one.unit) / len(one.unit) for one in parts))
        for name in ("effect", "unit")
    )
    return Contrast(np.asarray(value), rest.error, rest.freedom, covariance, unit_variance)


def _covariance(x: Array, y: Array) -> Array:
    """Of two samples, over replicas."""
    return np.asarray(((x - x.mean(axis=0)) * (y - y.mean(axis=0))).sum(axis=0) / (len(x) - 1))


def difference(one: Contrast, other: float, error: float) -> Contrast:
    """A contrast less an independent estimate, with the errors of both.

    Welch's degrees of freedom. The other's error counts as no better known than the contrast's own: few published
    replicas that happened to agree say little about the spread of many.

    Args:
        one: the contrast.
        other: the estimate.
        error: its standard error.
    """
    own, others = one.error**2, np.asarray(error**2)
    total = own + others
    squares = own**2 + others**2
    welch = np.divide(total**2, squares, out=np.ones_like(total), where=squares > 0)
    return Contrast(one.value - other, np.sqrt(total), one.freedom * welch)


def tail(effect: Contrast, bound: float) -> Array:
    """One-sided p-value of "the true value is at most the bound"; 1 minus it is the p-value of "at least"."""
    distance = effect.value - bound
    error = effect.error_at(bound) if np.isfinite(bound) else effect.error
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(distance == 0, 0.0, distance / error)
    return np.asarray(stdtr(effect.freedom, -statistic))


def interval(effect: Contrast, alpha: float = ALPHA) -> tuple[Array, Array]:
    """The two-sided interval of level 1 − α: every value that `tail` does not reject at α / 2.

    It is infinite if the unit of the effect may be zero.
    """
    square = stdtrit(effect.freedom, 1 - alpha / 2) ** 2
    rest = 1 - square * effect.unit_variance
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = -square * effect.covariance / rest
        width = np.sqrt(middle**2 + square * effect.error**2 / rest)
    low, high = (np.where(rest > 0, effect.value + middle + side * width, side * np.inf) for side in (-1, 1))
    return low, high


def mean(sample: Array, alpha: float = ALPHA) -> Estimate:
    """The mean over replicas and its interval of level 1 − α, whose ends are NaN for a single replica.

    Args:
        sample: `[replicas, …]`, at least one replica; for a paired difference, the differences by seed.
        alpha: the share of intervals that may miss the truth.
    """
    if len(sample) < 2:
        unknown = np.full(sample.shape[1:], np.nan)
        return Estimate(sample.mean(axis=0), unknown, unknown)
    effect = contrast([sample], [1.0])
    return Estimate(effect.value, *interval(effect, alpha))


class PValues(NamedTuple):
    """One-sided p-values of two opposite findings.

    Attributes:
        holds: of the finding that a hypothesis holds.
        fails: of the finding that it fails.
    """

    holds: Array
    fails: Array


def between(effect: Contrast, low: float, high: float) -> PValues:
    """P-values of the findings that a contrast lies between two bounds, or beyond one; a bound may be infinite.

    Two one-sided tests show that it lies between them (Schuirmann 1987). With two bounds there are two ways to lie
    beyond one, so the smaller p-value counts twice (Bonferroni).
    """
    above, below = tail(effect, low), 1 - tail(effect, high)
    beyond = bounds(low, high) * np.minimum(1 - above, 1 - below)
    return PValues(np.maximum(above, below), np.minimum(1.0, beyond))


def bounds(low: float, high: float) -> int:
    """How many of two bounds are finite."""
    return int(np.isfinite(low)) + int(np.isfinite(high))


def at_least(needed: int, hypotheses: Sequence[PValues]) -> PValues:
    """P-values of "at least so many of the hypotheses hold", from those of each, however they depend on each other.

    At least k of n findings are right with the p-value (n − k + 1) · p₍ₖ₎; p₍ₖ₎ is the k-th smallest of theirs
    (Benjamini and Heller 2008). For k = n it is the largest (Berger 1982), for k = 1 the smallest n times
    (Bonferroni). The opposite is that at least n − k + 1 of the hypotheses fail.
    """

    def bound(count: int, values: Sequence[Array]) -> Array:
        spare = len(values) - count + 1
        return np.asarray(np.minimum(1.0, spare * np.sort(np.stack(values), axis=0)[count - 1]))

    against = len(hypotheses) - needed + 1
    return PValues(
        bound(needed, [each.holds for each in hypotheses]),
        bound(against, [each.fails for each in hypotheses]),
    )


def combine(groups: Sequence[Sequence[PValues]]) -> PValues:
    """P-values of "in every group, at least one hypothesis holds", from those of each hypothesis."""
    return at_least(len(groups), [at_least(1, group) for group in groups])


class Decision(NamedTuple):
    """What Holm's procedure (1979) decides about a family of p-values.

    Attributes:
        adjusted: the adjusted p-values, which are compared with α.
        rejected: whether each null hypothesis is rejected.
        level: the α that agrees with every decision: a p-value is at most this if and only if its hypothesis is
            rejected.
    """

    adjusted: Array
    rejected: np.ndarray
    level: Array


def holm(p: Array, alpha: float = ALPHA) -> Decision:
    """Holm's step-down procedure for the p-values of a family.

    A claim is either true or false, so only one of its two findings can be wrong. The smaller of their one-sided
    p-values therefore is its p-value, without a factor.

    Args:
        p: p-values, `[…, family]`.
        alpha: bound on the probability of any false rejection.
    """
    family = p.shape[-1]
    order = np.argsort(p, axis=-1, kind="stable")
    steps = np.take_along_axis(p, order, axis=-1) * np.arange(family, 0, -1)
    adjusted = np.empty_like(p)
    np.put_along_axis(adjusted, order, np.minimum(np.maximum.accumulate(steps, axis=-1), 1.0), axis=-1)
    rejected = adjusted <= alpha
    return Decision(adjusted, rejected, alpha / np.maximum(family - rejected.sum(axis=-1), 1))


def detectable(effect: Contrast, alpha: float) -> Array:
    """The distance from a bound at which a one-sided test at α finds the side of the truth, in `POWER` of cases."""
    return np.asarray((stdtrit(effect.freedom, 1 - alpha) + stdtrit(effect.freedom, POWER)) * effect.error)


def planned(effect: Contrast, seeds: int, more: int, others_error: float = 0.0) -> Contrast:
    """A contrast as it would be with more seeds, if they have the same mean and spread.

    Args:
        effect: the contrast.
        seeds: from which it was estimated, at least 2.
        more: how many there would be.
        others_error: the part of its error that is a publication's, which more seeds do not lessen.
    """
    shrunk = seeds / more
    own = np.maximum(effect.error**2 - others_error**2, 0.0)
    return Contrast(
        effect.value,
        np.sqrt(own * shrunk + others_error**2),
        effect.freedom * (more - 1) / (seeds - 1),
        effect.covariance * shrunk,
        effect.unit_variance * shrunk,
    )
