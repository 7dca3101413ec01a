"""From scores of replicas to tables over replicas: each variant alone, and against the one before it.

Both tables are about `last_100`. A replica that diverged counts as the worst (`scaling.with_diverged`); those in
whose budget no episode ended have no score, and are counted. Intervals of means are Student's, as those of claims
are; the others are bootstrapped, and with few replicas too narrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from pgbench.analysis import inference, scaling, statistics
from pgbench.analysis.statistics import Array, Estimate, Statistic

SCORE = "last_100"
ALL_ENVIRONMENTS = "all environments"


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a variant and environment, in the order of the scores.

    Args:
        scores: one row a replica, as `gathering.gather` writes them.

    Returns:
        Columns variant, environment; replicas, and of these scored, diverged, no_episode; then of `last_100`
        the mean and interquartile_mean, each with its 95 % interval (`…_low`, `…_high`),
        minimum and maximum.
    """
    groups = scaling.with_diverged(scores).groupby(["variant", "environment"], sort=False)
    return pd.DataFrame([_summarise(group) for _, group in groups])


def _summarise(group: pd.DataFrame) -> dict[str, Any]:
    sample = group[SCORE].dropna().to_numpy()
    return {
        "variant": group["variant"].iloc[0],
        "environment": group["environment"].iloc[0],
        "replicas": len(group),
        "scored": int((group["status"] == "scored").sum()),
        "diverged": int((group["status"] == "diverged").sum()),
        "no_episode": int((group["status"] == "no episode").sum()),
        **_columns("mean", _mean(sample)),
        **_columns("interquartile_mean", _estimate(statistics.interquartile_mean, [sample])),
        "minimum": float(min(sample, default=np.nan)),
        "maximum": float(max(sample, default=np.nan)),
    }


def effects(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a variant (but the first) and environment: what it changed against the variant before it.

    Args:
        scores: one row a replica, as `gathering.gather` writes them.

    Returns:
        Columns variant, before, environment; pairs (seeds with a score in both), difference (mean over seeds of
        `last_100` less that of the variant before) and probability_of_improvement, each with its 95 %
        interval (`…_low`, `…_high`). With several environments, a last row a variant averages the
        probability over them, as `ALL_ENVIRONMENTS`; differences, whose scales differ, are NaN there.
    """
    columns = ["variant", "before", "environment", "pairs", *_columns("difference", _NOTHING)]
    columns += _columns("probability_of_improvement", _NOTHING)
    counted, labels = scaling.with_diverged(scores), scores["variant"].unique()
    tables = {
        str(environment): group.pivot(index="seed", columns="variant", values=SCORE)
        for environment, group in counted.groupby("environment", sort=False)
    }
    rows = [row for before, variant in pairwise(labels) for row in _compare(tables, variant, before)]
    return pd.DataFrame(rows, columns=columns)


def _compare(tables: Mapping[str, pd.DataFrame], variant: str, before: str) -> Iterator[dict[str, Any]]:
    """The rows of one variant, from each environment's scores, a row a seed and a column a variant."""
    samples: list[Array] = []
    for environment, scores in tables.items():
        table = scores[[variant, before]]
        paired = table.dropna()
        pair = [table[label].dropna().to_numpy() for label in (variant, before)]
        samples += pair
        yield {
            "variant": variant,
            "before": before,
            "environment": environment,
            "pairs": len(paired),
            **_columns("difference", _mean((paired[variant] - paired[before]).to_numpy())),
            **_columns("probability_of_improvement", _improvement(pair)),
        }
    if len(samples) > 2:
        yield {
            "variant": variant,
            "before": before,
            "environment": ALL_ENVIRONMENTS,
            "pairs": 0,
            **_columns("difference", _NOTHING),
            **_columns("probability_of_improvement", _improvement(samples)),
        }


_NOTHING = Estimate(*np.full(3, np.nan))


def _generator() -> np.random.Generator:
    # A fresh one a cell: an interval depends on its own replicas, not on what else the study holds.
    return np.random.default_rng(0)


def _estimate(statistic: Statistic, samples: Sequence[Array]) -> Estimate:
    return statistics.bootstrap(statistic, samples, _generator()) if all(map(len, samples)) else _NOTHING


def _improvement(samples: Sequence[Array]) -> Estimate:
    return _estimate(statistics.probability_of_improvement, samples)


def _mean(sample: Array) -> Estimate:
    return inference.mean(sample) if len(sample) else _NOTHING


def _columns(name: str, estimate: Estimate) -> dict[str, float]:
    return {
        name: float(estimate.value),
        f"{name}_low": float(estimate.low),
        f"{name}_high": float(estimate.high),
    }
