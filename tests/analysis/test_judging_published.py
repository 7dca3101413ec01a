"""Claims about published scores, on invented scores."""

import pytest
from scipy import stats

from helpers.invented_claims import PUBLISHED_SCORE, SEEDS, a_plan, directional, invented, reference, verdict
from pgbench.analysis.effects import effect
from pgbench.analysis.judging import judge
from pgbench.analysis.looks import SHARES
from pgbench.studies.claims import Pair
from pgbench.studies.references import PublishedScore


def test_a_published_score_is_compared_at_its_own_steps_only():
    assert "at its own steps" in verdict(reference("within"), spent=250)["reason"]
    assert verdict(reference("within"))["mismatches"] == "environment: CartPole-v0, not CartPole-v1"


def test_a_published_score_is_judged_by_the_difference():
    scores = invented({"A": 104.0, "B": 60.0, "C": 20.0})
    row = verdict(reference("within"), scores)
    assert (row["bound_low"], row["bound_high"]) == (-40.0, 40.0)
    error, published = 2.0 / SEEDS**0.5, 20.0 / (2 * stats.norm.ppf(0.975))
    total = error**2 + published**2
    freedom = (SEEDS - 1) * total**2 / (error**4 + published**4)
    expected = stats.t.interval(1 - 0.1 * SHARES[0], freedom, 4.0, total**0.5)
    assert row["effect"] == pytest.approx(4.0)
    assert (row["low"], row["high"]) == pytest.approx(expected)
    assert verdict(reference("above", margin={"size": 5.0, "of": "score"}), scores)["bound_low"] == 5.0
    assert verdict(reference("below", margin={"size": 5.0, "of": "score"}), scores)["bound_high"] == -5.0


@pytest.mark.parametrize(
    ("printed", "error"),
    [
        ({"spread_kind": "standard_deviation", "spread": 9.0, "seeds": 3}, 9.0 / 3**0.5),
        ({"spread_kind": "standard_deviation", "spread": 1.0, "seeds": 3}, 2.0 / 3**0.5),  # our own is larger
        ({"spread_kind": "none", "seeds": 3}, 2.0 / 3**0.5),
        ({"spread_kind": "over_episodes", "spread": 0.0, "seeds": 1}, 2.0),
        ({"spread_kind": "standard_error", "spread": 0.1, "seeds": None}, 0.1),
    ],
)
def test_the_error_of_a_published_score_is_not_below_what_our_spread_suggests(printed, error):
    known = {**PUBLISHED_SCORE.model_dump(), "low": None, "high": None, **printed}
    published = PublishedScore.model_validate(known)
    found = effect(invented(), "last_100", Pair("A", None), ["CartPole-v1"], "score", published)
    assert found.published_error == pytest.approx(error)
    assert float(found.contrast.error) == pytest.approx((error**2 + 4.0 / SEEDS) ** 0.5)


def test_published_scores_stand_beside_the_studys_own():
    claim = directional("A", "B", published={"A": {"known": "so <so>"}, "B": ["known"]})
    published = judge(a_plan({"only": claim}, spent=500), [invented()], {"known": PUBLISHED_SCORE}).published
    assert published["variant"].tolist() == ["A", "B"]
    assert published["words"].tolist() == ["so <so>", ""]
    assert published["own"].tolist() == pytest.approx([100.0, 60.0])
    assert published["published_high"].tolist() == [110.0, 110.0]
    assert (
        published["mismatches"].iloc[0] == "environment: CartPole-v0, not CartPole-v1; steps: 1,000, not 500"
    )
