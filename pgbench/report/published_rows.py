"""Published scores as rows of a page, each beside the score that was measured here."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pgbench.base import wording
from pgbench.studies.references import citation


@dataclass(frozen=True)
class PublishedRow:
    """A published score that a claim quotes, beside this study's score. All numbers are texts.

    Attributes:
        claim: the claim's key in the study.
        variant: the variant that is compared with the published score.
        source: the citation, the place in the paper, and the paper's name of the method.
        statistic: what the paper computed.
        score: what this study computed.
        published: the published number.
        published_interval: its interval, as far as the paper allows one.
        published_spread: what the paper prints beside it, and over how many seeds; empty if neither is known.
        measured: this study's number.
        measured_interval: its interval.
        environments: where this study measured.
        words: what the claim says of the number, if it is of another algorithm or statistic.
        mismatches: how the two numbers differ as measurements, beyond what the words say; empty if they do not.
        respects: the same as a list of nouns, such as "environment and steps".
        note: what a reader of the published number must know.
    """

    claim: str
    variant: str
    source: str
    statistic: str
    score: str
    published: str
    published_interval: str
    published_spread: str
    measured: str
    measured_interval: str
    environments: str
    words: str
    mismatches: str
    respects: str
    note: str

    @property
    def not_the_same(self) -> str:
        """All that is known to differ between the two numbers."""
        return "; ".join(filter(None, [self.words, self.mismatches])) or "nothing found"


def _published_spread(row: pd.Series, places: int) -> str:
    """What is printed beside a published number, and over how many seeds."""
    parts = []
    if row["spread_kind"] != "none":
        printed = (
            ""
            if np.isnan(row["published_spread"])
            else f"± {wording.number(row['published_spread'], places)} "
        )
        parts.append(f"{printed}({row['spread_kind']})")
    if not np.isnan(row["published_seeds"]):
        parts.append(wording.count(int(row["published_seeds"]), "seed"))
    return ", ".join(parts)


def published_row(row: pd.Series, papers: Mapping[str, str]) -> PublishedRow:
    """A published score as texts.

    Args:
        row: of the table that `analysis.published.published_scores` makes.
        papers: BibTeX entries by key.
    """
    places = wording.decimals(np.array([row["published"], row["own"]]))
    mismatches = _mismatches_beyond_words(row)
    return PublishedRow(
        claim=row["claim"],
        variant=row["variant"],
        source=f"{citation(papers[row['paper']])}, {row['where']}: {row['algorithm']}",
        statistic=row["statistic"],
        score=row["score"],
        published=wording.number(row["published"], places),
        published_interval=wording.interval(row["published_low"], row["published_high"], places),
        published_spread=_published_spread(row, places),
        measured=wording.number(row["own"], places),
        measured_interval=wording.interval(row["own_low"], row["own_high"], places),
        environments=row["environments"].replace(" ", ", "),
        words=row["words"],
        mismatches=mismatches,
        respects=wording.enumeration(re.findall(r"(\w+): ", mismatches)),
        note=row["note"],
    )


def _mismatches_beyond_words(row: pd.Series) -> str:
    """The differences, without that of a statistic which is not known and of which the claim's words speak."""
    clauses = row["mismatches"].split("; ")
    if row["words"] and row["statistic"] == "unknown":
        clauses = [clause for clause in clauses if not clause.startswith("statistic: ")]
    return "; ".join(clauses)
