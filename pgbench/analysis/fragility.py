"""Fragility: verdicts that one more seed could overturn.

A few seeds that all behave alike know nothing of a rarer outcome. Where another replica of the study has shown one,
in the same environment, the verdict is tried again with one more seed that has it. The flag does not help where no
replica has shown the outcome; `docs/statistics.md` says how often it does.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from pgbench.analysis.evidence import Evidence
from pgbench.base import wording
from pgbench.studies.scores import Score

Extremes = Mapping[str, tuple[float, float]]
"""Environment → the lowest and the highest score that any replica of the study has there."""


def extremes(scores: pd.DataFrame, score: Score) -> Extremes:
    """The extremes of a score, from one row a replica; environments without a score are left out."""
    groups = scores.dropna(subset=[score]).groupby("environment", sort=False)[score]
    return {str(environment): (float(group.min()), float(group.max())) for environment, group in groups}


def hangs_on(evidence: Evidence, seen: Extremes, level: float) -> str:
    """What a verdict hangs on, in words; empty if it would survive one more seed.

    One variant gets a seed with the lowest or the highest score that was seen in an environment. The other variants
    get a seed with their means.

    Args:
        evidence: that settled the claim.
        seen: the extremes of the claim's score.
        level: α of the p-value that settled it.
    """
    compared = {
        (share.variant, stratum.environment)
        for effect in evidence.effects
        for stratum in effect.strata
        for share in stratum.shares
    }
    for variant, environment in sorted(compared):
        for score, side in zip(seen[environment], ("low", "high"), strict=True):
            if not _p_with(evidence, environment, variant, score) <= level:
                return (
                    f"hangs on no seed of '{variant}' being as {side} as the {side}est that was seen "
                    f"on {environment}, {wording.number(score)}"
                )
    return ""


def _p_with(evidence: Evidence, environment: str, variant: str, score: float) -> float:
    """The p-value of the same finding, with one more seed."""
    found = evidence.p_values(lambda effect: effect.with_one_more(environment, variant, score).contrast)
    return float(found.holds if evidence.holds else found.fails)
