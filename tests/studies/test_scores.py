"""The names of scores: each has a meaning, and the metrics are those that training records."""

import pytest

from helpers.trainings import small
from pgbench.methods.runs import Evaluation, Reference, Run
from pgbench.storage.blocks import STATISTICS
from pgbench.studies.scores import (
    EVALUATIONS,
    METRICS,
    OVER_UPDATES,
    REFERENCE_METRICS,
    SCORES,
    MetricScore,
    meaning,
    metric_score,
    unrecorded,
)
from pgbench.training import loop


def test_every_score_has_a_meaning():
    assert all(meaning(score) for score in (*SCORES, "mean(kl)"))
    assert meaning("last(kl)") == f"{METRICS['kl']}: last update"


def test_the_statistics_are_those_that_blocks_keep():
    assert tuple(OVER_UPDATES) == STATISTICS


@pytest.mark.parametrize(
    ("score", "parts"),
    [
        ("mean(kl)", MetricScore("mean", "kl")),
        ("maximum(ratio_maximum)", MetricScore("maximum", "ratio_maximum")),
        ("first(reference_cosine)", MetricScore("first", "reference_cosine")),
        ("maximum", None),
        ("median(kl)", None),
        ("mean(last_100)", None),
    ],
)
def test_a_score_of_a_metric_is_taken_apart(score, parts):
    assert metric_score(score) == parts


def test_what_is_recorded_depends_on_the_evaluations():
    looking = Reference(every=10)
    assert unrecorded(None, looking).keys() == EVALUATIONS.keys()
    assert unrecorded(Evaluation(episodes=1), looking) == {}
    sampled = Evaluation(episodes=1, actions="sampled")
    assert list(unrecorded(sampled, looking)) == ["deterministic_evaluation"]


def test_a_metric_of_references_needs_references():
    missing = unrecorded(Evaluation(episodes=1))
    assert set(missing) == {f"{over}({name})" for over in OVER_UPDATES for name in REFERENCE_METRICS}


@pytest.fixture(scope="module")
def recorded():
    """The metrics that members of the lineage record in their first update, one member of each kind."""
    found = set()
    for name in ("ppo", "ppo_adaptive_kl", "trpo", "replay"):
        algorithm = small(name)
        asked = Reference(every=1, batches=2) if name == "ppo" else None
        run = Run(algorithm=algorithm, environment="CartPole-v1", steps=64, reference=asked)
        found |= next(loop.train(run, [0])).statistics.keys()
    return found


def test_the_metrics_of_scores_are_those_that_training_records(recorded):
    assert METRICS.keys() == recorded
