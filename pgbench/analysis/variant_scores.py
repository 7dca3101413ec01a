"""Scores that replicas have only together: statistics that are not means over seeds.

Such a statistic θ belongs to a variant. It is written as one number a replica, θ + (n − 1)(θ̄ − θᵢ), where θᵢ leaves
replica i out and θ̄ is the mean of all θᵢ. The mean of these numbers is θ, and their standard error is the
jackknife's (Tukey 1958), so that effects, intervals and claims treat them as they treat any score. If θ is a mean
over replicas, they are the replicas' own scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pgbench.analysis import comparable
from pgbench.analysis.replicas import Replica
from pgbench.analysis.statistics import Array
from pgbench.studies.scores import NORMALISED_SEEDS

MOST_CHOICES = 20_000
"""Choices of seeds that are averaged over; that is all of them up to 50 seeds."""


def with_variant_scores(scores: pd.DataFrame, replicas: Sequence[Replica]) -> pd.DataFrame:
    """The scores with `maximum_of_mean_curve` and both readings of PPO's Table 1.

    Args:
        scores: one row a replica.
        replicas: the replicas, in the order of the rows.
    """
    return normalised(scores.assign(maximum_of_mean_curve=_maxima(replicas)))


def jackknifed(whole: Array, left_out: Array) -> Array:
    """A statistic as one number a replica, whose mean is the statistic and whose standard error is the jackknife's.

    Args:
        whole: the statistic of all replicas, of any shape.
        left_out: without each replica in turn, `[replicas, …]`.
    """
    return np.asarray(whole + (len(left_out) - 1) * (left_out.mean(axis=0) - left_out))


def maximum_of_mean_curve(curves: Array) -> Array:
    """The best over time of the mean over replicas, as one number a replica.

    Args:
        curves: a curve of each replica, `[replicas, points]`.
    """
    whole = curves.mean(axis=0).max()
    if len(curves) == 1:
        return np.array([whole])
    left_out = (curves.sum(axis=0) - curves) / (len(curves) - 1)
    return jackknifed(whole, left_out.max(axis=1))


def _maxima(replicas: Sequence[Replica]) -> Array:
    """`maximum_of_mean_curve` of each variant and environment; NaN for a replica that lacks an evaluation."""
    maxima = np.full(len(replicas), np.nan)
    groups: dict[tuple[str, str], list[int]] = {}
    for index, replica in enumerate(replicas):
        if not replica.diverged and len(replica.evaluated) and np.isfinite(replica.evaluated).all():
            groups.setdefault((replica.planned.variant, replica.planned.environment), []).append(index)
    for members in groups.values():
        curves = np.stack([replicas[index].evaluation_curve for index in members])
        maxima[members] = maximum_of_mean_curve(curves)
    return maxima


def normalised(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with two more columns: both readings of PPO's Table 1 (Schulman et al. 2017, section 6.1).

    In each environment `last_100` is scaled so that the untrained policy has 0 and the best 1; the best is the best
    replica, or the mean of the best variant. The best grows with noise, so both are the mean over choices of as
    many seeds as the table has. NaN where fewer than four seeds have a score with every variant that has any, or
    where a choice has nothing better than the untrained policy.
    """
    counted, untrained = comparable.with_diverged(scores), comparable.untrained(scores)
    columns = {f"normalised_by_best_{best}": scores["last_100"] * np.nan for best in ("run", "setting")}
    for environment, rows in counted.groupby("environment", sort=False):
        table = (
            rows.pivot(index="seed", columns="variant", values="last_100").dropna(axis=1, how="all").dropna()
        )
        if len(table) <= NORMALISED_SEEDS:
            continue
        for name, values in zip(columns, _normalised(table.to_numpy() - untrained[environment]), strict=True):
            cells = pd.DataFrame(values, table.index, table.columns).stack()
            keys = pd.MultiIndex.from_frame(rows[["seed", "variant"]])
            columns[name].loc[rows.index] = cells.reindex(keys).to_numpy()
    return scores.assign(**columns)


def _normalised(gains: Array) -> tuple[Array, Array]:
    """Gains over the untrained policy `[seeds, variants]`, by the best run and by the best setting."""
    chosen = _choices(len(gains))
    means = gains[chosen].mean(axis=1)
    by_run = gains[chosen].max(axis=(1, 2))
    return _over_choices(means, by_run, chosen), _over_choices(means, means.max(axis=1), chosen)


def _choices(seeds: int) -> NDArray[np.int64]:
    """Every choice of `NORMALISED_SEEDS` seeds, or `MOST_CHOICES` random ones, if that is fewer."""
    if comb(seeds, NORMALISED_SEEDS) <= MOST_CHOICES:
        return np.array(list(combinations(range(seeds), NORMALISED_SEEDS)))
    drawn = np.sort(np.random.default_rng(0).integers(seeds, size=(MOST_CHOICES, NORMALISED_SEEDS)))
    return drawn[(np.diff(drawn) > 0).all(axis=1)]


def _over_choices(means: Array, best: Array, chosen: NDArray[np.int64]) -> Array:
    """The mean over choices of seeds of each variant's scaled mean, as one number a seed, `[seeds, variants]`.

    Args:
        means: of each choice and variant, `[choices, variants]`.
        best: what has 1, `[choices]`.
        chosen: the seeds of each choice, `[choices, NORMALISED_SEEDS]`.
    """
    scaled = means / np.where(best > 0, best, np.nan)[:, np.newaxis]
    left_out = [scaled[(chosen != seed).all(axis=1)].mean(axis=0) for seed in range(chosen.max() + 1)]
    return jackknifed(scaled.mean(axis=0), np.array(left_out))
