"""Scores made comparable: replicas that diverged, the untrained policy, and the range of an environment.

All of them work on the table of scores, one row a replica, that `gathering.gather` writes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pgbench.studies.scores import NORMALISED, RETURNS, Score


def untrained(scores: pd.DataFrame) -> pd.Series:
    """Environment → mean return of the untrained policy, over the episodes before each replica's first update."""
    return scores.groupby("environment", sort=False)["untrained"].mean()


def with_diverged(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores, where a replica that diverged counts as bad as the worst.

    That is the lowest score of any of the study's replicas in that environment, or the untrained policy's if this
    is lower still: a method that is often lost must not look better for it. Replicas in whose budget no episode
    ended are not failures, and stay without a score. Metrics of updates are left as they were until the divergence.
    """
    diverged = scores["status"] == "diverged"
    if not diverged.any():
        return scores
    environments, base = scores["environment"], untrained(scores)
    floors: dict[str, pd.Series] = dict.fromkeys(RETURNS, base) | dict.fromkeys(NORMALISED, 0.0 * base)
    columns = {}
    for score in floors.keys() & set(scores):
        worst = scores.groupby("environment")[score].min()
        lowest = environments.map(worst.combine(floors[score], np.fmin))
        columns[score] = scores[score].mask(diverged, lowest)
    return scores.assign(**columns)


def ranges(scores: pd.DataFrame, score: Score) -> pd.Series:
    """Environment → mean of the best variant less that of the untrained policy, in units of a score.

    Args:
        scores: without gaps where replicas diverged, as `with_diverged` leaves them.
        score: one of `RETURNS`.
    """
    means = scores.groupby(["environment", "variant"], sort=False)[score].mean()
    return means.groupby("environment", sort=False).max() - untrained(scores)


def normalised(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores with PPO's Table 1 in both readings (Schulman et al. 2017, section 6.1), as two more columns.

    An environment's `last_100` is scaled so that the untrained policy has 0 and the best 1: the best replica, or
    the best variant's mean. NaN where nothing was better than the untrained policy.
    """
    base = scores["environment"].map(untrained(scores))
    last = with_diverged(scores)[["environment", "last_100"]].groupby("environment")["last_100"].max()
    best = {
        "normalised_by_best_run": scores["environment"].map(last) - base,
        "normalised_by_best_setting": scores["environment"].map(ranges(with_diverged(scores), "last_100")),
    }
    columns = {name: (scores["last_100"] - base) / span.where(span > 0) for name, span in best.items()}
    return scores.assign(**columns)
