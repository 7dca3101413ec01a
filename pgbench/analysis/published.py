"""Published scores beside a study's own scores, with every difference between the two measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pgbench.analysis import inference
from pgbench.analysis.effects import Unjudgeable, effect
from pgbench.storage.table_format import TableFormat
from pgbench.studies.claims import Pair
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import PublishedScore, world
from pgbench.studies.scores import Score, unrecorded

PUBLISHED = TableFormat(
    {
        **dict.fromkeys(
            ("claim", "variant", "reference", "paper", "where", "algorithm", "environments"), "str"
        ),
        **dict.fromkeys(("statistic", "spread_kind", "score", "words", "mismatches", "note"), "str"),
        **dict.fromkeys(("published", "published_low", "published_high"), "float64"),
        **dict.fromkeys(("published_spread", "published_seeds"), "float64"),
        **dict.fromkeys(("own", "own_low", "own_high"), "float64"),
    }
)


def published_scores(
    plan: StudyPlan, scores: pd.DataFrame, references: Mapping[str, PublishedScore]
) -> pd.DataFrame:
    """Compare each published score that a claim names with the variant's own score on the same environments.

    Published scores of environments that the plan does not have are left out.

    Args:
        plan: the study.
        scores: one row a replica; replicas that diverged have their substitute score.
        references: published scores by id.

    Returns:
        One row a claim and published score, in the format `PUBLISHED`. `own` is the same statistic if the study has
        it, else the claim's score. Intervals have the level 95 %; they are NaN where there is none. `mismatches`
        names every respect in which the two measurements differ. `words` is what the claim says of the number.
    """
    rows = (
        {
            "claim": name,
            "words": words,
            **_compare(plan, scores, claim.score, variant, references[reference]),
        }
        for name, claim in plan.study.claims.items()
        for variant, reference, words in claim.quotes
        if _shared(plan, references[reference])
    )
    return PUBLISHED.table(rows)


def _shared(plan: StudyPlan, reference: PublishedScore) -> list[str]:
    """The plan's environments that a published score is about, possibly in another version."""
    worlds = {world(environment) for environment in reference.environments}
    return [environment for environment in plan.study.environments if world(environment) in worlds]


def _compare(
    plan: StudyPlan, scores: pd.DataFrame, claimed: Score, variant: str, reference: PublishedScore
) -> dict[str, Any]:
    """A published score beside the variant's own; `claimed` is the score of the claim."""
    environments = _shared(plan, reference)
    recorded = reference.scores - unrecorded(plan.study.evaluation).keys()
    score = claimed if claimed in recorded else min(recorded, default=claimed)
    steps = {run.run.steps for run in plan.runs if run.environment in environments and run.variant == variant}
    mean, low, high = _own_mean(scores, score, variant, environments)
    published_low, published_high = reference.interval or (np.nan, np.nan)
    return {
        "variant": variant,
        "reference": reference.id,
        "paper": reference.paper,
        "where": reference.where,
        "algorithm": reference.algorithm,
        "environments": " ".join(environments),
        "statistic": reference.statistic,
        "spread_kind": reference.spread_kind,
        "score": score,
        "mismatches": "; ".join(reference.mismatches(environments, score, steps)),
        "note": reference.note or "",
        "published": reference.value,
        "published_low": published_low,
        "published_high": published_high,
        "published_spread": np.nan if reference.spread is None else reference.spread,
        "published_seeds": np.nan if reference.seeds is None else reference.seeds,
        "own": mean,
        "own_low": low,
        "own_high": high,
    }


def _own_mean(
    scores: pd.DataFrame, score: Score, variant: str, environments: list[str]
) -> tuple[float, float, float]:
    """The variant's mean score over the environments with its interval; NaN where there is none."""
    try:
        contrast = effect(scores, score, Pair(variant, None), environments, "score").contrast
    except Unjudgeable:
        return np.nan, np.nan, np.nan
    low, high = inference.interval(contrast)
    return float(contrast.value), float(low), float(high)
