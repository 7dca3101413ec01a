"""From scores of replicas to tables over replicas: each variant alone, and against the one before it.

Both tables are about `last_100`. A replica that diverged counts as the worst (`comparable.with_diverged`). A
replica in whose budget no episode ended has no score; the table tells how many there are. Intervals of means are
Student's, as in claims. That of the probability of improvement is Newcombe's. That of the interquartile mean is
bootstrapped; with few replicas it is too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from pgbench.analysis import comparable, inference, statistics
from pgbench.analysis.statistics import Array, Estimate
from pgbench.studies.scores import Score

SCORE = "last_100"
ALL_ENVIRONMENTS = "all environments"
FEWEST = 5
"""Replicas of an interquartile mean: of fewer, the middle half says no more than their mean."""
TOGETHER = 50
"""Samples that are resampled together; with a hundred replicas each, that takes a quarter of a gigabyte."""


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a variant and environment, in the order of the scores.

    Args:
        scores: one row a replica, as `gathering.gather` writes them.

    Returns:
        Columns variant, environment; the numbers of replicas, scored, diverged, no_episode; then of `last_100` the
        mean and interquartile_mean, each with its 95 % interval (`…_low`, `…_high`), minimum and maximum; and
        last_share, the share of the budget that the episodes of this score span, on average.
    """
    groups = [
        group for _, group in comparable.with_diverged(scores).groupby(["variant", "environment"], sort=False)
    ]
    samples = [group[SCORE].dropna().to_numpy() for group in groups]
    cells = zip(groups, samples, interquartile_means(samples), strict=True)
    return pd.DataFrame([_summarise(group, sample, middle) for group, sample, middle in cells])


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
        "last_share": float(group["last_share"].mean()),
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
    rows = [
        row.names
        | _columns("difference", row.difference)
        | _columns("probability_of_improvement", _improvement(row.tasks))
        for row in comparisons
    ]
    return pd.DataFrame(rows, columns=columns)


class _Comparison(NamedTuple):
    """A row of `effects` without the probability of improvement, and the replicas that give this probability."""

    names: dict[str, Any]
    difference: Estimate
    tasks: list[tuple[Array, Array]]


def _comparisons(tables: Mapping[str, pd.DataFrame], before: str, variant: str) -> Iterator[_Comparison]:
    """The rows of one variant, from the scores of each environment, a row a seed and a column a variant."""
    names = {"variant": variant, "before": before}
    tasks: list[tuple[Array, Array]] = []
    for environment, scores in tables.items():
        table = scores[[variant, before]]
        paired = table.dropna()
        task = (table[variant].dropna().to_numpy(), table[before].dropna().to_numpy())
        tasks.append(task)
        difference = _mean((paired[variant] - paired[before]).to_numpy())
        yield _Comparison(names | {"environment": environment, "pairs": len(paired)}, difference, [task])
    if len(tasks) > 1:
        yield _Comparison(names | {"environment": ALL_ENVIRONMENTS, "pairs": 0}, _NOTHING, tasks)


_NOTHING = Estimate(*np.full(3, np.nan))


def interquartile_means(samples: Sequence[Array]) -> list[Estimate]:
    """The interquartile mean of each sample and its bootstrap interval; NaN for fewer than `FEWEST` replicas.

    Every sample is resampled by a fresh generator, so that an interval depends on its replicas and not on the rest
    of the study. Samples of equal size therefore draw the same ones, and are resampled together.
    """
    alike: dict[int, list[int]] = {}
    for index, sample in enumerate(samples):
        alike.setdefault(len(sample), []).append(index)
    estimates = [_NOTHING] * len(samples)
    for members in (members for size, members in alike.items() if size >= FEWEST):
        for start in range(0, len(members), TOGETHER):
            part = members[start : start + TOGETHER]
            together = np.stack([samples[index] for index in part], axis=1)
            rng = np.random.default_rng(0)
            of_part = statistics.bootstrap(statistics.interquartile_mean, [together], rng)
            for index, *estimate in zip(part, *of_part, strict=True):
                estimates[index] = Estimate(*estimate)
    return estimates


def _improvement(tasks: Sequence[tuple[Array, Array]]) -> Estimate:
    """The probability of improvement; NaN where a variant has no replica with a score."""
    whole = all(len(sample) for task in tasks for sample in task)
    return statistics.probability_of_improvement(tasks) if whole else _NOTHING


def _mean(sample: Array) -> Estimate:
    return inference.mean(sample) if len(sample) else _NOTHING


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {
        name: float(estimate.value),
        f"{name}_low": float(estimate.low),
        f"{name}_high": float(estimate.high),
    }
