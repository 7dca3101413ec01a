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
    """The scores, in which a replica that diverged counts as the untrained policy, or as itself if that is worse.

    It ended with no policy, so it is worth no more than none; its own last episodes count if their mean is lower.
    No other replica decides: what a method gets must not depend on variants that have nothing to do with it. A
    replica in whose budget no episode ended has not failed, and stays without a score. Metrics of updates keep
    their values from before the divergence.
    """
    diverged = scores["status"] == "diverged"
    if not diverged.any():
        return scores
    floor = np.fmin(scores["environment"].map(untrained(scores)), scores["last_episodes"])
    return scores.assign(
        **{score: scores[score].mask(diverged, floor) for score in RETURNS.keys() & set(scores)}
    )


def ranges(scores: pd.DataFrame, score: Score) -> pd.Series:
    """Environment → mean score of the best variant less that of the untrained policy.

    Args:
        scores: as `with_diverged` returns them.
        score: one of `RETURNS`.
    """
    means = scores.groupby(["environment", "variant"], sort=False)[score].mean()
    return means.groupby("environment", sort=False).max() - untrained(scores)
