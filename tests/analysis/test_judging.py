"""Verdicts on invented scores, against SciPy and by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from helpers.invented_claims import (
    MEANS,
    ONE,
    SEEDS,
    SHARE,
    a_plan,
    directional,
    effects_of,
    equivalence,
    invented,
    level,
    lose,
    not_better,
    reference,
    verdict,
)
from pgbench.analysis.judging import EFFECTS, VERDICTS, judge
from pgbench.analysis.looks import SHARES
from pgbench.analysis.published import PUBLISHED


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (directional("A", "B"), "replicated"),
        (directional("B", "A"), "contradicted"),
        (equivalence(0.9), "replicated"),
        (equivalence(0.1), "contradicted"),
        ({"kind": "ordering", "order": ["A", "B", "C"], "margin": SHARE}, "replicated"),
        ({"kind": "ordering", "order": ["A", "C", "B"], "margin": SHARE}, "contradicted"),
        ({"kind": "optimum", "best": ["A", "C"], "others": ["B"], "margin": SHARE}, "replicated"),
        ({"kind": "optimum", "best": ["B"], "others": ["A", "C"], "margin": SHARE}, "contradicted"),
        (not_better("B", "A"), "replicated"),
        (not_better("A", "B"), "contradicted"),
        (effects_of("AC", "AB"), "replicated"),
        (effects_of("CA", "BA"), "replicated"),
        (effects_of("BC", "CA"), "contradicted"),
        (effects_of("AB", "BC"), "contradicted"),
        (directional("A", "B", across={"at_least": 1}), "replicated"),
        (directional("A", "B", across={"at_least": 2}), "replicated"),
        (directional("B", "A", across={"at_least": 1}), "contradicted"),
        (level("above", 90.0), "replicated"),
        (level("above", 110.0), "contradicted"),
        (level("below", 110.0), "replicated"),
        (level("below", 90.0), "contradicted"),
        (reference("within"), "replicated"),
        (reference("above"), "contradicted"),
        (reference("below"), "contradicted"),
    ],
)
def test_clear_cases(claim, expected):
    assert verdict(claim)["verdict"] == expected
    assert verdict(claim, invented(spread=75.0))["verdict"] == "inconclusive"


def remark(row):
    """What is said of an effect's size, without what the verdict hangs on."""
    return "; ".join(part for part in row["reason"].split("; ") if not part.startswith("hangs on"))


def test_a_margin_decides():
    scores = invented({"A": 103.0, "B": 100.0, "C": 20.0}, spread=1.0)
    sharp = directional("A", "B") | {"margin": {"size": 0.01, "of": "range"}}
    assert verdict(sharp, scores)["verdict"] == "replicated"
    row = verdict(directional("A", "B"), invented({"A": 100.0, "B": 100.0, "C": 20.0}))
    assert (row["verdict"], remark(row)) == ("contradicted", "no difference that matters")
    assert remark(verdict(directional("C", "B"), scores)) == "the opposite is found"


def test_what_an_interval_says_besides_the_verdict():
    """An effect that is certain, but below the margin, is told from none."""
    little = "higher, but by less than matters"
    close = invented({"A": 104.0, "B": 100.0, "C": 20.0}, spread=0.5)
    row = verdict(directional("A", "B"), close)
    assert (row["verdict"], remark(row)) == ("contradicted", little)
    for claim in (equivalence(0.1), not_better("A", "B")):
        row = verdict(claim, close)
        assert (row["verdict"], remark(row)) == ("replicated", little)
    row = verdict(not_better("B", "A"), close)
    assert (row["verdict"], remark(row)) == ("replicated", "lower, but by less than matters")
    assert remark(verdict(not_better("C", "A"), close)) == "lower, by more than matters"
    assert remark(verdict(equivalence(0.1), invented({"A": 100.0, "B": 100.0, "C": 20.0}))) == ""


def test_two_effects_are_compared_seed_by_seed():
    scores = invented()
    judged = judge(a_plan({"only": effects_of("CA", "BA") | ONE}), [scores], {})
    row = judged.verdicts.iloc[0]
    here = scores[scores["environment"] == "CartPole-v1"].pivot(
        index="seed", columns="variant", values="last_100"
    )
    assert (row["variant"], row["comparator"]) == ("(A − C)", "(A − B)")
    assert row["effect"] == pytest.approx((80 - 40) / 90)
    by_seed = here["B"] - here["C"] - 0.1 * (here["A"] - 10.0)
    assert row["p"] == pytest.approx(
        stats.ttest_1samp(by_seed, 0.0).pvalue / SHARES[0]
    )  # one side, of two signs
    decisive = judged.claims[judged.claims["decisive"]]
    assert (len(judged.claims), len(decisive)) == (4, 1)
    assert decisive["difference"].item() == pytest.approx(40.0)
    assert decisive["paired"].item()


def on_acrobot_too(b):
    """A beats B on CartPole; on Acrobot B has this mean, and A has 100."""
    scores = invented()
    there = (scores["variant"] == "B") & (scores["environment"] == "Acrobot-v1")
    scores.loc[there, "last_100"] += 10.0 * (b - 60.0)
    return scores


@pytest.mark.parametrize(("needed", "expected"), [(1, "replicated"), (2, "contradicted")])
def test_a_claim_holds_on_at_least_so_many_environments(needed, expected):
    row = verdict(directional("A", "B", across={"at_least": needed}), on_acrobot_too(b=120.0))
    assert row["verdict"] == expected
    assert row["across"] == f"at least {needed}"
    assert row["effect"] == pytest.approx(40 / 90 if needed == 1 else -20 / 110)


def test_fewer_environments_would_make_another_claim():
    plan = a_plan({"only": directional("A", "B", across={"at_least": 1})})
    study = plan.study.model_copy(update={"environments": {"CartPole-v1": 1000}})
    runs = tuple(run for run in plan.runs if run.environment == "CartPole-v1")
    plan = plan.model_copy(update={"study": study, "runs": runs, "left_out": ("Acrobot-v1",)})
    row = judge(plan, [invented()], {}).verdicts.iloc[0]
    assert (row["verdict"], row["reason"]) == ("not judged", "the preset here leaves out Acrobot-v1")


def test_effect_and_interval_are_students_t_of_differences_less_so_much_of_the_range():
    scores = invented()
    row = verdict(directional("A", "B", **ONE), scores)
    here = scores[scores["environment"] == "CartPole-v1"].pivot(
        index="seed", columns="variant", values="last_100"
    )
    best_less_untrained = here["A"] - 10.0
    expected = stats.ttest_1samp(here["A"] - here["B"] - 0.1 * best_less_untrained, 0.0)
    assert row["effect"] == pytest.approx(40 / 90)
    assert row["p"] == pytest.approx(expected.pvalue / 2 / SHARES[0])
    for end in (row["low"], row["high"]):
        at_end = stats.ttest_1samp(here["A"] - here["B"] - end * best_less_untrained, 0.0)
        assert at_end.pvalue == pytest.approx(0.1 * SHARES[0])
    assert row["seeds"] == SEEDS


def test_environments_of_any_scale_weigh_the_same():
    judged = judge(a_plan({"only": directional("A", "B")}), [invented()], {})
    assert judged.claims["difference"].tolist() == pytest.approx([40.0, 400.0])
    assert judged.claims["scale"].tolist() == pytest.approx([90.0, 900.0])
    assert judged.verdicts["effect"].item() == pytest.approx(40 / 90)


def test_a_fraction_of_the_comparator_is_one_of_its_absolute_mean():
    claim = directional("A", "B") | {"margin": {"size": 0.1, "of": "comparator"}}
    details = judge(a_plan({"only": claim}), [invented()], {}).claims
    assert details["scale"].tolist() == pytest.approx([60.0, 1400.0])


def test_each_environment_must_hold_if_it_is_said_so():
    scores = invented()
    acrobot = (scores["environment"] == "Acrobot-v1") & (scores["variant"] == "A")
    scores.loc[acrobot, "last_100"] -= 380.0  # still better on average
    assert verdict(directional("A", "B"), scores)["verdict"] == "replicated"
    each = verdict(directional("A", "B", across="each"), scores)
    assert each["verdict"] != "replicated"
    assert each["effect"] == pytest.approx(20 / 520)  # of what A gained there


def test_the_decisive_pair_is_the_weakest_step():
    scores = invented({"A": 100.0, "B": 95.0, "C": 20.0}, spread=4.0)
    row = verdict({"kind": "ordering", "order": ["A", "B", "C"], "margin": SHARE}, scores)
    assert (row["variant"], row["comparator"]) == ("A", "B")


def test_more_claims_need_more_evidence():
    scores = invented({"A": 100.0, "B": 84.0, "C": 20.0}, spread=4.2)
    alone = judge(a_plan({"a": directional("A", "B", **ONE)}), [scores], {}).verdicts
    p = alone["p"].item()
    assert 0.025 < p < 0.05  # decided alone, not beside a claim that is open
    assert alone["verdict"].item() == "replicated"
    open_claim = level("above", 100.0)  # where A is
    both = judge(a_plan({"a": directional("A", "B", **ONE), "b": open_claim}), [scores], {}).verdicts
    assert both["verdict"].tolist() == ["inconclusive", "inconclusive"]
    assert both["p_adjusted"].iloc[0] == pytest.approx(2 * p)
    assert both["level"].tolist() == pytest.approx([1 - 0.05 * SHARES[0]] * 2)


def test_a_replica_that_diverged_counts_as_the_untrained_policy():
    scores = lose(invented(), ["A"], [0])
    row = verdict(directional("A", "B", **ONE), scores)
    kept = scores[(scores["environment"] == "CartPole-v1") & (scores["status"] == "scored")]
    mean = (
        kept.loc[kept["variant"] == "A", "last_100"].sum() + 10.0
    ) / SEEDS  # the untrained policy's return
    assert row["effect"] == pytest.approx((mean - 60.0) / (mean - 10.0))
    assert row["diverged"] == 1


@pytest.mark.parametrize(
    ("lost", "judged"), [([0], True), ([0, 1], True), (range(4), False), (range(SEEDS), False)]
)
@pytest.mark.parametrize("variants", [["A"], ["B"], ["A", "B"]])
def test_too_few_scores_of_their_own_are_not_judged_whatever_was_filled_in(variants, lost, judged):
    for claim in (directional("A", "B"), directional("B", "A"), equivalence(0.1)):
        row = verdict(claim, lose(invented(), variants, lost))
        assert (row["verdict"] != "not judged") == judged
        if not judged:
            assert "with a score 'last_100' of their own on CartPole-v1" in row["reason"]


def test_other_variants_do_not_decide_what_a_diverged_replica_is_worth():
    """C ends far below the untrained policy, and A and B are judged as before."""
    scores = lose(invented(), ["A"], [0])
    collapsed = scores.assign(last_100=scores["last_100"].mask(scores["variant"] == "C", -5000.0))
    claim = directional("A", "B", **ONE)
    columns = ["verdict", "effect", "low", "high"]
    assert verdict(claim, scores)[columns].tolist() == verdict(claim, collapsed)[columns].tolist()


def test_a_smaller_budget_makes_a_verdict_provisional_and_fewer_seeds_do_not():
    assert not verdict(directional("A", "B"))["provisional"]
    assert verdict(directional("A", "B"), spent=250)["provisional"]
    row = verdict(directional("A", "B"), invented(seeds=5), seeds=5)
    assert (row["provisional"], row["reservation"]) == (False, "at 5 of 6 seeds")


def test_without_common_seeds_each_variant_is_a_sample():
    scores = invented()
    silent = (scores["variant"] == "A") & (scores["seed"] == 0)
    scores.loc[silent, "status"], scores.loc[silent, "last_100"] = "no episode", np.nan
    details = judge(a_plan({"only": directional("A", "B", **ONE)}), [scores], {}).claims.iloc[0]
    here = scores[scores["environment"] == "CartPole-v1"].groupby("variant")["last_100"].mean()
    assert not details["paired"]
    assert (details["seeds"], details["missing"]) == (SEEDS - 1, 1)
    assert details["difference"] == pytest.approx(here["A"] - here["B"])


@pytest.mark.parametrize(
    ("scores", "claim", "reason"),
    [
        (invented(seeds=2), directional("A", "B"), "2 replicas"),
        (
            invented({"A": 9.0, "B": 10.0, "C": 8.0}),
            directional("A", "B"),
            "better than the untrained policy",
        ),
        (invented().assign(last_100=np.nan), level("above", 0.0), "0 replicas"),
    ],
)
def test_too_little_to_judge_by_is_not_judged_and_says_why(scores, claim, reason):
    row = verdict(claim, scores)
    assert row["verdict"] == "not judged"
    assert reason in row["reason"]
    assert row["p"] == 1.0


def test_replicas_that_are_all_alike_hang_on_no_worse_one():
    scores = invented()
    scores["last_100"] = scores["variant"].map(MEANS)
    assert not verdict(level("above", 50.0), scores)["fragile"]  # one seed at 20 leaves the mean above
    row = verdict(level("above", 80.0), scores)
    assert (row["verdict"], row["fragile"]) == ("replicated", True)
    assert (
        row["reason"] == "hangs on no seed of 'A' being as low as the lowest that was seen on CartPole-v1, 20"
    )


def test_a_smaller_budget_is_said_in_the_verdict():
    assert verdict(directional("A", "B"))["reservation"] == ""
    row = verdict(directional("A", "B"), spent=250, seeds=5)
    assert row["reservation"] == "at 25 % of the steps and 5 of 6 seeds"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.25, ""),
        (
            0.5,
            "the last 100 episodes span up to 50\N{NO-BREAK SPACE}% of the steps, so earlier policies count too",
        ),
    ],
)
def test_a_final_score_that_spans_more_than_a_quarter_of_the_budget_is_reserved(share, said):
    scores = invented()
    scores.loc[scores["variant"].eq("B"), "last_share"] = share
    row = verdict(directional("A", "B"), scores)
    assert row["window"] == pytest.approx(share)
    assert said in row["reason"]
    assert ("span" in row["reason"]) == bool(said)
    other = verdict(directional("A", "C"), scores)  # B is not compared, and its window does not matter
    assert other["window"] == pytest.approx(0.1)
    assert "span" not in other["reason"]


def test_scores_other_than_the_last_episodes_have_no_window():
    scores = invented().assign(area_under_curve=lambda table: table["last_100"], last_share=0.9)
    row = verdict(directional("A", "B", score="area_under_curve"), scores)
    assert math.isnan(row["window"])
    assert "span" not in row["reason"]


def test_a_study_without_claims_has_empty_tables_of_the_same_columns():
    judgement = judge(a_plan({}), [invented()], {})
    for table, format_ in zip(judgement, (VERDICTS, EFFECTS, PUBLISHED), strict=True):
        assert len(table) == 0
        format_.check(table, "empty")


def test_a_claim_on_an_environment_that_the_preset_leaves_out_is_not_judged():
    everywhere = {"kind": "directional", "higher": "A", "lower": "C", "margin": SHARE}
    there = everywhere | {"environments": ["Acrobot-v1"]}
    plan = a_plan({"everywhere": everywhere, "there": there})
    study = plan.study.model_copy(update={"environments": {"CartPole-v1": 1000}})
    runs = tuple(run for run in plan.runs if run.environment == "CartPole-v1")
    plan = plan.model_copy(update={"study": study, "runs": runs, "left_out": ("Acrobot-v1",)})
    scores = invented()
    rows = judge(plan, [scores[scores["environment"] == "CartPole-v1"]], {}).verdicts.set_index("claim")
    assert rows.loc["everywhere", "verdict"] == "replicated"
    assert rows.loc["everywhere", "reservation"] == "at 1 of 2 environments"
    assert rows.loc["there", "verdict"] == "not judged"
    assert rows.loc["there", "reason"] == "the preset here leaves out Acrobot-v1"


def test_a_claim_that_the_preset_leaves_out_does_not_weaken_the_others():
    there = level("above", -1000.0) | {"environments": ["Acrobot-v1"]}  # where A is
    plan = a_plan({"here": directional("A", "B", **ONE), "there": there})
    left_out = plan.model_copy(update={"left_out": ("Acrobot-v1",)})
    both = judge(plan, [invented()], {}).verdicts.set_index("claim")
    alone = judge(left_out, [invented()], {}).verdicts.set_index("claim")
    assert both.loc["here", "p_adjusted"] > both.loc["here", "p"] == alone.loc["here", "p"]
    assert alone.loc["here", "p_adjusted"] == alone.loc["here", "p"]
    assert np.isnan(alone.loc["there", "p"])
