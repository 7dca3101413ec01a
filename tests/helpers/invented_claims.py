"""An invented study of three variants on two environments, with scores and claims of every kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pgbench.analysis.judging import judge
from pgbench.studies.configuration import Configuration, Preset
from pgbench.studies.plans import StudyPlan, plan_study
from pgbench.studies.references import PublishedScore
from pgbench.studies.study import Study

SOURCE = {"paper": "schulman2017ppo", "where": "Table 1"}
COMMON = {"statement": "It is so.", "source": SOURCE, "score": "last_100"}
ONE = {"environments": ["CartPole-v1"]}
SHARE = {"size": 0.1, "of": "range"}
WIDE = {"size": 0.4, "of": "comparator"}
SEEDS = 6
PUBLISHED_SCORE = PublishedScore(
    id="known",
    paper="schulman2017ppo",
    where="Table 9",
    algorithm="PPO",
    environments=("CartPole-v0",),
    statistic="last_100",
    value=100.0,
    spread_kind="ci_95",
    low=90.0,
    high=110.0,
    steps=1000,
)
VARIANTS = {"A": {"parent": "ppo"}, "B": {"parent": "gae"}, "C": {"parent": "reward_to_go"}}
MEANS = {"A": 100.0, "B": 60.0, "C": 20.0}


def a_plan(claims: Mapping[str, Any], spent: int | None = None, seeds: int = SEEDS) -> StudyPlan:
    written = {name: COMMON | claim for name, claim in claims.items()}
    margins: dict[str, Any] = {}
    for claim in written.values():
        if (margin := claim.pop("margin", None)) is not None:
            units = margins.setdefault(claim["score"], {})
            assert units.setdefault(margin["of"], margin["size"]) == margin["size"]
    study = Study(
        question="Does it judge?",
        parent="ppo",
        seeds=SEEDS,
        environments={"CartPole-v1": 1000, "Acrobot-v1": 1000},
        variants=VARIANTS,
        margins=margins,
        claims=written,
    )
    presets = {"here": Preset(seeds=seeds, steps=spent)}
    configuration = Configuration(preset="here", studies=["invented"], block_size=10, presets=presets)
    return plan_study("invented", study, configuration)


def invented(means: Mapping[str, float] = MEANS, spread: float = 2.0, seeds: int = SEEDS) -> pd.DataFrame:
    """Scores with these means on CartPole, and ten times these less 2000 on Acrobot; untrained: 10, -1900."""
    rng, rows = np.random.default_rng(1), list[dict[str, Any]]()
    for variant, mean in means.items():
        for environment, factor, shift in (("CartPole-v1", 1.0, 0.0), ("Acrobot-v1", 10.0, -2000.0)):
            noise = rng.standard_normal(seeds)
            noise = spread * (noise - noise.mean()) / noise.std(ddof=1)
            rows += [
                {
                    "variant": variant,
                    "environment": environment,
                    "seed": seed,
                    "status": "scored",
                    "untrained": factor * 10.0 + shift,
                    "last_100": factor * (mean + noise[seed]) + shift,
                    "last_episodes": factor * (mean + noise[seed]) + shift,
                    "last_share": 0.1,
                }
                for seed in range(seeds)
            ]
    return pd.DataFrame(rows)


def verdict(claim: Any, scores: pd.DataFrame | None = None, **spent: Any) -> Any:
    """The row of the only claim of a study."""
    scores = invented() if scores is None else scores
    return judge(a_plan({"only": claim}, **spent), [scores], {"known": PUBLISHED_SCORE}).verdicts.iloc[0]


def directional(higher: str, lower: str, **more: Any) -> dict[str, Any]:
    return {"kind": "directional", "higher": higher, "lower": lower, "margin": SHARE, **more}


def equivalence(size: float) -> dict[str, Any]:
    margin = {"size": size, "of": "range"}
    return {"kind": "equivalence", "variant": "A", "comparator": "B", "margin": margin}


def not_better(variant: str, comparator: str) -> dict[str, Any]:
    return {"kind": "not_better", "variant": variant, "comparator": comparator, "margin": SHARE}


def effects_of(larger: Sequence[str], smaller: Sequence[str]) -> dict[str, Any]:
    return {"kind": "effects", "larger": list(larger), "smaller": list(smaller), "margin": SHARE}


def level(side: str, value: float) -> dict[str, Any]:
    return {"kind": "level", "variant": "A", "side": side, "level": value, **ONE}


def reference(relation: str, **more: Any) -> dict[str, Any]:
    shared = {"kind": "reference", "variant": "A", "reference": "known", "margin": WIDE, **ONE}
    return shared | {"relation": relation} | more


def lose(scores: pd.DataFrame, variants: Iterable[str], seeds: Iterable[int]) -> pd.DataFrame:
    """Let some replicas diverge, on every environment."""
    lost = scores["variant"].isin(variants) & scores["seed"].isin(seeds)
    return scores.assign(
        status=scores["status"].mask(lost, "diverged"), last_100=scores["last_100"].mask(lost)
    )
