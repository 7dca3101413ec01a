"""What figures show, from their numbers, for a reader who cannot see them."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pgbench.analysis.summaries import ALL_ENVIRONMENTS
from pgbench.base import wording
from pgbench.report.claim_rows import ClaimRow
from pgbench.report.score_rows import direction

MOST_NAMED = 8
"""How many claims or variants a text names; it counts the others."""


def of_claims(rows: Sequence[ClaimRow]) -> str:
    """The effects of claims and their verdicts."""
    judged = [row for row in rows if row.judged]
    named = [f"{row.id}: {row.effect} {row.interval}, claimed {row.claimed}, {row.verdict}" for row in judged]
    return f"Effects of {wording.count(len(judged), 'claim')}. {_listed(named, '; ')}."


def of_means(what: str, means: pd.DataFrame) -> str:
    """The highest and the lowest mean on each environment.

    Args:
        what: the score, such as "final score".
        means: columns variant, environment, mean, mean_low and mean_high.
    """
    return " ".join(
        _extremes(what, str(environment), rows.dropna(subset=["mean"]))
        for environment, rows in means.groupby("environment", sort=False)
    )


def _extremes(what: str, environment: str, rows: pd.DataFrame) -> str:
    if rows.empty:
        return f"{environment}: no {what}."
    places = wording.decimals(rows["mean"])
    ordered = rows.sort_values("mean", kind="stable")
    worst, best = ordered.iloc[0], ordered.iloc[-1]

    def said(row: pd.Series) -> str:
        interval = wording.interval(row["mean_low"], row["mean_high"], places)
        return f"{wording.number(row['mean'], places)} {interval} of {row['variant']}"

    if len(rows) == 1:
        return f"{environment}: mean {what} {said(best)}."
    return f"{environment}: the highest mean {what} is {said(best)}; the lowest is {said(worst)}."


def of_effects(effects: pd.DataFrame) -> str:
    """Which variants raised and which lowered the final score, on each environment.

    Args:
        effects: `effects.parquet`.
    """
    single = effects[effects["environment"] != ALL_ENVIRONMENTS]
    return " ".join(
        _directions(str(environment), rows) for environment, rows in single.groupby("environment", sort=False)
    )


def _directions(environment: str, rows: pd.DataFrame) -> str:
    found = [(direction(row), str(row["variant"])) for row in rows.to_dict("records")]
    parts = [
        f"{word} with {_listed(names, ', ')}"
        for word in ("higher", "lower")
        if (names := [variant for which, variant in found if which == word])
    ]
    undecided = sum(which == "open" for which, _ in found)
    parts += [f"open for {wording.count(undecided, 'variant')}"] if undecided else []
    return f"{environment}: against the variant before, the final score is {wording.enumeration(parts)}."


def of_curves(environment: str, curves: pd.DataFrame, scores: pd.DataFrame) -> str:
    """Where the mean curves on an environment end, and how many replicas have no score.

    Args:
        environment: its name.
        curves: its rows of `curves.parquet`.
        scores: its rows of `scores.parquet`.
    """
    scored = scores[scores["status"] == "scored"]
    kept = curves.merge(scored[["variant", "seed"]], on=["variant", "seed"]).dropna(
        subset=["episodic_return"]
    )
    missing = len(scores) - len(scored)
    unscored = f" {missing} of {wording.count(len(scores), 'replica')} have no score." if missing else ""
    if kept.empty:
        return f"{environment}: no mean curve.{unscored}"
    last = kept["step"].max()
    ends = kept[kept["step"] == last].groupby("variant", sort=False, observed=True)["episodic_return"].mean()
    places = wording.decimals(ends)
    best, worst = ends.idxmax(), ends.idxmin()
    lowest = f", that of {worst} at {wording.number(ends[worst], places)}" if len(ends) > 1 else ""
    return (
        f"{environment}: after {wording.count(round(last), 'step')}, the mean curve of {best} is at "
        f"{wording.number(ends[best], places)}{lowest}.{unscored}"
    )


def _listed(names: Sequence[str], between: str) -> str:
    more = len(names) - MOST_NAMED
    return between.join([*names[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])])
