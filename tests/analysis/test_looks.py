"""Looks: what is decided at each, that it stays, that errors keep their level, and what the next one promises."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.invented_claims import ONE, SEEDS, a_plan, directional, equivalence, invented, level
from pgbench.analysis import inference, looks
from pgbench.analysis.judging import judge

P_VALUES = st.floats(0.0, 1.0)


def naive(p, alpha=0.05):
    """The decisions at each look in turn, claim by claim, as the text of the rule says."""
    settled = {}
    for stage in range(len(p)):
        smallest = [
            min(p[look][claim] / looks.SHARES[look] for look in range(stage + 1))
            for claim in range(len(p[0]))
        ]
        order = sorted(range(len(smallest)), key=lambda claim: smallest[claim])
        for rank, claim in enumerate(order):
            if smallest[claim] * (len(order) - rank) > alpha:
                break
            by_look = [p[look][claim] / looks.SHARES[look] for look in range(stage + 1)]
            settled.setdefault(claim, by_look.index(min(by_look)))
    return settled


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=P_VALUES.map(lambda p: p**6)))
def test_decisions_are_those_of_the_rule(p):
    decisions = looks.decide(p)
    found = {int(claim): int(decisions.look[claim]) for claim in np.flatnonzero(decisions.rejected)}
    assert found == naive(p.tolist())


@given(arrays(float, st.tuples(st.integers(2, 4), st.integers(1, 5)), elements=P_VALUES.map(lambda p: p**6)))
def test_what_is_settled_stays(p):
    before, after = looks.decide(p[:-1]), looks.decide(p)
    settled = before.rejected
    assert after.rejected[settled].all()
    for one, other in zip(before[:-1], after[:-1], strict=True):
        np.testing.assert_array_equal(one[settled], other[settled])


@given(arrays(float, st.tuples(st.integers(1, 4), st.integers(1, 5)), elements=P_VALUES.map(lambda p: p**6)))
def test_the_level_of_the_look_agrees_with_the_decision(p):
    decisions = looks.decide(p)
    at_look = np.take_along_axis(p, decisions.look[None], axis=0)[0]
    np.testing.assert_array_equal(at_look <= decisions.level, decisions.rejected)


def test_the_next_look_has_its_share_of_what_open_claims_have_left():
    decisions = looks.decide(np.array([[1e-9, 0.5, 0.5]]))
    assert decisions.rejected.tolist() == [True, False, False]
    assert decisions.next_level == pytest.approx(looks.SHARES[1] * 0.05 / 2)
    assert looks.decide(np.full((4, 3), 0.5)).next_level == 0.0


@pytest.mark.parametrize("claims", [1, 6])
@pytest.mark.parametrize("seeds", [5, 10])
def test_errors_keep_their_level_however_often_one_looks(claims, seeds):
    """Every claim is false, but only just."""
    scores = np.random.default_rng(4).standard_normal((8 * seeds, 10_000, claims))
    p = np.stack(
        [
            inference.tail(inference.contrast([scores[: seeds * 2**look]], [1.0]), 0.0)
            for look in range(len(looks.SHARES))
        ]
    )
    assert looks.decide(p).rejected.any(axis=-1).mean() <= 0.055


def extended(plan, scores):
    """A plan and the scores as its looks see them."""
    count = int(math.log2((scores["seed"].max() + 1) / plan.seeds)) + 1
    plan = plan.extended(count, block_size=10)
    return plan, [scores[scores["seed"] < seeds] for seeds in plan.seeds_at_looks]


def test_more_seeds_do_not_change_what_was_settled():
    claims = {"clear": directional("A", "B"), "close": level("above", 99.9)}
    scores = pd.concat(
        [invented(), invented({"A": 0.0, "B": 90.0, "C": 20.0}).assign(seed=lambda of: of["seed"] + SEEDS)]
    )
    once = judge(a_plan(claims), [invented()], {}).verdicts.set_index("claim")
    twice = judge(*extended(a_plan(claims), scores), {}).verdicts.set_index("claim")
    columns = ["verdict", "effect", "low", "high", "level", "seeds", "look", "p_adjusted"]
    assert once.loc["clear", "verdict"] == "replicated"
    pd.testing.assert_series_equal(once.loc["clear", columns], twice.loc["clear", columns])
    assert "settled at look 1, by the first 6 seeds" in twice.loc["clear", "reason"]
    assert (once.loc["close", "look"], twice.loc["close", "look"]) == (1, 2)


def test_a_second_look_settles_what_the_first_left_open():
    claim = {"only": directional("A", "B", **ONE)}
    scores = invented({"A": 100.0, "B": 80.0, "C": 20.0}, spread=15.0, seeds=4 * SEEDS)
    open_claim = judge(a_plan(claim), [scores[scores["seed"] < SEEDS]], {}).verdicts.iloc[0]
    row = judge(*extended(a_plan(claim), scores), {}).verdicts.iloc[0]
    assert (open_claim["verdict"], open_claim["next_look"]) == ("inconclusive", 2 * SEEDS)
    assert (row["verdict"], row["look"], row["seeds"]) == ("replicated", 3, 4 * SEEDS)
    assert row["level"] == pytest.approx(1 - 2 * 0.05 * looks.SHARES[2])
    assert np.isnan(row["next_look"])


def test_a_reservation_counts_the_seeds_of_all_looks():
    plan = a_plan({"only": directional("A", "B")}, seeds=SEEDS - 1)
    scores = invented(seeds=2 * (SEEDS - 1))
    first = judge(plan, [scores[scores["seed"] < SEEDS - 1]], {}).verdicts.iloc[0]
    assert first["reservation"] == f"at {SEEDS - 1} of {SEEDS} seeds"
    assert judge(*extended(plan, scores), {}).verdicts.iloc[0]["reservation"] == ""


def test_there_is_no_fifth_look():
    scores = invented(spread=300.0, seeds=8 * SEEDS)
    row = judge(*extended(a_plan({"only": equivalence(0.1)}), scores), {}).verdicts.iloc[0]
    assert (row["verdict"], row["look"]) == ("inconclusive", 4)
    assert np.isnan(row[["next_look", "chance"]].astype(float)).all()


def test_the_chance_of_the_next_look_is_how_often_it_settles():
    """Over studies whose true effect has no preferred size: then the predictive distribution is the right one."""
    rng, seeds, studies = np.random.default_rng(5), 10, 120
    chances, settled = [], []
    for effect in rng.uniform(-1.5, 2.5, studies):
        scores = invented({"A": effect, "B": 0.0, "C": 0.0}, seeds=2 * seeds)
        scores["last_100"] = scores["variant"].eq("A") * effect + rng.standard_normal(len(scores))
        claim = {"only": directional("A", "B", **ONE) | {"margin": {"size": 0.5, "of": "score"}}}
        first = [scores[scores["seed"] < seeds]]
        plan = a_plan(claim).model_copy(update={"seeds": seeds})
        row = judge(plan, first, {}).verdicts.iloc[0]
        if row["verdict"] == "inconclusive":
            chances.append(row["chance"])
            row = judge(*extended(plan, scores), {}).verdicts.iloc[0]
            settled.append(row["verdict"] != "inconclusive")
    chances, settled = np.array(chances), np.array(settled)
    assert len(chances) > 40
    assert np.mean(settled) == pytest.approx(np.mean(chances), abs=0.12)
    likely = chances > np.median(chances)
    assert settled[likely].mean() > settled[~likely].mean()
