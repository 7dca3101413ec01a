"""The tables against their definitions, evaluated naively."""

import json
import math
from itertools import combinations
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from pgbench.analysis import gathering, replicas, summaries
from pgbench.analysis.gathering import gather
from pgbench.analysis.replicas import Replica, curve
from pgbench.analysis.study_tables import StudyProvenance
from pgbench.base.refusals import Refusal
from pgbench.methods.runs import Evaluation
from pgbench.running.condensing import condensed
from pgbench.running.recording import Rows
from pgbench.storage.blocks import Block
from pgbench.training.iteration import Outcome

BUDGET = 20_000
NOT_EVALUATED = (np.empty(0), np.empty(0, dtype=np.int64))
DIVERGED_AT = 12_000


@pytest.fixture
def table(gathered):
    return lambda name: pd.read_parquet(gathered / f"{name}.parquet")


def naive_curve(steps, returns, grid):
    points, value, start = [], np.nan, -1
    for end in grid:
        inside = [r for s, r in zip(steps, returns, strict=True) if start < s <= end]
        value = np.mean(inside) if inside else value
        points.append(value)
        start = end
    return np.array(points)


def test_curve_is_the_mean_of_each_bin_carried_forward():
    rng, grid = np.random.default_rng(0), np.arange(10, 110, 10)
    for count in (0, 1, 5, 40):
        steps = np.sort(rng.integers(1, 130, count))
        returns = rng.standard_normal(count)
        np.testing.assert_allclose(curve(steps, returns, grid), naive_curve(steps, returns, grid))


def test_an_episode_at_a_grid_point_belongs_to_the_bin_that_ends_there():
    points = curve(np.array([10, 11]), np.array([1.0, 3.0]), np.array([10, 20]))
    assert points.tolist() == [1.0, 3.0]


def test_every_episode_is_tidy(table, plan):
    episodes = table("episodes")
    assert set(episodes["run"]) == {
        planned.name for planned in plan.runs if planned.variant != "REINFORCE"
    } | {planned.name for planned in plan.runs if planned.environment == "CartPole-v1"}
    assert list(episodes.columns[:4]) == ["variant", "environment", "run", "seed"]


def test_every_replica_has_a_score_row_and_a_curve(table, plan):
    scores, curves = table("scores"), table("curves")
    assert len(scores) == len(plan.runs) * 5
    assert len(curves) == len(scores) * 100
    assert curves["step"].max() == BUDGET


def test_scores_are_what_they_say(table):
    scores, episodes, curves = table("scores"), table("episodes"), table("curves")
    row = scores[scores["status"] == "scored"].iloc[7]
    keys = ["variant", "environment", "seed"]

    def own(frame):
        return frame[(frame[keys] == row[keys]).all(axis=1)]

    counted = own(episodes)[own(episodes)["step"] <= BUDGET]
    assert len(counted) < len(own(episodes))
    assert row["episodes"] == len(counted)
    assert row["last_100"] == pytest.approx(counted["episodic_return"].tail(100).mean())
    assert row["area_under_curve"] == pytest.approx(own(curves)["episodic_return"].mean())
    assert row["maximum"] == own(curves)["episodic_return"].max()


def test_a_diverged_replica_is_counted_and_its_curve_ends(table):
    scores, curves = table("scores"), table("curves")
    diverged = scores[scores["status"] == "diverged"]
    assert diverged[["variant", "environment", "seed"]].to_numpy().tolist() == [["PPO", "HalfCheetah-v5", 1]]
    assert diverged["last_100"].isna().all()
    assert diverged["steps"].tolist() == [DIVERGED_AT]
    own = curves[
        (curves["variant"] == "PPO") & (curves["environment"] == "HalfCheetah-v5") & (curves["seed"] == 1)
    ]
    assert own.dropna()["step"].max() == DIVERGED_AT


def test_summary_counts_every_replica(table):
    summary = table("summary").set_index(["variant", "environment"])
    assert (summary["replicas"] == 5).all()
    assert (summary[["scored", "diverged", "no_episode"]].sum(axis=1) == 5).all()
    assert summary.loc[("PPO", "HalfCheetah-v5"), "diverged"] == 1
    assert summary.loc[("REINFORCE", "HalfCheetah-v5"), "no_episode"] == 5
    assert np.isnan(summary.loc[("REINFORCE", "HalfCheetah-v5"), "mean"])


def test_a_replica_that_diverged_counts_as_the_untrained_policy_or_as_it_was(table):
    scores, summary = table("scores"), table("summary").set_index(["variant", "environment"])
    here = scores[scores["environment"] == "HalfCheetah-v5"]
    own = here[here["variant"] == "PPO"]
    (last,) = own.loc[own["status"] == "diverged", "last_episodes"]
    assert own["last_100"].isna().sum() == 1
    expected = own["last_100"].fillna(min(last, here["untrained"].mean())).mean()
    assert summary.loc[("PPO", "HalfCheetah-v5"), "mean"] == pytest.approx(expected)


def test_intervals_hold_what_they_are_about(table):
    summary = table("summary")
    known = summary.dropna()
    for name in ("mean", "interquartile_mean"):
        assert (known[f"{name}_low"] <= known[name]).all()
        assert (known[name] <= known[f"{name}_high"]).all()


def test_effects_pair_equal_seeds(table):
    scores, effects = table("scores"), table("effects")
    cartpole = scores[scores["environment"] == "CartPole-v1"].pivot(index="seed", columns="variant")[
        "last_100"
    ]
    effect = effects[(effects["variant"] == "PPO") & (effects["environment"] == "CartPole-v1")].iloc[0]
    assert effect["before"] == "baseline"
    assert effect["difference"] == pytest.approx((cartpole["PPO"] - cartpole["baseline"]).mean())
    half_cheetah = effects[effects["environment"] == "HalfCheetah-v5"].set_index("variant")
    assert half_cheetah["pairs"].tolist() == [0, 5, 5]
    over_all = effects[effects["environment"] == summaries.ALL_ENVIRONMENTS].set_index("variant")
    assert over_all["difference"].isna().all()
    both = effects[(effects["variant"] == "PPO") & effects["difference"].notna()]
    expected = both["probability_of_improvement"].mean()
    assert over_all.loc["PPO", "probability_of_improvement"] == pytest.approx(expected)


def test_an_interval_does_not_depend_on_what_else_the_study_holds(table):
    scores = table("scores")
    alone = summaries.summary(scores[(scores["variant"] == "PPO") & (scores["environment"] == "CartPole-v1")])
    together = summaries.summary(scores).set_index(["variant", "environment"])
    assert alone["mean_low"].item() == together.loc[("PPO", "CartPole-v1"), "mean_low"]


def test_provenance_adds_up(gathered, plan):
    record = StudyProvenance.model_validate_json((gathered / "provenance.json").read_bytes())
    assert record.agree
    trained = len(plan.runs) * 5 * (BUDGET + 300) - (BUDGET + 300 - DIVERGED_AT)
    assert record.steps == sum(run.steps for run in record.runs) == trained
    assert record.seconds == len(plan.runs) * 2 * 60.0
    assert record.runs[0].seeds == (0, 1, 2, 3, 4)


def test_gathering_twice_gives_the_same_bytes(plan, results, gathered, tmp_path):
    gather(plan, results, tmp_path)
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (gathered / path.name).read_bytes()


def test_a_missing_block_is_named(plan, tmp_path):
    with pytest.raises(Refusal, match=plan.runs[0].name):
        gather(plan, tmp_path, tmp_path / "out")


def test_a_block_with_other_seeds_is_refused(plan, results, tmp_path):
    first = plan.runs[0]
    (tmp_path / "runs" / first.name).mkdir(parents=True)
    (tmp_path / "runs" / first.name / "0-3").symlink_to(results / "runs" / first.name / "4-4")
    with pytest.raises(Refusal, match=r"holds the seeds \[4\], not 0-3"):
        gather(plan, tmp_path, tmp_path / "out")


def test_disagreement_is_noticed(gathered):
    content = json.loads((gathered / "provenance.json").read_text())
    content["commits"].append("f" * 40)
    assert not StudyProvenance.model_validate(content).agree


def test_the_untrained_policy_is_what_ran_before_the_first_update(table):
    scores, episodes = table("scores"), table("episodes")
    row = scores[scores["status"] == "scored"].iloc[3]
    keys = ["variant", "environment", "seed"]
    own = episodes[(episodes[keys] == row[keys]).all(axis=1)]
    first_update = (BUDGET + 300) // 4  # as the invented metrics say
    assert row["untrained"] == pytest.approx(own.loc[own["step"] <= first_update, "episodic_return"].mean())
    assert np.isnan(row["iteration_20"])  # there are only four


def of_iterations(plan, steps, returns, ends):
    return replicas.Replica(plan.runs[0], 0, 30, "finished", steps, returns, ends, {}, *NOT_EVALUATED)


def test_the_return_of_an_iteration_is_that_of_the_episodes_that_ended_in_it(plan):
    steps, returns = np.array([5, 10, 11, 20, 26]), np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    replica = of_iterations(plan, steps, returns, {0: 0, 1: 10, 2: 20, 3: 30})
    assert [replica.ended_in(iteration).tolist() for iteration in (1, 2, 3, 4)] == [[1, 2], [4, 8], [16], []]
    late = of_iterations(plan, steps, returns, {0: 0, 1: 3, 2: 20, 3: 30})
    assert late.untrained == 1.0  # no episode ended so early: the first
    thinned = of_iterations(plan, steps, returns, {0: 0, 1: 10, 3: 30})
    assert not len(thinned.ended_in(3))  # nobody knows where the second ended


def test_a_score_of_a_metric_is_what_its_replica_kept(plan):
    statistics = {"mean(kl)": 2.5, "last(kl)": 4.0}
    replica = replicas.Replica(
        plan.runs[0], 0, 30, "finished", np.empty(0), np.empty(0), {0: 0}, statistics, *NOT_EVALUATED
    )
    found = replicas.metric_scores(replica, ["last_100", "mean(kl)", "last(kl)", "mean(beta)"])
    assert list(found) == ["mean(kl)", "last(kl)", "mean(beta)"]
    np.testing.assert_array_equal(list(found.values()), [2.5, 4.0, np.nan])


def test_both_readings_of_the_best_result_are_scored(table):
    scores = table("scores")
    cartpole = scores[scores["environment"] == "CartPole-v1"]
    base = cartpole["untrained"].mean()
    gains = cartpole.pivot(index="seed", columns="variant", values="last_100") - base
    choices = [gains.loc[list(seeds)] for seeds in combinations(gains.index, 3)]
    for reading, best in (("run", lambda few: few.max().max()), ("setting", lambda few: few.mean().max())):
        expected = sum(few.mean() / best(few) for few in choices) / len(choices)
        found = cartpole.groupby("variant")[f"normalised_by_best_{reading}"].mean()
        pd.testing.assert_series_equal(found, expected, check_names=False)


def test_a_variants_score_is_the_best_of_its_mean_evaluations(table, plan, results):
    """No single replica's: the mean over replicas is taken first, and then the best over time."""
    scores = table("scores")
    for planned in plan.runs:
        found = pd.concat(
            pd.read_parquet(results / "runs" / planned.name / block / "evaluations.parquet")
            for block in planned.blocks
        )
        own = scores[scores["run"] == planned.name].set_index("seed")
        whole = found[~found["seed"].map(own["status"]).eq("diverged")]
        expected = whole.groupby("step")["episodic_return"].mean().max()
        assert own["maximum_of_mean_curve"].mean() == pytest.approx(expected)
        assert own["maximum_of_mean_curve"].isna().equals(own["status"] == "diverged")


def test_an_evaluation_stands_for_every_part_that_its_update_completed(plan):
    evaluated = {"evaluated": np.array([1.0, 2.0, 3.0]), "evaluated_at": np.array([300, 760, 1010])}
    run = plan.runs[0].run.model_copy(update={"steps": 1000, "evaluation": Evaluation(episodes=1, times=4)})
    planned = plan.runs[0].model_copy(update={"run": run})
    replica = replicas.Replica(
        planned, 0, 1010, "finished", np.array([1]), np.array([1.0]), {}, {}, **evaluated
    )
    assert replica.evaluation_curve.tolist() == [1.0, 2.0, 2.0, 3.0]


def test_evaluations_are_scored_by_the_last(table, plan, results):
    scores = table("scores").set_index(["run", "seed"])
    for planned in plan.runs:
        found = [
            pd.read_parquet(results / "runs" / planned.name / block / "evaluations.parquet")
            for block in planned.blocks
        ]
        for seed, episodes in pd.concat(found).groupby("seed"):
            row = scores.loc[(planned.name, seed)]
            means = [
                np.mean([r for s, r in episodes[["step", "episodic_return"]].to_numpy() if s == step])
                for step in sorted(set(episodes["step"]))
            ]
            assert len(means) == 4
            if row["status"] == "diverged":
                assert np.isnan(row["deterministic_evaluation"])
            else:  # also where no training episode ended
                assert row["deterministic_evaluation"] == pytest.approx(means[-1])
                assert means[-1] < max(means)
    assert set(scores["status"]) == {"scored", "diverged", "no episode"}


def test_an_evaluation_that_is_not_finite_is_no_score():
    returns = {"step": [5, 5, 9, 9], "episodic_return": [1.0, 2.0, np.inf, 3.0]}
    episodes = pd.DataFrame(returns | {"cut": False})
    np.testing.assert_array_equal(replicas.evaluation_means(episodes), [1.5, np.nan])
    assert not len(replicas.evaluation_means(episodes[:0]))


def test_an_evaluation_that_was_cut_is_no_score():
    episodes = pd.DataFrame({"step": [5, 5, 9], "episodic_return": 1.0, "cut": [False, True, False]})
    np.testing.assert_array_equal(replicas.evaluation_means(episodes), [np.nan, 1.0])


def test_a_training_episode_that_was_cut_is_in_no_table(plan):
    """It has no end, so its return is not one."""
    planned = plan.runs[0]
    keys = {"seed": 0, "step": [10, 20], "episodic_return": [1.0, 7.0], "episodic_length": 10}
    episodes = pd.DataFrame(keys | {"terminated": False, "cut": [False, True]})
    metrics = pd.DataFrame({"seed": [0], "iteration": [0], "step": [20]})
    tables = condensed(Rows(episodes, metrics, episodes[:0]), [Outcome(0, BUDGET, False)], BUDGET)
    (replica,) = replicas.replicas_of(planned, Block(**tables._asdict(), record=None))
    assert (replica.status, replica.returns.tolist()) == ("scored", [1.0])


@pytest.mark.parametrize(
    ("asked", "columns"),
    [
        (None, []),
        (Evaluation(episodes=1, actions="sampled"), []),
        (Evaluation(episodes=1), ["deterministic_evaluation"]),
    ],
)
def test_a_run_has_only_the_scores_that_it_was_evaluated_for(plan, asked, columns):
    planned = plan.runs[0].model_copy(
        update={"run": plan.runs[0].run.model_copy(update={"evaluation": asked})}
    )
    evaluated = {"evaluated": np.array([3.0, 2.0]), "evaluated_at": np.array([10, BUDGET])}
    if asked is None:
        evaluated = {name: values[:0] for name, values in evaluated.items()}
    replica = replicas.Replica(
        planned, 0, BUDGET, "finished", np.array([1]), np.array([1.0]), {0: 0, 1: BUDGET}, {}, **evaluated
    )
    found = replicas._evaluation_scores(replica)
    assert {name: value for name, value in found.items() if not np.isnan(value)} == dict.fromkeys(
        columns, 2.0
    )


def test_a_published_evaluation_stands_beside_our_own(table):
    published = table("published").set_index(["claim", "reference"])
    own = table("scores").query("variant == 'PPO' and environment == 'CartPole-v1'")
    for reference, score in (
        ("zoo-ppo-cartpole-v1-100k", "deterministic_evaluation"),
        ("cleanrl-ppo-cartpole-v1-500k", "last_100"),
    ):
        row = published.loc[("evaluated", reference)]
        assert row["score"] == score
        assert row["own"] == pytest.approx(own[score].mean())
        assert "statistic" not in row["mismatches"]


def test_claims_are_judged_and_written_as_spreadsheets_too(table, gathered, plan):
    assert table("verdicts")["claim"].tolist() == list(plan.study.claims)
    for name in ("verdicts", "claims", "published"):
        read = pd.read_csv(gathered / f"{name}.csv")
        assert list(read.columns) == list(table(name).columns)
        assert len(read) == len(table(name)) > 0


def test_rows_of_a_seed_are_those_that_a_mask_finds():
    table = pd.DataFrame({"seed": [0, 0, 2, 2, 2, 5], "step": range(6)})
    seeds = range(-1, 7)
    for seed, rows in zip(seeds, replicas._rows_of_seeds(table, seeds), strict=True):
        pd.testing.assert_frame_equal(table.iloc[rows], table[table["seed"] == seed])


def test_texts_stand_as_often_as_they_are_counted():
    rows, counts = [("b", "x"), ("a", "x"), ("b", "y")], [2, 0, 3]
    naive = [row for row, count in zip(rows, counts, strict=True) for _ in range(count)]
    found = gathering._repeated(["first", "second"], rows, counts)
    assert list(found.itertuples(index=False, name=None)) == naive


def test_the_last_episodes_span_the_steps_since_the_episode_before_them():
    planned = SimpleNamespace(run=SimpleNamespace(steps=1000))
    for episodes, expected in ((0, math.nan), (3, 0.015), (100, 0.5), (160, 0.5)):
        steps = 5 * np.arange(1, episodes + 1)
        replica = Replica(
            planned=planned,  # type: ignore[arg-type]
            **{"seed": 0, "trained": 1000, "ended": "finished", "steps": steps, "returns": steps * 1.0},
            **{"ends": {}, "statistics": {}, "evaluated": np.empty(0), "evaluated_at": steps},
        )
        assert replica.last_share == pytest.approx(expected, nan_ok=True)
