"""Diverged replicas, the untrained policy and ranges, on a table small enough to check by eye."""

import numpy as np
import pandas as pd

from pgbench.analysis import comparable


def table(**columns):
    frame = pd.DataFrame(columns)
    return frame.assign(environment="E", seed=range(len(frame)))


def test_a_diverged_replica_is_as_bad_as_no_policy_or_as_it_was():
    """Whatever other variants do."""
    scores = table(
        variant=["A", "A", "B", "B"],
        status=["scored", "diverged", "scored", "no episode"],
        untrained=[5.0, 5.0, 5.0, np.nan],
        last_100=[9.0, np.nan, 7.0, np.nan],
        last_episodes=[9.0, 6.0, 7.0, np.nan],
    )
    filled = comparable.with_diverged(scores)["last_100"].tolist()
    assert filled[:3] == [9.0, 5.0, 7.0]
    assert np.isnan(filled[3])
    others = scores.assign(last_100=[9.0, np.nan, -7.0, np.nan])
    assert comparable.with_diverged(others)["last_100"].tolist()[1] == 5.0
    collapsed = scores.assign(last_episodes=[9.0, -8.0, 7.0, np.nan])
    assert comparable.with_diverged(collapsed)["last_100"].tolist()[1] == -8.0


def test_a_range_is_of_the_best_variant_and_counts_its_failures():
    scores = table(
        variant=["A", "A", "B", "B"],
        status=["scored", "diverged", "scored", "scored"],
        untrained=[1.0, 3.0, 1.0, 3.0],
        last_100=[20.0, np.nan, 12.0, 14.0],
        last_episodes=[20.0, 30.0, 12.0, 14.0],
    )
    # A has 20 and, where it was lost, the untrained policy's 2: a mean of 11.
    assert comparable.ranges(comparable.with_diverged(scores), "last_100")["E"] == 13.0 - 2.0
