"""What a block keeps of its training, against definitions that are evaluated naively."""

import numpy as np
import pandas as pd
import pytest

from pgbench.running.condensing import FIRST_UPDATES, HISTORY_PARTS, condensed, history
from pgbench.running.recording import Rows
from pgbench.storage.blocks import EPISODES, STATISTICS
from pgbench.training.iteration import Outcome

BUDGET, UPDATES = 100_000, 700


@pytest.fixture
def metrics():
    """The metrics of two replicas, one of which stops early; one metric is measured in every third update."""
    rng, tables = np.random.default_rng(0), []
    for seed, updates in ((4, UPDATES), (9, 310)):
        number = np.arange(updates)
        looks = np.where(number % 3 == 0, rng.standard_normal(updates), np.nan)
        loss = np.where(number == 5, np.inf, rng.standard_normal(updates).astype(np.float32).astype(float))
        step = (number + 1) * BUDGET // UPDATES
        tables.append(
            pd.DataFrame({"seed": seed, "iteration": number, "step": step, "loss": loss, "looks": looks})
        )
    return pd.concat(tables, ignore_index=True)


def episodes(*rows):
    keys = ("seed", "step", "episodic_return", "episodic_length", "terminated", "cut")
    return EPISODES.table(dict(zip(keys, row, strict=True)) for row in rows)


def kept(metrics, own, *outcomes):
    return condensed(Rows(own, metrics, EPISODES.empty()), outcomes, BUDGET)


def test_statistics_are_over_every_update_that_was_measured(metrics):
    replicas = kept(metrics, episodes(), Outcome(4, BUDGET, False), Outcome(9, 44_000, True)).replicas
    for row in replicas.to_dict("records"):
        own = metrics[metrics["seed"] == row["seed"]]
        for name in ("loss", "looks"):
            known = [value for value in own[name] if np.isfinite(value)]
            naive = [np.mean(known), min(known), max(known), known[0], known[-1]]
            np.testing.assert_array_equal([row[f"{over}({name})"] for over in STATISTICS], naive)


def test_a_metric_that_was_never_finite_has_no_statistics(metrics):
    replicas = kept(metrics.assign(loss=np.nan), episodes(), Outcome(4, BUDGET, False)).replicas
    assert replicas[[f"{over}(loss)" for over in STATISTICS]].isna().all(axis=None)


def test_the_history_has_the_first_updates_the_last_and_one_of_each_part(metrics):
    found = history(metrics, BUDGET)
    for seed, updates in ((4, UPDATES), (9, 310)):
        own = found[found["seed"] == seed]
        assert own["iteration"].tolist()[:FIRST_UPDATES] == list(range(FIRST_UPDATES))
        assert own["iteration"].tolist()[-1] == updates - 1
        whole = metrics[metrics["seed"] == seed]
        part = whole["step"] * HISTORY_PARTS // BUDGET
        assert set(own["step"] * HISTORY_PARTS // BUDGET) == set(part)
        assert len(own) <= HISTORY_PARTS + FIRST_UPDATES + 2
        # a part of the budget has seven updates, of which two or three were compared
        assert own["looks"].notna().sum() >= len(set(part))
        same = whole[whole["iteration"].isin(own["iteration"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(own.reset_index(drop=True), same)


def test_a_short_training_keeps_every_update(metrics):
    count = HISTORY_PARTS - FIRST_UPDATES
    short = metrics[metrics["iteration"] < count]
    spread = short.assign(step=(short["iteration"] + 1) * BUDGET // count)
    pd.testing.assert_frame_equal(history(spread, BUDGET), spread.reset_index(drop=True))


@pytest.mark.parametrize(
    ("own", "outcome", "status", "count"),
    [
        ([(4, 90, 1.0, 9, True, False)], Outcome(4, BUDGET + 5, False), "finished", 1),
        ([(4, 90, 1.0, 9, True, False)], Outcome(4, 95, True), "diverged", 1),
        ([(4, 90, 1.0, 9, True, False)], Outcome(4, BUDGET, True), "diverged", 1),
        ([(4, 90, np.nan, 9, True, False)], Outcome(4, BUDGET, False), "diverged", 1),
        ([], Outcome(4, BUDGET, False), "no episode", 0),
        ([(4, BUDGET + 1, 1.0, 9, True, False)], Outcome(4, BUDGET + 5, False), "no episode", 0),
        ([(4, BUDGET, 1.0, 9, False, True)], Outcome(4, BUDGET, False), "no episode", 0),
        ([(3, 90, 1.0, 9, True, False)], Outcome(4, BUDGET, False), "no episode", 0),
    ],
)
def test_each_replica_says_how_it_ended(metrics, own, outcome, status, count):
    (row,) = kept(metrics, episodes(*own), outcome).replicas.to_dict("records")
    assert (row["seed"], row["step"], row["status"], row["episodes"]) == (4, outcome.steps, status, count)
