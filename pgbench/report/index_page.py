"""The index: one table of all claims of all studies and all statements of the laboratory, and their counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pgbench.analysis import inference, statistics, study_tables
from pgbench.analysis.judging import CONTRADICTED, REPLICATED
from pgbench.analysis.study_tables import StudyTables, load
from pgbench.base import wording
from pgbench.laboratory.records import read_record, read_statements
from pgbench.report import citing, illustrations, texts
from pgbench.report.claim_rows import HEADINGS, PROVISIONAL, Finding, claim_rows, tally
from pgbench.report.headlines import Headline, headline
from pgbench.report.publishing import ShownFigure, TableFiles, published, render, write, write_tables
from pgbench.report.statement_rows import VERDICTS, statement_rows
from pgbench.report.tables import PageTable, printed_findings
from pgbench.studies.references import read_papers

LABORATORY = "laboratory"


@dataclass(frozen=True)
class BoardRow:
    """A row of the scoreboard.

    Attributes:
        finding: the claim or statement, and what was found.
        study: the study's name, or `LABORATORY`.
        anchor: where on the page of the study the finding stands.
    """

    finding: Finding
    study: str
    anchor: str


@dataclass(frozen=True)
class PaperRow:
    """A paper, and how its claims came out.

    Attributes:
        name: the citation.
        total: how many of its claims studies test.
        counts: how many of them are counted under each heading, in the order of `HEADINGS`.
        measured: how many of its statements the laboratory replicates; empty if it tests none.
    """

    name: str
    total: int
    counts: tuple[int, ...]
    measured: str


@dataclass(frozen=True)
class IndexView:
    """All that the index says, but its figures.

    Attributes:
        rows: the scoreboard: claims of studies, then statements of the laboratory.
        tally: each heading, and how many claims are counted under it.
        laboratory: the same of the laboratory's statements; empty without a laboratory.
        papers: one row for each paper.
        verdicts: all headings under which claims are counted.
        studies: each study in a few sentences.
        identity: the joint identifier of all results.
        entry: BibTeX of them.
        paragraphs: name → paragraph, as `paragraphs.yaml` has it.
    """

    rows: tuple[BoardRow, ...]
    tally: tuple[tuple[str, int], ...]
    laboratory: tuple[tuple[str, int], ...]
    papers: tuple[PaperRow, ...]
    verdicts: tuple[str, ...]
    studies: tuple[Headline, ...]
    identity: str
    entry: str
    paragraphs: Mapping[str, str]


@dataclass(frozen=True)
class IndexPage:
    """What the templates `index.html` and `index.md` receive.

    Attributes:
        board: what the page says.
        overviews: name of a study → the figure of its final scores.
        files: name of a table → its files.
        bibliography: the BibTeX file.
    """

    board: IndexView
    overviews: Mapping[str, ShownFigure]
    files: Mapping[str, TableFiles]
    bibliography: Path


def write_index(
    directories: Sequence[Path], html: Path, markdown: Path, laboratory: Sequence[Path] = ()
) -> None:
    """Write the scoreboard of claims and the list of studies; the pages and figures of these must exist already.

    Args:
        directories: one for each study, as `write_study` takes it; at least one.
        html: the self-contained page.
        markdown: the same page for code hosts.
        laboratory: directories of measurements; the laboratory's page must exist already if there are any.

    Raises:
        Refusal: if a plan, a record, a table or a study's figure is missing or unreadable.
    """
    studies = [load(directory) for directory in directories]
    view = index_view(studies, laboratory)
    folder = html.parent / "tables" / "index"
    page = IndexPage(
        board=view,
        overviews={
            tables.plan.name: published(
                illustrations.final_scores(tables), html.parent / "figures" / tables.plan.name
            )
            for tables in studies
        },
        files=write_tables(index_tables(studies, view, laboratory), folder),
        bibliography=write(folder / "citation.bib", view.entry + "\n"),
    )
    render("index", page, html, markdown)


def index_view(studies: Sequence[StudyTables], laboratory: Sequence[Path] = ()) -> IndexView:
    """What the index says.

    Args:
        studies: in the order of the page; at least one.
        laboratory: directories of measurements.

    Raises:
        Refusal: if a measurement is not whole.
    """
    papers = read_papers()
    claims = [
        BoardRow(claim, tables.plan.name, f"claim-{claim.id}")
        for tables in studies
        for claim in claim_rows(tables.judgement, papers)
    ]
    statements = [row for directory in laboratory for row in _statements(directory, papers)]
    measured = [study_tables.identifier(directory) for directory in laboratory]
    identity = study_tables.joint_identifier([*(tables.identity for tables in studies), *measured])
    return IndexView(
        rows=(*claims, *statements),
        tally=tally([row.finding for row in claims]),
        laboratory=tally([row.finding for row in statements]) if statements else (),
        papers=_by_paper(claims, statements),
        verdicts=HEADINGS,
        studies=tuple(headline(tables) for tables in studies),
        identity=identity,
        entry=citing.index_entry(identity, [(tables.plan, tables.provenance) for tables in studies]),
        paragraphs=texts.paragraphs("index", _numbers_of_paragraphs(claims)),
    )


def index_tables(
    studies: Sequence[StudyTables], view: IndexView, laboratory: Sequence[Path] = ()
) -> list[PageTable]:
    """The scoreboard as a table; none if it has no rows.

    Args:
        studies: as in `index_view`.
        view: its result.
        laboratory: as in `index_view`.
    """
    if not view.rows:
        return []
    verdicts = [tables.judgement.verdicts.assign(study=tables.plan.name) for tables in studies]
    verdicts += [_numbers(directory) for directory in laboratory]
    numbers = pd.concat([table for table in verdicts if len(table)], ignore_index=True)
    return [PageTable("claims", numbers, printed_findings([row.finding for row in view.rows]))]


def _numbers_of_paragraphs(claims: Sequence[BoardRow]) -> dict[str, str]:
    """What the paragraphs say of the claims: how many verdicts hold for good, and how many wrong ones to expect."""
    settled = [row for row in claims if row.finding.counted_as in (REPLICATED, CONTRADICTED)]
    studies = len({row.study for row in settled})
    provisional = sum(row.finding.provisional for row in claims)
    return {
        "level": wording.percent(statistics.LEVEL),
        "alpha": wording.percent(inference.ALPHA),
        "settled": wording.count(len(settled), "verdict"),
        "settled_studies": wording.count(studies, "study", "studies"),
        "wrong": f"{inference.ALPHA * studies:.1f}",
        "provisional": wording.count(provisional, PROVISIONAL + " verdict"),
    }


def _statements(directory: Path, papers: Mapping[str, str]) -> list[BoardRow]:
    """The statements of a measurement as rows of the board; they have no seeds, budget or published score."""
    anchor = read_record(directory).measurement.name
    findings = [
        Finding(
            statement=row.statement,
            paper=row.paper,
            source=row.source,
            verdict=row.verdict,
            provisional=False,
            reservation="",
            reason="",
            judged=True,
            effect=row.estimate,
            interval=row.interval,
            claimed=f"{row.quantity} {row.expected}",
            seeds="",
            published=(),
        )
        for row in statement_rows(read_statements(directory), papers)
    ]
    return [BoardRow(finding, LABORATORY, anchor) for finding in findings]


def _numbers(directory: Path) -> pd.DataFrame:
    """The statements of a measurement, in those columns of the verdicts that they have."""
    named = read_statements(directory).rename(
        columns={"estimate": "effect", "outcome": "verdict", "quantity": "score"}
    )
    named["verdict"] = named["verdict"].map(VERDICTS)
    columns = ["statement", "paper", "where", "score", "verdict", "effect", "low", "high"]
    return named[columns].assign(study=LABORATORY, claim=read_record(directory).measurement.name)


def _by_paper(claims: Sequence[BoardRow], statements: Sequence[BoardRow]) -> tuple[PaperRow, ...]:
    """Each paper, and how many of its claims have which verdict; the paper with the most claims comes first.

    The laboratory's statements are counted apart: those that are exact would drown the claims that take training.
    """

    def headings(rows: Sequence[BoardRow], paper: str) -> list[str]:
        return [row.finding.counted_as for row in rows if row.finding.paper == paper]

    papers = sorted({row.finding.paper for row in [*claims, *statements]})
    counted = [(paper, headings(claims, paper), headings(statements, paper)) for paper in papers]
    return tuple(
        PaperRow(
            name=paper,
            total=len(trained),
            counts=tuple(trained.count(name) for name in HEADINGS),
            measured=f"{measured.count(REPLICATED)} of {len(measured)}" if measured else "",
        )
        for paper, trained, measured in sorted(counted, key=lambda row: (-len(row[1]), -len(row[2])))
    )
