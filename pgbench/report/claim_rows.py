"""Claims as rows of a page. Every number comes from the tables of `analysis.judging`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgbench.analysis import calibration
from pgbench.analysis.judging import NOT_JUDGED, Judgement
from pgbench.analysis.published_verdicts import FullVerdict
from pgbench.base import wording
from pgbench.report import effect_words
from pgbench.report.published_rows import PublishedRow, published_row
from pgbench.report.tallies import Tally, tally
from pgbench.studies.references import SPREADS, STATISTICS, citation
from pgbench.studies.scores import meaning


@dataclass(frozen=True)
class Finding:
    """A published statement and what was measured. Claims of studies and statements of the laboratory share it.

    Attributes:
        statement: what the source says.
        paper: the citation.
        source: the citation and the place in the paper.
        verdict: one of `VERDICT_NAMES`.
        provisional: whether it was judged at fewer steps or environments than the study's own budget has.
        reservation: how much of that budget was spent; empty if all of it, or if nothing was judged.
        reason: what a reader should know beside the numbers.
        judged: whether there is an effect.
        effect: the measured effect.
        interval: its interval.
        claimed: where the source puts the effect.
        seeds: the number of seeds; empty for the laboratory.
        published: the published scores that the claim quotes.
        full: the verdict at the study's own budget, of this page or else of the published results; none if there is
            neither.
    """

    statement: str
    paper: str
    source: str
    verdict: str
    provisional: bool
    reservation: str
    reason: str
    judged: bool
    effect: str
    interval: str
    claimed: str
    seeds: str
    published: tuple[PublishedRow, ...]
    full: FullVerdict | None

    @property
    def known_elsewhere(self) -> bool:
        """Whether there is a verdict at the study's own budget, which is not of this page."""
        return self.full is not None and (self.provisional or not self.judged)


@dataclass(frozen=True)
class ClaimRow(Finding):
    """A study's claim.

    Attributes:
        id: the claim's key in the study.
        caveat: what the study says about the claim's test.
        compared: the variants whose effect the verdict rests on.
        score: the score that is compared.
        environments: where it is compared.
        across: on how many of the environments it must hold; empty for their mean.
        detectable: the smallest distance from the bound that this many seeds would show.
        next_look: the seeds of the next look at an open claim, and the chance that it settles it; else empty.
        diverged: how many replicas diverged; empty if none.
    """

    id: str
    caveat: str
    compared: str
    score: str
    environments: str
    across: str
    detectable: str
    next_look: str
    diverged: str


@dataclass(frozen=True)
class ClaimEffectRow:
    """The effect between two variants in one environment, in units of the score."""

    claim: str
    compared: str
    environment: str
    effect: str
    interval: str
    seeds: str


@dataclass(frozen=True)
class ClaimSection:
    """All that a study's page says about claims.

    Attributes:
        rows: one row for each claim.
        count: how many claims there are, with the noun.
        tally: how many claims have which verdict.
        scores: each score that claims compare, and its meaning.
        calibration: how often intervals held the truth in simulations, as a clause; empty for one seed.
        unequal: the same of differences from a steady variant.
        effects: one row for each claim, pair of variants and environment.
        published: one row for each published score.
        statistics: each published statistic and each kind of published spread, and their meanings.
    """

    rows: tuple[ClaimRow, ...]
    count: str
    tally: Tally
    scores: tuple[tuple[str, str], ...]
    calibration: str
    unequal: str
    effects: tuple[ClaimEffectRow, ...]
    published: tuple[PublishedRow, ...]
    statistics: tuple[tuple[str, str], ...]


def claim_section(
    judgement: Judgement, papers: Mapping[str, str], seeds: int, full: Mapping[str, FullVerdict]
) -> ClaimSection:
    """Claims with their verdicts, the published scores beside the study's own, and what the words mean.

    Args:
        judgement: the tables.
        papers: BibTeX entries by key.
        seeds: replicas of each variant.
        full: claim → its published verdict.
    """
    verdicts, published = judgement.verdicts, judgement.published
    rows = claim_rows(judgement, papers, full)
    return ClaimSection(
        rows=rows,
        count=wording.count(len(verdicts), "claim"),
        tally=tally(rows),
        scores=tuple((score, meaning(score)) for score in dict.fromkeys(verdicts["score"])),
        calibration=_calibration(seeds) if seeds > 1 else "",
        unequal=_unequal(seeds) if seeds > 1 else "",
        effects=tuple(_effect_row(row) for _, row in judgement.claims.iterrows()),
        published=tuple(published_row(row, papers) for _, row in published.iterrows()),
        statistics=(
            *((name, STATISTICS[name]) for name in dict.fromkeys(published["statistic"])),
            *((kind, SPREADS[kind]) for kind in dict.fromkeys(published["spread_kind"]) if kind != "none"),
        ),
    )


def claim_rows(
    judgement: Judgement, papers: Mapping[str, str], full: Mapping[str, FullVerdict]
) -> tuple[ClaimRow, ...]:
    """One row for each claim, with the published scores that it quotes.

    Args:
        judgement: the tables.
        papers: BibTeX entries by key.
        full: claim → its published verdict.
    """
    published = [published_row(row, papers) for _, row in judgement.published.iterrows()]
    return tuple(
        _claim_row(
            row,
            papers,
            tuple(score for score in published if score.claim == row["claim"]),
            _full_verdict(row, full),
        )
        for _, row in judgement.verdicts.iterrows()
    )


def _full_verdict(row: pd.Series, full: Mapping[str, FullVerdict]) -> FullVerdict | None:
    """The verdict at the study's own budget: this one if it is, else the published one."""
    if row["verdict"] == NOT_JUDGED or row["provisional"]:
        return full.get(row["claim"])
    return FullVerdict(row["verdict"], int(row["seeds"]))


def _claim_row(
    row: pd.Series,
    papers: Mapping[str, str],
    published: tuple[PublishedRow, ...],
    full: FullVerdict | None,
) -> ClaimRow:
    judged, paper = row["verdict"] != NOT_JUDGED, citation(papers[row["paper"]])
    return ClaimRow(
        id=row["claim"],
        statement=row["statement"],
        paper=paper,
        source=f"{paper}, {row['where']}",
        caveat=row["caveat"],
        verdict=row["verdict"],
        provisional=bool(row["provisional"]),
        reservation=row["reservation"].removeprefix("at ") if judged else "",
        reason="; ".join(filter(None, (row["reason"], row["mismatches"]))),
        compared=_compared(row),
        score=row["score"],
        environments=row["environments"].replace(" ", ", "),
        across={"mean": "", "each": "each"}.get(row["across"], f"{row['across']} of them"),
        judged=judged,
        effect=effect_words.amount(row["effect"], row),
        interval=effect_words.interval(row) if judged else wording.MISSING,
        claimed=effect_words.bounds(row),
        detectable=effect_words.amount(row["detectable"], row),
        seeds=wording.number(row["seeds"]),
        next_look=_next_look(row),
        diverged=wording.count(row["diverged"], "replica") if row["diverged"] else "",
        published=published,
        full=full,
    )


def _compared(row: pd.Series) -> str:
    """The variant and its comparator, where it has one."""
    comparator = "published score" if row.get("kind") == "reference" else row["comparator"]
    return " − ".join(label for label in (row["variant"], comparator) if label)


def _next_look(row: pd.Series) -> str:
    """The seeds of the next look at an open claim, and the chance that it settles it; empty for any other claim."""
    if math.isnan(row["next_look"]):
        return ""
    return f"{wording.number(row['next_look'])} seeds settle it with {wording.percent(row['chance'])}"


def _effect_row(row: pd.Series) -> ClaimEffectRow:
    places = wording.decimals([row["difference"], row["low"], row["high"]])
    return ClaimEffectRow(
        claim=row["claim"],
        compared=_compared(row),
        environment=row["environment"],
        effect=wording.number(row["difference"], places),
        interval=wording.interval(row["low"], row["high"], places),
        seeds=wording.number(row["seeds"]),
    )


def _calibration(seeds: int) -> str:
    """How often intervals of a difference and of a mean held the truth, for each simulated distribution."""
    return "; ".join(
        f"{_coverage(draw, seeds, draw)} and {_coverage(draw, seeds, None)} with scores that are {name}"
        for name, draw in calibration.DISTRIBUTIONS.items()
    )


def _unequal(seeds: int) -> str:
    """How often intervals of a difference held the truth, for each variant that is compared with a steady one."""
    return "; ".join(
        f"{_coverage(draw, seeds, calibration.normal)} if the other {name}"
        for name, draw in calibration.UNEQUAL.items()
    )


def _coverage(draw: calibration.Draw, seeds: int, other: calibration.Draw | None) -> str:
    return wording.percent(calibration.coverage(draw, seeds, np.random.default_rng(0), other))
