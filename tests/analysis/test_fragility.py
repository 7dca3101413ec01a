"""The flag of one more seed: what it marks, and how often it marks what is wrong."""

import numpy as np
import pandas as pd
import pytest

from helpers.invented_claims import ONE, SEEDS, a_plan, directional, invented, level, verdict
from pgbench.analysis.effects import effect
from pgbench.analysis.judging import judge
from pgbench.studies.claims import Pair


@pytest.mark.parametrize("unit", ["score", "comparator", "range"])
@pytest.mark.parametrize("paired", [True, False])
def test_one_more_seed_is_one_more_row_of_the_table(unit, paired):
    scores = invented(spread=9.0)
    if not paired:
        scores = scores[(scores["variant"] != "B") | (scores["seed"] > 0)]
    here = scores["environment"] == "CartPole-v1"
    means = scores[here].groupby("variant")["last_100"].mean()
    added = [
        {"variant": variant, "environment": "CartPole-v1", "seed": SEEDS, "status": "scored"}
        | {"untrained": 10.0, "last_100": 33.0 if variant == "B" else mean, "last_episodes": 0.0}
        for variant, mean in means.items()
        if paired or variant == "B"
    ]
    longer = pd.concat([scores, pd.DataFrame(added)])
    found = [
        effect(table, "last_100", Pair("A", "B"), ["CartPole-v1"], unit).contrast
        for table in (scores, longer)
    ]
    more = effect(scores, "last_100", Pair("A", "B"), ["CartPole-v1"], unit)
    assert more.contrast == found[0]
    for name, value in zip(
        found[1]._fields, more.with_one_more("CartPole-v1", "B", 33.0).contrast, strict=True
    ):
        # A sample that never varies lets the freedom differ by half a replica.
        assert value == pytest.approx(getattr(found[1], name), abs=0.5 if name == "freedom" else None), name


def test_a_verdict_that_many_seeds_support_survives_one_more():
    row = verdict(directional("A", "C", **ONE), invented(seeds=40), seeds=40)
    assert (row["verdict"], row["fragile"]) == ("replicated", False)


def test_only_an_outcome_that_was_seen_there_counts():
    scores = invented({"A": 100.0, "B": 98.0, "C": 97.0}, spread=0.5)
    assert not verdict(level("above", 90.0), scores)["fragile"]
    on_acrobot = (scores["environment"] == "Acrobot-v1") & (scores["variant"] == "C")
    elsewhere = scores.assign(last_100=scores["last_100"].mask(on_acrobot, -1e6))
    assert not verdict(level("above", 90.0), elsewhere)["fragile"]
    here = (scores["environment"] == "CartPole-v1") & (scores["variant"] == "C")
    failed = scores.assign(last_100=scores["last_100"].mask(here & (scores["seed"] == 0), 0.0))
    row = verdict(level("above", 90.0), failed)
    assert row["verdict"] == "replicated"
    assert (
        "hangs on no seed of 'A' being as low as the lowest that was seen on CartPole-v1, 0" in row["reason"]
    )


def test_what_is_open_is_not_marked():
    row = verdict(directional("A", "B"), invented(spread=75.0))
    assert (row["verdict"], row["fragile"]) == ("inconclusive", False)


def test_it_marks_verdicts_on_means_that_a_second_gait_would_overturn():
    """A variant that may fail beside a steady one of the same mean, in a study in which some replica has failed."""
    rng, wrong, unmarked = np.random.default_rng(6), 0, 0
    claim = a_plan({"only": directional("A", "B", **ONE) | {"margin": {"size": 1.0, "of": "score"}}})
    for _ in range(200):
        scores = invented({"A": 0.0, "B": 0.0, "C": 0.0})
        good = scores["variant"].isin(["A", "C"])
        failing = np.where(rng.random(len(scores)) < 0.2, 0.0, 20.0)
        steady = 15.0 + 0.1 * rng.standard_normal(len(scores))
        scores["last_100"] = np.where(good, failing, steady) + 0.1 * rng.standard_normal(len(scores))
        failed = (scores["variant"] == "C") & (scores["seed"] == 0)
        scores["last_100"] = scores["last_100"].mask(failed, 0.0)
        row = judge(claim, [scores], {}).verdicts.iloc[0]
        wrong += row["verdict"] == "replicated"
        unmarked += row["verdict"] == "replicated" and not row["fragile"]
    assert wrong > 20
    assert unmarked <= 2
