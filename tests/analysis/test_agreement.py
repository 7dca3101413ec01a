"""The interval beside a verdict agrees with it, whatever the claim, in random studies of all kinds of claims."""

import numpy as np
import pandas as pd
import pytest

from pgbench.analysis.judging import judge
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.plans import plan_study
from pgbench.studies.references import PublishedScore
from pgbench.studies.study import Study

LABELS, ENVIRONMENTS = ("A", "B", "C", "D", "E"), ("CartPole-v1", "Acrobot-v1")
PARENTS = ("ppo", "gae", "reward_to_go", "average_baseline", "reinforce")
SOURCE = {"paper": "schulman2017ppo", "where": "Table 1"}
COMMON = {"statement": "It is so.", "source": SOURCE, "score": "last_100"}
ONE = {"environments": ["CartPole-v1"]}
CLAIMS = {
    "more": {"kind": "directional", "higher": "A", "lower": "B"},
    "more-on-each": {"kind": "directional", "higher": "B", "lower": "C", "across": "each"},
    "alike": {"kind": "equivalence", "variant": "A", "comparator": "C"},
    "alike-on-each": {"kind": "equivalence", "variant": "D", "comparator": "C", "across": "each"},
    "in-order": {"kind": "ordering", "order": ["A", "B", "C"]},
    "best": {"kind": "optimum", "best": ["A", "B"], "others": ["C", "D", "E"]},
    "one-best": {"kind": "optimum", "best": ["A"], "others": ["B", "C"], "across": "each"},
    "high": {"kind": "level", "variant": "A", "side": "above", "level": 10.0, **ONE},
    "as-published": {"kind": "reference", "variant": "E", "relation": "within", "reference": "known", **ONE},
}
KNOWN = PublishedScore(
    id="known",
    paper="schulman2017ppo",
    where="Table 9",
    algorithm="PPO",
    environments=("CartPole-v1",),
    statistic="last_100",
    value=10.0,
    spread_kind="standard_deviation",
    spread=1.0,
    steps=1000,
    seeds=5,
)
SEEDS = 5


def a_plan(names):
    study = Study(
        question="Does it agree?",
        parent="ppo",
        seeds=SEEDS,
        environments=dict.fromkeys(ENVIRONMENTS, 1000),
        variants={label: {"parent": parent} for label, parent in zip(LABELS, PARENTS, strict=True)},
        margins={"last_100": {"range": 0.1, "score": 2.0}},
        claims={
            name: COMMON | CLAIMS[name] | ({} if name == "high" else {"unit": _unit(name)}) for name in names
        },
    )
    configuration = Configuration(preset="here", studies=["random"], presets={"here": Preset()})
    return plan_study("random", study, configuration)


def _unit(name):
    return "score" if name == "as-published" else "range"


def random_scores(rng):
    rows = []
    for environment in ENVIRONMENTS:
        for label in LABELS:
            mean, spread = rng.normal(10.0, rng.choice([0.3, 3.0])), rng.choice([0.1, 1.0, 3.0])
            scores = mean + spread * rng.standard_normal(SEEDS)
            rows += [
                {"variant": label, "environment": environment, "seed": seed, "status": "scored"}
                | {"untrained": 0.0, "last_100": score, "last_share": 0.1}
                for seed, score in enumerate(scores)
            ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("studies", [24, pytest.param(1000, marks=pytest.mark.faults)])
def test_the_interval_beside_a_verdict_agrees_with_it(studies):
    rng, verdicts = np.random.default_rng(3), []
    for size in (1, 3, 6, 9):
        plans = [a_plan(sorted(rng.choice(sorted(CLAIMS), size, replace=False))) for _ in range(6)]
        verdicts += [
            judge(plans[study % 6], [random_scores(rng)], {"known": KNOWN}).verdicts
            for study in range(studies // 4)
        ]
    table = pd.concat(verdicts, ignore_index=True)
    inside = (table["low"] > table["bound_low"]) & (table["high"] < table["bound_high"])
    outside = (table["high"] < table["bound_low"]) | (table["low"] > table["bound_high"])
    judged = table["verdict"] != "not judged"
    by_interval = np.select([inside, outside], ["replicated", "contradicted"], "inconclusive")
    pd.testing.assert_series_equal(
        table["verdict"][judged], pd.Series(by_interval)[judged], check_names=False, check_dtype=False
    )
    assert set(table["verdict"][judged]) == {"replicated", "contradicted", "inconclusive"}
    assert set(table["kind"][judged]) == {claim["kind"] for claim in CLAIMS.values()}
