"""Makes scores comparable: replicas that diverged, the untrained policy, and the range of an environment.

Every function takes the table of scores, one row a replica, that `gathering.gather` writes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pgbench.studies.scores import RETURNS, Score


def untrained(scores: pd.DataFrame) -> pd.Series:
    """Environment → mean return of the untrained policy, from the episodes before each replica's first update."""
    return scores.groupby("environment", sort=False)["untrained"].mean()


def with_diverged(scores: pd.DataFrame) -> pd.DataFrame:
    """The scores, in which a replica that diverged counts as the worst.

    Its score is the lowest of all replicas of the study in that environment, or the untrained policy's if that is
    lower: a method that often diverges must not look better for it. A replica in whose budget no episode ended has
    not failed, and stays without a score. Metrics of updates keep their values from before the divergence.
    """
    diverged = scores["status"] == "diverged"
    if not diverged.any():
        return scores
    environments, base = scores["environment"], untrained(scores)
    columns = {}
    for score in RETURNS.keys() & set(scores):
        worst = scores.groupby("environment")[score].min()
        lowest = environments.map(worst.combine(base, np.fmin))
        columns[score] = scores[score].mask(diverged, lowest)
    return scores.assign(**columns)


def ranges(scores: pd.DataFrame, score: Score) -> pd.Series:
    """Environment → mean score of the best variant less that of the untrained policy.

    Args:
        scores: as `with_diverged` returns them.
        score: one of `RETURNS`.
    """
    means = scores.groupby(["environment", "variant"], sort=False)[score].mean()
    return means.groupby("environment", sort=False).max() - untrained(scores)
