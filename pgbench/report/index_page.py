"""The index: what was replicated, at which budget, and how it came out, in one screen; then every claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pgbench.analysis import published_verdicts, study_tables
from pgbench.analysis.study_tables import StudyTables, load
from pgbench.base import wording
from pgbench.laboratory.records import read_statements
from pgbench.report import citing, illustrations, texts
from pgbench.report.board import BoardRow, PaperRow, StudyRow, board_rows, paper_rows, study_row
from pgbench.report.claim_rows import claim_rows
from pgbench.report.headlines import is_reduced
from pgbench.report.publishing import ShownFigure, TableFiles, publish, render, write, write_tables
from pgbench.report.statement_rows import outcomes
from pgbench.report.tables import PageTable, printed_findings
from pgbench.report.tallies import JUDGED, SETTLED, Tally, tally, wrong_to_expect
from pgbench.storage.layout import PUBLISHED
from pgbench.studies.references import read_papers

LINEAGE_STUDIES = ("ladder", "methods")
"""The studies that compare the methods of the lineage; the index draws the first that it has."""


@dataclass(frozen=True)
class IndexView:
    """All that the index says, but its figure.

    Attributes:
        summary: what was replicated, at which budget, on how many seeds.
        reduced: what the preset leaves out; none if it leaves out nothing.
        rows: the claims, in the order of `tallies.rank`.
        tally: how many of them have which verdict.
        judged: the verdicts, in the order of columns.
        papers: one row for each paper.
        studies: one row for each study.
        laboratory: how many of the laboratory's statements have which verdict; none without a laboratory.
        identity: the joint identifier of all results.
        entry: BibTeX of them.
        paragraphs: name → paragraph, as `paragraphs.yaml` has it.
    """

    summary: str
    reduced: str | None
    rows: tuple[BoardRow, ...]
    tally: Tally
    judged: tuple[str, ...]
    papers: tuple[PaperRow, ...]
    studies: tuple[StudyRow, ...]
    laboratory: str | None
    identity: str
    entry: str
    paragraphs: Mapping[str, str]


@dataclass(frozen=True)
class IndexPage:
    """What the templates `index.html` and `index.md` receive.

    Attributes:
        board: what the page says.
        lineage: how the methods of the lineage compare; none if no study compares them.
        lineage_study: the name of the study that compares them.
        files: name of a table → its files.
        bibliography: the BibTeX file.
    """

    board: IndexView
    lineage: ShownFigure | None
    lineage_study: str
    files: Mapping[str, TableFiles]
    bibliography: Path


def write_index(
    directories: Sequence[Path],
    html: Path,
    markdown: Path,
    laboratory: Sequence[Path] = (),
    results: Path = PUBLISHED,
) -> None:
    """Write the scoreboard of claims and the list of studies, with a figure and a table beside it.

    Args:
        directories: one for each study, as `write_study` takes it; at least one.
        html: the self-contained page.
        markdown: the same page for code hosts.
        laboratory: directories of measurements; the laboratory's page must exist already if there are any.
        results: the folder of the published results, whose verdicts stand beside provisional ones.

    Raises:
        Refusal: if a plan, a record or a table is missing or unreadable.
    """
    studies = [load(directory) for directory in directories]
    view = index_view(studies, laboratory, results)
    folder, figures = (html.parent / kind / "index" for kind in ("tables", "figures"))
    figures.mkdir(parents=True, exist_ok=True)  # the workflow expects it, whether or not there is a figure
    compared = [tables for name in LINEAGE_STUDIES for tables in studies if tables.plan.name == name]
    page = IndexPage(
        board=view,
        lineage=publish(illustrations.lineage(compared[0]), figures) if compared else None,
        lineage_study=compared[0].plan.name if compared else "",
        files=write_tables(index_tables(studies, view), folder),
        bibliography=write(folder / "citation.bib", view.entry + "\n"),
    )
    render("index", page, html, markdown)


def index_view(
    studies: Sequence[StudyTables], laboratory: Sequence[Path] = (), results: Path = PUBLISHED
) -> IndexView:
    """What the index says.

    Args:
        studies: in the order of the page; at least one.
        laboratory: directories of measurements.
        results: the folder of the published results.

    Raises:
        Refusal: if a measurement is not whole.
    """
    papers = read_papers()
    claims = [
        BoardRow(claim, tables.plan.name)
        for tables in studies
        for claim in claim_rows(tables.judgement, papers, published_verdicts.read(tables.plan, results))
    ]
    statements = [read_statements(directory) for directory in laboratory]
    measured = [study_tables.identifier(directory) for directory in laboratory]
    identity = study_tables.joint_identifier([*(tables.identity for tables in studies), *measured])
    return IndexView(
        summary=_summary(studies, claims),
        reduced=_reduction(studies),
        rows=board_rows(claims),
        tally=tally(row.finding for row in claims),
        judged=JUDGED,
        papers=paper_rows(claims),
        studies=tuple(study_row(tables, claims) for tables in studies),
        laboratory=outcomes(pd.concat(statements)) if statements else None,
        identity=identity,
        entry=citing.index_entry(identity, [(tables.plan, tables.provenance) for tables in studies]),
        paragraphs=texts.paragraphs("index", _numbers_of_paragraphs(claims)),
    )


def index_tables(studies: Sequence[StudyTables], view: IndexView) -> list[PageTable]:
    """The scoreboard as a table; none if it has no rows.

    Args:
        studies: as in `index_view`.
        view: its result.
    """
    if not view.rows:
        return []
    verdicts = [tables.judgement.verdicts.assign(study=tables.plan.name) for tables in studies]
    numbers = pd.concat([table for table in verdicts if len(table)], ignore_index=True)
    return [PageTable("claims", numbers, printed_findings([row.finding for row in view.rows]))]


def _summary(studies: Sequence[StudyTables], claims: Sequence[BoardRow]) -> str:
    """A sentence on what was replicated, at which budget, on how many seeds."""
    papers = len({row.finding.paper for row in claims})
    tested = f"{wording.count(len(claims), 'claim')} of {wording.count(papers, 'paper')}"
    worlds = {environment for tables in studies for environment in tables.environments}
    runs = {planned.name for tables in studies for planned in tables.plan.runs}
    steps, seeds = _most(studies)
    seconds = sum(tables.provenance.seconds for tables in studies)
    return (
        f"{wording.count(len(studies), 'study', 'studies')} with {tested if claims else 'no claims'}: "
        f"{wording.count(len(runs), 'run')} in {wording.count(len(worlds), 'environment')}, each of up to "
        f"{wording.count(steps, 'step')} on {wording.count(seeds, 'seed')}, in "
        f"{wording.duration(seconds)} of training."
    )


def _most(studies: Sequence[StudyTables]) -> tuple[int, int]:
    """The most steps and seeds of any study."""
    steps = max(max(tables.budgets.values()) for tables in studies)
    return steps, max(len(tables.seeds) for tables in studies)


def _reduction(studies: Sequence[StudyTables]) -> str | None:
    """What the preset leaves out, once for all studies."""
    if not any(is_reduced(tables) for tables in studies):
        return None
    steps, seeds = _most(studies)
    full = [tables.plan.study for tables in studies]
    return (
        f"Preset {studies[0].plan.preset}: at most {wording.count(steps, 'step')} and "
        f"{wording.count(seeds, 'seed')}. This is not a replication. The studies’ own budgets are up to "
        f"{wording.count(max(max(study.environments.values()) for study in full), 'step')} and "
        f"{wording.count(max(study.seeds for study in full), 'seed')}. Verdicts at less are provisional."
    )


def _numbers_of_paragraphs(claims: Sequence[BoardRow]) -> dict[str, str]:
    """What the paragraphs say of the claims: how many verdicts hold for good, and how many wrong ones to expect."""
    return wrong_to_expect(
        [row.study for row in claims if row.finding.full and row.finding.full.verdict in SETTLED]
    )
