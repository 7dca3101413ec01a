"""The names of scores: each has a meaning, and the metrics are those that training records."""

import pytest

from helpers.batches import setting, updated
from pgbench.methods.runs import Evaluation
from pgbench.studies.scores import (
    EVALUATIONS,
    METRICS,
    SCORES,
    MetricScore,
    meaning,
    metric_score,
    unrecorded,
)


def test_every_score_has_a_meaning():
    assert all(meaning(score) for score in (*SCORES, "mean(kl)"))
    assert meaning("final(kl)") == f"{METRICS['kl']}: last iteration"


@pytest.mark.parametrize(
    ("score", "parts"),
    [
        ("mean(kl)", MetricScore("mean", "kl")),
        ("maximum(ratio_maximum)", MetricScore("maximum", "ratio_maximum")),
        ("maximum", None),
        ("median(kl)", None),
        ("mean(last_100)", None),
    ],
)
def test_a_score_of_a_metric_is_taken_apart(score, parts):
    assert metric_score(score) == parts


def test_what_is_recorded_depends_on_the_evaluations():
    assert unrecorded(None).keys() == EVALUATIONS.keys()
    assert unrecorded(Evaluation(episodes=1)) == {}
    assert list(unrecorded(Evaluation(episodes=1, actions="sampled"))) == ["deterministic_evaluation"]


def test_every_metric_is_recorded_by_some_method():
    recorded = set()
    for name in ("ppo", "ppo_adaptive_kl", "trpo"):
        algorithm, learner, _, batch = setting(name)
        recorded |= updated(algorithm, learner, batch).keys()
    assert METRICS.keys() <= recorded
