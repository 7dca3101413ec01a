"""Published scores beside a study's own, with every difference between the two measurements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from pgbench.analysis import inference
from pgbench.analysis.effects import Unjudgeable, effect
from pgbench.studies.claims import AgainstReference, Claim, Pair
from pgbench.studies.plans import StudyPlan
from pgbench.studies.references import PublishedScore, world
from pgbench.studies.scores import Score, unrecorded

PUBLISHED = {
    **dict.fromkeys(("claim", "variant", "reference", "paper", "where", "algorithm", "environments"), "str"),
    **dict.fromkeys(("statistic", "score", "mismatches", "note"), "str"),
    **dict.fromkeys(("published", "published_low", "published_high"), "float64"),
    **dict.fromkeys(("own", "own_low", "own_high"), "float64"),
}
"""Columns of the table of published scores."""


def published_scores(
    plan: StudyPlan, scores: pd.DataFrame, references: Mapping[str, PublishedScore]
) -> pd.DataFrame:
    """One row a claim and published score that it names, beside the variant's own score on the same environments.

    Published scores of environments that the plan does not have are left out.

    Args:
        plan: the study.
        scores: one row a replica, with the score of those that diverged filled in.
        references: published scores by id.

    Returns:
        Columns `PUBLISHED`. The own score is the same statistic where the study has it, else the claim's; intervals
        are of 95 %, NaN where there is none; `mismatches` names every respect in which the two differ.
    """
    rows = [
        _row(plan, scores, name, claim, variant, references[reference])
        for name, claim in plan.study.claims.items()
        for variant, reference in _named(claim)
        if _shared(plan, references[reference])
    ]
    return pd.DataFrame(rows, columns=list(PUBLISHED)).astype(PUBLISHED)


def _named(claim: Claim) -> Iterator[tuple[str, str]]:
    """(variant, reference) for each published score that the claim names."""
    named = [(variant, reference) for variant, each in claim.published.items() for reference in each]
    if isinstance(claim, AgainstReference):
        named.insert(0, (claim.variant, claim.reference))
    return iter(dict.fromkeys(named))


def _shared(plan: StudyPlan, reference: PublishedScore) -> list[str]:
    """The plan's environments that a published score is about, be it in another version."""
    worlds = {world(each) for each in reference.environments}
    return [each for each in plan.study.environments if world(each) in worlds]


def _row(
    plan: StudyPlan, scores: pd.DataFrame, name: str, claim: Claim, variant: str, reference: PublishedScore
) -> dict[str, Any]:
    environments = _shared(plan, reference)
    recorded = reference.scores - unrecorded(plan.study.evaluation).keys()
    score = claim.score if claim.score in recorded else min(recorded, default=claim.score)
    steps = {run.run.steps for run in plan.runs if run.environment in environments and run.variant == variant}
    own, low, high = _own(scores, score, variant, environments)
    return {
        "claim": name,
        "variant": variant,
        "reference": reference.id,
        "paper": reference.paper,
        "where": reference.where,
        "algorithm": reference.algorithm,
        "environments": " ".join(environments),
        "statistic": reference.statistic,
        "score": score,
        "mismatches": "; ".join(reference.mismatches(environments, score, steps)),
        "note": reference.note or "",
        "published": reference.value,
        **dict(zip(("published_low", "published_high"), reference.interval or (np.nan, np.nan), strict=True)),
        "own": own,
        "own_low": low,
        "own_high": high,
    }


def _own(
    scores: pd.DataFrame, score: Score, variant: str, environments: list[str]
) -> tuple[float, float, float]:
    """The variant's mean score over the environments with its interval; NaN where there is none."""
    try:
        found = effect(scores, score, Pair(variant, None), environments, "score")
    except Unjudgeable:
        found = None
    if found is None:
        return np.nan, np.nan, np.nan
    low, high = inference.interval(found.contrast)
    return float(found.contrast.value), float(low), float(high)
