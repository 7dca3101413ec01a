"""From scores of replicas to tables over replicas: each variant alone, and against the one before it.

Both tables are about `last_100`. A replica that diverged counts as the worst (`comparable.with_diverged`). A
replica in whose budget no episode ended has no score; the table tells how many there are. Intervals of means are
Student's, as in claims. The other intervals are bootstrapped; with few replicas they are too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgbench.analysis import comparable, inference, statistics
from pgbench.analysis.statistics import Array, Estimate, Statistic
from pgbench.studies.scores import Score

SCORE = "last_100"
ALL_ENVIRONMENTS = "all environments"
TOGETHER = 50
"""Cells that are resampled together; with a hundred replicas each, that takes a quarter of a gigabyte."""


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a variant and environment, in the order of the scores.

    Args:
        scores: one row a replica, as `gathering.gather` writes them.

    Returns:
        Columns variant, environment; the numbers of replicas, scored, diverged, no_episode; then of `last_100` the
        mean and interquartile_mean, each with its 95 % interval (`…_low`, `…_high`), minimum and maximum.
    """
    groups = [
        group for _, group in comparable.with_diverged(scores).groupby(["variant", "environment"], sort=False)
    ]
    samples = [[group[SCORE].dropna().to_numpy()] for group in groups]
    middles = bootstrapped(statistics.interquartile_mean, samples)
    cells = zip(groups, samples, middles, strict=True)
    return pd.DataFrame([_summarise(group, sample, middle) for group, (sample,), middle in cells])


def _summarise(group: pd.DataFrame, sample: Array, interquartile_mean: Estimate) -> dict[str, Any]:
    return {
        "variant": group["variant"].iloc[0],
        "environment": group["environment"].iloc[0],
        "replicas": len(group),
        "scored": int((group["status"] == "scored").sum()),
        "diverged": int((group["status"] == "diverged").sum()),
        "no_episode": int((group["status"] == "no episode").sum()),
        **_columns("mean", _mean(sample)),
        **_columns("interquartile_mean", interquartile_mean),
        "minimum": float(min(sample, default=np.nan)),
        "maximum": float(max(sample, default=np.nan)),
    }


def means(scores: pd.DataFrame, score: Score) -> pd.DataFrame:
    """One row a variant and environment: the mean of any score of training and its 95 % interval.

    Args:
        scores: one row a replica, as `gathering.gather` writes them.
        score: one of `studies.scores.RETURNS`.

    Returns:
        Columns variant, environment, mean, mean_low, mean_high.
    """
    groups = comparable.with_diverged(scores).groupby(["variant", "environment"], sort=False)[score]
    rows = [
        {"variant": variant, "environment": environment} | _columns("mean", _mean(group.dropna().to_numpy()))
        for (variant, environment), group in groups
    ]
    return pd.DataFrame(rows)


def effects(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a variant (but the first) and environment: what it changed against the variant before it.

    Args:
        scores: one row a replica, as `gathering.gather` writes them.

    Returns:
        Columns variant, before, environment; pairs (seeds with a score in both), difference (mean over seeds of
        `last_100` less that of the variant before) and probability_of_improvement, each with its 95 % interval
        (`…_low`, `…_high`). With several environments, the last row of a variant, `ALL_ENVIRONMENTS`, averages the
        probability over them; the difference is NaN there, because environments differ in scale.
    """
    columns = ["variant", "before", "environment", "pairs", *_columns("difference", _NOTHING)]
    columns += _columns("probability_of_improvement", _NOTHING)
    counted, labels = comparable.with_diverged(scores), scores["variant"].unique()
    tables = {
        str(environment): group.pivot(index="seed", columns="variant", values=SCORE)
        for environment, group in counted.groupby("environment", sort=False)
    }
    comparisons = [row for pair in pairwise(labels) for row in _comparisons(tables, *pair)]
    improvements = bootstrapped(statistics.probability_of_improvement, [row.samples for row in comparisons])
    rows = [
        row.names
        | _columns("difference", row.difference)
        | _columns("probability_of_improvement", probability)
        for row, probability in zip(comparisons, improvements, strict=True)
    ]
    return pd.DataFrame(rows, columns=columns)


class _Comparison(NamedTuple):
    """A row of `effects` without the probability of improvement, and the samples that give this probability."""

    names: dict[str, Any]
    difference: Estimate
    samples: list[Array]


def _comparisons(tables: Mapping[str, pd.DataFrame], before: str, variant: str) -> Iterator[_Comparison]:
    """The rows of one variant, from the scores of each environment, a row a seed and a column a variant."""
    names = {"variant": variant, "before": before}
    samples: list[Array] = []
    for environment, scores in tables.items():
        table = scores[[variant, before]]
        paired = table.dropna()
        pair = [table[label].dropna().to_numpy() for label in (variant, before)]
        samples += pair
        difference = _mean((paired[variant] - paired[before]).to_numpy())
        yield _Comparison(names | {"environment": environment, "pairs": len(paired)}, difference, pair)
    if len(samples) > 2:
        yield _Comparison(names | {"environment": ALL_ENVIRONMENTS, "pairs": 0}, _NOTHING, samples)


_NOTHING = Estimate(*np.full(3, np.nan))


def bootstrapped(statistic: Statistic, cells: Sequence[Sequence[Array]]) -> list[Estimate]:
    """A statistic of each cell and its interval; NaN if a sample is empty.

    Every cell is resampled by a fresh generator, so that an interval depends on the cell's replicas and not on the
    rest of the study. Cells with equal numbers of replicas therefore draw the same ones, and are resampled
    together.

    Args:
        statistic: of a cell's samples.
        cells: the samples of each cell.
    """
    alike: dict[tuple[int, ...], list[int]] = {}
    for index, samples in enumerate(cells):
        alike.setdefault(tuple(map(len, samples)), []).append(index)
    estimates = [_NOTHING] * len(cells)
    for members in (members for sizes, members in alike.items() if all(sizes)):
        for start in range(0, len(members), TOGETHER):
            part = members[start : start + TOGETHER]
            of_part = _bootstrapped_alike(statistic, [cells[index] for index in part])
            for index, estimate in zip(part, of_part, strict=True):
                estimates[index] = estimate
    return estimates


def _bootstrapped_alike(statistic: Statistic, cells: Sequence[Sequence[Array]]) -> list[Estimate]:
    """`bootstrapped`, for cells with equal numbers of replicas."""
    samples = [np.stack(of_cells).T for of_cells in zip(*cells, strict=True)]
    estimates = statistics.bootstrap(statistic, samples, np.random.default_rng(0))
    return [Estimate(*numbers) for numbers in zip(*estimates, strict=True)]


def _mean(sample: Array) -> Estimate:
    return inference.mean(sample) if len(sample) else _NOTHING


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {
        name: float(estimate.value),
        f"{name}_low": float(estimate.low),
        f"{name}_high": float(estimate.high),
    }
