"""The rows of the index: claims, papers and studies, each with its verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pgbench.analysis.study_tables import StudyTables
from pgbench.base import wording
from pgbench.report.claim_rows import ClaimRow
from pgbench.report.tallies import Tally, rank, tally


@dataclass(frozen=True)
class BoardRow:
    """A claim, what was found, and the name of its study."""

    finding: ClaimRow
    study: str


@dataclass(frozen=True)
class PaperRow:
    """A paper, and how its claims came out."""

    name: str
    tally: Tally


@dataclass(frozen=True)
class StudyRow:
    """A study, and how its claims came out.

    Attributes:
        name: the study's name.
        question: what it asks.
        budget: environments, each with the steps of a replica.
        variants: how many there are.
        seeds: replicas of each variant.
        tally: its verdicts.
    """

    name: str
    question: str
    budget: tuple[tuple[str, str], ...]
    variants: str
    seeds: str
    tally: Tally


def board_rows(claims: Sequence[BoardRow]) -> tuple[BoardRow, ...]:
    """The claims in the order of the page: what contradicts a paper first, then what is settled."""
    return tuple(sorted(claims, key=lambda row: rank(row.finding)))


def paper_rows(claims: Sequence[BoardRow]) -> tuple[PaperRow, ...]:
    """Each paper, and how many of its claims have which verdict; the paper with the most claims comes first."""
    papers = sorted({row.finding.paper for row in claims})
    rows = [
        PaperRow(name, tally(row.finding for row in claims if row.finding.paper == name)) for name in papers
    ]
    return tuple(sorted(rows, key=lambda row: -row.tally.claims))


def study_row(tables: StudyTables, claims: Sequence[BoardRow]) -> StudyRow:
    """A study as a row of the index.

    Args:
        tables: the study's tables.
        claims: the claims of all studies.
    """
    return StudyRow(
        name=tables.plan.name,
        question=tables.plan.study.question,
        budget=tuple((name, wording.count(steps, "step")) for name, steps in tables.budgets.items()),
        variants=wording.number(len(tables.variants)),
        seeds=wording.number(len(tables.seeds)),
        tally=tally(row.finding for row in claims if row.study == tables.plan.name),
    )
