"""Final scores, effects and replicas without a score as rows of a study's page. All numbers are texts."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pgbench.analysis.summaries import ALL_ENVIRONMENTS
from pgbench.base import wording


@dataclass(frozen=True)
class ScoreCell:
    """The final scores of one variant on one environment.

    Attributes:
        scored: whether there is a mean: whether any replica has a score or counts as the worst.
        mean: the mean over replicas.
        mean_interval: its interval.
        iqm: the interquartile mean.
        iqm_interval: its interval.
        minimum: the lowest score of a replica.
        maximum: the highest score of a replica.
        last_share: the share of the budget that the score's episodes span, in per cent.
        note: how many replicas lack a score, and why; empty if none does.
    """

    scored: bool
    mean: str
    mean_interval: str
    iqm: str
    iqm_interval: str
    minimum: str
    maximum: str
    last_share: str
    note: str


@dataclass(frozen=True)
class ScoreRow:
    """The final scores of one variant, with a cell for each environment."""

    variant: str
    cells: tuple[ScoreCell, ...]


@dataclass(frozen=True)
class EffectCell:
    """What a variant changed on one environment, or on all of them together.

    Attributes:
        difference: of the mean final scores; empty over all environments, whose returns differ in scale.
        interval: that of the difference.
        direction: `higher` or `lower` if the interval excludes zero, else `open`.
        probability: the probability of improvement.
        probability_interval: its interval, in per cent.
    """

    difference: str
    interval: str
    direction: str
    probability: str
    probability_interval: str


@dataclass(frozen=True)
class EffectRow:
    """What a variant changed against the variant before it, with a cell for each environment."""

    variant: str
    before: str
    cells: tuple[EffectCell, ...]


@dataclass(frozen=True)
class UnscoredReplica:
    """A replica without a score, and the reason."""

    variant: str
    environment: str
    seed: int
    reason: str


def score_rows(
    summary: pd.DataFrame, variants: Sequence[str], environments: Sequence[str]
) -> tuple[ScoreRow, ...]:
    """One row for each variant.

    Args:
        summary: `summary.parquet`.
        variants: in the order of the rows.
        environments: in the order of the cells.
    """
    places = _decimals(summary, ["mean", "minimum", "maximum"])
    cells = {
        (row["variant"], row["environment"]): _score_cell(row, places[row["environment"]])
        for row in summary.to_dict("records")
    }
    return tuple(
        ScoreRow(variant, tuple(cells[variant, environment] for environment in environments))
        for variant in variants
    )


def _score_cell(row: Mapping[Hashable, Any], places: int) -> ScoreCell:
    reasons = [("diverged", "diverged"), ("no_episode", "no episode finished")]
    missing = [f"{row[column]} {reason}" for column, reason in reasons if row[column]]
    return ScoreCell(
        scored=math.isfinite(row["mean"]),
        mean=wording.number(row["mean"], places),
        mean_interval=wording.interval(row["mean_low"], row["mean_high"], places),
        iqm=wording.number(row["interquartile_mean"], places),
        iqm_interval=wording.interval(row["interquartile_mean_low"], row["interquartile_mean_high"], places),
        minimum=wording.number(row["minimum"], places),
        maximum=wording.number(row["maximum"], places),
        last_share=wording.percent(row["last_share"]),
        note=f"of {wording.count(row['replicas'], 'replica')}: {', '.join(missing)}" if missing else "",
    )


def effect_rows(effects: pd.DataFrame) -> tuple[EffectRow, ...]:
    """One row for each variant that has a variant before it.

    Args:
        effects: `effects.parquet`.
    """
    places = _decimals(effects, ["difference", "difference_low", "difference_high"])
    cells: dict[tuple[str, str], list[EffectCell]] = {}
    for row in effects.to_dict("records"):
        pair = (row["variant"], row["before"])
        cells.setdefault(pair, []).append(_effect_cell(row, places[row["environment"]]))
    return tuple(EffectRow(*pair, tuple(row)) for pair, row in cells.items())


def _effect_cell(row: Mapping[Hashable, Any], places: int) -> EffectCell:
    over_all = row["environment"] == ALL_ENVIRONMENTS
    low, high = row["probability_of_improvement_low"], row["probability_of_improvement_high"]
    return EffectCell(
        difference="" if over_all else wording.number(row["difference"], places),
        interval=wording.interval(row["difference_low"], row["difference_high"], places),
        direction=direction(row),
        probability=wording.percent(row["probability_of_improvement"]),
        probability_interval=wording.interval(100 * low, 100 * high, 0),
    )


def direction(effect: Mapping[Hashable, Any]) -> str:
    """Whether the interval of an effect lies above zero, below it or neither."""
    if effect["difference_low"] > 0:
        return "higher"
    return "lower" if effect["difference_high"] < 0 else "open"


def unscored_replicas(scores: pd.DataFrame, budgets: Mapping[str, int]) -> tuple[UnscoredReplica, ...]:
    """Every replica without a score.

    Args:
        scores: `scores.parquet`.
        budgets: environment → steps of each replica; episodes that end later do not count.
    """
    return tuple(
        UnscoredReplica(
            variant=row["variant"],
            environment=row["environment"],
            seed=row["seed"],
            reason=(
                f"diverged after {wording.number(row['steps'])} steps"
                if row["status"] == "diverged"
                else f"no episode finished within {wording.number(budgets[row['environment']])} steps"
            ),
        )
        for _, row in scores[scores["status"] != "scored"].iterrows()
    )


def _decimals(table: pd.DataFrame, columns: list[str]) -> dict[str, int]:
    """Environment → decimals that suit the numbers of its rows in these columns."""
    return {
        str(environment): wording.decimals(rows[columns].to_numpy().ravel())
        for environment, rows in table.groupby("environment", sort=False)
    }
