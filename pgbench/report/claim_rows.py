"""What a page says of claims, as plain values for its template; every number comes from the tables of `claims`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from pgbench.analysis import calibration, inference
from pgbench.analysis.judging import INCONCLUSIVE, NOT_JUDGED, VERDICT_NAMES, Judgement
from pgbench.base import wording
from pgbench.studies.references import STATISTICS, citation
from pgbench.studies.scores import meaning

UNITS = {"score": "", "comparator": " of the comparator", "range": " of the range"}


def claims_view(judgement: Judgement, papers: Mapping[str, str], seeds: int) -> dict[str, Any]:
    """Claims with their verdicts, the published scores beside the study's own, and what the words mean.

    Args:
        judgement: the tables.
        papers: BibTeX entries by key.
        seeds: replicas of each variant.
    """
    verdicts, published = judgement.verdicts, judgement.published
    scores = dict.fromkeys(verdicts["score"])
    return {
        "rows": claim_rows(judgement, papers),
        "count": wording.count(len(verdicts), "claim"),
        "tally": verdict_counts(verdicts),
        "alpha": wording.percent(inference.ALPHA),
        "interval_level": wording.level(verdicts["level"].max()) if len(verdicts) else "",
        "power": wording.percent(inference.POWER),
        "scores": [(score, meaning(score)) for score in scores],
        "coverage": _coverage(seeds),
        "effects": [_effect_row(row) for _, row in judgement.claims.iterrows()],
        "published": [_published_row(row, papers) for _, row in published.iterrows()],
        "statistics": [(name, STATISTICS[name]) for name in dict.fromkeys(published["statistic"])],
    }


def verdict_counts(verdicts: pd.DataFrame) -> list[tuple[str, int]]:
    """(verdict, how many claims have it), for every verdict that there is."""
    counts = verdicts["verdict"].value_counts()
    return [(name, int(counts.get(name, 0))) for name in VERDICT_NAMES]


def claim_rows(judgement: Judgement, papers: Mapping[str, str]) -> list[dict[str, Any]]:
    """One row a claim, each with the published scores that it names.

    Args:
        judgement: the tables.
        papers: BibTeX entries by key.
    """
    published = [_published_row(row, papers) for _, row in judgement.published.iterrows()]
    return [
        _claim_row(row, papers) | {"published": [each for each in published if each["claim"] == row["claim"]]}
        for _, row in judgement.verdicts.iterrows()
    ]


def _claim_row(row: pd.Series, papers: Mapping[str, str]) -> dict[str, Any]:
    judged = row["verdict"] != NOT_JUDGED
    settle = wording.number(row["seeds_to_settle"])
    if row["seeds_to_settle"] == math.inf:
        settle = f"more than {wording.number(inference.MOST_SEEDS)}"
    return {
        "id": row["claim"],
        "statement": row["statement"],
        "paper": citation(papers[row["paper"]]),
        "source": f"{citation(papers[row['paper']])}, {row['where']}",
        "caveat": row["caveat"],
        "verdict": row["verdict"],
        "reservation": row["reservation"].removeprefix("at ") if judged else "",
        "reason": "; ".join(filter(None, (row["reason"], row["mismatches"]))),
        "compared": " − ".join(label for label in (row["variant"], row["comparator"]) if label),
        "score": row["score"],
        "environments": row["environments"].replace(" ", ", "),
        "across": row["across"],
        "judged": judged,
        "effect": _amount(row["effect"], row),
        "interval": f"[{_amount(row['low'], row)}, {_amount(row['high'], row)}]",
        "claimed": _bounds(row),
        "detectable": _amount(row["detectable"], row),
        "seeds": wording.number(row["seeds"]),
        "settle": settle if row["verdict"] == INCONCLUSIVE else "",
        "diverged": wording.count(row["diverged"], "replica") if row["diverged"] else "",
    }


def _effect_row(row: pd.Series) -> dict[str, Any]:
    """The effect of one pair of variants in one environment, in units of the score."""
    places = wording.decimals([row["difference"], row["low"], row["high"]])
    return {
        "claim": row["claim"],
        "compared": " − ".join(label for label in (row["variant"], row["comparator"]) if label),
        "environment": row["environment"],
        "effect": wording.number(row["difference"], places),
        "interval": wording.interval(row["low"], row["high"], places),
        "seeds": wording.number(row["seeds"]),
    }


def _coverage(seeds: int) -> list[tuple[str, str, str]]:
    """Distribution, and how often 95 % intervals of a difference and of a mean held the truth in simulations."""
    if seeds < 2:
        return []

    def share(draw: calibration.Draw, paired: bool) -> str:
        return wording.percent(calibration.coverage(draw, seeds, np.random.default_rng(0), paired))

    return [(name, share(draw, True), share(draw, False)) for name, draw in calibration.DISTRIBUTIONS.items()]


def _amount(value: float, row: pd.Series) -> str:
    """An effect: a percentage where its unit is a fraction, else a number."""
    if row["unit"] != "score":
        return wording.percent(value)
    column = [each for each in (row["effect"], row["bound_low"], row["bound_high"]) if math.isfinite(each)]
    small = max(map(abs, column), default=0.0) < 1
    return wording.number(value, 3 if small else wording.decimals(column))


def _bounds(row: pd.Series) -> str:
    """Where the claim says that the effect lies."""
    low, high = row["bound_low"], row["bound_high"]
    unit = UNITS[row["unit"]]
    if high == math.inf:
        return f"above {_amount(low, row)}{unit}"
    if low == -math.inf:
        return f"below {_amount(high, row)}{unit}"
    return f"from {_amount(low, row)} to {_amount(high, row)}{unit}"


def _published_row(row: pd.Series, papers: Mapping[str, str]) -> dict[str, Any]:
    places = wording.decimals(np.array([row["published"], row["own"]]))
    return {
        "claim": row["claim"],
        "variant": row["variant"],
        "source": f"{citation(papers[row['paper']])}, {row['where']}: {row['algorithm']}",
        "statistic": row["statistic"],
        "score": row["score"],
        "published": wording.number(row["published"], places),
        "published_interval": wording.interval(row["published_low"], row["published_high"], places),
        "own": wording.number(row["own"], places),
        "own_interval": wording.interval(row["own_low"], row["own_high"], places),
        "environments": row["environments"].replace(" ", ", "),
        "mismatches": row["mismatches"],
        "respects": wording.enumeration(re.findall(r"(\w+): ", row["mismatches"])),
        "note": row["note"],
    }
